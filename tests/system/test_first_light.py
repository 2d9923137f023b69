"""The whole program on real frames: video in, sound through libasound, poses out of a broker,
against triangulated truth.

The sound of each of the four calibrated cameras is simulated from the 3D reference in a furnished
room; everything after the loudspeaker's and microphones' files is what runs on a device.
"""

import json
import os
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.core.arrays import Array
from edge.core.pose import MID_HIP
from edge.sources.session.reader import Session, load_session
from export.simulate.video.session import write_session
from tests.support.alsa_device import AlsaTestDevice
from tests.support.broker.mosquitto import Mosquitto, needs_mosquitto
from tests.support.broker.subscriber import Subscriber
from tests.support.config_files import write_config
from tests.support.waiting import LIMIT_S

pytestmark = [pytest.mark.export, needs_mosquitto]

VIDEO = Path(__file__).parents[1] / "data" / "video"
EMPTY_S = 14.0  # longer than the start and learning the room take on a machine with much else to do
# Share of the reference frames that is needed, one of the last few among them, from so many times
# through the video at most: the errors of the first steps are not those of the whole walk.
ENOUGH, LAST, MOST_TIMES = 0.9, 5, 60
CAMERAS = (1, *(pytest.param(camera, marks=pytest.mark.slow) for camera in (2, 3, 4)))


@dataclass(frozen=True)
class Run:
    """Published messages by frame, and the true mid-hip (3,) [m], camera frame, by frame."""

    messages: dict[int, dict[str, Any]]
    truth: dict[int, Array]

    @property
    def people(self) -> dict[int, dict[str, Any]]:
        """By frame, who is seen nearest to the direction of the true mid-hip: the images show a
        bystander too, whose echo is not simulated.
        """
        return {
            f: _nearest(m["people"], self.truth[f])
            for f, m in self.messages.items()
            if f in self.truth
        }

    def distances(self) -> dict[int, float]:
        return {f: p["mid_hip_distance_m"] for f, p in self.people.items()}

    def complete(self) -> bool:
        """Whether most of the walk was seen, its end too."""
        frames, people = sorted(self.truth), self.people
        return len(people) >= ENOUGH * len(frames) and any(f in people for f in frames[-LAST:])

    def errors(self) -> list[float]:
        """[m], of those whose distance is told by sound: it starts when somebody is seen."""
        d = {
            f: p["mid_hip_distance_m"]
            for f, p in self.people.items()
            if p["scale_source"] == "sound"
        }
        return [d[f] - float(np.linalg.norm(true)) for f, true in self.truth.items() if f in d]


def _nearest(people: list[dict[str, Any]], direction: Array) -> dict[str, Any]:
    at = np.array([p["joints"][MID_HIP]["camera"] for p in people])
    return people[int(np.argmax(at @ direction / np.linalg.norm(at, axis=1)))]


@pytest.fixture(scope="module", params=CAMERAS)
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The simulated session of one camera."""
    path = tmp_path_factory.mktemp("session") / "cam"
    write_session(VIDEO, request.param, path, empty_s=EMPTY_S)
    return load_session(path)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as b:
        yield b


def truth(session: Session) -> dict[int, Array]:
    assert session.truth is not None
    at = {
        int(t): np.asarray(person[MID_HIP])
        for t, (person,) in zip(session.truth.t_ns, session.truth.joints, strict=True)
    }
    return {frame: at[int(t)] for frame, t in enumerate(session.frame_times_ns) if int(t) in at}


def run_device(
    session: Session,
    card: AlsaTestDevice,
    broker: Mosquitto,
    folder: Path,
    lifter: str = "ray",
    height_prior_m: float = 1.70,
) -> Run:
    """`posekernel run` on the card and the video, over and over until most of the reference frames
    and one of the last were published: a machine with much else to do drops some, each time others.
    """
    name = f"{lifter}{100 * height_prior_m:.0f}"
    config = write_config(
        folder / f"{name}.toml", name, session, card, broker, lifter, height_prior_m, looped=True
    )
    run, log = Run({}, truth(session)), folder / f"{name}.log"
    with Subscriber(broker, f"posekernel/{name}/pose") as seen, log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "edge", "run", "--config", str(config)],
            env=os.environ | card.env,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        try:
            while not run.complete():
                try:
                    message = json.loads(seen.messages.get(timeout=LIMIT_S)[1])
                except queue.Empty:
                    raise AssertionError(f"no more poses: {log.read_text()}") from None
                times, frame = divmod(int(message["frame"]), len(session.frame_times_ns))
                assert times < MOST_TIMES, f"{len(run.people)} frames: {log.read_text()}"
                run.messages.setdefault(frame, message)
        finally:
            process.terminate()
            code = process.wait(LIMIT_S)
        assert code == 0, log.read_text()
    assert {m["source"] for m in run.messages.values()} == {"device"}
    return run


def run_short_and_tall(
    session: Session, card: AlsaTestDevice, broker: Mosquitto, folder: Path
) -> tuple[Run, Run]:
    """The device with the geometric lifter, expecting people of 1.55 m, then of 1.85 m."""
    short, tall = (
        run_device(session, card, broker, folder, "geometric", height_m)
        for height_m in (1.55, 1.85)
    )
    return short, tall


def median_shift(a: Run, b: Run) -> float:
    da, db = a.distances(), b.distances()
    return float(np.median([db[f] - da[f] for f in da if f in db]))


def test_real_frames_and_alsa_give_the_distance_by_sound(
    session: Session, broker: Mosquitto, alsa_card: Callable[..., AlsaTestDevice], tmp_path: Path
) -> None:
    rate = session.excitation.sample_rate_hz
    card = alsa_card(np.asarray(session.audio), rate)
    run = run_device(session, card, broker, tmp_path)
    assert np.median(np.abs(run.errors())) <= 0.15
    by_sound = [p["scale_source"] == "sound" for p in run.people.values()]
    assert np.mean(by_sound) > 0.8
    skews = [abs(m["skew_ms"]) for m in run.messages.values() if m["skew_ms"] is not None]
    assert max(skews) <= 150.0

    short, tall = run_short_and_tall(session, card, broker, tmp_path)
    assert abs(median_shift(short, tall)) < 0.10
    for geometric in (short, tall):
        assert np.median(np.abs(geometric.errors())) <= 0.15


def test_muted_the_height_decides_and_the_output_says_so(
    session: Session, broker: Mosquitto, alsa_card: Callable[..., AlsaTestDevice], tmp_path: Path
) -> None:
    hiss = np.random.default_rng(1).normal(0.0, 3.0, session.audio.shape)
    hiss[:, session.reference_channel] = 0.0
    card = alsa_card(hiss.astype(np.int16), session.excitation.sample_rate_hz)
    short, tall = run_short_and_tall(session, card, broker, tmp_path)
    assert median_shift(short, tall) > 0.40
    assert {p["scale_source"] for r in (short, tall) for p in r.people.values()} == {"height"}
