"""How tall somebody is, as far as it is known: what one pose tells the next."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BodySize:
    """log_height: natural logarithm of the standing height in metres (`standing_height`). sigma:
    its 1-sigma, so 0.03 means 3 %.
    """

    log_height: float
    sigma: float
