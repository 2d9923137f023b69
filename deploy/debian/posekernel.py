#!/usr/lib/posekernel/bin/python3 -s
"""The command, with the service's compiled kernels for whoever may write them: its user."""

import os
import sys

CACHE = "/var/cache/posekernel"
if os.geteuid() != 0 and os.access(CACHE, os.W_OK):
    os.environ.setdefault("NUMBA_CACHE_DIR", f"{CACHE}/numba")

from edge.__main__ import main  # noqa: E402  numba reads the variable when it is imported

sys.exit(main())
