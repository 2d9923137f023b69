"""What a program must find at its start: three streams and a folder. Imports next to nothing."""

import io
import os
import sys


def ensure_streams() -> None:
    """Let there be stdin, stdout and stderr, and let stdout show every character.

    One that was closed (`>&-`, or a supervisor that gives none) leads nowhere from now on: else the
    next file that is opened would take its number, and what a library prints would go into it.
    Characters that the terminal lacks are written as their codes.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def ensure_folder(program: str) -> None:
    """Ends the process with a sentence where the folder it is in was removed: no path that is
    relative to it means anything, and libraries fail as they load.
    """
    try:
        os.getcwd()
    except OSError as e:
        print(
            f"{program}: the folder it was started in cannot be used ({e.strerror}); "
            "change to one that is there (cd) and start again",
            file=sys.stderr,
        )
        sys.exit(2)
