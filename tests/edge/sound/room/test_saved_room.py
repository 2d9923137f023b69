"""The empty room in a file: it comes back, and no other rig's is taken."""

import errno
import os

import numpy as np
import pytest

from edge.core.errors import ConfigError, OtherSignalError
from edge.core.rig import Rig, speed_of_sound
from edge.sound.room.background import Background
from tests.support.scenes.drifting_room import (
    BODY,
    RIG,
    STANDING,
    WALLS,
    background,
    learned,
    ns,
    responses,
    sir_db,
)
from tests.support.scenes.signals import BAND, CAMERA, RATE, WINDOW


def test_saved_room_comes_back_for_the_same_rig_in_warmer_air(tmp_path):
    rng = np.random.default_rng(7)
    first, path = learned(rng), tmp_path / "room.npz"
    first.save(path)
    second = background()
    second.load(path)
    assert second.ready
    assert second.age_s < 60.0
    c = speed_of_sound(26.0)
    k = responses(*BODY, c)
    found = second.step(responses(*WALLS, c) + k, ns(0), STANDING)
    assert sir_db(found, k) > 5.0


def test_a_save_that_fails_leaves_the_room_saved_before(tmp_path, monkeypatch):
    room, path = learned(np.random.default_rng(11), seconds=10.0), tmp_path / "room.npz"
    room.save(path)
    before = path.read_bytes()

    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left"):
        room.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_saved_room_of_another_rig_is_refused(tmp_path):
    path = tmp_path / "room.npz"
    with pytest.raises(ConfigError, match="nothing to save"):
        background().save(path)
    learned(np.random.default_rng(8), seconds=10.0).save(path)
    other = Rig(
        RIG.speakers,
        RIG.mics + np.array([0.0, 0.0, 0.01]),
        RIG.pairs,
        CAMERA,
        RIG.speed_of_sound_m_s,
    )
    with pytest.raises(ConfigError, match="mics_m"):
        Background(other, RATE, BAND, WINDOW).load(path)
    with pytest.raises(OtherSignalError, match="band_hz"):
        Background(RIG, RATE, (1_000.0, 7_500.0), WINDOW).load(path)
    with pytest.raises(OtherSignalError, match="window_samples"):
        Background(RIG, RATE, BAND, WINDOW - 1).load(path)
    for damage in (b"", b"\0nonsense", path.read_bytes()[:5_000]):
        broken = tmp_path / "broken.npz"
        broken.write_bytes(damage)
        with pytest.raises(ConfigError, match="not an empty room"):
            background().load(broken)
    with pytest.raises(ConfigError, match="not an empty room"):
        background().load(tmp_path / "absent.npz")
    with pytest.raises(ConfigError, match="responses have shape"):
        background().step(np.zeros((2, 3), np.complex64), 0, [])
