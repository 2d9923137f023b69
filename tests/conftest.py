"""Fixtures that several test files share."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.alsa_device import AlsaTestDevice, make_alsa_device
from tests.support.compiled import NoToolchainError

if TYPE_CHECKING:
    from tests.support.browser.chromium import Chromium


@pytest.fixture(scope="session", autouse=True)
def _own_state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Outboxes and settings of sensors under test stay out of the user's home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        patch.delenv("STATE_DIRECTORY", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _hangups_reach_programs_under_test() -> Iterator[None]:
    """Under `nohup` every program that is started ignores hang-ups, too, but tests send some; a
    function that does nothing is not inherited.
    """
    before = signal.getsignal(signal.SIGHUP)
    if before == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Chromium]":
    """For tests that are marked `needs_chromium`, which websockets, too, must be there for."""
    from tests.support.browser.chromium import Chromium

    with Chromium(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def alsa_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AlsaTestDevice]:
    """Make a patient sound card of files (arguments: see make_alsa_device, without the folder) that
    this process and its children see.
    """
    pytest.importorskip("alsaaudio", reason="pyalsaaudio is not installed")
    cards = 0

    def make(*args: object, **kwargs: object) -> AlsaTestDevice:
        nonlocal cards
        cards += 1
        try:
            card = make_alsa_device(tmp_path / f"card{cards}", *args, patient=True, **kwargs)  # type: ignore[arg-type]
        except NoToolchainError as e:
            pytest.skip(str(e))
        for name, value in card.env.items():
            monkeypatch.setenv(name, value)
        return card

    return make
