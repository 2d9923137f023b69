"""Messages that are sent at once or dropped, and counted."""

import time

from edge.core.config import MqttConfig
from edge.output.mqtt.connection import MAX_IN_FLIGHT
from tests.support.broker.mosquitto import Mosquitto, free_port, needs_mosquitto
from tests.support.broker.relay import Relay
from tests.support.broker.subscriber import POSE, WAITED_S, Subscriber, config_for, publishing
from tests.support.waiting import LIMIT_S, until

pytestmark = needs_mosquitto


def test_offline_messages_are_dropped_not_queued() -> None:
    config = MqttConfig(host="127.0.0.1", port=free_port())
    with publishing(config) as publisher:
        began = time.monotonic()
        for _ in range(2000):
            assert not publisher.publish_pose(POSE)
        assert time.monotonic() - began < WAITED_S
        assert not publisher.wait_connected(0.2)
        assert publisher.counters.dropped == 2000
        assert until(lambda: publisher.last_error)
        assert publisher.last_error is not None
        assert "nothing listens there" in publisher.last_error


def test_a_broker_that_stops_reading_costs_bounded_memory_and_no_time(broker: Mosquitto) -> None:
    big = POSE | {"padding": "x" * 100_000}
    with publishing(config_for(broker)) as publisher:
        assert publisher.wait_connected(LIMIT_S)
        broker.freeze()
        slowest = 0.0
        for _ in range(300):
            began = time.monotonic()
            publisher.publish_pose(big)
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.001)
        assert publisher.counters.dropped > 0
        assert 0 < publisher._stream.unsent <= MAX_IN_FLIGHT
        assert slowest < WAITED_S
        began = time.monotonic()
        publisher.close()
        assert time.monotonic() - began < WAITED_S
        broker.thaw()


def test_unsent_messages_of_a_broken_connection_are_counted(broker: Mosquitto) -> None:
    big = POSE | {"padding": "x" * 100_000}
    with publishing(config_for(broker)) as publisher:
        assert publisher.wait_connected(LIMIT_S)
        broker.freeze()
        while publisher.publish_pose(big):
            time.sleep(0.001)
        unsent = publisher._stream.unsent
        broker.kill()
        assert until(lambda: not publisher.connected)
        assert unsent > 0
        assert until(lambda: publisher.counters.lost >= unsent - 1)


def test_a_broker_that_reads_slowly_makes_poses_few_and_not_old(broker: Mosquitto) -> None:
    """The kernel's buffer alone would hold minutes of them."""
    with (
        Relay(broker.port) as relay,
        Subscriber(broker) as seen,
        publishing(config_for(broker, port=relay.port)) as publisher,
    ):
        assert publisher.wait_connected(LIMIT_S)
        relay.bytes_per_s = 10_000.0
        deadline, sent = time.monotonic() + LIMIT_S, 0
        while publisher.counters.dropped < 20 and time.monotonic() < deadline:
            publisher.publish_pose(POSE | {"sequence": sent, "padding": "x" * 3_000})
            sent += 1
            time.sleep(0.02)
        assert publisher.counters.dropped >= 20
        relay.bytes_per_s = None
        assert until(
            lambda: publisher._stream._connection is not None and publisher._stream.unsent == 0
        )
        assert publisher.publish_pose(POSE | {"sequence": sent})
        arrived: list[int] = []
        while sent not in arrived:
            arrived.append(seen.next("posekernel/hall/pose")[0]["sequence"])
        assert arrived == sorted(arrived)
        assert len(arrived) <= sent - 20 + 1
