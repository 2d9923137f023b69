"""`posekernel-export people`: does the sensor say who is there, and nobody who is not?"""

import argparse
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.core.errors import ConfigError
from export.commands.studies.report_file import add_out, check_out, write_out
from export.extras import progress_bar
from export.studies.falls.two_people import act_everyday, act_falls, two_falls_report
from export.studies.people.nobody import nobody_report, show_nobody
from export.studies.people.over_time import (
    VideoOverTime,
    follow_motions,
    follow_video,
    over_time_report,
)
from export.studies.people.real_frames import CameraOutcome, measure_video, real_frames_report
from export.studies.people.results import TITLES, with_section
from export.studies.people.sequences import entrance_report, follow_all, sequence_report
from export.studies.people.sides import SidesRow, measure_sides, sides_report


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "people",
        help="measure tracks, counts and presence with several people and with nobody",
        description="sequences: simulated people cross, hide one another, come and go. "
        "real-frames: calibrated videos with simulated sound. nobody: pictures without people, and "
        "of televisions, posters, mirrors and dolls. entrances: simulated people come into an "
        "empty room. falls: somebody falls while another one walks about. over-time: what "
        "smoothing makes of single images' poses, on simulated motions and calibrated videos. "
        "sides: how often left and right, front and back are exchanged on calibrated videos.",
    )
    parser.add_argument("study", choices=TITLES)
    parser.add_argument("--seed", type=int, default=18, help="of scenes and errors (default 18)")
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        metavar="X",
        help="of the number of scenes, falls and minutes (default 1)",
    )
    parser.add_argument(
        "--video",
        type=Path,
        action="append",
        metavar="DIR",
        help="for real-frames, over-time and sides: a calibrated video with joints3d.npz; may be "
        "given again",
    )
    parser.add_argument(
        "--wheels",
        type=Path,
        metavar="DIR",
        help="for nobody: folder with the wheels of the packages that carry the pictures",
    )
    add_out(parser, "renew the study's section of this Markdown file")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the section; 0 when done. Raises PosekernelError."""
    check_out(args.out)
    study: str = args.study
    text = _STUDIES[study](args)
    print(text)
    if args.out is not None:
        write_out(args.out, with_section(args.out, TITLES[study], text))
    return 0


def _command(args: argparse.Namespace) -> str:
    words = ["posekernel-export", "people", args.study, "--seed", str(args.seed)]
    if args.scale != 1.0:
        words += ["--scale", f"{args.scale:g}"]
    for video in args.video or ():
        words += ["--video", str(video)]
    if args.wheels is not None:
        words += ["--wheels", args.wheels.name]
    return shlex.join(words)


def _times(args: argparse.Namespace, number: float) -> int:
    return max(round(float(args.scale) * number), 1)


def _sequences(args: argparse.Namespace) -> str:
    wanted = {
        "crossing": _times(args, 100),
        "occlusion": _times(args, 50),
        "come and go": _times(args, 20),
    }
    outcomes = follow_all(wanted, args.seed)
    return sequence_report(list(progress_bar(outcomes, unit=" scenes")), _command(args))


def _entrances(args: argparse.Namespace) -> str:
    outcomes = follow_all({"entrance": _times(args, 200)}, args.seed)
    return entrance_report(list(progress_bar(outcomes, unit=" scenes")), _command(args))


def _real_frames(args: argparse.Namespace) -> str:

    def all_cameras() -> Iterator[CameraOutcome]:
        for video in _videos(args):
            yield from measure_video(video, video.resolve().name, "ray", seed=args.seed)

    outcomes = list(progress_bar(all_cameras(), unit=" cameras"))
    return real_frames_report(outcomes, _command(args))


def _over_time(args: argparse.Namespace) -> str:
    def all_people() -> Iterator[VideoOverTime]:
        for video in args.video or ():
            yield from follow_video(video, video.resolve().name)

    regular = list(progress_bar(follow_motions(_times(args, 12), args.seed), unit=" motions"))
    stalls = follow_motions(_times(args, 4), args.seed, irregular=True)
    irregular = list(progress_bar(stalls, unit=" motions"))
    videos = list(progress_bar(all_people(), unit=" people"))
    return over_time_report(regular, irregular, videos, _command(args))


def _sides(args: argparse.Namespace) -> str:
    def all_rows() -> Iterator[SidesRow]:
        for video in _videos(args):
            yield from measure_sides(video, video.resolve().name)

    return sides_report(list(progress_bar(all_rows(), unit=" people")), _command(args))


def _videos(args: argparse.Namespace) -> list[Path]:
    if not args.video:
        raise ConfigError(f"--video: none given, {args.study} needs a calibrated video at least")
    return list(args.video)


def _nobody(args: argparse.Namespace) -> str:
    if args.wheels is None:
        raise ConfigError("--wheels: not given, nobody needs the folder with the packages' wheels")
    outcomes = show_nobody(args.wheels, args.seed)
    return nobody_report(list(progress_bar(outcomes, unit=" pictures")), _command(args))


def _falls(args: argparse.Namespace) -> str:
    falls = list(progress_bar(act_falls(_times(args, 20), args.seed), unit=" falls"))
    everyday = list(progress_bar(act_everyday(args.scale * 30.0, args.seed), unit=" takes"))
    return two_falls_report(falls, everyday, _command(args))


_STUDIES: dict[str, Callable[[argparse.Namespace], str]] = {
    "sequences": _sequences,
    "real-frames": _real_frames,
    "nobody": _nobody,
    "entrances": _entrances,
    "falls": _falls,
    "over-time": _over_time,
    "sides": _sides,
}
