"""The list of commands, and what every one of them has in common."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple, NoReturn, Protocol, cast

from beamloom.errors import did_you_mean


class Command(Protocol):
    """A module of this package: its docstring is the command's description."""

    EXAMPLE: str
    """One command line or more, each on its own line, that work as they stand."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it and return the exit status; raises UserError for what the user can mend."""


class Listed(NamedTuple):
    """One line of the overview."""

    name: str
    summary: str


GROUPS: tuple[tuple[str, tuple[Listed, ...]], ...] = (
    (
        "Run a pipeline",
        (
            Listed("demo", "ten seconds of a simulated mesh scan, live, with its map at the end"),
            Listed(
                "up",
                "start all processes of pipeline files and watch them: here, or on a cluster",
            ),
            Listed(
                "crystallography", "serial crystallography: OM's monitor.yaml, and where frames come from"
            ),
            Listed("replay", "run an analysis over recordings, in this process"),
            Listed("reprocess", "reduce the recording of a run again, with other parameters or other code"),
            Listed("new", "write a new analysis, with a test that passes, from a recording or a simulation"),
            Listed("check", "try an analysis in other orders of events, with other numbers of workers"),
            Listed(
                "migrate", "read an analysis of dranspose, OM or PYME: what works, and what is shorter here"
            ),
            Listed("bench", "measure your pipeline: its rate, what bounds it, what one more worker gives"),
            Listed("capacity", "tell how fast your pipeline could be on other machines, and what ends first"),
        ),
    ),
    (
        "Steer it from a shell",
        (
            Listed("arm", "begin a run: which streams, how many events, who gets them"),
            Listed("stop", "end the run that goes on"),
            Listed("scale", "have more workers or fewer, also in the middle of a run"),
            Listed("update", "have the workers go on with newer code, also in the middle of a run"),
            Listed("shadow", "try another analysis on copies of live events, and promote it"),
            Listed("status", "say in a few lines how the pipeline and its run are"),
            Listed("params", "read and set parameters"),
            Listed(
                "rules", "batch analyses that follow the data: start, watch, end them; a service for them"
            ),
            Listed("tango", "show a pipeline as a Tango device"),
            Listed("epics", "show a pipeline as process variables of EPICS"),
            Listed("sardana", "have Sardana load the macros and the recorder that work with a pipeline"),
        ),
    ),
    (
        "Analyse what is recorded",
        (Listed("recipe", "run or check a recipe: modules that filter, render and measure files"),),
    ),
    (
        "One process of it",
        (
            Listed("controller", "owns the run: trigger map, assignments, ledger, parameters"),
            Listed("ingester", "receives streams from devices and hands packets to workers"),
            Listed("worker", "assembles events and calls your worker class"),
            Listed("debugworker", "a worker that keeps the last events and shows them over HTTP"),
            Listed("shadowworker", "another analysis over copies of some events, beside a run"),
            Listed("reducer", "collects results, calls your reducer class, publishes over HTTP"),
            Listed("front", "shows several pipelines at one address"),
        ),
    ),
    (
        "Prepare and look",
        (
            Listed("simulate", "play a device: from a capture or from generated frames"),
            Listed("top", "watch a pipeline in the terminal: health, streams, workers, failures"),
            Listed("inspect", "show what is in recordings and captures"),
            Listed(
                "debug", "make the call again in which an analysis failed, under the debugger or as a test"
            ),
            Listed("doctor", "say what is wrong with a pipeline, since when, and what to do"),
            Listed("explain", "tell the story of one event: packets, workers, outcome"),
            Listed("trace", "record what each process does for a few seconds, as a picture"),
            Listed("probe", "find out which device sends at an address, and what"),
            Listed("record", "capture what a device sends into a file"),
            Listed("save", "save what a reducer publishes now into a file"),
            Listed("map", "show a trigger map as a table"),
            Listed("keys", "write the keys and tokens that keep strangers out of a pipeline"),
            Listed("schema", "describe the keys of the pipeline file and all settings"),
        ),
    ),
)


def names() -> list[str]:
    """The names of all commands, in the order of the overview."""
    return [listed.name for _, group in GROUPS for listed in group]


def overview() -> str:
    """What ``beamloom --help`` prints."""
    width = max(map(len, names())) + 2
    lines = ["usage: beamloom COMMAND ...", "", "Live analysis of experiments.", ""]
    for title, group in GROUPS:
        lines.append(f"{title}:")
        lines += [f"  {listed.name:<{width}}{listed.summary}" for listed in group]
        lines.append("")
    lines += [
        "  beamloom COMMAND --help   what a command takes, with an example",
        "  beamloom --version        the version",
        "  beamloom ... --debug      show the traceback of an error",
    ]
    return "\n".join(lines)


def unknown(name: str) -> str:
    """The sentence for a command that does not exist."""
    what = f"there is no option {name!r} here" if name.startswith("-") else f"there is no command {name!r}"
    return f"beamloom: {what}{did_you_mean(name, names())}; 'beamloom --help' lists the commands"


def load(name: str) -> Command:
    """Import the module of one command."""
    return cast(Command, importlib.import_module(f"beamloom.cli.{name}"))


def parser_of(name: str, command: Command) -> argparse.ArgumentParser:
    """The parser of one command, with its description and example."""
    example = "\n".join(f"  {line}" for line in command.EXAMPLE.splitlines())
    parser = _Parser(
        prog=f"beamloom {name}",
        description=command.__doc__,
        epilog=f"example:\n{example}",
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    command.add_arguments(parser)
    return parser


def parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """Parse the words after the command's name; an unknown option is answered with the closest known one."""
    arguments, left_over = parser.parse_known_args(words)
    if left_over:
        flags = list(_flags(_chosen(parser, words)))
        wrong = left_over[0].partition("=")[0]
        parser.error(f"unknown argument {wrong!r}{did_you_mean(wrong, flags)}")
    return arguments


def _chosen(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the sub-command that ``words`` name; the parser itself where there is none."""
    choices = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    named = [word for word in words if choices and word in choices[0]]
    return choices[0][named[0]] if named else parser


def _flags(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; '{self.prog} --help' shows what it takes\n")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30)
