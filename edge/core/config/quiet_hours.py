"""A time of day in which the loudspeaker is silent."""

import re
from dataclasses import dataclass
from datetime import time
from typing import Self


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` up to, not including, `end`, local time; over midnight when `end` comes first."""

    start: time
    end: time

    @classmethod
    def parse(cls, start: object, end: object) -> Self:
        """Two texts such as "22:00". Raises ValueError with a sentence: what was found, what is
        needed.
        """
        found = []
        for text in (start, end):
            match = (
                re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", text) if isinstance(text, str) else None
            )
            if match is None:
                raise ValueError(f'found {text!r}, but a time of day such as "22:00" is needed')
            found.append(time(int(match[1]), int(match[2])))
        if found[0] == found[1]:
            raise ValueError(
                f"found {start!r} twice, but quiet hours need two different times; mute for silence all day"
            )
        return cls(found[0], found[1])

    def covers(self, now: time) -> bool:
        """Whether it is quiet at this local time."""
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end

    def as_dict(self) -> dict[str, str]:
        """As messages and files hold it."""
        return {"from": f"{self.start:%H:%M}", "to": f"{self.end:%H:%M}"}
