"""The network that ships, loaded once for a file of tests."""

import pytest

from edge.lifting.network_lifter import NetworkLifter
from tests.support.scenes.lifted_people import FLOAT


@pytest.fixture(scope="module")
def lifter() -> NetworkLifter:
    return NetworkLifter(FLOAT)
