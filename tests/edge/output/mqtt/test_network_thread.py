"""paho's network thread may end by itself while it is being stopped."""

import threading

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.output.mqtt.wire.network_thread import stop_network_thread


class _EndsMeanwhile(paho.Client):
    """Its thread is there at the first look, and gone at the third."""

    looks = 0

    @property
    def _thread(self) -> threading.Thread | None:
        self.looks += 1
        return threading.Thread() if self.looks < 3 else None

    @_thread.setter
    def _thread(self, thread: threading.Thread | None) -> None:
        """paho sets it to None when it is made."""


def _client() -> _EndsMeanwhile:
    client = _EndsMeanwhile(CallbackAPIVersion.VERSION2)
    client.looks = 0
    return client


def test_a_thread_that_ends_while_it_is_stopped_is_stopped() -> None:
    with pytest.raises(AttributeError):
        _client().loop_stop()
    stop_network_thread(_client())
