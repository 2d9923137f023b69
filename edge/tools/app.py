"""The commands run, demo, replay, record, calibrate and config, each in one function."""

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from edge.core.config import (
    Config,
    DeviceConfig,
    MqttConfig,
    RuntimeConfig,
    SourceConfig,
    WebConfig,
    ZoneConfig,
    load_config,
)
from edge.core.errors import ConfigError
from edge.core.files import write_whole
from edge.core.profiles import names, pairs, render_config
from edge.output.message_file import MessageFile
from edge.output.mqtt.broker_visit import forget
from edge.output.mqtt.embedded_broker import EmbeddedBroker
from edge.output.page.server import WebServer, page_description
from edge.sensor.console import Console
from edge.sensor.process import stop_on_signals
from edge.sensor.run import run
from edge.sources.session.reader import DEMO_SESSION, load_session
from edge.tools.dataset_replay import is_dataset, replay_dataset
from edge.tools.record import record_session

DEMO_ZONES = (
    ZoneConfig("Beam", ((-0.7, 2.3), (0.7, 2.3), (0.7, 3.9), (-0.7, 3.9))),
    ZoneConfig("In front of it", ((-0.7, 1.2), (0.7, 1.2), (0.7, 2.0), (-0.7, 2.0))),
)


def run_command(
    config_path: Path,
    json_lines: bool,
    seconds: float | None,
    compiled: Callable[[], None] | None = None,
) -> int:
    """`posekernel run`: the sensor that a configuration describes. compiled: see
    `edge.sensor.run.run`.
    """
    config = load_config(config_path)
    while True:
        logging.getLogger().setLevel(config.runtime.log_level)
        done = run(
            config,
            Console(json_lines),
            seconds,
            read_again=lambda: load_config(config_path),
            compiled=compiled,
        )
        if done.reloaded is None:
            return 0
        config = done.reloaded


def demo_command(json_lines: bool, seconds: float | None) -> int:
    """`posekernel demo`: the shipped simulated session, over and over, into an embedded broker on
    loopback.
    """
    console = Console(json_lines)
    with (
        EmbeddedBroker() as broker,
        tempfile.TemporaryDirectory(prefix="posekernel-demo-") as state,
    ):
        mqtt = MqttConfig(
            host=broker.host, port=broker.port, protocol=broker.protocol, discovery=False
        )
        source = SourceConfig("replay", str(DEMO_SESSION), realtime=True, loop=True)
        console.say(
            f"broker: {broker.kind} at mqtt://{broker.host}:{broker.port}, topic posekernel/demo/pose; Ctrl-C stops"
        )
        web = WebConfig(
            enabled=True, port=0, websocket_url=f"ws://{broker.host}:{broker.websocket_port}/"
        )
        runtime = RuntimeConfig(state_dir=state)
        config = Config(
            device=DeviceConfig("demo"),
            source=source,
            mqtt=mqtt,
            web=web,
            runtime=runtime,
            zones=DEMO_ZONES,
        )
        done = run(config, console, seconds)
    console.say(
        f"{done.poses} poses, {done.from_sound} scaled by sound; {done.published} messages published, {done.dropped} dropped"
    )
    return 0


def config_command(
    array: str | None, board: str | None, settings: list[str], out: Path | None, check: Path | None
) -> int:
    """`posekernel config`: a configuration from what is known of an array and a board; or check
    one; or list both.
    """
    if check is not None:
        load_config(check)
        print(f"{check}: good")
        return 0
    if array is None:
        for name, computer, reason in pairs():
            print(f"{name:<26} {computer:<18} {reason or 'ok'}")
        return 0
    if board is None:
        raise ConfigError(f"--board: missing, allowed: {', '.join(names('boards'))}")
    text = render_config(array, board, settings)
    if out is None:
        print(text, end="")
        return 0
    try:
        write_whole(out, text.encode())
    except OSError as e:
        raise ConfigError(
            f"{out}: cannot be written ({e.strerror}); give --out a place that you may write to"
        ) from e
    return 0


def calibrate_command(args: argparse.Namespace) -> int:
    """`posekernel calibrate`: measure a rig, say what is good enough, write the file; 1 where
    something is not.
    """
    from edge.core.calibration_file import write_calibration
    from edge.tools.calibration.board import PRINT_DPI, Board
    from edge.tools.calibration.flow import Wanted, calibrate
    from edge.tools.calibration.steps import table

    board = Board(square_m=args.square_mm / 1000.0)
    if args.print_board is not None:
        board.save(args.print_board)
        print(
            f"{args.print_board}: print at {PRINT_DPI} dpi, measure a square, and give it as --square-mm"
        )
        return 0
    config = None if args.config is None else load_config(args.config)
    out = args.out or (
        Path(config.calibration.file) if config is not None and config.calibration.file else None
    )
    wanted = Wanted(
        config=config,
        sessions=tuple(args.session),
        seconds=args.seconds,
        board=args.board,
        floor=args.floor,
        walk=args.walk,
        person_m=args.person_height,
        pattern=board,
        out=out,
    )
    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise ConfigError(
            f"{out}: no file can be written there; give --out FILE in a folder that exists"
        )
    done = calibrate(wanted, lambda text: print(text, file=sys.stderr))
    if args.json:
        print(
            json.dumps(
                {"source": done.source, "steps": [msgspec.to_builtins(s) for s in done.steps]},
                indent=1,
            )
        )
    else:
        print(f"source: {done.source}\n{table(done.steps)}")
    if out is not None:
        write_calibration(out, done)
        print(f"{out}: written", file=sys.stderr)
    else:
        print("nothing written: give --out FILE, or set calibration.file", file=sys.stderr)
    return int(any(s.outcome in ("open", "fault") for s in done.steps))


def forget_command(config_path: Path) -> int:
    """`posekernel forget`: clear what the broker retains of this sensor, so that Home Assistant
    removes it.
    """
    config = load_config(config_path)
    forget(config.mqtt, config.device.id)
    print(f"{config.device.id}: retained messages cleared at {config.mqtt.host}:{config.mqtt.port}")
    return 0


def schema_command(name: str | None) -> int:
    """`posekernel schema`: the JSON Schema of one message kind, or an object of all by name."""
    schemas = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(
            (Path(__file__).parents[1] / "output" / "messages" / "schemas").glob("*.json")
        )
    }
    print(json.dumps(schemas if name is None else schemas[name], indent=2))
    return 0


def replay_command(
    path: Path,
    realtime: bool,
    height_prior_m: float | None,
    json_lines: bool,
    seconds: float | None,
    messages_path: Path | None = None,
    web: bool = False,
) -> int:
    """`posekernel replay`: a session folder through the whole pipeline, or a dataset folder through
    the lifter.

    messages_path: file for the messages that a broker would get. web: show them on the live page
    afterwards, until interrupted.
    """
    source = SourceConfig("replay", str(path), realtime=realtime)
    config = Config(device=DeviceConfig("replay"), source=source, mqtt=MqttConfig(enabled=False))
    if height_prior_m is not None:
        if not 0.5 <= height_prior_m <= 2.3:
            raise ConfigError(f"--height-prior: found {height_prior_m}, allowed: 0.5 to 2.3")
        config = replace(config, lifter=replace(config.lifter, height_prior_m=height_prior_m))
    console = Console(json_lines)
    if is_dataset(path):
        if messages_path is not None or web:
            raise ConfigError(
                f"{path}: samples of a dataset have no times to play them by; --messages and --web need a session"
            )
        replay_dataset(path, config, console)
        return 0
    if messages_path is None and not web:
        done = run(config, console, seconds)
    else:
        rig = load_session(path).rig
        with MessageFile(
            messages_path, page_description(config, rig) | {"name": path.resolve().name}
        ) as messages:
            done = run(config, console, seconds, messages=messages)
            recording = messages.content() if web else b""
    console.say(f"{done.poses} poses, {done.from_sound} scaled by sound")
    if web:
        with (
            stop_on_signals() as stop,
            WebServer(replace(config, web=WebConfig(port=0)), rig, recording) as server,
        ):
            console.say(f"page: {server.url} shows it; Ctrl-C stops")
            stop.wait()
    return 0


def record_command(path: Path, config_path: Path, seconds: float, consent: bool) -> int:
    """`posekernel record`: raw sound and images into a session folder, after consent."""
    config = load_config(config_path)
    if not consent:
        question = "This stores images and raw sound of everybody in the room. Has everybody agreed? [y/N] "
        if not sys.stdin.isatty() or input(question).strip().lower() not in ("y", "yes"):
            raise ConfigError(
                "nothing was recorded: recording stores images and sound of people; add --consent once they agreed"
            )
    written = record_session(path, config, seconds)
    print(f"{path}: {written.periods} periods, {written.frames} frames")
    return 0
