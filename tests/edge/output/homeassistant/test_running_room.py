"""Who is there and who fell, in a running Home Assistant with a real broker."""

import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from itertools import permutations
from math import inf
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker.mosquitto import Mosquitto, free_port, needs_mosquitto
from tests.support.broker.subscriber import Subscriber
from tests.support.homeassistant.core import HomeAssistant, needs_home_assistant
from tests.support.homeassistant.stage import NAME, Stage
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, needs_home_assistant, needs_mosquitto]

DEVICE = f"Pose sensor {NAME}"
FALLEN, OCCUPANCY, PEOPLE, POSTURE, FALL, MOVEMENT = (
    f"{kind}.pose_sensor_{NAME}_{name}"
    for kind, name in (
        ("binary_sensor", "fallen"),
        ("binary_sensor", "occupancy"),
        ("sensor", "people"),
        ("sensor", "posture"),
        ("event", "fall"),
        ("event", "coming_and_going"),
    )
)
ROWS_A_MINUTE, MEASURED_S = 60, 60.0
NOT_THERE = ("unknown", "unavailable")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker"), persistent=True) as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto) -> Iterator[HomeAssistant]:
    with HomeAssistant(tmp_path_factory.mktemp("home")) as running:
        running.add_broker(broker)
        running.add_blueprints()
        choices = {"fallen": FALLEN, "pause": 0}
        blueprint = {"path": "posekernel/fall_alert.yaml", "input": choices}
        running.add_automation("alert", use_blueprint=blueprint)
        yield running


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path) as acting:
        yield acting


def fall(home: HomeAssistant, stage: Stage, port: int) -> None:
    """Somebody comes and falls."""
    stage.start(port, "stand")
    home.wait(POSTURE, "standing")
    home.wait(FALLEN, "off")
    stage.act("fall")


def stand_up(home: HomeAssistant, stage: Stage) -> None:
    stage.act("stand")
    home.wait(FALLEN, "off")


def history(home: HomeAssistant, entity: str, since_s: float) -> list[str]:
    """Every state that the recorder has of it since then, one after another."""
    query = (
        "SELECT state FROM states JOIN states_meta USING (metadata_id) "
        "WHERE states_meta.entity_id = ? AND last_updated_ts >= ? ORDER BY last_updated_ts"
    )
    path = home.folder / "home-assistant_v2.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30.0)) as database:
        return [state for (state,) in database.execute(query, (entity, since_s))]


def notifications(home: HomeAssistant) -> dict[str, str]:
    """What Home Assistant shows its users: message by id."""
    found = home.ask("persistent_notification/get")
    return {n["notification_id"]: n["message"] for n in found}


def test_the_alert_of_the_blueprint_works_on_a_fresh_installation(
    home: HomeAssistant, broker: Mosquitto, stage: Stage
) -> None:
    home.call("persistent_notification.dismiss_all")
    fall(home, stage, broker.port)
    since = home.wait(FALLEN, "on")["attributes"]["since"]
    assert until(lambda: notifications(home))
    shown = notifications(home)[f"posekernel {FALLEN}"]
    assert shown == f"{DEVICE} Fallen: somebody lies on the floor since {since[11:16]}."
    told = home.wait(FALL, but=NOT_THERE)["attributes"]
    assert told["event_type"] == "fall"
    assert told["time"] == since
    assert told["evidence"]["height_drop_m"] > 0.5
    stand_up(home, stage)
    assert until(lambda: home.state(FALL)["attributes"]["event_type"] == "fall_cleared")  # type: ignore[index]


def test_a_fall_while_home_assistant_is_down_is_seen_when_it_is_back(
    home: HomeAssistant, broker: Mosquitto, stage: Stage
) -> None:
    stage.start(broker.port, "stand")
    home.wait(POSTURE, "standing")
    home.call("persistent_notification.dismiss_all")
    home.stop()
    with Subscriber(broker, f"posekernel/{NAME}/event") as events:
        stage.act("fall")
        while events.next(f"posekernel/{NAME}/event")[0]["kind"] != "fall":
            pass
    home.start()
    home.wait(FALLEN, "on")
    assert until(lambda: notifications(home)), "the blueprint's alert"
    stage.stop(signal.SIGKILL)  # and the sensor's restart, honestly: it still lies there
    home.wait(FALLEN, "unavailable")
    began_s = time.time()
    stage.start(broker.port, "lie")
    home.wait(FALLEN, "on")
    home.wait(POSTURE, "lying")
    assert "off" not in history(home, FALLEN, began_s)
    stand_up(home, stage)


def test_old_presence_is_never_shown(home: HomeAssistant, broker: Mosquitto, stage: Stage) -> None:
    stage.start(broker.port, "stand")
    home.wait(OCCUPANCY, "on")
    stage.stop()
    home.wait(OCCUPANCY, "unavailable")
    began_s = time.time()
    stage.start(broker.port, "empty")
    home.wait(OCCUPANCY, "off")
    assert until(lambda: "off" in history(home, OCCUPANCY, began_s))
    assert set(history(home, OCCUPANCY, began_s)) <= {"unknown", "off", "unavailable"}
    assert "unknown" in history(home, OCCUPANCY, began_s)


def test_a_fall_counts_once_though_the_sensor_is_killed_as_it_tells(
    home: HomeAssistant, broker: Mosquitto, stage: Stage
) -> None:
    began_s, rounds = time.time(), 3
    told: list[int] = []  # numbers of falls, as they came
    with Subscriber(broker, f"posekernel/{NAME}/event") as events:
        for _ in range(rounds):
            fall(home, stage, broker.port)
            before = len(set(told))
            while len(set(told)) == before:
                event = events.next(f"posekernel/{NAME}/event")[0]
                told += [event["sequence"]] * (event["kind"] == "fall")
            stage.stop(signal.SIGKILL)
            home.wait(FALLEN, "unavailable")
            stage.start(broker.port, "lie")
            home.wait(FALLEN, "on")
            stand_up(home, stage)
            stage.stop()
            home.wait(FALLEN, "unavailable")
        late = [json.loads(payload) for _, payload, _ in events.drain()]
        told += [event["sequence"] for event in late if event["kind"] == "fall"]
    assert len(set(told)) == rounds

    def counted() -> int:
        """Falls and their ends: the event's state is its time, shown again after a restart."""
        times = set(history(home, FALL, began_s)) - set(NOT_THERE)
        return sum(datetime.fromisoformat(t).timestamp() >= began_s for t in times)

    assert until(lambda: counted() >= 2 * rounds)
    print(f"{rounds} falls, told {len(told)} times; {counted()} falls and ends in Home Assistant")
    assert counted() == 2 * rounds


def own_time_s(event: Any) -> float:
    """When what an event entity shows happened, -inf where it shows nothing."""
    time_of_event = ((event or {}).get("attributes") or {}).get("time")
    return -inf if time_of_event is None else datetime.fromisoformat(time_of_event).timestamp()


def test_a_late_fall_carries_its_own_time(
    home: HomeAssistant, broker: Mosquitto, stage: Stage
) -> None:
    stage.start(broker.port, "stand")  # Home Assistant must know it
    home.wait(OCCUPANCY, "on")
    stage.stop()
    began_s = time.time()
    stage.start(free_port(), "stand")  # no broker there
    time.sleep(2.0)
    stage.act("fall")
    kept = stage.folder / "falls.json"
    assert until(kept.exists)
    fell_s = kept.stat().st_mtime
    time.sleep(3.0)
    stage.stop()
    stage.start(broker.port, "lie")
    # Home Assistant shows the falls of other tests first, as soon as the sensor is there again.
    assert until(lambda: own_time_s(home.state(FALL)) > began_s)
    state: Any = home.state(FALL)
    own_s = own_time_s(state)
    assert abs(own_s - fell_s) < 1.0
    assert datetime.fromisoformat(state["state"]).timestamp() - own_s > 3.0
    since = home.wait(FALLEN, "on")["attributes"]["since"]
    assert since == state["attributes"]["time"]
    stand_up(home, stage)


def test_two_people_who_walk_about_cost_the_recorder_little(
    home: HomeAssistant, broker: Mosquitto, stage: Stage
) -> None:
    stage.start(broker.port, "walk")
    home.wait(PEOPLE, "2")
    began_s = time.time()
    time.sleep(MEASURED_S)  # it is a rate
    rows = {e: n for e, n in home.rows(began_s).items() if f"_{NAME}_" in e}
    print(f"{sum(rows.values())} rows in {MEASURED_S:g} s: {rows}")
    assert rows[f"binary_sensor.pose_sensor_{NAME}_sofa_occupancy"] > 2, "they walk through zones"
    assert sum(rows.values()) <= ROWS_A_MINUTE * MEASURED_S / 60.0


def test_no_entity_takes_the_name_of_another(
    home: HomeAssistant, broker: Mosquitto, stage: Stage
) -> None:
    stage.start(broker.port, "stand")
    home.wait(OCCUPANCY, "on")
    entities = home.entities(DEVICE)
    names = [e["original_name"] for e in entities.values()]
    assert len(set(names)) == len(names)
    assert not [e for e in entities if e.endswith("_2")]
    assert home.value(f"binary_sensor.pose_sensor_{NAME}_occupancy_occupancy") == "off"
    options = home.wait(POSTURE, "standing")["attributes"]["options"]
    assert "unclear" in options
    assert "unknown" not in options


@pytest.mark.parametrize("order", list(permutations(("home", "broker", "sensor"))), ids=" ".join)
def test_after_restarts_in_any_order_every_entity_is_right(
    home: HomeAssistant, broker: Mosquitto, stage: Stage, order: tuple[str, ...]
) -> None:
    fall(home, stage, broker.port)
    home.wait(FALLEN, "on")
    entities = home.entities(DEVICE).keys()
    stop = {"home": home.stop, "broker": broker.stop, "sensor": stage.stop}
    start = {
        "home": home.start,
        "broker": broker.start,
        "sensor": lambda: stage.start(broker.port, "lie"),
    }
    for name in order:
        stop[name]()
    for name in order:
        start[name]()
    home.wait(FALLEN, "on")
    home.wait(POSTURE, "lying")
    home.wait(OCCUPANCY, "on")
    home.wait(PEOPLE, "1")
    assert home.entities(DEVICE).keys() == entities
    away = [e for e, s in home.states().items() if f"_{NAME}_" in e and s["state"] == "unavailable"]
    assert away == []
    stand_up(home, stage)
