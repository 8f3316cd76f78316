"""The page of all commands, from what their parsers know: independent of the width of a terminal and of Python's way to print help."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from name_pages import cell

from beamloom.cli import _commands


def commands_markdown() -> str:
    """Every command, by the groups of ``beamloom --help``."""
    parts = []
    for title, group in _commands.GROUPS:
        parts.append(f"## {title}\n")
        for listed in group:
            command = _commands.load(listed.name)
            parts.append(f"### beamloom {listed.name}\n")
            parts.append(f"{(command.__doc__ or '').strip()}\n")
            parts += _of_parser(_commands.parser_of(listed.name, command))
            parts.append(f"```text\n{command.EXAMPLE}\n```\n")
    return "\n".join(parts)


def _of_parser(parser: argparse.ArgumentParser) -> Iterator[str]:
    """The arguments of a command, and those of its sub-commands."""
    rows = [_row(parser, action) for action in parser._actions if _shown(action)]
    if rows:
        yield "\n".join(["| argument | meaning |", "|---|---|", *rows, ""])
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            told = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, chosen in action.choices.items():
                yield f"**`{parser.prog} {name}`**: {told.get(name, '')}\n"
                yield from _of_parser(chosen)


def _shown(action: argparse.Action) -> bool:
    return not isinstance(action, argparse._HelpAction | argparse._SubParsersAction) and (
        action.help != argparse.SUPPRESS
    )


def _row(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    value = _value(action)
    names = [f"{name} {value}".rstrip() for name in action.option_strings] or [value]
    needed = " (needed)" if action.option_strings and action.required else ""
    meaning = parser._get_formatter()._expand_help(action) if action.help else ""
    return f"| {', '.join(f'`{cell(name)}`' for name in names)} | {cell(meaning)}{needed} |"


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    name = action.metavar
    if name is None and action.choices is not None:
        name = "|".join(map(str, action.choices))
    if isinstance(name, tuple):
        return " ".join(name)
    name = name or action.dest.upper()
    return f"{name} ..." if action.nargs in ("+", "*") else name
