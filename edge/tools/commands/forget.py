"""`posekernel forget`: clear what broker and Home Assistant keep of a removed sensor."""

import argparse
from pathlib import Path


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "forget",
        help="clear a removed sensor's retained messages from the broker and Home Assistant",
    )
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument(
        "--force", action="store_true", help="also where the broker takes the sensor for online"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when cleared. Raises PosekernelError."""
    from edge.core.config import load_config
    from edge.output.mqtt.broker_visit import forget

    config = load_config(args.config)
    forget(config.mqtt, config.device.id, force=args.force)
    broker = f"{config.mqtt.host}:{config.mqtt.port}"
    print(f"{config.device.id}: retained messages cleared at {broker}")
    return 0
