"""The page of one sensor, served for a file of tests."""

from collections.abc import Iterator

import pytest

from edge.output.page.server import WebServer
from tests.support.browser.served_page import CONFIG, RIG


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    with WebServer(CONFIG, RIG) as s:
        yield s
