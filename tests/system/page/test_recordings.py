"""The page of the demo, of a replay and of a recording."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from edge.core.config import Config, DeviceConfig, WebConfig
from edge.output.page.server import WebServer
from edge.sources.session.reader import DEMO_SESSION
from tests.support import ROOT
from tests.support.broker.mosquitto import needs_mosquitto
from tests.support.messages import problems
from tests.support.waiting import LIMIT_S

pytest.importorskip(
    "websockets", reason="websockets is not installed; pip install 'posekernel[test]' brings it"
)
from tests.support.browser.chromium import Chromium, Page, needs_chromium
from tests.support.browser.page_sensor import (
    FIRST,
    LIVE,
    RIG,
    Sensor,
    assert_on_this_host,
    canvas,
    caught,
)

pytestmark = [pytest.mark.once, needs_chromium]


def test_the_demo_shows_a_moving_skeleton(browser: Chromium, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge", "demo", "--seconds", "900"]
    demo = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert demo.stdout is not None
    try:
        url = next(line.split()[1] for line in demo.stdout if line.startswith("page: "))
        threading.Thread(target=demo.stdout.read, daemon=True).start()
        with browser.open(url) as page:
            page.wait(LIVE)
            page.wait("posekernel.state.received >= 5")
            pictures, places = set(), []
            # Somebody who walks, within as many poses as the demo has in two rounds.
            for _ in range(100):
                places.append(caught(page, f"{FIRST}?.shown?.flat()"))
                pictures.add(canvas(page))
                if len(pictures) >= 5 and np.ptp(np.array(places, float), axis=0).max() >= 0.1:
                    break
                page.wait(f"posekernel.state.received > {page.js('posekernel.state.received')}")
            else:
                raise AssertionError(f"{len(pictures)} pictures of 100 poses")
            joints = np.array(places[-1], float).reshape(15, 3)
            assert 1.0 < joints[8, 1] < 6.0
            assert (
                joints[0, 2] > joints[8, 2] > joints[[11, 14], 2].max()
            )  # upright, in a frame whose z is up
            assert "Live" in page.text("#connection")
            assert "simulated" in page.text("#source")
            page.wait("posekernel.state.summary?.occupancy")
            for name in ("pose", "status", "summary", "control", "envelope"):
                assert problems(name, caught(page, f"posekernel.state.{name}")) == []
            assert page.complaints() == []
            assert_on_this_host(page)
    finally:
        demo.terminate()
        demo.wait(LIMIT_S)


@needs_mosquitto
def test_a_recording_is_played_from_a_file_and_left_again(
    hall: tuple[Sensor, Page], recording: Path, tmp_path: Path
) -> None:
    _, page = hall
    before = len(page.requests())
    page.call("Page.setInterceptFileChooserDialog", enabled=True)
    page.js("document.querySelector('#open').focus()")
    page.press("Enter")
    page.wait("true")
    assert "Page.fileChooserOpened" in {e["method"] for e in page.events}
    broken = tmp_path / "broken.jsonl"
    broken.write_text(recording.read_text()[:-40])
    old = tmp_path / "old.jsonl"
    old.write_text('{"schema": "posekernel.pose/1", "monotonic_ns": 1}\n')
    for content, complaint in (
        (broken, "broken.jsonl: line"),
        (old, "old.jsonl: line 1 is of an earlier version"),
        (Path(__file__), "test_recordings.py: line 1 is not JSON"),
    ):
        page.choose_file("#file", content)
        page.wait(f"document.querySelector('#problem').textContent.includes('{complaint}')")
    assert page.js("posekernel.state.recording") is None

    with (
        recording.open("a") as file
    ):  # what is not known is passed over, even under a name that every object of JavaScript has
        file.write('{"schema": "constructor", "monotonic_ns": 5000000000, "kind": "x"}\n')
    page.choose_file("#file", recording)
    page.wait("posekernel.state.pose?.sequence >= 1005")  # it plays by itself
    assert page.text("#connection-text") == "Playing kitchen <1>"
    assert page.text("#device") == "kitchen"
    assert page.js("document.querySelector('#problem').hidden")
    assert page.js("document.activeElement.id") == "play"
    page.press("Enter")
    page.wait("document.querySelector('#play').textContent === 'Play'")
    page.press("Tab")
    page.press("End")
    page.wait("posekernel.state.pose?.sequence === 1060")
    assert page.text("#moment") == "0:06.0 / 0:06.0"
    assert page.js("posekernel.state.envelope?.level_db.indexOf(-44)") == 60
    assert page.text("#event-list") == "2.0 s\nPerson 1 entered sofa"
    page.press("Home")
    page.wait("posekernel.state.pose?.sequence === 1000")
    page.wait("document.querySelectorAll('#event-list li').length === 0")
    for _ in range(3):
        page.press("ArrowRight")
    page.wait("posekernel.state.pose?.sequence === 1003")
    assert (
        page.js("document.querySelector('#scrub').getAttribute('aria-valuetext')")
        == "0.3 of 6.0 seconds"
    )
    page.js("document.querySelector('#play').click()")
    page.wait("posekernel.state.pose?.sequence > 1006")
    page.js("document.querySelector('#live').click()")
    page.wait(f"posekernel.state.pose?.sequence < 1000 && {LIVE}")
    assert (page.text("#connection-text"), page.text("#device"), page.text("#moment")) == (
        "Live",
        "hall",
        "live",
    )
    assert len(page.requests()) == before  # nothing was uploaded
    assert page.complaints() == []


def test_a_recording_waits_for_a_visitor_who_wants_no_motion_and_comes_from_this_host_only(
    browser: Chromium, recording: Path
) -> None:
    with WebServer(
        Config(device=DeviceConfig("hall"), web=WebConfig(port=0)), RIG, recording.read_bytes()
    ) as server:
        with browser.open(server.url, still=True) as page:
            page.wait("posekernel.state.recording !== null")
            assert page.text("#play") == "Play"
            assert page.js("posekernel.state.pose?.sequence") == 1000
            assert page.complaints() == []
        foreign = "http://127.0.0.2/kitchen.jsonl"
        with browser.open(f"{server.url}?recording={foreign}") as page:
            page.wait("!document.querySelector('#problem').hidden")
            assert page.text("#problem").startswith(f"{foreign} cannot be read")
            assert page.js("posekernel.state.recording") is None
            assert page.text("#connection-text") == "Open a recording"
            assert any("Content Security Policy" in c for c in page.complaints())


def test_replay_shows_a_session_without_a_broker(browser: Chromium) -> None:
    command = [sys.executable, "-m", "edge", "replay", str(DEMO_SESSION), "--web"]
    replay = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert replay.stdout is not None
    try:
        url = next(line.split()[1] for line in replay.stdout if line.startswith("page: "))
        with browser.open(url) as page:
            page.wait("posekernel.state.pose?.sequence > 3")  # it plays by itself
            page.js(
                "{ const s = document.querySelector('#scrub'); s.value = s.max; "
                "s.dispatchEvent(new Event('input')); }"
            )
            page.wait("posekernel.state.pose === posekernel.state.recording.pose.at(-1).message")
            assert page.js("posekernel.state.pose.sequence") > 40
            assert page.js("posekernel.state.envelope") is not None
            assert page.text("#connection-text") == "Playing demo"
            assert page.text("#latency") == "–"
            page.js(
                "{ const s = document.querySelector('#scrub'); s.value = 2; "
                "s.dispatchEvent(new Event('input')); }"
            )
            assert 10 <= page.js("posekernel.state.pose?.sequence") <= 25
            assert page.js("document.querySelector('#live').hidden")
            assert not any(u.startswith("ws") for u in page.requests())
            assert page.complaints() == []
    finally:
        replay.terminate()
        assert replay.wait(LIMIT_S) == 0
