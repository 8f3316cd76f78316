"""The command line: finds the command, runs it, and turns what went wrong into one line and an exit status.

Exit statuses: 0 all went well; 1 the run or the analysis failed; 2 what was asked for cannot be done as asked;
130 ended by Ctrl-C. A command is imported only when it is the one that is called, so that the help answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; ``argv`` without the program's name, by default what the program was called with."""
    words = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        # What the terminal has no letter for, or is no Unicode, is shown escaped.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return _dispatch(words)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough; without this the interpreter complains again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _dispatch(words: list[str]) -> int:
    from beamloom.cli import _commands

    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if not words or words[0] in ("-h", "--help", "help"):
        print(_commands.overview())
        return 0
    if words[0] == "--version":
        from importlib.metadata import version

        print(f"beamloom {version('beamloom')}")
        return 0
    name, *rest = words
    if name not in _commands.names():
        print(_commands.unknown(name), file=sys.stderr)
        return 2
    return _run(name, rest, debug)


def _run(name: str, words: list[str], debug: bool) -> int:
    from beamloom.cli import _commands
    from beamloom.errors import UserError

    command = _commands.load(name)
    parser = _commands.parser_of(name, command)
    try:
        arguments = _commands.parse(parser, words)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 2
    try:
        return command.run(arguments)
    except UserError as error:
        if debug:
            raise
        print(_told(name, str(error)), file=sys.stderr)
        return error.exit_status


def _told(name: str, text: str) -> str:
    """An error as people read it; what has several lines begins with the first, which a terminal may make a link."""
    return text if "\n" in text else f"beamloom {name}: {text}"
