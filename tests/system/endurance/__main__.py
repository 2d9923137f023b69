"""`python -m tests.system.endurance`: exit status 1 where a promise was broken."""

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

from tests.system.endurance.report import promises, table
from tests.system.endurance.sensor import Sensor
from tests.system.endurance.watch import watch

WORDS = {
    "card": "in real time, the sound through libasound and a card made of files, the images from a "
    "video at its own rate",
    "accelerated": "as fast as it goes, replayed",
}


def main() -> int:
    """Run, watch, write, judge."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.endurance", description=__doc__)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--source", choices=tuple(WORDS), default="card")
    parser.add_argument(
        "--trouble-min", type=float, default=10.0, help="minutes between two troubles (default 10)"
    )
    parser.add_argument(
        "--every", type=int, default=1, help="take each so-many-th image of the card (default 1)"
    )
    parser.add_argument("--out", type=Path, help="markdown file to write")
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="posekernel-endurance-") as folder,
        Sensor(Path(folder), args.source, args.every) as sensor,
    ):
        samples = watch(sensor, args.minutes, args.trouble_min)
        stopped_s = sensor.stop()
        log = sensor.log
    kept = promises(samples)
    errors = [line for line in log.splitlines() if line.startswith("ERROR") or "Traceback" in line]
    text = "\n".join(
        [
            "# A sensor watched for hours",
            "",
            f"The shipped session over and over, {WORDS[args.source]}, default lifter, live page "
            f"on. Every {args.trouble_min:g} minutes, in turns, the broker is killed and started "
            "again, or sensing is off for five seconds (all devices closed and opened). "
            f"{platform.machine()}, {os.cpu_count()} cores, other work beside it.",
            "",
            f"    python -m tests.system.endurance --minutes {args.minutes:g} "
            f"--source {args.source} --trouble-min {args.trouble_min:g}"
            + (f" --every {args.every}" if args.every > 1 else ""),
            "",
            table(samples),
            "",
            "The columns from `frames dropped` on count what came in that part.",
            "",
            *(f"- {'kept' if p.kept else '**missed**'}: {p.text}" for p in kept),
            f"- stopped {stopped_s:.2f} s after SIGTERM; lines of level ERROR in the log: "
            f"{len(errors)}",
            "",
        ]
    )
    if args.out:
        args.out.write_text(text)
    print(text)
    for line in errors[:10]:
        print(line, file=sys.stderr)
    return 0 if all(p.kept for p in kept) else 1


if __name__ == "__main__":
    sys.exit(main())
