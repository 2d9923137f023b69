"""`posekernel setup`: from a box of parts to a running sensor, question by question."""

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge.core.errors import ConfigError

if TYPE_CHECKING:
    from edge.tools.setup.draft import Draft
    from edge.tools.setup.step import SetupStep

_DESCRIPTION = """\
Finds the parts, asks what it cannot know, calibrates, tries everything, writes the configuration
and starts the service. Nothing is written before all of it is right. Each step can be repeated
alone, and unattended (--yes) the answers come from a file: a section a step, such as

  [name]
  id = "livingroom"
  [broker]
  host = "homeassistant.local"
  username = "livingroom"
  password_file = "/root/password"

Exit codes: 0 done, 1 the sensor did not start, 2 an answer is wrong or missing (it is named).
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "setup",
        help="set up this sensor: find the parts, ask, calibrate, try, start",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="F",
        help="configuration to write (default: /etc/posekernel/config.toml for root, else "
        "config.toml)",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="STEP",
        help="only this step of a configuration that is there; may be given again: name, array, "
        "loudspeaker, camera, mounting, broker, page, sound, calibrate, picture, test, start",
    )
    parser.add_argument("--yes", action="store_true", help="unattended: ask nothing")
    parser.add_argument(
        "--answers", type=Path, metavar="F", help="with --yes: answers in TOML, a section a step"
    )
    parser.add_argument(
        "--web", action="store_true", help="the same on a page, at the address and code it prints"
    )
    parser.add_argument(
        "--lan",
        action="store_true",
        help="with --web: for other machines in the local network, too (unencrypted)",
    )
    parser.add_argument(
        "--port", type=int, default=8090, help="with --web (default 8090; 0: any free one)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """1 where the sensor did not start. Raises PosekernelError."""
    from edge.core.logs.shown import shown
    from edge.tools.setup.draft import Draft, default_config
    from edge.tools.setup.service import paused
    from edge.tools.setup.steps import chosen
    from edge.tools.setup.terminal import Terminal, tell_all
    from edge.tools.setup.unattended import read_answers, run_unattended

    steps = chosen(args.only)
    if args.answers is not None and not args.yes:
        raise ConfigError("--answers: only with --yes, which asks nothing")
    answers = read_answers(args.answers)
    draft = Draft.open(args.config or default_config())
    if args.only and draft.before is None:
        raise ConfigError(f"--only: {draft.path} is not there yet; run all steps once")

    def say(text: str) -> None:
        print(shown(text), file=sys.stderr, flush=True)

    if args.lan and not args.web:
        raise ConfigError("--lan: only with --web")
    # What a sensor logs while it is tried would stand between the questions.
    logging.getLogger().setLevel(logging.WARNING)
    with paused(draft, say):
        if args.web:
            return _serve(draft, steps, args, say)
        if args.yes:
            judged = run_unattended(draft, steps, answers, say)
            tell_all(judged)
            return int(any(j.verdict == "wrong" for each in judged.values() for j in each))
        if not sys.stdin.isatty():
            raise ConfigError("setup asks at a terminal; give --yes with --answers F without one")
        return int(not Terminal(draft, steps).run())


def _serve(
    draft: "Draft",
    steps: "tuple[SetupStep, ...]",
    args: argparse.Namespace,
    say: "Callable[[str], None]",
) -> int:
    from edge.tools.setup.web.server import serve
    from edge.tools.setup.web.session import SetupSession

    session = SetupSession(draft, steps)
    if not serve(session, args.port, lan=args.lan, say=say):
        raise ConfigError("the setup was stopped before its last step, so nothing was written")
    return int(session.wrong)
