"""`posekernel setup`: from a box of parts to a running sensor, question by question."""

import argparse
import sys
from pathlib import Path

from edge.core.errors import ConfigError

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
        "loudspeaker, camera, mounting, broker, sound, calibrate, picture, test, start",
    )
    parser.add_argument("--yes", action="store_true", help="unattended: ask nothing")
    parser.add_argument(
        "--answers", type=Path, metavar="F", help="with --yes: answers in TOML, a section a step"
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

    with paused(draft, say):
        if args.yes:
            judged = run_unattended(draft, steps, answers, say)
            tell_all(judged)
            return int(any(j.verdict == "wrong" for each in judged.values() for j in each))
        if not sys.stdin.isatty():
            raise ConfigError("setup asks at a terminal; give --yes with --answers F without one")
        return int(not Terminal(draft, steps).run())
