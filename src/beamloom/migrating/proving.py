"""Which shorter forms go into the patch: those with which every replay gives what it gave before.

All are tried at once. Where that is not the same, they are tried file by file, and in such a file one by one; what has not been run by any
replay is not proven, and is left out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from beamloom.migrating.children import ChildFailed, Tried, Try, ask
from beamloom.migrating.copying import copy_to
from beamloom.migrating.edits import edited, with_one_import
from beamloom.migrating.repository import Repository
from beamloom.migrating.shorter import Shorter
from beamloom.migrating.told import Asked


class Proof:
    """Tries forms of a repository against the form that it has."""

    def __init__(
        self, repository: Repository, asked: Sequence[Asked], seconds: float, say: Callable[[str], None]
    ) -> None:
        """``asked`` are replays that work, ``seconds`` how long one try may take."""
        self._repository = repository
        self._asked = list(asked)
        self._seconds = seconds
        self._say = say
        self._texts = {source.name: source.text for source in repository.sources}

    def proven(self, wanted: Sequence[Shorter]) -> list[Shorter]:
        """Those that can all be made together."""
        if not self._asked or not wanted:
            return []
        if self._same(wanted):
            return list(wanted)
        kept: list[Shorter] = []
        for file in dict.fromkeys(one.change.file for one in wanted):
            own = [one for one in wanted if one.change.file == file]
            if self._same([*kept, *own]):
                kept += own
                continue
            for one in own if len(own) > 1 else ():
                if self._same([*kept, one]):
                    kept.append(one)
        return kept

    def texts(self, changes: Sequence[Shorter]) -> dict[str, str] | None:
        """The files that are changed, as they are then; None where changes are in each other's way."""
        made: dict[str, str] = {}
        for file in dict.fromkeys(one.change.file for one in changes):
            edits = [edit for one in changes if one.change.file == file for edit in one.edits]
            text = edited(self._texts[file], edits)
            if text is None:
                return None
            made[file] = with_one_import(text)
        return made

    def _same(self, changes: Sequence[Shorter]) -> bool:
        texts = self.texts(changes)
        if texts is None:
            return False
        self._say(f"trying {len(changes)} shorter {'form' if len(changes) == 1 else 'forms'}")
        aliases = dict(alias for one in changes for alias in one.aliases)
        try:
            tried = self._try(texts, aliases)
        except ChildFailed:
            return False
        return not tried.unlike and not any(one.failures for one in tried.replayed)

    def _try(self, texts: Mapping[str, str], aliases: dict[str, str]) -> Tried:
        with tempfile.TemporaryDirectory(prefix="beamloom-migrate-") as folder:
            first = copy_to(self._repository, Path(folder) / "before")
            other = copy_to(self._repository, Path(folder) / "after", texts)
            job = Try(
                root=str(first),
                asked=self._asked,
                recordings=str(self._repository.path.resolve()),
                other=str(other),
                aliases=aliases,
            )
            return ask(job, Tried, self._seconds)
