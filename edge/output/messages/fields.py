"""What the published messages have in common.

Each message is a struct: its keys in their order, with meaning, unit and range. The sensor fills it
in; `schemas` makes its JSON Schema.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from edge.core.contracts import SourceKind

Message = dict[str, Any]

DeviceId = Annotated[
    str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$", description="The device's id, a topic level.")
]
UtcTime = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
        extra_json_schema={"format": "date-time"},
    ),
]
DataSource = Annotated[
    SourceKind,
    Meta(
        description="Where sound and images come from. Anything but device is not what happens "
        "now in front of the sensor."
    ),
]
ClockNs = Annotated[int, Meta(description="The same instant on the device's monotonic clock [ns].")]
Version = Annotated[str, Meta(description="Of posekernel on the device.")]
Positive = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0.0)]
Share = Annotated[float, Meta(ge=0.0, le=1.0)]

TIME_PATTERN = "([01][0-9]|2[0-3]):[0-5][0-9]"
TimeOfDay = Annotated[
    str,
    Meta(
        description="Local time of day of the device.",
        extra_json_schema={"pattern": f"^{TIME_PATTERN}$"},
    ),
]


def note(text: str) -> Meta:
    """What a key means, for the schema."""
    return Meta(description=text)


FloorPlace = Annotated[list[float], Meta(min_length=2, max_length=2)]
BodyHeight = Annotated[
    Amount | None,
    note(
        "Standing height that sound measured, median of the newest poses [m]; null "
        "while sound has measured none."
    ),
]


class Published(msgspec.Struct, frozen=True, tag_field="schema"):
    """A message; `schema`, its first key, tells which and of what version."""

    def as_message(self) -> Message:
        """A JSON-ready dict, its keys in the struct's order."""
        message: Message = msgspec.to_builtins(self)
        return message


def timestamp(utc_ns: int) -> str:
    """Nanoseconds since 1970 UTC -> ISO 8601 with milliseconds (rounded down) and Z."""
    seconds, ns = divmod(int(utc_ns), 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ns // 1_000_000:03d}Z"
