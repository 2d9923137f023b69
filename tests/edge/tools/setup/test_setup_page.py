"""The page of the setup in a real browser, by the keyboard alone; and who may not use it."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.core.config import load_config
from edge.sources.session.reader import DEMO_SESSION, load_session
from tests.support.alsa_device import AlsaTestDevice
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.waiting import LIMIT_S, until

pytest.importorskip(
    "websockets", reason="websockets is not installed; pip install 'posekernel[test]' brings it"
)
from tests.support.browser.chromium import Chromium, needs_chromium
from tests.support.setup.page import Keyboard, running

pytestmark = pytest.mark.once


@needs_chromium
@needs_mosquitto
@pytest.mark.parametrize(
    ("name", "width", "height", "scheme"),
    [("desktop", 1280, 800, "dark"), ("phone", 390, 844, "light")],
)
def test_a_sensor_is_set_up_by_the_keyboard_alone(
    name: str,
    width: int,
    height: int,
    scheme: str,
    browser: Chromium,
    tmp_path: Path,
    alsa_card: Callable[..., AlsaTestDevice],
) -> None:
    session = load_session(DEMO_SESSION)
    card = alsa_card(
        np.asarray(session.audio), session.excitation.sample_rate_hz, playback_channels=2
    )
    with (
        Mosquitto(tmp_path / "broker", passwords={"hall": "a good one"}) as broker,
        running(tmp_path, card.env) as setup,
        browser.open(
            setup.url, width=width, height=height, mobile=name == "phone", scheme=scheme
        ) as page,
    ):
        user = Keyboard(page, name)
        user.step("Name")
        user.fill("id", "the hall")
        user.submit()
        page.wait("document.querySelector('#problem').textContent.includes('the_hall would do')")
        user.shot("wrong")
        user.fill("id", "hall")
        user.submit()

        user.step("Computer and microphone array")
        assert "no microphone array that posekernel knows" in page.text("#missing")
        user.choose("board", "raspberry-pi-5")
        user.choose("array", "respeaker-usb-v2")
        user.fill("capture", card.capture)
        user.fill("playback", card.playback)
        user.submit()
        user.go_on()

        user.step("Loudspeaker and microphones")
        assert page.js("document.querySelectorAll('#answers svg').length") == 4
        user.choose("place", "left")
        user.submit()
        user.go_on()

        user.step("Camera")
        user.go_to("#answers [data-another]:not([type=radio])")
        page.call("Input.insertText", text=str(DEMO_SESSION / "frames.mp4"))
        user.submit()
        user.go_on()

        user.step("Height and tilt of the camera")
        user.fill("height_cm", "188")
        user.fill("tilt_deg", "21.8")
        user.submit()
        user.go_on()

        user.step("MQTT broker")
        user.go_to("#answers [data-another]:not([type=radio])")
        page.call("Input.insertText", text=f"127.0.0.1:{broker.port}")
        user.submit()
        page.wait("document.querySelector('#problem').textContent.includes('anonymous client')")
        user.shot("refused")
        user.fill("username", "hall")
        user.fill("password", "a good one")
        user.submit()
        user.go_on()

        user.step("Live page and zones")
        user.submit()

        user.step("Loudness and quiet hours")
        user.choose("mode", "normal")
        user.fill("quiet_from", "22:00")
        user.fill("quiet_to", "07:00")
        user.submit()

        user.step("Calibration")
        user.go_to("#a-run")
        user.press(" ")
        user.submit()
        user.go_on()

        user.step("What the camera sees")
        assert page.js("document.querySelector('#picture').hidden")
        user.go_to("#a-consent")
        user.press(" ")
        page.wait("document.querySelector('#picture img').naturalWidth > 100")
        page.wait(
            "/: [1-9]/.test(document.querySelector('#picture img').alt)"
        )  # the film begins empty
        user.shot("picture")
        user.press(" ")
        page.wait("document.querySelector('#picture').hidden")
        user.submit()

        user.step("Try it")
        user.go_to("#a-presence")
        user.press(" ")
        user.submit()
        user.go_on()

        user.step("Write and start")
        assert not (tmp_path / "config.toml").exists()
        user.submit()
        page.wait("document.querySelector('#step-title').textContent === 'Done'")
        user.shot("done")
        assert setup.process.wait(LIMIT_S) == 0
        assert page.complaints() == []
        assert {u for u in page.requests() if f"127.0.0.1:{setup.port}/" not in u} <= {
            u for u in page.requests() if u.startswith("data:")
        }
    config = load_config(tmp_path / "config.toml")
    assert config.device.id == "hall"
    assert config.audio.capture == card.capture
    assert config.sound.mode == "normal"
    assert config.sensing.quiet_from == "22:00"
    assert config.rig is not None
    assert config.rig.speakers_m == ((-0.1, 0.06, 0.0),)
    assert config.rig.camera.height_m == 1.88
    assert (tmp_path / "mqtt-password").read_text() == "a good one\n"


GUARDED = ("/setup/steps", "/setup/ask", "/setup/settle", "/setup/progress", "/setup/picture")


def test_without_the_code_nothing_is_told_and_nothing_changes(tmp_path: Path) -> None:
    with running(tmp_path, {}) as setup:
        for path in GUARDED:
            for cookie in ("", f"posekernel-setup-{setup.port}=guessed"):
                status, said, _ = setup.post(path, {"step": "name", "answers": {}}, cookie)
                assert status == 401, (path, said)
        # Another site's page may send a request, too: without the code, and with a good session.
        evil = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert setup.sign_in(setup.code, **evil)[0] == 403
        status, _, cookie = setup.sign_in(setup.code)
        assert status == 200
        assert setup.post("/setup/steps", {}, cookie)[0] == 200
        assert setup.post("/setup/steps", {}, cookie, **evil)[0] == 403
        assert setup.post("/setup/steps", {}, cookie, Host="evil.example")[0] == 421
        assert setup.sign_in(setup.code)[0] == 403  # the code again
        assert setup.post("/setup/picture", {}, cookie)[0] == 403  # no consent
    assert not (tmp_path / "config.toml").exists()


def test_codes_tried_ten_times_a_second_get_nowhere(tmp_path: Path) -> None:
    with running(tmp_path, {}) as setup:
        statuses = []
        began = time.monotonic()
        for k in range(40):
            statuses.append(setup.sign_in(f"AAAA-{k:04d}")[0])
            time.sleep(max(0.0, began + 0.1 * (k + 1) - time.monotonic()))
        assert statuses.count(403) <= 6
        assert statuses.count(429) >= 34
        assert setup.sign_in(setup.code)[0] == 429  # not even the right one, for now
    assert not (tmp_path / "config.toml").exists()


def test_a_stopped_setup_has_written_nothing(tmp_path: Path) -> None:
    with running(tmp_path, {}) as setup:
        _, _, cookie = setup.sign_in(setup.code)
        assert setup.post("/setup/ask", {"step": "name"}, cookie)[0] == 200
        answers = {"step": "name", "answers": {"id": "hall"}}
        assert setup.post("/setup/settle", answers, cookie)[0] == 200
        assert until(lambda: not setup.post("/setup/progress", {}, cookie)[1]["running"])
        setup.process.terminate()
        assert setup.process.wait(LIMIT_S) == 2
    assert not (tmp_path / "config.toml").exists()
