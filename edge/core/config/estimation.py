"""Sections [background], [keypoints], [people], [lifter], [track]: from image to poses."""

from typing import Annotated, Literal

from msgspec import Meta

from edge.core.typed import Strict

LifterKind = Literal["ray", "volume", "geometric"]
Threads = Annotated[int, Meta(ge=1, le=16)] | Literal["auto"]


class BackgroundConfig(Strict, frozen=True):
    """The empty room's response. adapt_s: time constant of learning while nobody is seen; leak_s:
    of learning what keeps its place while somebody walks. track_drift: follow temperature and
    timing. snapshot: file (.npz) that keeps it over restarts, "" = learn anew at each start.
    """

    adapt_s: Annotated[float, Meta(ge=0.1, le=600.0)] = 15.0
    leak_s: Annotated[float, Meta(ge=0.5, le=1e6)] = 1.2
    track_drift: bool = True
    snapshot: str = ""


class KeypointsConfig(Strict, frozen=True):
    """MoveNet. threads: "auto" = as bench found."""

    threads: Threads = "auto"


class PeopleConfig(Strict, frozen=True):
    """max: of those in view at most so many are posed, the most prominent; the rest are counted."""

    max: Annotated[int, Meta(ge=1, le=6)] = 4


class LifterConfig(Strict, frozen=True):
    """Distance and scale. kind: "ray" and "volume" are the trained networks; "geometric" needs no
    training.

    height_prior_m, height_sigma_m: standing height of the people expected here, mean and 1-sigma.
    For the networks they only say where to look for the echo first.

    min_sir_db: below it the echo is not trusted and the scale comes from the height prior.
    max_range_m: half path searched. variant, threads: of the networks, "auto" = as bench found.
    """

    kind: LifterKind = "ray"
    variant: Literal["auto", "int8", "float"] = "auto"
    threads: Threads = "auto"
    height_prior_m: Annotated[float, Meta(ge=0.5, le=2.3)] = 1.70
    height_sigma_m: Annotated[float, Meta(ge=0.01, le=1.0)] = 0.3
    min_sir_db: Annotated[float, Meta(ge=-10.0, le=40.0)] = 3.0
    max_range_m: Annotated[float, Meta(ge=1.0, le=20.0)] = 6.0


class TrackConfig(Strict, frozen=True):
    """One-Euro smoothing. beta: cut-off gained per m/s. timeout_s: starts anew after this gap."""

    enabled: bool = True
    cutoff_hz: Annotated[float, Meta(ge=0.05, le=50.0)] = 1.0
    beta: Annotated[float, Meta(ge=0.0, le=100.0)] = 2.0
    timeout_s: Annotated[float, Meta(ge=0.1, le=60.0)] = 1.0
