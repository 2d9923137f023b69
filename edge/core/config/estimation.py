"""Sections [background], [keypoints], [lifter] and [track]: from sound and image to a pose."""

from dataclasses import dataclass
from typing import Literal

from edge.core.toml_fields import choice, limited

Threads = int | Literal["auto"]


@dataclass(frozen=True)
class BackgroundConfig:
    """The empty room. snapshot: file (.npz) that keeps it over restarts, "" = learn anew at each
    start.
    """

    adapt_s: float = limited(15.0, 0.1, 600.0)
    leak_s: float = limited(300.0, 10.0, 1e6)
    track_drift: bool = True
    snapshot: str = ""


@dataclass(frozen=True)
class KeypointsConfig:
    """BlazePose. min_confidence: below it nobody is seen. threads: "auto" = see execution.py."""

    model: Literal["lite", "full"] = choice("full", ("lite", "full"))
    threads: Threads = limited("auto", 1, 16)
    min_confidence: float = limited(0.5, 0.05, 0.99)


@dataclass(frozen=True)
class LifterConfig:
    """Distance and scale. kind: "ray" and "volume" are the trained networks; "geometric" needs no
    training.

    height_prior_m, height_sigma_m: standing height of the people expected here. The networks know
    what they have learned of people, and the camera's height where it is given: to them these are
    where an echo is first looked for.

    min_sir_db: below it the echo is not trusted and the scale comes from the height prior.
    max_range_m: half path searched. variant, threads: of the networks, "auto" = see execution.py.
    """

    kind: str = choice("ray", ("ray", "volume", "geometric"))
    variant: str = choice("auto", ("auto", "int8", "float"))
    threads: Threads = limited("auto", 1, 16)
    height_prior_m: float = limited(1.70, 0.5, 2.3)
    height_sigma_m: float = limited(0.3, 0.01, 1.0)
    min_sir_db: float = limited(3.0, -10.0, 40.0)
    max_range_m: float = limited(6.0, 1.0, 20.0)


@dataclass(frozen=True)
class TrackConfig:
    """One-Euro smoothing. cutoff_hz: at rest; beta: cut-off gained per m/s; timeout_s: a new person
    after this gap.
    """

    enabled: bool = True
    cutoff_hz: float = limited(1.0, 0.05, 50.0)
    beta: float = limited(2.0, 0.0, 100.0)
    timeout_s: float = limited(1.0, 0.1, 60.0)
