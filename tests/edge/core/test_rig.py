"""Geometry against numbers worked out by hand."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.core.errors import ConfigError
from edge.core.rig import Camera, Rig, load_rig, rig_from_dict, rig_to_dict, speed_of_sound


def camera(**kw: float) -> Camera:
    return Camera(640, 480, 500.0, 510.0, 320.0, 240.0, **kw)  # type: ignore[arg-type]


def test_projection_and_rays_are_inverse_also_with_distortion() -> None:
    cam = Camera(640, 480, 500.0, 510.0, 320.0, 240.0, distortion=(-0.05, 0.14, 6e-4, 7e-4, 0.0))
    points = np.random.default_rng(0).uniform([-1, -1, 2], [1, 1, 5], (50, 3))
    rays = cam.rays(cam.project(points))
    np.testing.assert_allclose(rays[:, :2], points[:, :2] / points[:, 2:], atol=2e-5)


def test_down_in_the_image_is_where_a_camera_that_is_turned_has_it() -> None:
    for roll_deg, down in ((0.0, (0, 1, 0)), (180.0, (0, -1, 0)), (90.0, (1, 0, 0))):
        cam = camera(height_m=1.5, tilt_deg=20.0, roll_deg=roll_deg)
        np.testing.assert_allclose(cam.image_down, down, atol=1e-9)
        pixels = cam.project(cam.from_room([[0.0, 3.0, 1.0], [0.0, 3.0, 0.9]]))
        fell = pixels[1] - pixels[0]
        np.testing.assert_allclose(fell / np.linalg.norm(fell), down[:2], atol=0.01)


def test_a_tilted_camera_sees_the_floor_where_trigonometry_says() -> None:
    cam = camera(height_m=1.5, tilt_deg=30.0)
    on_axis = np.array(
        [0.0, 0.0, 3.0]
    )  # 1.5 m high, looking 30 degrees down: the axis meets the floor after 3 m
    np.testing.assert_allclose(
        cam.to_room(on_axis), [0.0, 3.0 * np.cos(np.radians(30)), 0.0], atol=1e-12
    )
    above = cam.to_room(np.array([0.0, -1.0, 3.0]))
    assert above[2] == pytest.approx(np.cos(np.radians(30)))
    np.testing.assert_allclose(cam.from_room(cam.to_room(on_axis)), on_axis, atol=1e-12)


def test_roll_turns_clockwise_and_is_undone() -> None:
    cam = camera(height_m=1.0, roll_deg=90.0)
    # The camera turned clockwise by a quarter: its x axis points to the floor.
    np.testing.assert_allclose(cam.to_room([1.0, 0.0, 0.0]), [0.0, 0.0, 0.0], atol=1e-12)


def test_upright_things_lean_anticlockwise_in_a_camera_turned_clockwise() -> None:
    cam = camera(height_m=1.0, roll_deg=20.0)
    foot, head = cam.project(cam.from_room([[0.0, 3.0, 0.5], [0.0, 3.0, 1.5]]))
    right, down = head - foot
    assert right < 0.0, "the head moves to the left"
    assert np.degrees(np.arctan2(-right / cam.fx, -down / cam.fy)) == pytest.approx(20.0, abs=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {name: bad}
        for name in ("width", "height", "fx", "fy")
        for bad in (0, -1, float("nan"), float("inf"))
    ]
    + [{name: float("nan")} for name in ("cx", "cy", "tilt_deg", "roll_deg", "height_m")]
    + [{"distortion": (0.0, float("inf"), 0.0, 0.0, 0.0)}],
)
def test_an_impossible_camera_is_refused(change: dict[str, Any]) -> None:
    (name,) = change
    with pytest.raises(ConfigError, match=rf"^rig\.camera\.{name}: found .*, but .* needed$"):
        replace(camera(), **change)


def test_tilt_and_roll_are_kept_without_a_height() -> None:
    rig = Rig(
        np.zeros((1, 3)), np.eye(3), np.array([[0, 0]]), camera(tilt_deg=7.0, roll_deg=-2.0), 343.0
    )
    again, _, _ = rig_from_dict(
        json.loads(json.dumps(rig_to_dict(rig, 16000.0, (2000.0, 7500.0)))), "rig.json"
    )
    assert again.camera == rig.camera
    level = rig_to_dict(replace(rig, camera=camera()), 16000.0, (2000.0, 7500.0))["camera"]
    assert not {"tilt_deg", "roll_deg", "height_m"} & set(level)


def test_room_frame_needs_the_height() -> None:
    with pytest.raises(ConfigError, match="height_m"):
        camera().to_room(np.zeros(3))


def test_arrival_is_the_bent_path_over_the_speed_of_sound() -> None:
    rig = Rig(
        np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]),
        np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0]]),
        np.array([[0, 0], [1, 1]]),
        camera(),
        340.0,
    )
    points = np.array([[0.0, 0.0, 2.0], [1.0, 0.0, 1.5]])
    arrival = rig.arrival_s(points)
    assert arrival.shape == (2, 2)
    np.testing.assert_allclose(arrival[0], np.array([4.0, 2 * np.sqrt(1 + 2.25)]) / 340.0)
    np.testing.assert_allclose(arrival[1], np.array([np.sqrt(5) + np.sqrt(13), 1.5 + 2.5]) / 340.0)
    np.testing.assert_array_equal(rig.arrival_s(points[1]), arrival[:, 1])
    np.testing.assert_allclose(rig.direct_arrival_s, [0.0, 2.0 / 340.0])


def test_speed_of_sound() -> None:
    assert speed_of_sound(20.0) == pytest.approx(343.42, abs=0.01)


def test_rig_json_round_trip_and_damage(tmp_path: Path) -> None:
    rig = Rig(
        np.zeros((1, 3)),
        np.eye(3),
        np.array([[0, 0], [0, 1], [0, 2]]),
        camera(height_m=1.1, tilt_deg=4.0),
        343.0,
    )
    data = rig_to_dict(rig, 16000.0, (2000.0, 7500.0))
    path = tmp_path / "rig.json"
    path.write_text(json.dumps(data))
    again, rate, band = load_rig(path)
    assert (rate, band) == (16000.0, (2000.0, 7500.0))
    np.testing.assert_array_equal(again.mics, rig.mics)
    assert again.camera == rig.camera
    for key in ("camera", "pairs", "band_hz"):
        with pytest.raises(ConfigError, match=key):
            rig_from_dict({k: v for k, v in data.items() if k != key}, "rig.json")
    with pytest.raises(ConfigError, match="not there"):
        rig_from_dict(data | {"pairs": [[0, 7]]}, "rig.json")
    for pair in ([0, 10**30], [0, 0.5], [0, float("inf")], [0, True], [0, "1"]):
        with pytest.raises(
            ConfigError,
            match=r"^rig\.json: rig\.pairs\[0\]\[1\]: found .*(is needed|: 0 to 2147483647)$",
        ):
            rig_from_dict(data | {"pairs": [pair]}, "rig.json")
    with pytest.raises(ConfigError, match=r"^rig\.json: rig\.camera\.width: found inf"):
        rig_from_dict(data | {"camera": data["camera"] | {"width": float("inf")}}, "rig.json")
    with pytest.raises(ConfigError, match=r"^rig\.json: rig\.mics_m\[0\]\[2\]: found 10+"):
        rig_from_dict(data | {"mics_m": [[0, 0, 10**400]]}, "rig.json")
    path.write_text("[1, 2]")
    with pytest.raises(ConfigError, match="found a list of 2, but a table of keys is needed"):
        load_rig(path)
