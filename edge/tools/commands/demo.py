"""`posekernel demo`: the shipped simulated session, over and over, into an embedded broker."""

import argparse

from edge.tools.options import add_output


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser("demo", help="replay the shipped session into an embedded broker")
    add_output(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Until a signal or --seconds. Raises PosekernelError."""
    from edge.core.config import (
        Config,
        DeviceConfig,
        MqttConfig,
        RuntimeConfig,
        SourceConfig,
        WebConfig,
        ZoneConfig,
    )
    from edge.output.mqtt.embedded_broker import EmbeddedBroker
    from edge.sensor.process.console import Console
    from edge.sensor.process.lifetime import temporary_folder
    from edge.sensor.run import run as run_sensor
    from edge.sources.session.reader import DEMO_SESSION

    zones = (
        ZoneConfig("Beam", ((-0.7, 2.3), (0.6, 2.3), (0.6, 3.8), (-0.7, 3.8))),
        ZoneConfig("Beside it", ((0.6, 3.4), (1.6, 3.4), (1.6, 4.8), (0.6, 4.8))),
    )
    console = Console(args.json)
    with EmbeddedBroker() as broker, temporary_folder("posekernel-demo-") as state:
        console.say(
            f"broker: {broker.kind} at mqtt://{broker.host}:{broker.port}, "
            "topic posekernel/demo/pose; Ctrl-C stops"
        )
        websocket_url = f"ws://{broker.host}:{broker.websocket_port}/"
        config = Config(
            device=DeviceConfig("demo"),
            source=SourceConfig("replay", str(DEMO_SESSION), realtime=True, loop=True),
            mqtt=MqttConfig(
                host=broker.host, port=broker.port, protocol=broker.protocol, discovery=False
            ),
            web=WebConfig(enabled=True, port=0, websocket_url=websocket_url),
            runtime=RuntimeConfig(state_dir=str(state)),
            zones=zones,
        )
        done = run_sensor(config, console, args.seconds)
    console.say(
        f"{done.poses} poses, {done.from_sound} scaled by sound; "
        f"{done.published} messages published, {done.dropped} dropped"
    )
    return 0
