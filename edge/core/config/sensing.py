"""The configuration's sections [sensing] and [telemetry]."""

from dataclasses import dataclass

from edge.core.config.quiet_hours import QuietHours
from edge.core.errors import ConfigError
from edge.core.toml_fields import choice, limited


@dataclass(frozen=True)
class SensingConfig:
    """When the loudspeaker sounds; commands may change it later.

    ping: "when_seen" sounds only while the camera sees somebody, and every keep_alive_s for a
    moment, to follow the empty room. quiet_from, quiet_to: local times such as "22:00" between
    which it is silent and poses go on without sound.
    """

    ping: str = choice("when_seen", ("when_seen", "always"))
    keep_alive_s: float = limited(60.0, 10.0, 3600.0)
    quiet_from: str = ""
    quiet_to: str = ""

    @property
    def quiet_hours(self) -> QuietHours | None:
        """The two times together, None without. Raises ValueError with a sentence."""
        return (
            QuietHours.parse(self.quiet_from, self.quiet_to)
            if self.quiet_from or self.quiet_to
            else None
        )


@dataclass(frozen=True)
class TelemetryConfig:
    """The sensor's health. interval_s: between two messages."""

    interval_s: float = limited(30.0, 1.0, 3600.0)


def check_sensing(config: SensingConfig) -> None:
    """Raises ConfigError where the quiet hours make no sense."""
    try:
        _ = config.quiet_hours
    except ValueError as e:
        raise ConfigError(f"sensing.quiet_from, sensing.quiet_to: {e}") from e
