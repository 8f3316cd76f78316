"""Gives files their names, once each, and tells the ledger.

The name that was asked for may be taken: then the file becomes ``name_1``, as nobody's file is replaced. Only a file which the same step
wrote before, for the same purpose, gives way. Everything here can be done again after a crash, with the same outcome. A file that
somebody has removed before it had its name is written again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from beamloom.rules.files import free_name, give_name, replace
from beamloom.rules.ledger import Ledger, Settled, Unpublished


def publish(ledger: Ledger, clock: Callable[[], float]) -> Settled:
    """Name all files that wait for it; what that has set going. A file that cannot be named now is tried again by the next call."""
    settled = Settled()
    for one in ledger.unpublished():
        try:
            _name(ledger, one)
        except OSError as error:
            if _is_gone(Path(one.staged)):
                sentence = (
                    f"{one.staged} was removed before it became {one.requested}; see who clears that folder"
                )
                settled.add(ledger.file_gone(one.id, sentence, clock()))
                return settled
            ledger.trouble(one.step, f"{one.requested} cannot be written now: {error}; it is tried again")
            continue
        settled.add(ledger.published(one.id, clock()))
        with contextlib.suppress(OSError):  # goes with the folder of its step
            Path(one.staged).unlink()
    return settled


def _is_gone(staged: Path) -> bool:
    try:
        staged.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # it cannot be told now
        return False
    return False


def _name(ledger: Ledger, one: Unpublished) -> None:
    staged = Path(one.staged)
    if one.before is not None:
        ledger.choose(one.id, one.before)
        replace(staged, Path(one.before))
        return
    actual = Path(one.actual) if one.actual else free_name(Path(one.requested))
    while True:
        ledger.choose(one.id, str(actual))
        if give_name(staged, actual):
            return
        actual = free_name(Path(one.requested))
