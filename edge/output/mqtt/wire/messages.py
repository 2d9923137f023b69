"""One message that came in, and one that was handed over."""

from dataclasses import dataclass

import paho.mqtt.client as paho


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message that came in. retained: the broker had kept it; it was not published just now."""

    topic: str
    payload: bytes
    retained: bool


class Posted:
    """A QoS 1 message that was handed over without waiting for its acknowledgement."""

    def __init__(self, info: paho.MQTTMessageInfo, denied: dict[int, str]) -> None:
        self._info, self._denied = info, denied

    @property
    def answered(self) -> bool:
        """The broker has acknowledged or denied it."""
        return answered(self._info)

    @property
    def denial(self) -> str | None:
        """Why the broker denied it, once answered, else None. Reading it forgets it."""
        return self._denied.pop(self._info.mid, None)


def answered(info: paho.MQTTMessageInfo) -> bool:
    """Whether paho's message was handed over and acknowledged, or denied."""
    return info.rc == paho.MQTT_ERR_SUCCESS and info.is_published()
