"""Section [sensing]: when the loudspeaker may sound."""

import re
from dataclasses import dataclass
from datetime import time
from typing import Annotated, Literal, Self

from msgspec import Meta

from edge.core.typed import Strict


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local times from `start` up to, not including, `end`; over midnight when `end` is first."""

    start: time
    end: time

    @classmethod
    def parse(cls, start: str, end: str) -> Self:
        """Two texts such as "22:00". Raises ValueError: what was found, what is needed."""
        found = []
        for text in (start, end):
            match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", text)
            if match is None:
                raise ValueError(f'found {text!r}, but a time of day such as "22:00" is needed')
            found.append(time(int(match[1]), int(match[2])))
        if found[0] == found[1]:
            raise ValueError(
                f"found {start!r} twice, but quiet hours need two different times; mute for "
                "silence all day"
            )
        return cls(found[0], found[1])

    def covers(self, now: time) -> bool:
        """Whether it is quiet at this local time."""
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


class SensingConfig(Strict, frozen=True):
    """When the loudspeaker sounds; commands may change it later.

    ping: "when_seen" sounds only while the camera sees somebody, and every keep_alive_s for a
    moment, to follow the empty room. quiet_from, quiet_to: local times such as "22:00" between
    which it is silent and poses go on without sound.
    """

    ping: Literal["when_seen", "always"] = "when_seen"
    keep_alive_s: Annotated[float, Meta(ge=10.0, le=3600.0)] = 60.0
    quiet_from: str = ""
    quiet_to: str = ""

    @property
    def quiet_hours(self) -> QuietHours | None:
        """The two times together, None without. Raises ValueError with a sentence."""
        if not self.quiet_from and not self.quiet_to:
            return None
        return QuietHours.parse(self.quiet_from, self.quiet_to)
