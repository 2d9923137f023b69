"""`python -m tests.system.faults --out FILE.md [ROW ...]`: inject each fault, write the table."""

import argparse
import math
import tempfile
import traceback
from pathlib import Path

from tests.system.faults.row import RowSkippedError
from tests.system.faults.rows import ROWS


def main() -> int:
    """0 where every row held, else 1 and the reason in the row."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.faults")
    parser.add_argument("--out", type=Path)
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; all where none is named"
    )
    args = parser.parse_args()
    if unknown := set(args.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    lines = ["| fault | what the device did | lost | poses back after |", "|---|---|---|---|"]
    failed = 0
    for name in args.rows or ROWS:
        with tempfile.TemporaryDirectory(prefix="posekernel-fault-") as folder:
            try:
                row = ROWS[name](Path(folder) / "device")
                after = "-" if math.isnan(row.back_s) else f"{row.back_s:.1f} s"
                lines.append(f"| {row.fault} | {row.did} | {row.lost} | {after} |")
            except RowSkippedError as e:
                lines.append(f"| {name} | not tried: {e} | | |")
            except AssertionError as e:
                failed += 1
                traceback.print_exc()
                lines.append(
                    f"| {name} | **failed**: {(str(e) or 'see above').splitlines()[0]} | | |"
                )
        print(lines[-1], flush=True)
    if args.out is not None:
        head = (
            "# Faults\n\nOne process of `posekernel run` on a test sound card, a film and "
            "mosquitto, two cores.\n"
        )
        args.out.write_text(
            head
            + "`python -m tests.system.faults --out export/studies/results/faults.md`\n\n"
            + "\n".join([*lines, ""])
        )
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
