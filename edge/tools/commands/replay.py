"""`posekernel replay`: a session through the pipeline, a dataset through the lifter."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edge.core.errors import ConfigError
from edge.tools.options import add_output

if TYPE_CHECKING:
    from edge.core.config import Config


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser("replay", help="replay a recorded session or a dataset folder")
    parser.add_argument(
        "directory",
        type=Path,
        help="session folder, or a folder environmentN of the dataset format",
    )
    parser.add_argument(
        "--realtime",
        action="store_true",
        help="at the speed of the recording instead of as fast as it goes",
    )
    parser.add_argument(
        "--height-prior",
        type=float,
        metavar="M",
        help="assumed standing height [m] where sound fails",
    )
    parser.add_argument(
        "--messages",
        type=Path,
        metavar="F",
        help="write poses, echo profiles and events there, one JSON per line",
    )
    parser.add_argument(
        "--web", action="store_true", help="then show them on the live page, to play and scrub"
    )
    add_output(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """To the end of the recording; with --web until interrupted. Raises PosekernelError."""
    from edge.sensor.process.console import Console
    from edge.sensor.run import run as run_sensor
    from edge.tools.dataset_replay import is_dataset, replay_dataset

    config, console = _config(args), Console(args.json)
    keeps_messages = args.messages is not None or args.web
    if is_dataset(args.directory):
        if keeps_messages:
            raise ConfigError(
                f"{args.directory}: samples of a dataset have no times to play them by; "
                "--messages and --web need a session"
            )
        replay_dataset(args.directory, config, console)
    elif keeps_messages:
        _with_messages(args, config)
    else:
        done = run_sensor(config, console, args.seconds)
        console.say(f"{done.poses} poses, {done.from_sound} scaled by sound")
    return 0


def _config(args: argparse.Namespace) -> "Config":
    from msgspec.structs import replace

    from edge.core.config import Config, DeviceConfig, MqttConfig, SourceConfig

    config = Config(
        device=DeviceConfig("replay"),
        source=SourceConfig("replay", str(args.directory), realtime=args.realtime),
        mqtt=MqttConfig(enabled=False),
    )
    if args.height_prior is None:
        return config
    if not 0.5 <= args.height_prior <= 2.3:
        raise ConfigError(f"--height-prior: found {args.height_prior}, allowed: 0.5 to 2.3")
    return replace(config, lifter=replace(config.lifter, height_prior_m=args.height_prior))


def _with_messages(args: argparse.Namespace, config: "Config") -> None:
    """Keep the messages that a broker would get, and show them where that was asked for."""
    from msgspec.structs import replace

    from edge.core.config import WebConfig
    from edge.output.message_file import MessageFile
    from edge.output.page.description import page_description
    from edge.output.page.server import WebServer
    from edge.sensor.process.console import Console
    from edge.sensor.process.lifetime import stop_on_signals
    from edge.sensor.run import run as run_sensor
    from edge.sources.session.reader import load_session

    rig, console = load_session(args.directory).rig, Console(args.json)
    description = page_description(config, rig) | {"name": args.directory.resolve().name}
    with MessageFile(args.messages, description) as messages:
        done = run_sensor(config, console, args.seconds, messages=messages)
        recording = messages.content() if args.web else b""
    console.say(f"{done.poses} poses, {done.from_sound} scaled by sound")
    if args.web:
        config = replace(config, web=WebConfig(port=0))
        with stop_on_signals() as stop, WebServer(config, rig, recording) as server:
            console.say(f"page: {server.url} shows it; Ctrl-C stops")
            stop.wait()
