"""The calibration within the setup: plain judgements of a real sound card, kept until the end."""

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.core.calibration_file import Step, load_calibration
from edge.core.config import load_config
from edge.sensor.plan import prepare
from edge.tools.calibration import flow
from edge.tools.setup.draft import Draft
from edge.tools.setup.step import AnswerError
from edge.tools.setup.steps import chosen
from edge.tools.setup.steps.calibrate import CalibrateAnswers, CalibrateStep, judgement
from edge.tools.setup.terminal import Terminal
from tests.support.alsa_device import AlsaTestDevice
from tests.support.setup.card import BAND_HZ, heard, write_config


@pytest.fixture
def draft(
    tmp_path: Path, alsa_card: Callable[..., AlsaTestDevice], monkeypatch: pytest.MonkeyPatch
) -> Callable[[float], Draft]:
    def make(noise: float) -> Draft:
        monkeypatch.setattr(flow, "WIDE_HZ", BAND_HZ)
        card = alsa_card(heard(noise), 16000)
        film = tmp_path / "none.mp4"
        film.touch()  # never looked at
        return Draft.open(write_config(tmp_path, card, film))

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
    assert any(text.startswith("usable: the empty room is not known well") for text in told)
    assert any("nobody" in text for text in said)
    assert not (tmp_path / "calibration.toml").exists()
    opened.write()
    config = load_config(tmp_path / "config.toml")
    assert config.calibration.file == str(tmp_path / "calibration.toml")
    assert load_calibration(tmp_path / "calibration.toml").device == "hall"


def test_a_moved_loudspeaker_is_calibrated_again(
    draft: Callable[[float], Draft],
    alsa_card: Callable[..., AlsaTestDevice],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    opened = draft(1e-4)
    CalibrateStep().settle(opened, CalibrateAnswers(seconds=2.0), lambda text: None)
    path = opened.path
    opened.write()

    def again(*lines: str) -> Draft:
        """`setup --only loudspeaker`, with these lines typed."""
        typed, draft = iter(lines), Draft.open(path)
        Terminal(draft, chosen(["loudspeaker"]), lambda _: next(typed)).run()
        return draft

    again("", "", "", "", "")
    assert "the calibration still fits" in capsys.readouterr().out
    moved = [0.30, 0.06, 0.0]
    place = "elsewhere", "30 6 0", "", "", ""
    # Whoever does not calibrate now must not be left with what no longer fits.
    again(*place, "n", "")
    said = capsys.readouterr().out
    assert "does not fit any more" in said
    assert "the loudspeaker is 50 mm from where it was then" in said
    assert "the old calibration is left out" in said
    config = load_config(path)
    assert config.calibration.file == ""
    prepare(config)
    # And whoever does has one that fits.
    card = alsa_card(heard(1e-4, moved), 16000)
    changed = Draft.open(path)
    file = str(tmp_path / "calibration.toml")
    audio = {"capture": card.capture, "playback": card.playback}
    changed.change({"calibration": {"file": file}, "audio": audio})
    assert "the loudspeaker is 50 mm" in changed.misfit()
    step = next(s for s in chosen(["loudspeaker"]) if s.name == "calibrate")
    step.settle(changed, CalibrateAnswers(seconds=2.0), lambda text: None)
    changed.write()
    assert load_calibration(tmp_path / "calibration.toml").rig.speakers_m == (tuple(moved),)
    assert len(list(tmp_path.glob("calibration.toml.*.bak"))) == 1
    prepare(load_config(path))


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
