"""`python -m tests.system.fuzz [--target T] [--executions N]`: fuzz, and say how much was run and
what was found. Needs atheris.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
HANG_S, MEMORY_MB = 20, 1500
# The rest runs unwatched: to instrument scipy's and numba's users takes minutes and shows nothing
# of the parsers.
PARSERS = [
    *(
        "edge.output.messages.commands",
        "edge.core.config",
        "edge.core.typed",
        "edge.output.page.bounded_http",
        "edge.output.page.own_hosts",
        "edge.output.homeassistant.discovery",
        "edge.output.messages.kept_falls",
    ),
    *("edge.sources.session.reader", "edge.output.mqtt.outbox", "edge.core.rig"),
    *("tomllib", "json.decoder"),
]


def fuzz_here(target: str, arguments: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=PARSERS):
        from tests.system.fuzz.targets import TARGETS
    atheris.Setup([sys.argv[0], *arguments], TARGETS[target])
    atheris.Fuzz()


def run(target: str, executions: int, seconds: int) -> bool:
    """Fuzz in a process of its own, print one row. True: nothing found."""
    from tests.system.fuzz.seeds import seeds

    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for n, seed in enumerate(seeds()[target]):
        if not (folder / f"seed-{n}").exists():  # some hold the time
            (folder / f"seed-{n}").write_bytes(seed)
    with tempfile.TemporaryDirectory() as grown:
        limits = [
            f"-runs={executions}",
            f"-timeout={HANG_S}",
            f"-rss_limit_mb={MEMORY_MB}",
            "-max_len=8192",
        ]
        limits.append(f"-max_total_time={seconds}")
        found = [
            grown,
            str(folder),
            "-print_final_stats=1",
            f"-artifact_prefix={folder}/found-",
            *limits,
        ]
        command = [sys.executable, "-m", "tests.system.fuzz", "--inside", target, *found]
        log = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=os.environ | {"NUMBA_DISABLE_JIT": "1"},  # what is instrumented does not compile
        ).stdout
    ended = "Done " in log
    covered = re.findall(r"cov: (\d+) ft: (\d+)", log) or [("0", "0")]
    summary = re.search(r"Done (\d+) runs in (\d+) second", log)
    done, took = summary.groups() if summary else ((re.findall(r"#(\d+)", log) or ["0"])[-1], "0")
    rate = int(done) // max(1, int(took)) if ended else 0
    print(
        f"| {target} | {done} | {rate} | {covered[-1][0]} | {'nothing' if ended else 'FOUND'} |",
        flush=True,
    )
    if not ended:
        print(log[-3000:], flush=True)
    return ended


def main() -> int:
    if sys.argv[1:2] == ["--inside"]:
        fuzz_here(sys.argv[2], sys.argv[3:])
        return 0
    from tests.system.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.system.fuzz", description=__doc__)
    parser.add_argument(
        "--target",
        choices=sorted(TARGETS),
        action="append",
        help="may be given again; default: all",
    )
    parser.add_argument("--executions", type=int, default=10_000, help="of each target")
    parser.add_argument(
        "--seconds",
        type=int,
        default=0,
        help="end each target after this time; 0: when all is executed",
    )
    args = parser.parse_args()
    print(
        "| target | executions | executions/s | edges covered | found |\n|---|---|---|---|---|",
        flush=True,
    )
    good = [
        run(t, args.executions, args.seconds) for t in args.target or TARGETS
    ]  # all of them, whatever one finds
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
