"""Make the call of your class again that failed, from the capsule that was kept of it.

On a terminal the debugger stops where it failed. The exit status is 1 where it fails again, 0 where it does not. A capsule is to be
trusted as code is: it holds the state of your class as a pickle.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from beamloom.errors import UsageError

if TYPE_CHECKING:
    from types import TracebackType

    from beamloom.capsules import Capsule, Rerun

EXAMPLE = """\
beamloom debug event-17-worker-1-3f2a91c0de.capsule
beamloom debug event-17-worker-1-3f2a91c0de.capsule --test tests/"""

COMMIT_SHOWN = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The capsule, and what is done with it."""
    parser.add_argument(
        "file", metavar="FILE", help="the capsule; /api/v1/errors and the log name those of a run"
    )
    parser.add_argument(
        "--test",
        metavar="PLACE",
        nargs="?",
        const=".",
        help="write a test that makes the call, into this file or folder (default: here), instead of making it now",
    )
    parser.add_argument("--no-pdb", action="store_true", help="only print the traceback, also on a terminal")
    parser.add_argument(
        "--step", action="store_true", help="stop at the first line of the call instead of where it fails"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="on a new instance; nothing of the capsule is unpickled"
    )
    parser.add_argument(
        "--analysis",
        metavar="FOLDER",
        help="import the class from here (default: where it was imported from)",
    )
    parser.add_argument(
        "--trust", action="store_true", help="unpickle the state also of a file that is somebody else's"
    )


def run(arguments: argparse.Namespace) -> int:
    """Make the call, or write the test."""
    from beamloom.capsules import Rerun, read_capsule, write_test

    capsule = read_capsule(arguments.file)
    if arguments.test is not None:
        written = write_test(capsule, arguments.file, arguments.test, folder=arguments.analysis)
        print(f"{written} fails as the call did, until the class is mended: python -m pytest {written}")
        return 0
    _check_owner(arguments)
    print(_headline(capsule))
    again = Rerun(capsule, folder=arguments.analysis, fresh=arguments.fresh)
    for remark in [*_code_remarks(capsule), *again.remarks]:
        print(f"note: {remark}")
    sys.stdout.flush()
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not arguments.no_pdb
    return _make(again, debugger=on_terminal, step=arguments.step)


def _check_owner(arguments: argparse.Namespace) -> None:
    from beamloom.capsules import foreign_owner

    owner = foreign_owner(arguments.file)
    if owner is not None and not arguments.trust and not arguments.fresh:
        raise UsageError(
            f"{arguments.file} belongs to the user {owner}, and to read the state in it runs what it says: "
            "add --trust if you trust it as you trust your own code, or --fresh to do without the state"
        )


def _headline(capsule: Capsule) -> str:
    when = datetime.fromtimestamp(capsule.kept_at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return (
        f"{capsule.sentence}\n"
        f"  run {capsule.run}, kept by {capsule.service} (process {capsule.pid} on {capsule.host}) at {when}\n"
        f"  {capsule.analysis} from {capsule.analysis_path}, parameters of epoch {capsule.epoch}"
    )


def _code_remarks(capsule: Capsule) -> list[str]:
    """What is said of the code being another one now."""
    from beamloom.services.shell.code_version import build_metadata
    from beamloom.version import VERSION

    remarks = []
    then, now = capsule.code.get("commit_hash", ""), build_metadata(capsule.analysis).get("commit_hash", "")
    if then and then != now:
        remarks.append(
            f"the code was {then[:COMMIT_SHOWN]} then and is {now[:COMMIT_SHOWN] or 'of no commit'} now"
        )
    if capsule.version != VERSION:
        remarks.append(f"Beamloom was {capsule.version} then and is {VERSION} now")
    python = sys.version.partition(" ")[0]
    if capsule.python and capsule.python != python:
        remarks.append(f"Python was {capsule.python} then and is {python} now")
    return remarks


def _make(again: Rerun, *, debugger: bool, step: bool) -> int:
    capsule = again.capsule
    if capsule.died:
        faulthandler.enable()
        print(
            f"note: the process ended in this call ({capsule.error}); this one may, too, or hang: Ctrl-C shows where"
        )
        sys.stdout.flush()
    try:
        value = _stepping(again) if debugger and step else again.call()
    except KeyboardInterrupt as stopped:
        if not capsule.died:
            raise
        return _show(stopped, debugger=debugger)
    # What the user's code raises is what is looked for; SystemExit may be among it.
    except BaseException as error:  # noqa: BLE001
        status = _show(error, debugger=debugger)
        if type(error).__qualname__ != capsule.error:
            print(f"this is another error than then: {capsule.error}: {capsule.message}", file=sys.stderr)
        return status
    print(f"it did not fail this time; it returned {_shown(value)}")
    if not capsule.died:
        print(
            "  it may depend on what no capsule holds: context, files, time, random numbers, or code that was changed since"
        )
    return 0


def _stepping(again: Rerun) -> Any:
    import pdb  # noqa: T100  the command is a debugger

    return pdb.Pdb().runcall(again.call)


def _show(error: BaseException, *, debugger: bool) -> int:
    from beamloom.analysis import user_traceback

    print(user_traceback(error).rstrip(), file=sys.stderr)
    if debugger:
        import pdb  # noqa: T100  the command is a debugger

        print("the debugger is where it failed: u and d go up and down the calls, p prints, q leaves")
        pdb.post_mortem(_of_user(error.__traceback__))
    return 1


def _of_user(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame on that is not Beamloom's own."""
    ours = Path(__file__).resolve().parent.parent
    start = trace
    while start is not None and ours in Path(start.tb_frame.f_code.co_filename).parents:
        start = start.tb_next
    return start or trace


def _shown(value: Any, longest: int = 200) -> str:
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001  the user's class may not be printable
        return f"a {type(value).__name__} that cannot be printed ({type(error).__name__})"
    return text if len(text) <= longest else f"{text[:longest]}…"
