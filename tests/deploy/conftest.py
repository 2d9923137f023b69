"""These tests boot Debian as root and take minutes: `make test-deploy` runs them, the ordinary run does not."""

import os

collect_ignore_glob = [] if os.environ.get("POSEKERNEL_DEPLOY_TESTS") else ["test_*.py"]
