"""`posekernel run`: the sensor that a configuration describes."""

import argparse
import logging
from pathlib import Path

from edge.sensor.process.lifetime import replace_process, start_again
from edge.tools.options import add_output


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser("run", help="run the sensor that a configuration describes")
    parser.add_argument("--config", type=Path, required=True, help="TOML file (see README)")
    add_output(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Until a signal, the source's end or --seconds. Raises PosekernelError."""
    from edge.core.config import load_config
    from edge.sensor.process.console import Console
    from edge.sensor.run import run as run_sensor

    config = load_config(args.config)
    while True:
        logging.getLogger().setLevel(config.runtime.log_level)
        done = run_sensor(
            config,
            Console(args.json),
            args.seconds,
            file=args.config,
            compiled=start_again if args.own_process else None,
            restartable=args.own_process,
        )
        if done.restarts:
            logging.getLogger(__name__).info("starting again")
            replace_process()
            return 0  # a service manager starts it again
        if done.reloaded is None:
            return 0
        config = done.reloaded
