"""The adapter to the TFLite runtimes, on the shipped models."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

import edge
from edge.core.errors import ModelError
from edge.core.inference import tflite
from edge.core.inference.tflite import Model

MODELS = Path(edge.__file__).parent / "models"
DETECTOR = MODELS / "movenet_multipose_192x256_int8.tflite"


def test_every_shipped_model_is_listed_with_its_sum_and_licence() -> None:
    lines = (MODELS / "SHA256SUMS").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert set(listed) == {
        p.name for pattern in ("*.tflite", "lifter_*.json") for p in MODELS.glob(pattern)
    }
    for name, digest in listed.items():
        assert hashlib.sha256((MODELS / name).read_bytes()).hexdigest() == digest
    assert "Apache License" in (MODELS / "licences" / "movenet_Apache-2.0.txt").read_text()


def test_shapes_and_order_of_outputs() -> None:
    model = Model(MODELS / "movenet_thunder_int8.tflite", threads=2)
    assert model.input_shapes == ((1, 256, 256, 3),)
    assert model.output_shapes == ((1, 1, 17, 3),)
    assert model.runtime in ("ai-edge-litert", "tflite-runtime")
    outputs = model.run(np.zeros((1, 256, 256, 3), np.int32))
    assert [o.shape for o in outputs] == list(model.output_shapes)


def test_names_are_ordered_by_number() -> None:
    names = [{"name": n} for n in ("Identity_10", "Identity_2", "Identity", "Identity_1")]
    assert [d["name"] for d in sorted(names, key=tflite._natural_name)] == [
        "Identity",
        "Identity_1",
        "Identity_2",
        "Identity_10",
    ]


def test_outputs_are_copies_and_the_same_each_time() -> None:
    model = Model(DETECTOR)
    x = np.random.default_rng(0).integers(0, 255, (1, 192, 256, 3), np.int32)
    first = model.run(x)[0]
    kept = first.copy()
    model.run(np.zeros_like(x))
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(model.run(x)[0], kept)


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        ((), "found 0 input"),
        ((np.zeros((1, 192, 256), np.int32),), r"\(1, 192, 256\)"),
        ((np.zeros((1, 192, 256, 3), np.float64),), "float64"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs, found) -> None:
    with pytest.raises(ModelError, match=found):
        Model(DETECTOR).run(*inputs)


def test_missing_corrupt_and_exchanged_files(tmp_path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        Model(tmp_path / "none.tflite")
    with pytest.raises(ModelError, match="cannot be read"):
        Model(tmp_path)
    for content in (b"", b"hello", DETECTOR.read_bytes()[:100_000]):
        (tmp_path / "bad.tflite").write_bytes(content)
        with pytest.raises(ModelError, match=r"bad\.tflite.*install the file again"):
            Model(tmp_path / "bad.tflite")
    shutil.copy(MODELS / "SHA256SUMS", tmp_path)
    shutil.copy(MODELS / "movenet_thunder_int8.tflite", tmp_path / DETECTOR.name)
    with pytest.raises(ModelError, match="SHA256SUMS needs") as e:
        Model(tmp_path / DETECTOR.name)
    assert len(str(e.value).splitlines()) == 1


def test_without_any_runtime_the_error_names_both(monkeypatch) -> None:
    for module in ("ai_edge_litert.interpreter", "tflite_runtime.interpreter"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(ModelError, match="pip install ai-edge-litert"):
        Model(DETECTOR)
