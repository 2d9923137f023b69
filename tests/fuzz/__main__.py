"""`python -m tests.fuzz [--target T] [--executions N]`: fuzz, and say how much was run and what was found. Needs atheris."""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
HANG_S, MEMORY_MB = 2, 1500  # libFuzzer counts whole seconds


def fuzz_here(target: str, arguments: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=["edge", "json", "tomllib", "http", "numpy.lib", "zipfile"]):
        from tests.fuzz.targets import TARGETS
    atheris.Setup([sys.argv[0], *arguments], TARGETS[target])
    atheris.Fuzz()


def run(target: str, executions: int) -> bool:
    """Fuzz in a process of its own, print one row. True: nothing found."""
    from tests.fuzz.targets import seeds

    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for n, seed in enumerate(seeds()[target]):
        (folder / f"seed-{n}").write_bytes(seed)
    with tempfile.TemporaryDirectory() as grown:
        limits = [f"-runs={executions}", f"-timeout={HANG_S}", f"-rss_limit_mb={MEMORY_MB}", "-max_len=8192", "-verbosity=1"]
        found = [grown, str(folder), "-print_final_stats=1", f"-artifact_prefix={folder}/found-", *limits]
        command = [sys.executable, "-m", "tests.fuzz", "--inside", target, *found]
        log = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace").stdout
    ended = "Done " in log
    covered = re.findall(r"cov: (\d+) ft: (\d+)", log) or [("0", "0")]
    summary = re.search(r"Done (\d+) runs in (\d+) second", log)
    done, seconds = summary.groups() if summary else ((re.findall(r"#(\d+)", log) or ["0"])[-1], "0")
    rate = int(done) // max(1, int(seconds)) if ended else 0
    print(f"| {target} | {done} | {rate} | {covered[-1][0]} | {'nothing' if ended else 'FOUND'} |", flush=True)
    if not ended:
        print(log[-3000:], flush=True)
    return ended


def main() -> int:
    if sys.argv[1:2] == ["--inside"]:
        fuzz_here(sys.argv[2], sys.argv[3:])
        return 0
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--target", choices=sorted(TARGETS), action="append", help="may be given again; default: all")
    parser.add_argument("--executions", type=int, default=10_000, help="of each target")
    args = parser.parse_args()
    print("| target | executions | executions/s | edges covered | found |\n|---|---|---|---|---|", flush=True)
    return 0 if all([run(t, args.executions) for t in args.target or TARGETS]) else 1


if __name__ == "__main__":
    sys.exit(main())
