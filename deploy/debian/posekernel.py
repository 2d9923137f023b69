#!/usr/lib/posekernel/bin/python3 -s
"""The command, with compiled kernels for the two who may keep them: root and the service's user.
Root reads none that another could have written; the service begins with root's (its unit).
"""

import os
import sys

CACHE = "/var/cache/posekernel-root" if os.geteuid() == 0 else "/var/cache/posekernel/numba"
if os.access(os.path.dirname(CACHE), os.W_OK):
    os.environ.setdefault("NUMBA_CACHE_DIR", CACHE)

from edge.__main__ import main  # noqa: E402  numba reads the variable when it is imported

sys.exit(main())
