"""The calibration within the setup: plain judgements of a real sound card, kept until the end."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.core.calibration_file import Step, load_calibration
from edge.core.config import load_config
from edge.sound.excitation import make_excitation
from edge.tools.calibration import flow
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import AnswerError
from edge.tools.setup.steps.calibrate import CalibrateAnswers, CalibrateStep, judgement
from tests.support.alsa_device import AlsaTestDevice

# No two are equally far from the loudspeaker: their channels would be copies of each other.
MICS = [[-0.030, 0.071, 0.0], [0.011, 0.090, 0.0], [0.030, 0.049, 0.0], [-0.011, 0.030, 0.0]]
SPEAKER = [0.25, 0.06, 0.0]
CONFIG = """
[device]
id = "hall"
[mqtt]
enabled = false
[audio]
capture = "{card.capture}"
playback = "{card.playback}"
[camera]
backend = "file"
device = "{film}"
[calibration]
array = "respeaker-usb-v2"
[rig]
speakers_m = [{speaker}]
mics_m = {mics}
[rig.camera]
fx = 520
fy = 520
cx = 320
cy = 240
"""


def heard(noise: float) -> np.ndarray:
    """What six channels record of the loudspeaker, free field, and the loopback."""
    x = make_excitation(16000, (2000.0, 7500.0), 0.1, -20.0)
    f, spectrum = np.fft.rfftfreq(1600, 1 / 16000), np.fft.rfft(x.samples)
    period = np.zeros((1600, 6))
    for m, mic in enumerate(MICS):
        distance = float(np.linalg.norm(np.subtract(mic, SPEAKER)))
        delayed = spectrum * np.exp(-2j * np.pi * f * distance / 343.42)
        period[:, m + 1] = np.fft.irfft(delayed) * 0.3 / distance
    period[:, 5] = x.samples
    recording = np.tile(period, (40, 1))
    recording += np.random.default_rng(0).normal(0.0, noise, recording.shape)
    return np.rint(np.clip(recording, -1.0, 1.0) * 32767).astype(np.int16)


@pytest.fixture
def draft(
    tmp_path: Path, alsa_card: Callable[..., AlsaTestDevice], monkeypatch: pytest.MonkeyPatch
) -> Callable[[float], Draft]:
    def make(noise: float) -> Draft:
        # What this card hears was recorded: it takes no other excitation.
        monkeypatch.setattr(flow, "WIDE_HZ", (2000.0, 7500.0))
        card = alsa_card(heard(noise), 16000)
        config = tmp_path / "config.toml"
        config.write_text(
            CONFIG.format(card=card, mics=MICS, speaker=SPEAKER, film=tmp_path / "none.mp4")
        )
        return Draft.open(config)

    return make


def test_a_good_card_is_judged_and_written_only_at_the_end(
    draft: Callable[[float], Draft], tmp_path: Path
) -> None:
    opened, said = draft(1e-4), []
    judged = CalibrateStep().settle(opened, CalibrateAnswers(seconds=2.0), said.append)
    told = {str(j).partition(" (")[0]: j.verdict for j in judged}
    assert told["good: the microphones hear the loudspeaker"] == "good"
    assert told["good: playing and recording keep one time"] == "good"
    assert any("how loud it is" in text for text in told)
    # There is no camera to say that nobody is there.
    assert any(text.startswith("usable: the room is not still") for text in told)
    assert any("nobody" in text for text in said)
    assert not (tmp_path / "calibration.toml").exists()
    opened.write()
    config = load_config(tmp_path / "config.toml")
    assert config.calibration.file == str(tmp_path / "calibration.toml")
    assert load_calibration(tmp_path / "calibration.toml").device == "hall"


def test_a_dead_microphone_is_refused_in_plain_words(
    draft: Callable[[float], Draft], tmp_path: Path
) -> None:
    opened = draft(1e-4)
    opened.change({"audio": {"mic_channels": [0, 2, 3, 4]}})
    with pytest.raises(AnswerError, match=r"channel 0 is dead.*check the cable") as refused:
        CalibrateStep().settle(opened, CalibrateAnswers(seconds=2.0), lambda text: None)
    assert refused.value.key == "run"
    assert opened.calibration is None
    assert not (tmp_path / "calibration.toml").exists()


def test_a_loud_room_is_called_one() -> None:
    step = Step("channels", "warning", "at least 3 dB over noise", "calibrate when it is quieter")
    told = judgement(step)
    assert told.verdict == "usable"
    assert str(told) == (
        "usable: the room is too loud for it: at least 3 dB over noise; calibrate when it is "
        "quieter"
    )


def test_without_a_calibration_it_says_so(draft: Callable[[float], Draft]) -> None:
    (judged,) = CalibrateStep().settle(draft(1e-4), CalibrateAnswers(run=False), lambda text: None)
    assert judged.verdict == "usable"
    assert "posekernel setup --only calibrate" in judged.remedy
