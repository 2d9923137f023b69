"""`make model` from nothing to two evaluated forms, with fewer samples."""

import json
import sys
from pathlib import Path

import pytest

from edge.lifting.network_lifter import NetworkLifter
from tests.support import ROOT
from tests.support.bodies import compact_rig, seen, standing
from tests.support.waiting import finished

pytestmark = [pytest.mark.export, pytest.mark.train]


def test_make_model_ends_with_both_forms_evaluated(tmp_path: Path) -> None:
    folders = [f"DATA={tmp_path}/data", f"RUN={tmp_path}/run", f"TRAIN_VENV={sys.prefix}"]
    command = [
        "make",
        "--no-print-directory",
        "model",
        "CONFIG=debug",
        "SAMPLES_debug=40 40 20",
        "SEVERAL_debug=6 4 4",
        "BEYOND_debug=4",
        *folders,
    ]
    done = finished(command, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    table = [line for line in done.stdout.splitlines() if line.startswith("|")]
    names = (
        "lifter_ray_int8.tflite",
        "lifter_ray.tflite",
        "lifter_volume_int8.tflite",
        "lifter_ray.tflite:silent",
        "geometric",
    )
    for name in names:
        assert any(f"{name} | 20 " in line for line in table), done.stdout
    cards = {
        form: json.loads((tmp_path / f"run/models/lifter_{form}.json").read_text())
        for form in ("ray", "volume")
    }
    assert cards["ray"]["files"]["vision"] == cards["volume"]["files"]["vision"]
    for form, card in cards.items():
        assert card["form"] == form
        assert (
            NetworkLifter(tmp_path / f"run/models/lifter_{form}.tflite")(
                [seen(standing())], None, compact_rig()
            )[0]
            is not None
        )
