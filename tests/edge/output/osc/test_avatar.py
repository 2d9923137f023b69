"""The avatar stream as an avatar program hears it: python-osc's own server on a real UDP socket."""

import queue
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.spatial.transform import Rotation

from edge.core.arrays import Array
from edge.core.config import Config, DeviceConfig, OscConfig, check_config
from edge.core.errors import ConfigError
from edge.core.pose import FrameEstimate
from edge.output.osc.avatar import LOST_S, AvatarStream
from edge.output.osc.target import Target
from edge.output.outlets import Outlets
from tests.support.bodies import CAMERA, figure
from tests.support.recordings import frame, somebody, walk
from tests.support.waiting import LIMIT_S, until

packets = pytest.importorskip("pythonosc.osc_packet", reason="python-osc is not installed")

# How a VRM avatar's bones hang together, and the joint (BODY_25) that each begins at.
PARENT = {
    "Spine": "Hips", "Chest": "Spine", "UpperChest": "Chest", "Neck": "UpperChest",
    **{f"{s}Shoulder": "UpperChest" for s in ("Left", "Right")},
    **{f"{s}UpperArm": f"{s}Shoulder" for s in ("Left", "Right")},
    **{f"{s}LowerArm": f"{s}UpperArm" for s in ("Left", "Right")},
    **{f"{s}Hand": f"{s}LowerArm" for s in ("Left", "Right")},
    **{f"{s}UpperLeg": "Hips" for s in ("Left", "Right")},
    **{f"{s}LowerLeg": f"{s}UpperLeg" for s in ("Left", "Right")},
    **{f"{s}Foot": f"{s}LowerLeg" for s in ("Left", "Right")},
}  # fmt: skip
JOINT = {
    "Hips": 8, "Neck": 1, "LeftUpperArm": 5, "LeftLowerArm": 6, "LeftHand": 7, "RightUpperArm": 2,
    "RightLowerArm": 3, "RightHand": 4, "LeftUpperLeg": 12, "LeftLowerLeg": 13, "LeftFoot": 14,
    "RightUpperLeg": 9, "RightLowerLeg": 10, "RightFoot": 11,
}  # fmt: skip
MM = 1e-3


class Program:
    """An avatar program's ear."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(LIMIT_S)
        self.port = self._socket.getsockname()[1]
        self.sizes: list[int] = []

    def hear(self) -> list[tuple[str, list[Any]]]:
        """Address and values of each message that waits, at least one packet."""
        heard = []
        while True:
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                self._socket.settimeout(LIMIT_S)
                return heard
            self.sizes.append(len(data))
            heard += [
                (m.message.address, list(m.message.params))
                for m in packets.OscPacket(data).messages
            ]  # fmt: skip
            self._socket.setblocking(False)

    def silent(self) -> bool:
        self._socket.setblocking(False)
        try:
            self._socket.recv(65536)
        except BlockingIOError:
            return True
        finally:
            self._socket.settimeout(LIMIT_S)
        return False

    def close(self) -> None:
        self._socket.close()


class Stage:
    """A stream on a clock of its own, and who hears it."""

    def __init__(self, **settings: Any) -> None:
        self.now_s = 100.0
        self.program = Program()
        config = OscConfig(enabled=True, host="127.0.0.1", port=self.program.port, **settings)
        self.stream = AvatarStream(config, lambda: self.now_s)
        self._images = 0

    def show(self, estimate: FrameEstimate) -> None:
        self.now_s += 0.1
        self.stream.tick(None)
        self.stream.pose(estimate)


@contextmanager
def on_stage(**settings: Any) -> Iterator[Stage]:
    stage = Stage(**settings)
    try:
        yield stage
    finally:
        stage.stream.close()
        stage.program.close()


def places(heard: list[tuple[str, list[Any]]]) -> dict[str, Array]:
    """Where each bone begins in Unity's axes, following parents as Unity does."""
    bones = {v[0]: np.array(v[1:]) for a, v in heard if a == "/VMC/Ext/Bone/Pos"}
    # Unity's rotations, mirrored in x to a right-handed frame.
    mirror = np.array([-1.0, 1.0, 1.0])
    found: dict[str, tuple[Array, Rotation]] = {}

    def follow(name: str) -> tuple[Array, Rotation]:
        if name not in found:
            place, (x, y, z, w) = bones[name][:3] * mirror, bones[name][3:]
            turn = Rotation.from_quat([x, -y, -z, w])
            if name != "Hips":
                before, facing = follow(PARENT[name])
                place, turn = before + facing.apply(place), facing * turn
            found[name] = place, turn
        return found[name]

    return {name: follow(name)[0] * mirror for name in bones}


def room_of(unity: Array) -> Array:
    """Room frame of a place in Unity's axes: x to the left as the camera looks, z towards it."""
    return np.array([-unity[0], -unity[2], unity[1]])


@pytest.mark.parametrize("k", range(12))
def test_joints_are_read_back_within_a_millimetre(k: int) -> None:
    with on_stage() as stage:
        stage.show(frame(k, 0.1 * k, somebody(1, walk(k))))
        heard = stage.program.hear()
        found = places(heard)
        for bone, joint in JOINT.items():
            assert np.linalg.norm(room_of(found[bone]) - walk(k)[joint]) < MM, bone
        assert heard[0] == ("/VMC/Ext/OK", [1, 3, 0, 1])
        assert heard[1][0] == "/VMC/Ext/T"
        assert heard[2] == ("/VMC/Ext/Root/Pos", ["root", 0, 0, 0, 0, 0, 0, 1])
        assert max(stage.program.sizes) <= 1400


def test_who_faces_the_camera_faces_ahead_with_the_left_hand_at_the_left() -> None:
    with on_stage() as stage:
        stage.show(frame(0, 0.0, somebody(1, figure(heading_deg=180.0))))
        heard = stage.program.hear()
        turns = {v[0]: v[4:] for a, v in heard if a == "/VMC/Ext/Bone/Pos"}
        np.testing.assert_allclose(turns["Hips"], (0.0, 0.0, 0.0, 1.0), atol=1e-6)
        # The arms hang: in Unity's left-handed axes the left one, at -x, turns by +90 about z.
        half = np.sqrt(0.5)
        np.testing.assert_allclose(turns["LeftUpperArm"], (0.0, 0.0, half, half), atol=1e-6)
        np.testing.assert_allclose(turns["RightUpperArm"], (0.0, 0.0, -half, half), atol=1e-6)
        found = places(heard)
        assert found["LeftHand"][0] < found["Hips"][0] < found["RightHand"][0]


def test_without_the_cameras_height_places_are_from_the_camera() -> None:
    with on_stage() as stage:
        stage.show(frame(0, 0.0, somebody(1, walk(0), height_known=False)))
        hips = places(stage.program.hear())["Hips"]
        x, down, ahead = CAMERA.from_room(walk(0))[8]
        np.testing.assert_allclose(hips, (-x, -down, -ahead), atol=MM)


def test_the_nearest_is_followed_and_changes_only_for_somebody_clearly_nearer() -> None:
    def distance(stage: Stage) -> float:
        return float(-places(stage.program.hear())["Hips"][2])

    def at(y: float) -> Array:
        return figure(place=(0.0, y))

    with on_stage() as stage:
        stage.show(frame(0, 0.0, somebody(1, at(3.0)), somebody(2, at(4.0))))
        assert distance(stage) == pytest.approx(3.0)
        stage.show(frame(1, 0.1, somebody(1, at(3.0)), somebody(2, at(2.9))))
        assert distance(stage) == pytest.approx(3.0)
        stage.show(frame(2, 0.2, somebody(1, at(3.0)), somebody(2, at(2.0))))
        assert distance(stage) == pytest.approx(2.0)
        stage.show(frame(3, 0.3, somebody(1, at(3.0)), somebody(2, at(1.5), "seen_only")))
        assert stage.program.silent(), "a television is nobody"
        stage.now_s += 3.0
        stage.show(frame(4, 3.4, somebody(1, at(3.0)), somebody(2, at(1.5), "seen_only")))
        heard = [m for m in stage.program.hear() if m[0] == "/VMC/Ext/Bone/Pos"]
        assert -places(heard)["Hips"][2] == pytest.approx(3.0)


def test_a_number_of_the_configuration_is_followed_alone() -> None:
    with on_stage(person=2) as stage:
        stage.show(frame(0, 0.0, somebody(1, walk(0))))
        assert stage.program.silent()
        stage.show(frame(1, 0.1, somebody(1, walk(0)), somebody(2, figure(place=(1.0, 4.0)))))
        assert places(stage.program.hear())["Hips"][2] == pytest.approx(-4.0)


def test_nobody_is_made_up_and_it_is_said_that_nobody_is_tracked() -> None:
    with on_stage() as stage:
        stage.show(frame(0, 0.0, somebody(1, walk(0))))
        stage.program.hear()
        for _ in range(round(3 * LOST_S / 0.1)):
            stage.now_s += 0.1
            stage.stream.tick(None)
        heard = stage.program.hear()
        assert {address for address, _ in heard} == {"/VMC/Ext/OK", "/VMC/Ext/T"}
        assert [v for a, v in heard if a == "/VMC/Ext/OK"] in (
            [[1, 3, 0, 0]] * 2,
            [[1, 3, 0, 0]] * 3,
        )
        unknown = walk(0)
        unknown[4] = np.nan
        stage.stream.pose(frame(1, 5.0, somebody(1, unknown)))
        assert stage.program.silent()


def test_it_runs_beside_no_broker_at_all_and_says_so_when_it_ends() -> None:
    program = Program()
    osc = OscConfig(enabled=True, host="127.0.0.1", port=program.port)
    config = Config(device=DeviceConfig("hall"), osc=osc)
    outlets = Outlets(config, "simulated", None, lambda: None, 343.0, lambda: 7.0)
    outlets.tick(None)
    outlets.pose(frame(0, 0.0, somebody(1, walk(0))), {})
    assert "Hips" in places(program.hear())
    outlets.close()
    outlets.close()
    assert ("/VMC/Ext/OK", [1, 3, 0, 0]) in program.hear()
    program.close()


def test_it_is_off_by_default_and_a_wrong_host_is_refused() -> None:
    config = Config(device=DeviceConfig("hall"))
    assert not config.osc.enabled
    for host in ("osc://pc", "", "a b"):
        wrong = replace(config, osc=OscConfig(enabled=True, host=host))
        with pytest.raises(ConfigError, match=r"osc\.host"):
            check_config(wrong)


def test_a_name_is_looked_up_beside_the_sensor_and_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers: queue.Queue[str] = queue.Queue()
    asked = socket.getaddrinfo

    def look_up(host: str, *args: Any, flags: int = 0, **more: Any) -> Any:
        if flags:
            raise socket.gaierror("not a number")
        return asked(answers.get(timeout=LIMIT_S), *args, flags=0, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    program = Program()
    target = Target("studio.local", program.port)  # returns though nobody has answered yet
    assert not target.send(b"/a\0\0,\0\0\0")
    assert target.dropped == 1
    answers.put("127.0.0.1")
    assert until(lambda: target.send(b"/a\0\0,\0\0\0"))
    assert program.hear()[0] == ("/a", [])
    target.close()
    assert not target.send(b"/a\0\0,\0\0\0")
    program.close()


def test_a_network_that_is_away_drops_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    target = Target("127.0.0.1", 9)

    class Unreachable:
        def sendto(self, *_: object) -> None:
            raise OSError(101, "Network is unreachable")

        def close(self) -> None: ...

    target._socket = Unreachable()  # type: ignore[assignment]
    assert [target.send(b"") for _ in range(3)] == [False] * 3
    assert (target.sent, target.dropped) == (0, 3)
    told = [r.message for r in caplog.records]
    assert told == [
        "osc: cannot send to 127.0.0.1:9 (Network is unreachable); poses go on without it"
    ]
    target.close()
