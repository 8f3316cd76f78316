"""Rules: batch analyses that follow the data, one after the other.

`submit` starts the rules of a YAML file, `list` shows the latest chains, `watch` how one goes on, with what fails; `cancel` ends one,
and `retry` works off again what failed. They speak with a controller, or with `beamloom rules serve`, which works off rules without a
pipeline.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from beamloom.cli import _service
from beamloom.cli._pipelines import ELSE, default_url, pipeline_at
from beamloom.cli._words import name_and_value
from beamloom.settings import RulesSettings

if TYPE_CHECKING:
    from beamloom.client import Chain, ChainStatus, Rules

EXAMPLE = """\
beamloom rules submit chain.yaml --watch
beamloom rules list
beamloom rules watch 7
beamloom rules retry 7 --step localise
beamloom rules serve --rules-below /data/today"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command for each thing to do."""
    commands = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")

    def command(name: str, says: str) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name, help=says, description=f"{says[0].upper()}{says[1:]}.", allow_abbrev=False
        )
        made.add_argument(
            "--url",
            default=default_url(),
            metavar="URL",
            help=f"address of the controller, or of a service of rules {ELSE}",
        )
        return made

    submit = command("submit", "start the rules of a YAML file")
    submit.add_argument(
        "file", metavar="FILE", help="the description of the rules; - reads it from the standard input"
    )
    submit.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a name for its templates, as {{NAME}}",
    )
    submit.add_argument("--key", help="what is submitted again under the same key is there once")
    submit.add_argument("--check", action="store_true", help="only say what it would be")
    submit.add_argument("--watch", action="store_true", help="stay and show how they go on")

    listing = command("list", "show the latest chains")
    listing.add_argument("--last", type=int, default=10, metavar="N", help="so many (default %(default)s)")
    listing.add_argument("--active", action="store_true", help="those alone that go on")
    listing.add_argument("--json", action="store_true", help="as data, for programs")

    watch = command("watch", "show how a chain goes on, until it has ended")
    watch.add_argument("chain", type=int, nargs="?", metavar="CHAIN", help="its number (default: the latest)")

    for name, says in (
        ("cancel", "end a chain, or one step with what follows it"),
        ("retry", "work off again what failed"),
    ):
        made = command(name, says)
        made.add_argument("chain", type=int, metavar="CHAIN", help="its number, as list shows it")
        made.add_argument("--step", metavar="NAME", help="one step (default: the whole chain)")

    serve = commands.add_parser(
        "serve",
        help="work off rules in this process, without a pipeline",
        description="Work off rules in this process, without a pipeline.",
        allow_abbrev=False,
    )
    _service.add_settings(
        serve,
        RulesSettings,
        {"http_host": ["--host"], "http_port": ["-p", "--port"]},
        leave_out=_service.OF_TAKING_PART,
    )
    # Set by the controller that starts it.
    serve.add_argument("--announced", action="store_true", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    if arguments.what == "serve":
        settings = _service.settings_from(RulesSettings, arguments)
        # The controller that starts it hands its variables down, and has that port itself.
        settings = msgspec.structs.replace(settings, health_port=None)
        return _service.serve("rules_process", settings, arguments, announced=arguments.announced)
    with pipeline_at(arguments.url) as pipeline:
        return _DO[arguments.what](pipeline.rules, arguments)


def _submit(rules: Rules, arguments: argparse.Namespace) -> int:
    text = _with_names(_read(arguments.file), arguments.set)
    if arguments.check:
        sketch = rules.check(text)
        print(
            f"{sketch.title}: {len(sketch.steps)} {'rule' if len(sketch.steps) == 1 else 'rules'}, nothing was started"
        )
        for step in sketch.steps:
            after = ", ".join(sketch.steps[parent].name for parent in step.after)
            files = ", ".join(output.path for output in step.outputs)
            print(f"  {step.name}{f', after {after}' if after else ''}{f', writes {files}' if files else ''}")
        return 0
    chain = rules.submit(text, key=arguments.key)
    if not arguments.watch:
        print(f"chain {chain.id} is submitted; 'beamloom rules watch {chain.id}' shows how it goes on")
        return 0
    return _watched(chain)


def _list(rules: Rules, arguments: argparse.Namespace) -> int:
    chains = rules.list(max(1, arguments.last), active=True if arguments.active else None)
    if arguments.json:
        import msgspec

        print(msgspec.json.encode(chains).decode())
    elif not chains:
        print(
            "nothing goes on"
            if arguments.active
            else "no rules yet; 'beamloom rules submit FILE' starts some"
        )
    for chain in chains if not arguments.json else ():
        print(_row(chain))
    return 0


def _watch(rules: Rules, arguments: argparse.Namespace) -> int:
    from beamloom.errors import UsageError

    if arguments.chain is None:
        latest = rules.list(1)
        if not latest:
            raise UsageError("there are no rules to watch yet; 'beamloom rules submit FILE' starts some")
        return _watched(rules[latest[0].id])
    return _watched(_chain(rules, arguments.chain))


def _cancel(rules: Rules, arguments: argparse.Namespace) -> int:
    count = _chain(rules, arguments.chain).cancel(arguments.step)
    print(
        f"{count} {'step is' if count == 1 else 'steps are'} cancelled" if count else "nothing of it goes on"
    )
    return 0


def _retry(rules: Rules, arguments: argparse.Namespace) -> int:
    count = _chain(rules, arguments.chain).retry_failed(arguments.step)
    print(
        f"{count} {'chunk is' if count == 1 else 'chunks are'} tried again"
        if count
        else "there is nothing to try again; what failed before it began is mended by submitting it again"
    )
    return 0


def _watched(chain: Chain) -> int:
    from beamloom.cli._rules_watch import watch

    return watch(chain)


def _chain(rules: Rules, number: int) -> Chain:
    from beamloom.errors import UsageError

    try:
        return rules[number]
    except KeyError:
        raise UsageError(
            f"there is no chain {number}; 'beamloom rules list' shows those that there are"
        ) from None


def _row(chain: ChainStatus) -> str:
    import datetime as dt

    begun = dt.datetime.fromtimestamp(chain.created).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    frames = [step.frames for step in chain.steps]
    failed = sum(one.failed for one in frames)
    counts = f"{sum(step.state == 'done' for step in chain.steps)} of {len(frames)} rules done"
    told = [counts, f"{failed:,} frames failed" if failed else "", f"by {chain.by}" if chain.by else ""]
    return f"{chain.id:>5}  {begun}  {chain.state:<9}  {chain.title}  ({', '.join(filter(None, told))})"


def _read(file: str) -> str:
    import sys

    from beamloom.errors import UsageError

    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 text; is it a YAML file?") from error


def _with_names(text: str, words: list[str]) -> str:
    """The description with further names in its context; without any it is sent as it stands, so that errors name its lines."""
    if not words:
        return text
    import msgspec

    from beamloom.located_yaml import parse_yaml

    written = parse_yaml(text, "FILE").plain()
    if not isinstance(written, dict) or not isinstance(written.get("context") or {}, dict):
        return text  # what is wrong with it is said by the service
    names = dict(map(name_and_value, words))
    return msgspec.json.encode({**written, "context": {**(written.get("context") or {}), **names}}).decode()


_DO = {"submit": _submit, "list": _list, "watch": _watch, "cancel": _cancel, "retry": _retry}
