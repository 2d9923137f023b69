"""The trial of a fall: through detection and broker, and never a fall for anybody who waits."""

from pathlib import Path

import pytest

from edge.core.errors import BrokerError
from edge.tools.setup.trial import TEST_SCHEMA, try_fall
from tests.support.broker.mosquitto import Mosquitto, free_port, needs_mosquitto
from tests.support.broker.subscriber import Subscriber, config_for

pytestmark = needs_mosquitto


def test_a_test_says_that_it_is_one_and_no_event_is_published(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, Subscriber(broker) as everything:
        after_s, took_s = try_fall(config_for(broker), "hall")
        message, retained = everything.next("posekernel/hall/test")
        assert not everything.drain()
    assert 0.1 < after_s < 1.0
    assert 0.0 < took_s < 3.0
    assert not retained
    assert message["schema"] == TEST_SCHEMA
    assert message["test"] is True
    assert message["text"] == "TEST by posekernel setup: nobody fell"
    assert "kind" not in message
    assert message["would_be"]["kind"] == "fall"
    assert message["would_be"]["source"] == "simulated"


def test_a_broker_that_is_away_is_named(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        config = config_for(broker, port=free_port())
    with pytest.raises(BrokerError, match="nothing listens there"):
        try_fall(config, "hall")


def test_a_topic_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    acl = "topic write posekernel/hall/test\n"
    with (
        Mosquitto(tmp_path, acl=acl) as broker,
        pytest.raises(BrokerError, match="posekernel/hall/test"),
    ):
        try_fall(config_for(broker), "hall")
