"""Music of another program on the reference channel of a real libasound card."""

import numpy as np
import pytest

from edge.core.config import AudioConfig
from edge.sound.program.listener import ProgramListener
from edge.sources.alsa.source import AlsaAudio
from export.simulate.program_sound import load_program_sound
from tests.support.scenes.program import RATE_HZ, analytic, diffuse_room
from tests.support.waiting import LIMIT_S

pytestmark = pytest.mark.export


def test_the_sensor_listens_to_music_and_never_opens_a_playback_device(alsa_card):
    room = diffuse_room()
    samples, reference, gain = room.record(load_program_sound("system"), 65.0)
    channels = np.concatenate([samples, reference[None]])
    assert np.abs(samples).max() < 1.0
    card = alsa_card(np.round(32767 * channels.T).clip(-32768, 32767).astype(np.int16), RATE_HZ)
    card.refuse(16, "playback")  # EBUSY: another program has it
    mics = len(room.rig.mics)
    audio = AudioConfig(
        capture=card.capture,
        playback="",
        channels=mics + 1,
        mic_channels=tuple(range(mics)),
        reference_channel=mics,
    )
    listener = ProgramListener(room.excitation(), room.rig, room.deconvolver())
    heard = None
    source = AlsaAudio(audio, room.excitation(), room.rig)
    try:
        assert not source.adjustable
        source.probe(1, 1.0)  # nothing happens
        for _ in range(30):
            period = source.read(LIMIT_S)
            assert period is not None
            assert (period.sounding, period.fault) == ("silence", "")
            heard = listener(period, analytic(room.empty) * gain) or heard
            assert listener.sounding
    finally:
        source.close()
    assert len(card.played()) == 0
    assert heard is not None
    kernel = heard.responses / gain - analytic(room.empty)
    truth = analytic(room.body)
    error = (kernel - truth)[:, 200:600]
    assert np.sqrt(np.mean(np.abs(error) ** 2)) < 0.2 * np.abs(truth).max()
