"""The calibration file at work, the camera, the empty room and the real sound card."""

import json
import re
import tomllib
from dataclasses import replace

import cv2
import msgspec
import numpy as np
import pytest

from edge.__main__ import main
from edge.core.calibration_file import (
    IntrinsicsPart,
    MountingPart,
    SoundPart,
    Step,
    load_calibration,
    write_calibration,
)
from edge.core.config import CalibrationConfig, Config, DeviceConfig
from edge.core.errors import ConfigError
from edge.core.pose import Keypoints, LiftedPose
from edge.core.rig import Camera, Rig
from edge.sensor.apply_calibration import apply_calibration, misfit
from edge.sensor.pipeline import PeriodResponses
from edge.sound.deconvolution import Correction, Deconvolver
from edge.sound.excitation import make_excitation
from edge.sound.room.background import Background
from edge.sources.session.reader import DEMO_SESSION
from edge.tools.calibration import flow
from edge.tools.calibration.charuco import (
    CharucoBoard,
    calibrate_intrinsics,
    mounting_from_board,
)
from edge.tools.calibration.flow import new_calibration
from edge.tools.calibration.places import ask_place
from edge.tools.calibration.room_residual import WatchedRoom, learn_room
from edge.tools.calibration.takes import take_from_session
from edge.tools.calibration.walk import WatchedLifter, check_scale, mounting_from_walk
from edge.tools.doctor.checks import examine

SOUND = SoundPart(
    drift_ppm=0.1,
    delay_s=0.001,
    gain_db=(0.0, 6.0, 0.0, -6.0),
    deviation_mm=(0.0, 0.1, 0.0, 0.0),
    level_dbfs=(-20.0, -20.0, -20.0, -20.0),
    carried_hz=(2000.0, 7500.0),
    measured_hz=(2000.0, 7500.0),
    distance_mm=(100.0, 110.0, 120.0, 110.0),
    profile_mm=(100.0, 110.0, 120.0, 110.0),
    places=4,
)
MOUNTING = MountingPart(height_m=1.4, tilt_deg=12.0, roll_deg=-1.0, error_px=1.0)


@pytest.fixture(scope="module")
def take():
    return take_from_session(DEMO_SESSION)


@pytest.fixture
def calibration(take):
    return msgspec.structs.replace(
        new_calibration(take, take.map, "hall", "respeaker-usb-v2"), sound=SOUND, mounting=MOUNTING
    )


def test_the_file_says_again_what_was_measured(tmp_path, calibration):
    whole = msgspec.structs.replace(
        calibration,
        steps=(Step("clock", "ok", "both alike"), Step("room", "open", "too short", "wait")),
    )
    write_calibration(tmp_path / "c.toml", whole)
    assert load_calibration(tmp_path / "c.toml") == whole
    text = (tmp_path / "c.toml").read_text()
    assert whole.created in text.splitlines()[0]
    assert "SIMULATED" in text.splitlines()[1]
    assert "Not decided yet: room;" in text
    assert tomllib.loads(text)["mounting"]["tilt_deg"] == 12.0


def test_a_file_that_is_none_is_one_sentence(tmp_path, calibration):
    with pytest.raises(ConfigError, match="no such file; make it with `posekernel calibrate`"):
        load_calibration(tmp_path / "none.toml")
    write_calibration(tmp_path / "c.toml", calibration)
    text = (tmp_path / "c.toml").read_text()
    for broken in (
        "",
        text.replace("drift_ppm = 0.1", "drift_ppm = nan"),
        text.replace("-calibration-1", "-calibration-9"),
        "[[",
    ):
        (tmp_path / "c.toml").write_text(broken)
        with pytest.raises(ConfigError, match="calibrate again"):
            load_calibration(tmp_path / "c.toml")
    with pytest.raises(ConfigError, match="--out"):
        write_calibration(tmp_path / "nowhere" / "c.toml", calibration)


def config_with(tmp_path, calibration, array=""):
    """A configuration that replays the demo session with this calibration."""
    write_calibration(tmp_path / "c.toml", calibration)
    (tmp_path / "config.toml").write_text(
        f'[device]\nid = "hall"\n[source]\nkind = "replay"\npath = "{DEMO_SESSION}"\nrealtime = false\n[mqtt]\nenabled = false\n'
        f'[calibration]\nfile = "{tmp_path / "c.toml"}"\narray = "{array}"\n[runtime]\nstate_dir = "{tmp_path}"\n'
    )
    return tmp_path / "config.toml"


def run_with(tmp_path, calibration, capsys, array=""):
    """`posekernel run` on the demo session with this calibration: exit code and what it said."""
    code = main(
        ["run", "--config", str(config_with(tmp_path, calibration, array)), "--seconds", "0.1"]
    )
    return code, capsys.readouterr().err


def test_run_refuses_a_calibration_of_another_rig(tmp_path, calibration, capsys):
    code, said = run_with(tmp_path, calibration, capsys, array="respeaker-xvf3800")
    assert code == 2
    assert (
        "for the array respeaker-usb-v2, but calibration.array is respeaker-xvf3800; calibrate this rig"
        in said
    )
    assert "Traceback" not in said


def test_doctor_tells_how_good_the_calibration_is(tmp_path, calibration):
    def row(calibration, array=""):
        findings = examine(config_with(tmp_path, calibration, array), hardware=False)
        return next(f for f in findings if f.check == "calibration")

    assert row(calibration).outcome == "ok"
    weak = row(
        msgspec.structs.replace(
            calibration,
            steps=(Step("clock", "ok", "both alike"), Step("room", "open", "too short", "wait")),
        )
    )
    assert (weak.outcome, "but: room open" in weak.found) == ("warning", True)
    wrong = row(calibration, "respeaker-xvf3800")
    assert (wrong.outcome, "calibrate this rig" in wrong.remedy) == ("error", True)
    (tmp_path / "device.toml").write_text(
        '[device]\nid = "hall"\n[mqtt]\nenabled = false\n[rig]\nspeakers_m = [[0.1, 0, 0]]\n'
        "mics_m = [[0, 0, 0], [0.1, 0.1, 0], [0, 0.1, 0], [0, 0, 0.1]]\n[rig.camera]\nfx = 520\nfy = 520\ncx = 320\ncy = 240\n"
    )
    none = next(
        f for f in examine(tmp_path / "device.toml", hardware=False) if f.check == "calibration"
    )
    assert (none.outcome, "posekernel calibrate" in none.remedy) == ("warning", True)


def test_run_takes_a_calibration_of_its_rig(tmp_path, calibration, capsys):
    code, said = run_with(tmp_path, calibration, capsys, array="respeaker-usb-v2")
    assert code == 0, said


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sample_rate_hz": 48000}, "made at 48000 Hz"),
        ({"mics_m": ((0.0, 0.0, 0.0),) * 3}, "for 3 microphones"),
        ({"mics_m": ((0.0, 0.0, 0.0),) * 4}, "mm from where it was then, by rig.mics_m"),
        ({"mic_channels": (2, 1, 3, 4)}, r"microphones on channels \[2, 1, 3, 4\]"),
        ({"reference_channel": -1}, "the loopback on -1"),
        ({"speakers_m": ((1.0, 0.0, 0.0),)}, "the loudspeaker is .* mm from where it was"),
    ],
)
def test_what_does_not_fit_is_said(take, calibration, change, reason):
    other = msgspec.structs.replace(
        calibration, rig=msgspec.structs.replace(calibration.rig, **change)
    )
    assert re.search(reason, misfit(other, "", take.rig, take.excitation, take.map, "simulated"))


def test_a_fault_a_simulation_and_a_band_that_is_not_carried_are_refused(take, calibration):
    fits = lambda c, kind="simulated", x=take.excitation: misfit(c, "", take.rig, x, take.map, kind)  # noqa: E731
    assert fits(calibration) == ""
    assert "real device" in fits(calibration, "device")
    bad = msgspec.structs.replace(
        calibration, steps=(Step("order", "fault", "channels 1 and 2 are swapped", "", "swapped"),)
    )
    assert "channels 1 and 2 are swapped" in fits(bad)
    dull = msgspec.structs.replace(
        calibration, sound=msgspec.structs.replace(SOUND, carried_hz=(2000.0, 4000.0))
    )
    assert "carries 2000 to 4000 Hz" in fits(dull)
    lens = IntrinsicsPart(1, 1, 500.0, 500.0, 1.0, 1.0, (0.0, 0.0, 0.0, 0.0, 0.0), 0.1, 9, 0.9)
    assert "1 x 1 pixels" in fits(msgspec.structs.replace(calibration, intrinsics=lens))


def test_what_was_measured_is_applied(tmp_path, take, calibration):
    camera = take.rig.camera
    lens = IntrinsicsPart(
        camera.width,
        camera.height,
        512.0,
        513.0,
        300.0,
        200.0,
        (0.1, 0.0, 0.0, 0.0, 0.0),
        0.1,
        9,
        0.9,
    )
    write_calibration(tmp_path / "c.toml", msgspec.structs.replace(calibration, intrinsics=lens))
    config = Config(DeviceConfig("hall"), calibration=CalibrationConfig(str(tmp_path / "c.toml")))
    rig, correction = apply_calibration(config, take.rig, take.excitation, take.map, "simulated")
    assert (rig.camera.height_m, rig.camera.tilt_deg, rig.camera.roll_deg) == (1.4, 12.0, -1.0)
    assert (rig.camera.fx, rig.camera.cy, rig.camera.distortion[0]) == (512.0, 200.0, 0.1)
    assert correction.delay_s == 0.001
    assert correction.gains == pytest.approx((1.0, 1.995, 1.0, 0.501), abs=1e-3)


def test_delay_and_gains_are_taken_out():
    x = make_excitation(16000, (2000.0, 7500.0), 0.1, -20.0)
    rig = Rig(
        np.zeros((1, 3)),
        np.array([[0.1, 0, 0], [0.2, 0, 0]]),
        np.array([[0, 0], [0, 1]]),
        Camera(64, 48, 50, 50, 32, 24),
        343.0,
    )
    f = np.fft.rfftfreq(1600, 1 / 16000)
    late, gains = 0.00123, (1.0, 2.0)
    heard = [
        g * np.fft.irfft(np.fft.rfft(x.samples) * np.exp(-2j * np.pi * f * (0.002 + late)))
        for g in gains
    ]
    heard = np.array(heard, np.float32)
    plain = np.abs(Deconvolver(x, rig)(heard, x.samples))
    right = np.abs(Deconvolver(x, rig, correction=Correction(late, gains))(heard, x.samples))
    assert right.argmax(axis=1).tolist() == [32, 32]  # 2 ms
    assert plain.argmax(axis=1).tolist() == [52, 52]
    assert right.max(axis=1) == pytest.approx([1.0, 1.0], abs=0.02)
    with pytest.raises(ConfigError, match="3 gains"):
        Deconvolver(x, rig, correction=Correction(0.0, (1.0, 1.0, 1.0)))


CAMERA = Camera(640, 480, 520.0, 524.0, 326.0, 236.0, (-0.1, 0.03, 0.0, 0.0, 0.0), 1.3, 25.0, 2.0)
BOARD = CharucoBoard()


def photograph(turn, shift, board=BOARD, camera=CAMERA):
    """The printed board in the camera frame, through the lens: every pixel's ray meets the paper."""
    square = 60
    paper = board.opencv().generateImage(
        ((board.columns + 1) * square, (board.rows + 1) * square), marginSize=square // 2
    )
    v, u = np.mgrid[0 : camera.height, 0 : camera.width]
    rays = camera.rays(np.stack([u, v], axis=-1).astype(float))
    rotation = cv2.Rodrigues(np.array(turn, float))[0]
    normal = rotation[:, 2]
    reach = (normal @ np.array(shift)) / (rays @ normal)
    on_board = (rays * reach[..., None] - shift) @ rotation
    maps = (on_board[..., :2] * (square / board.square_m) + square // 2 - 0.5).astype(np.float32)
    maps[reach < 0.0] = -1.0  # behind the camera
    image = cv2.remap(
        cv2.GaussianBlur(paper, (0, 0), 1.0),
        maps[..., 0],
        maps[..., 1],
        cv2.INTER_LINEAR,
        borderValue=180,
    )
    return np.repeat(image.astype(np.uint8)[..., None], 3, axis=2)


def test_intrinsics_from_a_board():
    rng = np.random.default_rng(0)
    images = []
    for _ in range(14):
        shift = np.array([rng.uniform(-0.3, 0.05), rng.uniform(-0.22, 0.04), rng.uniform(0.4, 0.6)])
        images.append(photograph(rng.uniform(-0.5, 0.5, 3), shift))
    part, step = calibrate_intrinsics(images, BOARD, (640, 480))
    assert part is not None, step.found
    assert part.error_px < 0.7
    assert part.fx == pytest.approx(520.0, rel=0.01)
    assert part.cx == pytest.approx(326.0, abs=5.0)
    assert part.distortion[0] == pytest.approx(-0.1, abs=0.04)
    few, step = calibrate_intrinsics(images[:3], BOARD, (640, 480))
    assert few is None
    assert step.outcome == "open"
    with pytest.raises(ConfigError, match="camera is set to 320 x 240"):
        calibrate_intrinsics(images[:1], BOARD, (320, 240))


def test_mounting_from_the_board_on_the_floor():
    # Board axes on the floor: x right, y towards the camera, so that its z points down.
    rotation = CAMERA.room_rotation.T @ np.array([[1.0, 0, 0], [0, -1.0, 0], [0, 0, -1.0]])
    turn = cv2.Rodrigues(rotation)[0].ravel()
    board = CharucoBoard(square_m=0.1)
    part, step = mounting_from_board(
        photograph(turn, CAMERA.from_room([-0.4, 1.8, 0.0]), board), board, CAMERA
    )
    assert part is not None, step.found
    assert (part.height_m, part.method) == (pytest.approx(1.3, abs=0.03), "board")
    assert part.tilt_deg == pytest.approx(25.0, abs=1.0)
    assert part.roll_deg == pytest.approx(2.0, abs=1.0)
    nothing, step = mounting_from_board(np.full((480, 640, 3), 128, np.uint8), BOARD, CAMERA)
    assert nothing is None
    assert step.outcome == "open"


def walk_about(camera, person_m=1.78, scale=1.0, seed=0):
    """What the watched lifter keeps of somebody who walks: 2 px of noise, a nodding gait, a scale
    from sound.
    """
    rng = np.random.default_rng(seed)

    def lift(keypoints, kernels, rig):
        return LiftedPose(joints, np.ones(15), np.ones(15), "sound", 10.0)

    watched = WatchedLifter(lift)
    rig = Rig(np.zeros((1, 3)), np.ones((1, 3)), np.zeros((1, 2), int), camera, 343.0)
    for _ in range(60):
        place = np.array([rng.uniform(-0.8, 0.8), rng.uniform(2.2, 5.0), 0.0])
        room = np.tile(place, (15, 1))
        room[1] = place + np.array(
            [*rng.normal(0.0, 0.02, 2), 0.82 * person_m + rng.normal(0.0, 0.01)]
        )
        room[[11, 14]] = place + np.array([[0.1, 0.0, 0.08], [-0.1, 0.0, 0.08]])
        pixels = np.full((25, 3), 0.9)
        pixels[:15, :2] = camera.project(camera.from_room(room)) + rng.normal(0.0, 2.0, (15, 2))
        joints = camera.from_room(room) * scale * rng.normal(1.0, 0.04)
        watched(Keypoints(pixels, np.full((25, 3), np.nan), 1, 1.0), None, rig)
    return watched.walked


@pytest.mark.parametrize("tilt", [0.0, 15.0])
def test_mounting_and_scale_from_a_walk(tilt):
    camera = Camera(640, 480, 520.0, 520.0, 320.0, 240.0, (0.0,) * 5, 1.5, tilt, -2.0)
    unknown = replace(camera, height_m=None, tilt_deg=0.0, roll_deg=0.0)
    part, step = mounting_from_walk(walk_about(camera), unknown, 1.78)
    assert part is not None, step.found
    assert step.outcome == "ok"
    assert part.height_m == pytest.approx(1.5, abs=0.08)
    assert part.tilt_deg == pytest.approx(tilt, abs=1.5)
    assert part.roll_deg == pytest.approx(-2.0, abs=1.5)
    scale, step = check_scale(walk_about(camera), camera)
    assert scale is not None
    assert scale.ratio == pytest.approx(1.0, abs=0.03)
    assert step.outcome == "ok"
    assert check_scale(walk_about(camera, scale=1.12), camera)[1].outcome == "warning"


def test_a_walk_that_tells_too_little_stays_open():
    camera = Camera(640, 480, 520.0, 520.0, 320.0, 240.0, height_m=1.5)
    walked = walk_about(camera)
    assert mounting_from_walk(walked, replace(camera, height_m=None), None)[1].outcome == "open"
    few = replace(
        walked, neck=walked.neck[:3], ankles=walked.ankles[:3], by_sound_m=walked.by_sound_m[:3]
    )
    assert mounting_from_walk(few, camera, 1.78)[1].outcome == "open"
    rng = np.random.default_rng(3)
    jumping = replace(walked, ankles=walked.ankles + rng.normal(0.0, 40.0, walked.ankles.shape))
    part, step = mounting_from_walk(jumping, camera, 1.78)
    assert part is None
    assert "no walk on a floor" in step.found
    mute = replace(walked, by_sound_m=np.full(60, np.nan))
    assert check_scale(mute, camera)[1].outcome == "open"
    assert mounting_from_walk(walked, replace(camera, height_m=2.2), 1.78)[1].outcome == "warning"


def hear_room(noise, person_from=None, periods=60):
    """Periods of one room, 0.1 s apart; somebody is seen from a number on."""
    rng = np.random.default_rng(1)
    rig = Rig(
        np.zeros((1, 3)),
        np.array([[0.1, 0.0, 0.0]]),
        np.zeros((1, 2), int),
        Camera(64, 48, 50, 50, 32, 24),
        343.0,
    )
    room = (rng.normal(size=(1, 640)) + 1j * rng.normal(size=(1, 640))) * np.exp(
        -np.arange(640) / 150
    )
    hiss = lambda: noise * (rng.normal(size=(1, 640)) + 1j * rng.normal(size=(1, 640)))  # noqa: E731
    heard = [
        PeriodResponses(k, k * 10**8, (room + hiss()).astype(np.complex64)) for k in range(periods)
    ]
    person = np.arange(periods) >= (periods if person_from is None else person_from)
    watched = WatchedRoom(heard, np.arange(periods) * 10**8, person)
    return learn_room(watched, Background(rig, 16000.0, (2000.0, 7500.0), 640))


def test_the_empty_room_is_learned_while_nobody_is_seen():
    part, step = hear_room(0.001)
    assert step.outcome == "ok"
    assert part.periods == 60
    assert part.left_db < -40
    loud, step = hear_room(0.2)
    assert loud is not None
    assert loud.left_db > part.left_db + 20
    assert step.outcome == "warning"
    part, _ = hear_room(0.001, person_from=40)
    assert part.periods == 30  # and none within a second of somebody
    part, step = hear_room(0.001, person_from=0)
    assert part is None
    assert step.outcome == "open"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--board", "none"], "none: no images"),
        (["--floor", "none.png"], "none.png: cannot be read as an image"),
        (["--walk", "none"], "none: no such folder"),
        (["--out", "none/c.toml"], "give --out FILE in a folder that exists"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_recorded(
    arguments, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(flow, "take_from_session", lambda path: pytest.fail("recorded first"))
    assert main(["calibrate", "--session", str(DEMO_SESSION), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_place_is_three_numbers_and_the_end_of_input_ends_the_asking(monkeypatch):
    answers = iter(["here", "0.6, nan, 0.1", "0.6, -0.05 0.1"])
    monkeypatch.setattr("builtins.input", lambda question: next(answers))
    assert ask_place(np.array([0.6, 0.0, 0.1])) == (0.6, -0.05, 0.1)

    def closed(question):
        raise EOFError

    monkeypatch.setattr("builtins.input", closed)
    assert ask_place(np.array([0.6, 0.0, 0.1])) is None


def test_a_height_that_is_no_number_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["calibrate", "--person-height", "tall"])
    assert "--person-height: found tall, a number above 0 is needed" in capsys.readouterr().err


def test_a_board_to_print_is_written_and_found(tmp_path, capsys):
    assert main(["calibrate", "--print-board", str(tmp_path / "board.png")]) == 0
    on_board, in_image = BOARD.corners(cv2.imread(str(tmp_path / "board.png")))
    assert len(on_board) == 24
    assert np.ptp(in_image[:, 0]) / np.ptp(on_board[:, 0]) == pytest.approx(300 / 0.0254, rel=0.01)
    assert main(["calibrate"]) == 2
    assert "give --config for the real device, or --session" in capsys.readouterr().err


def test_the_real_sound_card_is_calibrated(tmp_path, alsa_card, monkeypatch, capsys):
    """A card of six channels that hears a room of its own and, on channel 5, what is played."""
    x = make_excitation(16000, (2000.0, 7500.0), 0.1, -20.0)
    mics = np.array([[-0.032, 0.06, 0.0], [0.0, 0.092, 0.0], [0.032, 0.06, 0.0], [0.0, 0.028, 0.0]])
    speaker = np.array([0.25, 0.06, 0.0])
    f, spectrum = np.fft.rfftfreq(1600, 1 / 16000), np.fft.rfft(x.samples)
    period = np.zeros((1600, 6))
    for m, mic in enumerate(mics):
        distance = float(np.linalg.norm(mic - speaker))
        period[:, m + 1] = (
            np.fft.irfft(spectrum * np.exp(-2j * np.pi * f * distance / 343.42)) * 0.3 / distance
        )
    period += np.random.default_rng(0).normal(0.0, 1e-4, period.shape)
    card = alsa_card(np.tile(np.rint(period * 32768), (40, 1)).astype(np.int16), 16000, loopback=5)
    monkeypatch.setenv("ALSA_CONFIG_PATH", card.env["ALSA_CONFIG_PATH"])
    config = tmp_path / "config.toml"
    config.write_text(
        f'[device]\nid = "hall"\n[mqtt]\nenabled = false\n[audio]\ncapture = "{card.capture}"\nplayback = "{card.playback}"\n'
        f'[camera]\nbackend = "file"\ndevice = "{tmp_path / "none.mp4"}"\n[rig]\nspeakers_m = [{speaker.tolist()}]\n'
        f"mics_m = {mics.tolist()}\n[rig.camera]\nfx = 520\nfy = 520\ncx = 320\ncy = 240\n"
    )
    out = tmp_path / "c.toml"
    assert (
        main(["calibrate", "--config", str(config), "--seconds", "2", "--out", str(out), "--json"])
        == 1
    )
    told = json.loads(capsys.readouterr().out)
    steps = {s["name"]: s for s in told["steps"]}
    assert told["source"] == "device"
    assert steps["channels"]["outcome"] == "ok"
    assert steps["reference"]["outcome"] == "ok", steps["reference"]
    assert steps["clock"]["outcome"] == "ok"
    assert steps["room"]["outcome"] == "open"  # there is no camera to say that nobody is there
    assert load_calibration(out).device == "hall"
    assert load_calibration(out).rig.mic_channels == (1, 2, 3, 4)
