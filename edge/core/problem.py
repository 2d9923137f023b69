"""Something that is wrong with the sensor now, in words for log, telemetry and doctor."""

from dataclasses import dataclass
from typing import Literal

ProblemDevice = Literal["sound", "camera"]


@dataclass(frozen=True, slots=True)
class Problem:
    """device: that has it. part: of it, as "microphone 2 (channel 3)". kind: one word, the same for
    the same problem. found, cause, remedy: a clause each; cause: the likely one.
    """

    device: ProblemDevice
    part: str
    kind: str
    found: str
    cause: str
    remedy: str

    @property
    def what(self) -> str:
        """What is wrong with what."""
        return f"{self.part} {self.found}"

    def __str__(self) -> str:
        return f"{self.what}; likely cause: {self.cause}; {self.remedy}"
