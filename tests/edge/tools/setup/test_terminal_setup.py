"""The setup at a terminal: what it asks, shows and says."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from edge.core.config import load_config
from edge.core.errors import ConfigError
from edge.sources.session.reader import DEMO_SESSION
from edge.tools.setup import found, mdns, service
from edge.tools.setup.draft import Draft
from edge.tools.setup.found import FoundArray, FoundCamera
from edge.tools.setup.step import AnswerError, Question, typed
from edge.tools.setup.steps import STEPS, chosen
from edge.tools.setup.steps.camera import CameraAnswers
from edge.tools.setup.terminal import Terminal

GOOD = """
[device]
id = "hall"
[audio]
capture = "hw:CARD=ArrayUAC10"
playback = "hw:CARD=ArrayUAC10"
playback_channels = 2
[calibration]
array = "respeaker-usb-v2"
[camera]
backend = "v4l2"
device = "/dev/video0"
[rig]
speakers_m = [[0.10, 0.06, 0.0]]
mics_m = [[-0.032, 0.06, 0.0], [0.0, 0.028, 0.0], [0.032, 0.06, 0.0], [0.0, 0.092, 0.0]]
[rig.camera]
fx = 480.0
fy = 480.0
cx = 320.0
cy = 240.0
height_m = 1.40
[sensing]
quiet_from = "22:00"
quiet_to = "07:00"
"""


class Typist:
    """Types one line after the other, and keeps what it was asked."""

    def __init__(self, *lines: str) -> None:
        self.lines, self.asked = iter(lines), []

    def __call__(self, question: str) -> str:
        self.asked.append(question)
        try:
            return next(self.lines)
        except StopIteration:
            raise EOFError from None


@pytest.fixture
def draft(tmp_path: Path) -> Draft:
    (tmp_path / "config.toml").write_text(GOOD)
    return Draft.open(tmp_path / "config.toml")


def lead(draft: Draft, only: str, *lines: str) -> Typist:
    typist = Typist(*lines)
    Terminal(draft, chosen([only]), typist, typist).run()
    return typist


def test_enter_keeps_everything(draft: Draft, capsys: pytest.CaptureFixture[str]) -> None:
    for only in ("name", "loudspeaker", "mounting", "sound"):
        lead(draft, only, *[""] * 9)
    config, before = load_config(draft.path), draft.path.with_name("before.toml")
    before.write_text(GOOD)
    kept = load_config(before)
    assert config.rig == kept.rig
    assert config.sensing == kept.sensing
    assert config.device == kept.device
    said = capsys.readouterr().out
    assert "[ @ ]" in said  # the picture of a loudspeaker
    assert "posekernel run --config" in said


def test_a_wrong_answer_is_asked_again(draft: Draft, capsys: pytest.CaptureFixture[str]) -> None:
    lead(draft, "mounting", "high", "1.4", "", "150", "?", "5")
    said = capsys.readouterr().out
    assert "found 'high', but a number is needed" in said
    assert "15 to 600 cm are possible; the number looks like metres, give cm" in said
    assert "A phone's spirit level" in said
    rig = load_config(draft.path).rig
    assert rig is not None
    assert (rig.camera.height_m, rig.camera.tilt_deg) == (1.5, 5.0)


def test_a_dash_empties(draft: Draft) -> None:
    lead(draft, "sound", "2", "-", "-")
    config = load_config(draft.path)
    assert config.sensing.quiet_hours is None
    assert config.sound.mode == "discreet"


def test_the_end_of_the_input_writes_nothing(draft: Draft) -> None:
    with pytest.raises(ConfigError, match="the input ended, so nothing was written"):
        lead(draft, "mounting", "155")
    assert draft.path.read_text() == GOOD


def test_what_cannot_be_written_is_tried_again_when_asked(
    draft: Draft, capsys: pytest.CaptureFixture[str]
) -> None:
    draft.change({"rig": {"mics_m": [[0.0, 0.03, 0.0]]}})
    typist = Typist("")
    with pytest.raises(ConfigError, match="nothing was written"):
        Terminal(draft, chosen(["start"]), typist, typist).run()
    assert typist.asked == ["  Enter tries again: "] * 2
    assert capsys.readouterr().out.count("WRONG") == 2


def test_what_was_answered_is_offered_again(
    draft: Draft, capsys: pytest.CaptureFixture[str]
) -> None:
    typist = lead(draft, "mounting", "1.4", "7", "150", "")
    assert "[1.4]" in typist.asked[2]
    assert "[7]" in typist.asked[3]
    rig = load_config(draft.path).rig
    assert rig is not None
    assert rig.camera.tilt_deg == 7.0


def test_measured_microphones_are_offered_again(
    draft: Draft, capsys: pytest.CaptureFixture[str]
) -> None:
    draft.change({"calibration": {"array": "generic-usb"}, "rig": {"mics_m": None}})
    mics = "-3.2 6 0; 3.2 6 0"
    typist = Typist("elsewhere", "3 6 0", mics, "", "9 6 0", "")
    Terminal(draft, (STEPS[2],), typist, typist).run()
    assert len(typist.asked) == 6  # not where the array's centre is, and how it is turned
    assert f"[{mics}]" in typist.asked[5]
    assert "0.2 cm from a microphone" in capsys.readouterr().out
    assert draft.get("rig.mics_m") == [[-0.032, 0.06, 0.0], [0.032, 0.06, 0.0]]


def test_without_a_beginning_no_end_of_the_quiet_hours_is_asked(draft: Draft) -> None:
    typist = lead(draft, "sound", "", "-")
    assert not any("Silent to" in question for question in typist.asked)
    assert "Silent to" in lead(Draft.open(draft.path), "sound", "", "23:00", "06:30").asked[2]
    hours = load_config(draft.path).sensing.quiet_hours
    assert hours is not None
    assert str(hours.end) == "06:30:00"


def test_nothing_is_missed_by_a_wrong_key_where_something_is_missing(
    draft: Draft, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(found, "cameras", lambda: ([], ""))
    draft.change({"camera": {"backend": "picamera2", "device": None}})
    film = str(DEMO_SESSION / "frames.mp4")
    typist = lead(draft, "camera", "film", "", "n", "none.mp4", "", film, "")
    assert [q.split()[0] for q in typist.asked] == ["Enter"] * 3 + ["Which", "How"] * 2
    assert "n asks for its name" in capsys.readouterr().out
    assert draft.get("camera.device") == film


def test_a_film_that_the_service_may_not_read_is_refused(
    draft: Draft, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(service, "can_control", lambda: True)
    monkeypatch.setattr(Draft, "is_service", True)
    film = Path(shutil.copy(DEMO_SESSION / "frames.mp4", tmp_path))  # below /tmp
    step = STEPS[3]
    with pytest.raises(AnswerError, match=r"may not read in .*; first: sudo cp "):
        step.settle(draft, CameraAnswers(str(film)), print)


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (
            "Starting ...\nposekernel run: no card: plug it in\nposekernel.service: Failed\n",
            "no card: plug it in",
        ),
        ("Starting ...\nKilled\n", "Starting ... Killed"),
        (None, "it left no log"),
    ],
)
def test_a_service_that_does_not_start_says_why(
    log: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_run", lambda words: log if words[0] == "journalctl" else None)
    assert service.start() == said


def test_a_card_that_was_named_by_hand_is_kept(
    draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found, "arrays", lambda: [])
    audio = {"capture": "hw:3", "playback": "hw:3", "channels": 6, "mic_channels": [1, 2]}
    draft.change({"calibration": {"array": "generic-usb"}, "audio": audio})
    draft.change({"excitation": {"sample_rate_hz": 16000}})
    asked = STEPS[1].ask(draft, {})
    assert asked.missing == ""
    defaults = {question.key: question.default for question in asked.questions}
    assert defaults["array"] == "generic-usb"
    assert {key: defaults[key] for key in audio} == audio
    assert defaults["sample_rate_hz"] == 16000


def test_the_loudspeaker_moves_with_the_picture_that_is_chosen(draft: Draft) -> None:
    lead(draft, "loudspeaker", "left", *[""] * 4)
    rig = load_config(draft.path).rig
    assert rig is not None
    assert rig.speakers_m == ((-0.1, 0.06, 0.0),)
    typist = lead(Draft.open(draft.path), "loudspeaker", "elsewhere", "12 6.5 -1", "", "flat", "30")
    rig = load_config(draft.path).rig
    assert rig is not None
    assert rig.speakers_m == ((0.12, 0.065, -0.01),)
    assert "[left]" in typist.asked[0]
    again = lead(Draft.open(draft.path), "loudspeaker", *[""] * 5)
    assert "[elsewhere]" in again.asked[0]
    assert "[flat]" in again.asked[3]
    assert "[30]" in again.asked[4]


def test_what_is_plugged_in_is_the_default(
    draft: Draft, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(found, "arrays", lambda: [])
    asked = STEPS[1].ask(draft, {})
    assert "no microphone array that posekernel knows is plugged in" in asked.missing
    cameras = [
        FoundCamera("v4l2", "/dev/video2", "Webcam"),
        FoundCamera("picamera2", "0", "imx708"),
    ]
    monkeypatch.setattr(found, "cameras", lambda: (cameras, ""))
    asked = STEPS[3].ask(Draft(tmp_path / "new.toml"), {})
    assert asked.questions[0].default == "/dev/video2"
    assert [c.value for c in asked.questions[0].choices] == ["/dev/video2", "picamera2:0"]


def test_brokers_that_announce_themselves_are_offered(
    draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = mdns.AnnouncedBroker("Home", "10.0.0.3", 1883, False)
    monkeypatch.setattr(mdns, "look", lambda: ([home], ""))
    asked = STEPS[5].ask(draft, {})
    assert asked.found == ("Home Assistant, perhaps with a broker: Home at 10.0.0.3:1883",)
    assert asked.questions[0].default == "10.0.0.3:1883"
    monkeypatch.setattr(mdns, "look", lambda: ([], ""))
    asked = STEPS[5].ask(draft, {})
    assert asked.found == (
        "no broker announced itself within 3 s: name the machine that it runs on",
    )
    assert asked.questions[0].default is None


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("number", "140", 140),
        ("number", "140,5", 140.5),
        ("numbers", "[10, 6.5 -1]", [10, 6.5, -1]),
        ("yes", "Y", True),
        ("yes", "n", False),
        ("text", " hall ", "hall"),
    ],
)
def test_what_is_typed_is_read(kind: Any, text: str, value: object) -> None:
    assert typed(Question("a", "A", "", kind), text) == value


def test_enter_is_the_default() -> None:
    assert typed(Question("a", "A", True, "yes"), "") is True
    assert typed(Question("a", "A", [1, 2], "numbers"), "") == [1, 2]
    with pytest.raises(AnswerError, match="an answer is needed"):
        typed(Question("a", "A"), "")


def test_a_choice_is_a_number_or_a_name() -> None:
    question = STEPS[7].ask(Draft(Path("none.toml")), {}).questions[0]
    assert typed(question, "3") == "normal"
    assert typed(question, "loud") == "loud"
    with pytest.raises(AnswerError, match="allowed: silent, discreet"):
        typed(question, "9")


def make(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def test_arrays_are_known_by_usb_id_or_card(tmp_path: Path) -> None:
    root = make(
        tmp_path,
        {
            "proc/asound/card0/id": "vc4hdmi0\n",
            "proc/asound/card1/id": "Array_1\n",
            "proc/asound/card1/usbid": "2886:0018\n",
            "proc/asound/card2/id": "seeed4micvoicec\n",
            "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
        },
    )
    arrays = found.arrays(root)
    assert [(a.name, a.pcm) for a in arrays] == [
        ("respeaker-usb-v2", "hw:CARD=Array_1"),
        ("respeaker-4-mic-hat", "hw:CARD=seeed4micvoicec"),
    ]
    assert found.sound_card_names(root) == ["vc4hdmi0", "Array_1", "seeed4micvoicec"]
    assert found.this_board(root) == ("raspberry-pi-5", "Raspberry Pi 5 Model B Rev 1.0")
    assert found.this_board(tmp_path / "none")[0] == "linux-pc"
    assert isinstance(arrays[0], FoundArray)
