"""Named configurations of training, and single numbers of them."""

import json

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'posekernel[train]'")

from edge.core.errors import ConfigError
from export.commands.networks.train import CONFIG_NAMES
from export.train.train_config import CONFIGS, TrainConfig, config_from, named_config, with_settings

pytestmark = [pytest.mark.export, pytest.mark.train]


def test_numbers_of_a_configuration_can_be_set() -> None:
    config = with_settings(
        named_config("debug"), ["ray.spec.compact_m=0", "steps=7", "augmentation.silent=1"]
    )
    assert (config.ray.spec.compact_m, config.steps, config.augmentation.silent) == (0.0, 7, 1.0)
    assert with_settings(
        config, ["steps=150", "ray.spec.compact_m=0.4", "augmentation.silent=0.2"]
    ) == named_config("debug")
    for wrong, found in {
        "ray.spce.bins=3": "ray.spce.bins",
        "form=ray": "form",
        "steps=1.5": "1.5",
        "steps": "''",
    }.items():
        with pytest.raises(ConfigError, match=found):
            with_settings(config, [wrong])


def test_the_named_configurations_survive_json() -> None:
    for config in CONFIGS.values():
        assert config_from(json.loads(json.dumps(config.as_dict()))) == config
    assert isinstance(CONFIGS["small"], TrainConfig)


def test_the_command_line_knows_every_configuration() -> None:
    assert set(CONFIG_NAMES) == set(CONFIGS)
