"""A probe costs no pose: images go on, each with its estimate, while bursts sound and are heard."""

import threading
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from edge.core.config import AudioConfig
from edge.core.contracts import AudioPeriod, Frame, Source
from edge.core.rig import Camera, Rig
from edge.sensor.loops import live_poses
from edge.sound.excitation import make_excitation
from edge.sources.alsa import source
from edge.sources.alsa.source import AlsaAudio
from tests.support.lockstep_card import LockstepCard
from tests.support.waiting import LIMIT_S, until

EXCITATION = make_excitation(16000, (2000.0, 7500.0), 0.05, -12.0)
RIG = Rig(
    speakers=np.array([[0.1, 0.0, 0.0]]),
    mics=np.array([[0.0, 0.0, 0.0]]),
    pairs=np.array([[0, 0]]),
    camera=Camera(640, 480, 500.0, 500.0, 320.0, 240.0),
    speed_of_sound_m_s=343.0,
)
FPS, FRAMES = 20, 200


class Images:
    """A camera whose next image comes 50 ms of the sound card later, when the last is posed."""

    def __init__(self, card: LockstepCard) -> None:
        self.card, self.posed, self.count = card, threading.Semaphore(), 0

    def read(self, timeout_s: float) -> Frame | None:
        if not self.posed.acquire(timeout=LIMIT_S):
            return None
        self.card.advance(1.0 / FPS)
        self.count += 1
        return Frame(self.count - 1, self.card.now_ns(), np.zeros((1, 1, 3), np.uint8))


def test_every_image_has_its_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "Duplex", partial(LockstepCard, rig=RIG))
    audio = AlsaAudio(
        AudioConfig(channels=2, mic_channels=(0,), reference_channel=1), EXCITATION, RIG
    )
    audio.set_continuous(False)
    card: LockstepCard = audio._duplex  # type: ignore[assignment]
    images, heard = Images(card), list[AudioPeriod]()
    pipeline = SimpleNamespace(
        config=SimpleNamespace(runtime=SimpleNamespace(max_skew_ms=200.0)),
        counters=SimpleNamespace(frames_dropped=0),
        hear=heard.append,
        see=lambda frame, kind: SimpleNamespace(frame=frame),
        fuse=lambda seen, sound, kind: seen.frame,
    )
    stop = threading.Event()
    devices = Source("device", audio, images)  # type: ignore[arg-type]
    posed = []
    for frame in live_poses(pipeline, devices, stop, lambda _: None):  # type: ignore[arg-type]
        posed.append(frame)
        if frame.index % 40 == 0:
            audio.probe(2, 0.5)
        # The sound's thread is as far as the image's.
        assert until(lambda t=frame.t_ns: heard and t - heard[-1].t_ns < 1_000_000_000)
        if len(posed) == FRAMES:
            stop.set()
        images.posed.release()
    assert [f.index for f in posed] == list(range(FRAMES))
    assert pipeline.counters.frames_dropped == 0
    bursts = [p for p in heard if p.sounding == "burst"]
    assert [(p.burst, p.fault) for p in bursts] == [(2, "")] * (FRAMES // 40)
    for burst in bursts:
        during = [f for f in posed if 0 <= f.t_ns - burst.t_ns < 150_000_000]
        assert len(during) == 3, "each 50 ms has its image, while it sounds too"
