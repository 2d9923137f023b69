"""The end of paho's network thread."""

from contextlib import suppress

import paho.mqtt.client as paho


def stop_network_thread(client: paho.Client) -> None:
    """Wait until the thread of `client.loop_start()` has ended; nothing to do where there is none.

    paho 2.1 forgets its thread when that ends by itself, as after a disconnect. Where this happens
    between the two looks of `loop_stop`, it raises AttributeError: there is nothing to wait for.
    """
    with suppress(AttributeError):
        client.loop_stop()
