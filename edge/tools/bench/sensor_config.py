"""The sensor that is measured in a process of its own: the shipped session with the networks of a
configuration.
"""

from pathlib import Path
from typing import Any

import msgspec

from edge.core.config import Config, DeviceConfig, SourceConfig, load_config
from edge.core.inference.execution import execution
from edge.core.typed import as_toml
from edge.sources.session.reader import DEMO_SESSION

DEVICE = "bench"
Tables = dict[str, Any]


def bench_config(path: Path | None) -> Config:
    """The configuration in a file, else the defaults. Raises ConfigError."""
    if path is not None:
        return load_config(path)
    return Config(
        device=DeviceConfig(DEVICE),
        source=SourceConfig("replay", str(DEMO_SESSION), realtime=False),
    )


def network_tables(config: Config) -> Tables:
    """Tables that make another process run this configuration's networks as they run here."""
    how = execution(config)
    return {
        "keypoints": msgspec.to_builtins(config.keypoints) | {"threads": how.keypoints_threads},
        "lifter": {
            "kind": config.lifter.kind,
            "threads": how.lifter_threads,
            "variant": how.variant,
        },
        "runtime": {"tflite": how.runtime or "auto"},
    }


def write_config(folder: Path, source: Tables, mqtt: Tables, networks: Tables) -> Path:
    """A configuration file in `folder`, which becomes the sensor's state folder, too."""
    runtime = networks["runtime"] | {"state_dir": str(folder)}
    table = {
        "device": {"id": DEVICE},
        "source": {"kind": "replay"} | source,
        "mqtt": mqtt,
        **networks,
        "runtime": runtime,
    }
    path = folder / "config.toml"
    path.write_text(as_toml(table, []), encoding="utf-8")
    return path
