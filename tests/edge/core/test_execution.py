"""How the networks run: the configuration, then bench's choice, then the defaults."""

import json
import logging
from dataclasses import replace as replace_execution
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from edge.core.config import (
    Config,
    DeviceConfig,
    KeypointsConfig,
    LifterConfig,
    RuntimeConfig,
    load_config,
)
from edge.core.config.estimation import LifterKind
from edge.core.errors import ConfigError, ModelError
from edge.core.inference import execution as subject
from edge.core.inference import tflite
from edge.core.inference.execution import (
    BoardChoice,
    LifterChoice,
    board_name,
    choice_file,
    execution,
    save_choice,
)
from edge.core.inference.tflite import load_runtime
from edge.lifting.lifter import MODELS, make_lifter

RUNTIME = load_runtime()[0]
BEST = BoardChoice(
    board=board_name(),
    runtime=RUNTIME,
    keypoints_threads=3,
    ray=LifterChoice("float", 2),
    volume=LifterChoice("int8", 4),
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        device=DeviceConfig("hall"), runtime=RuntimeConfig(state_dir=str(tmp_path / "state"))
    )


def test_without_a_choice_the_defaults_hold_and_nothing_is_written(config: Config) -> None:
    found = execution(config)
    assert (found.runtime, found.keypoints_threads, found.lifter_threads) == (RUNTIME, 2, 1)
    assert found.variant == ("float" if RUNTIME == "tflite-runtime" else "int8")
    assert "defaults" in found.as_sentence()
    assert not choice_file(config).parent.exists()


def test_a_saved_choice_is_used_for_what_is_auto(config: Config) -> None:
    save_choice(choice_file(config), BEST)
    ray = execution(config)
    assert (ray.keypoints_threads, ray.lifter_threads, ray.variant) == (3, 2, "float")
    assert str(choice_file(config)) in ray.as_sentence()
    volume = execution(replace(config, lifter=LifterConfig(kind="volume")))
    assert (volume.lifter_threads, volume.variant) == (4, "int8")
    assert execution(replace(config, lifter=LifterConfig(kind="geometric"))).keypoints_threads == 3


def test_the_configuration_comes_before_the_choice(config: Config) -> None:
    save_choice(choice_file(config), BEST)
    own = replace(
        config, keypoints=KeypointsConfig(threads=1), lifter=LifterConfig(variant="int8", threads=5)
    )
    found = execution(own)
    assert (found.keypoints_threads, found.lifter_threads, found.variant) == (1, 5, "int8")
    full = replace(own, runtime=replace(own.runtime, tflite=RUNTIME))
    assert execution(full).origin == "as configured"


def test_the_chosen_variant_is_the_file_that_runs(config: Config) -> None:
    for variant, name in (("int8", "lifter_ray_int8.tflite"), ("float", "lifter_ray.tflite")):
        save_choice(choice_file(config), replace(BEST, ray=LifterChoice(variant, 1)))
        lifter = make_lifter(config.lifter, execution(config))
        assert lifter._fusion.path == MODELS / name


@pytest.mark.parametrize("kind", ["ray", "volume", "geometric"])
def test_every_lifter_runs_in_the_runtime_that_is_set(
    kind: LifterKind, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def load(name: str = "") -> tuple[str, object]:
        asked.append(name)
        return load_runtime()

    monkeypatch.setattr(tflite, "load_runtime", load)
    make_lifter(LifterConfig(kind=kind), replace_execution(execution(config), runtime="another"))
    assert set(asked) == {"another"}


def valid() -> dict[str, object]:
    return msgspec.to_builtins(BEST)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "not JSON"),
        ("{" * 100_000, "."),
        ("[1]", "a table of keys is needed"),
        ("\xff", "."),
        (json.dumps(valid() | {"format": "other"}), "choice.format"),
        (json.dumps(valid() | {"version": 2}), "choice.version"),
        (json.dumps(valid() | {"board": "another, 64 cores"}), "made on another"),
        (json.dumps(valid() | {"runtime": "none"}), "choice.runtime"),
        (json.dumps(valid() | {"keypoints_threads": 900}), "choice.keypoints_threads"),
        (json.dumps(valid() | {"ray": {"variant": "int4", "threads": 1}}), "choice.ray.variant"),
        (json.dumps({k: v for k, v in valid().items() if k != "volume"}), "choice.volume: missing"),
    ],
)
def test_a_choice_that_cannot_serve_is_a_warning_and_the_defaults(
    config: Config, caplog: pytest.LogCaptureFixture, content: str, why: str
) -> None:
    path = choice_file(config)
    path.parent.mkdir()
    path.write_bytes(content.encode("latin-1"))
    with caplog.at_level(logging.WARNING):
        found = execution(config)
    assert (found.keypoints_threads, found.lifter_threads) == (2, 1)
    assert "cannot be used" in found.as_sentence()
    (record,) = caplog.records
    assert why in record.getMessage()
    assert "bench --save" in record.getMessage()


def test_a_runtime_that_is_gone_is_a_warning(
    config: Config, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_choice(choice_file(config), BEST)

    def gone(name: str = "") -> tuple[str, object]:
        if name:
            raise ModelError("not installed here")
        return "another-runtime", object

    monkeypatch.setattr(subject, "load_runtime", gone)
    assert execution(config).runtime == "another-runtime"
    assert "not installed here" in caplog.text


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"state_dir"):
        save_choice(tmp_path / "file" / "board.json", BEST)


def test_the_file_says_auto_or_a_number(tmp_path: Path) -> None:
    def read(table: str) -> Config:
        path = tmp_path / "config.toml"
        path.write_text(f'[device]\nid = "a"\n[source]\nkind = "replay"\npath = "x"\n{table}\n')
        return load_config(path)

    assert read("[keypoints]\nthreads = 'auto'").keypoints.threads == "auto"
    assert (
        read("[keypoints]\nthreads = 4\n[lifter]\nthreads = 2\nvariant = 'float'").lifter.threads
        == 2
    )
    with pytest.raises(
        ConfigError, match=r'keypoints.threads: found 99, allowed: 1 to 16, or "auto"'
    ):
        read("[keypoints]\nthreads = 99")
    with pytest.raises(ConfigError, match=r'a whole number is needed, or "auto"'):
        read("[lifter]\nthreads = 'many'")
    with pytest.raises(ConfigError, match=r"lifter\.variant"):
        read("[lifter]\nvariant = 'int4'")


def test_the_board_tells_its_name(tmp_path: Path) -> None:
    assert board_name(tmp_path).startswith("unknown processor, ")
    (tmp_path / "cpuinfo").write_text("processor: 0\nmodel name\t: Some Processor\n")
    assert board_name(tmp_path).startswith("Some Processor, ")
    (tmp_path / "device-tree").mkdir()
    (tmp_path / "device-tree" / "model").write_text("Raspberry Pi 5 Model B Rev 1.0\0")
    assert board_name(tmp_path).startswith("Raspberry Pi 5 Model B Rev 1.0, ")
