"""Calibrated on the page of the setup, in a real browser, by the keyboard alone."""

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.core.calibration_file import load_calibration
from edge.core.config import load_config
from edge.sensor.plan import prepare
from edge.sources.session.reader import DEMO_SESSION
from tests.support.alsa_device import AlsaTestDevice
from tests.support.setup.card import BAND_HZ, heard, write_config
from tests.support.waiting import LIMIT_S

pytest.importorskip(
    "websockets", reason="websockets is not installed; pip install 'posekernel[test]' brings it"
)
from tests.support.browser.chromium import Chromium, needs_chromium
from tests.support.setup.page import Keyboard, running

pytestmark = pytest.mark.once


@needs_chromium
@pytest.mark.parametrize(
    ("name", "width", "height", "scheme"),
    [
        pytest.param("calibrate-desktop", 1280, 800, "dark", marks=pytest.mark.slow),
        ("calibrate-phone", 390, 844, "light"),
    ],
)
def test_it_is_calibrated_on_the_page(
    name: str,
    width: int,
    height: int,
    scheme: str,
    browser: Chromium,
    tmp_path: Path,
    alsa_card: Callable[..., AlsaTestDevice],
) -> None:
    card = alsa_card(heard(1e-4), 16000)
    write_config(tmp_path, card, DEMO_SESSION / "frames.mp4")
    narrow = f"""
from edge.tools.calibration import flow
from edge.tools.command_line import run_command
flow.WIDE_HZ = {BAND_HZ}  # the card knows no other sound
raise SystemExit(run_command())
"""
    only = ("--only", "calibrate")
    with (
        running(tmp_path, card.env, *only, program=("-c", narrow)) as setup,
        browser.open(
            setup.url, width=width, height=height, mobile=width < 800, scheme=scheme
        ) as page,
    ):
        user = Keyboard(page, name)
        user.step("Calibration")
        user.fill("phone_dba", "loud")
        user.submit()
        page.wait("document.querySelector('#problem').textContent.includes('a number is needed')")
        user.fill("phone_dba", "62")
        user.submit()
        page.wait("document.querySelector('#progress').textContent.includes('recording')")
        user.shot("at-work")
        page.wait("document.querySelector('#progress').textContent.includes('the empty room')")
        assert not (tmp_path / "calibration.toml").exists()
        page.wait("!document.querySelector('#after').hidden")
        user.shot("judged")
        told = page.js("[...document.querySelectorAll('#judged li')].map((li) => li.innerText)")
        verdicts = {line.partition(" (")[0].partition("\n")[0] for line in told}
        assert "good: the microphones hear the loudspeaker" in verdicts
        assert "good: playing and recording keep one time" in verdicts
        assert any("62 dB(A)" in line for line in told), told
        assert page.js("document.documentElement.scrollWidth <= window.innerWidth")
        # Once more, but not now: what was measured stays.
        user.go_to("#repeat")
        # The old answers cannot be sent again while the page waits for the questions.
        assert (
            page.js(
                "(document.activeElement.click(), "
                "document.querySelectorAll('#answers button:enabled').length)"
            )
            == 0
        )
        user.step("Calibration")
        user.go_to("#a-run")
        user.press(" ")
        user.submit()
        page.wait("document.querySelector('#judged').innerText.includes('stays as it was')")
        user.go_on()
        user.step("Write and start")
        user.submit()
        page.wait("document.querySelector('#step-title').textContent === 'Done'")
        assert setup.process.wait(LIMIT_S) == 0
        assert [c for c in page.complaints() if "422" not in c] == []  # the wrong number
    calibration = load_calibration(tmp_path / "calibration.toml")
    assert calibration.loudness is not None
    assert calibration.loudness.method == "phone"
    prepare(load_config(tmp_path / "config.toml"))
