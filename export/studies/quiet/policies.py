"""What the loudspeaker may do on an evening: the policies that are compared."""

from dataclasses import dataclass

from edge.core.config import SoundConfig
from edge.core.config.sound import SoundMode

SPARSE_PERIODS, SPARSE_EVERY_S = 2, 2.0


@dataclass(frozen=True)
class Policy:
    """mode: of the runtime's configuration. sparse_dba: bursts of SPARSE_PERIODS every
    SPARSE_EVERY_S while somebody is in view, so loud on average, instead of the scheduler. only_s:
    the mode holds until somebody has been in view for so long, then there is no more sound.
    music_dba: what another program plays meanwhile, at 1 m; None: nothing.
    """

    name: str
    title: str
    mode: SoundMode = "silent"
    sparse_dba: float | None = None
    only_s: float | None = None
    music_dba: float | None = None

    @property
    def sound(self) -> SoundConfig:
        """The configuration's section."""
        return SoundConfig(mode=self.mode)


POLICIES = (
    Policy("silent", "silent"),
    Policy("music55", "music at 55 dB(A), no probe", music_dba=55.0),
    Policy("music65", "music at 65 dB(A), no probe", music_dba=65.0),
    Policy("sparse", "sparse: 0.2 s every 2 s, 35 dB(A)", "discreet", sparse_dba=35.0),
    Policy("discreet", "discreet", "discreet"),
    Policy("normal", "normal", "normal"),
    Policy("loud", "loud", "loud"),
    Policy("continuous", "continuous, as before", "continuous"),
    Policy("minute", "a minute of discreet, then silent", "discreet", only_s=60.0),
)
# From no sound to much: more must never be worse.
LADDER = ("silent", "discreet", "normal", "loud")
