"""What more periods would add, through the whole simulated chain."""

import numpy as np
import pytest

from edge.lifting.registry import MODELS
from export.studies.frames_of_time import (
    BARE,
    COUNTS,
    NEWEST,
    OWN,
    PERIODS,
    TRACKED,
    errors_over_time,
    frames_table,
)

pytestmark = pytest.mark.export


def test_every_use_of_the_periods_is_measured_on_the_same_people():
    errors = errors_over_time(MODELS / "lifter_ray_int8.tflite", "plain", 1, 7)
    assert set(errors) == {
        *((OWN, n) for n in COUNTS),
        *((NEWEST, n) for n in COUNTS if n > 1),
        (BARE, 1),
        (TRACKED, PERIODS),
    }
    assert len({rows.shape for rows in errors.values()}) == 1
    medians = {how: float(np.median(rows)) for how, rows in errors.items()}
    assert max(medians.values()) < 0.3
    # Pictures that really were averaged tell something else.
    assert len(set(medians.values())) == len(medians)
    assert frames_table(errors).count("\n") == len(errors) + 1
