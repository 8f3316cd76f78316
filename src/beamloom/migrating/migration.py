"""Reads a repository, runs its recordings, and tells what works, what has a shorter form, and what needs somebody to look at it.

The repository is never written to but by ``apply``; its code runs in copies of it, in processes of their own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from beamloom.errors import UsageError, did_you_mean
from beamloom.migrating.children import ChildFailed, Look, Looked, Tried, Try, Wanted, ask
from beamloom.migrating.classes import Seen, classes_seen
from beamloom.migrating.copying import copy_to
from beamloom.migrating.deployments import pipeline_of
from beamloom.migrating.described import described_replays
from beamloom.migrating.edits import unified
from beamloom.migrating.looking import looked_at
from beamloom.migrating.other_systems import of_om, of_pyme, pipeline_of_om
from beamloom.migrating.pairing import Class, pairs
from beamloom.migrating.proving import Proof
from beamloom.migrating.repository import Repository, read_repository
from beamloom.migrating.result_types import result_types
from beamloom.migrating.sets import parameters_beside, published_beside, sets_of_recordings
from beamloom.migrating.shorter import shorter_arguments, shorter_imports
from beamloom.migrating.told import Asked, Migration, Remark, Replayed
from beamloom.whole_files import write_whole

PIPELINE = "pipeline.yaml"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be looked at; what is not given is found."""

    path: str
    worker: str | None = None
    reducer: str | None = None
    files: tuple[str, ...] = ()
    parameters: str | None = None
    seconds: float = 120.0
    """How long the replays may take, each time that they are tried."""
    result_types: bool = False
    """Also offer result types for values that are collected by hand: viewers find them at another place then."""


def migrate(wish: Wish, say: Callable[[str], None] = lambda text: None) -> Migration:
    """Look, and try. ``say`` is told what is being done. Raises UsageError for what is no repository."""
    if wish.seconds <= 0:
        raise UsageError(f"--seconds is {wish.seconds:g}; give the replays some time")
    say("reading the repository")
    repository = read_repository(wish.path)
    seen = classes_seen(repository)
    remarks = [*repository.unreadable, *of_om(repository), *of_pyme(repository), *looked_at(repository, seen)]
    say("importing the classes")
    classes, failed = _imported(repository, seen, wish.seconds)
    remarks += failed
    asked, more = _asked(wish, repository, classes)
    remarks += more
    say("replaying")
    replays = _replays(repository, asked, wish.seconds)
    remarks += _on_replays(replays)
    working = [one.asked for one in replays if one.events and not one.failures]
    wanted = [one for source in repository.sources if not source.is_test for one in shorter_imports(source)]
    wanted += shorter_arguments(repository, seen)
    if wish.result_types:
        wanted += result_types(seen)
    proof = Proof(repository, working, wish.seconds, say)
    kept = proof.proven(wanted)
    texts = proof.texts(kept) or {}
    workers = tuple(one.reference for one in classes if one.seen.role == "worker")
    reducers = tuple(one.reference for one in classes if one.seen.role == "reducer")
    pipeline, more = pipeline_of(
        repository,
        wish.worker or (asked[0].worker if asked else next(iter(workers), "")),
        wish.reducer or (asked[0].reducer if asked else next(iter(reducers), "")),
        next((one.parameters for one in asked if one.parameters), None),
        asked[0].folder if asked else next((one.folder for one in classes), "."),
    )
    remarks += more
    if not pipeline:
        pipeline, more = pipeline_of_om(repository)
        remarks += more
    if pipeline and PIPELINE not in repository.names:
        texts[PIPELINE] = pipeline
    if not seen and not any(one.what in ("om", "pyme") for one in remarks) and not pipeline:
        raise UsageError(
            f"{wish.path} has no class with process_event or process_result, no monitor.yaml, no recipe and no deployment; name the folder "
            "of an analysis"
        )
    before = {name: text for name in texts if (text := repository.text(name)) is not None}
    return Migration(
        path=wish.path,
        workers=workers,
        reducers=reducers,
        replays=tuple(replays),
        remarks=tuple(remarks),
        changes=tuple(one.change for one in kept),
        dropped=tuple(one.change for one in wanted if one not in kept),
        pipeline=pipeline,
        patch=unified(before, texts),
        files=texts,
    )


def _imported(
    repository: Repository, seen: Sequence[Seen], seconds: float
) -> tuple[list[Class], list[Remark]]:
    if not seen:
        return [], []
    wanted = [Wanted(one.role, one.references()) for one in seen]
    with tempfile.TemporaryDirectory(prefix="beamloom-migrate-") as folder:
        try:
            looked = ask(Look(str(copy_to(repository, Path(folder) / "copy")), wanted), Looked, seconds)
        except ChildFailed as error:
            sentence = f"importing the classes of the repository {error}"
            return [], [Remark(level="problem", what="import", sentence=sentence)]
    classes, remarks = [], []
    for one, found in zip(seen, looked.found, strict=True):
        if found.error:
            told = found.error.replace(f"{folder}/copy/", "").replace(f"{folder}/copy", repository.path.name)
            remarks.append(
                Remark(
                    level="problem",
                    what="import",
                    file=one.source.name,
                    line=one.node.lineno,
                    sentence=f"{one.node.name} cannot be imported: {told.splitlines()[0]}",
                )
            )
        else:
            classes.append(Class(one, found.folder, found.reference))
    return classes, remarks


def _asked(wish: Wish, repository: Repository, classes: Sequence[Class]) -> tuple[list[Asked], list[Remark]]:
    """The replays that the repository describes, or else all recordings by all pairs of classes."""
    for given, what in ((wish.worker, "worker"), (wish.reducer, "reducer")):
        if given is not None and given not in [one.reference for one in classes if one.seen.role == what]:
            known = [one.reference for one in classes if one.seen.role == what]
            raise UsageError(
                f"there is no {what} {given!r} in {wish.path}{did_you_mean(given, known)}; those that can be imported: "
                f"{', '.join(known) or 'none'}"
            )
    for name in (*wish.files, *filter(None, [wish.parameters])):
        if not (repository.path / name).is_file():
            raise UsageError(f"there is no file {name} in {wish.path}; names are relative to the repository")
    described, remarks = described_replays(repository)
    chosen, more = pairs(classes, described, wish.worker, wish.reducer)
    remarks += more
    folders = {one.reference: one.folder for one in classes}
    if wish.files:
        sets = [wish.files]
    elif described and wish.worker is None and wish.reducer is None:
        found = [
            msgspec.structs.replace(
                one,
                folder=folders[one.worker],
                expected=published_beside(repository, one.files) if one.files else None,
            )
            for one in described
            if {one.worker, one.reducer} <= folders.keys() and one.files + tuple(filter(None, [one.source]))
        ]
        if found:
            return found, remarks
        sets, more = sets_of_recordings(repository)
        remarks += more
    else:
        sets, more = sets_of_recordings(repository)
        remarks += more
    asked = [
        Asked(
            worker=worker.reference,
            reducer=reducer.reference,
            folder=worker.folder,
            files=tuple(files),
            parameters=wish.parameters or parameters_beside(repository, files),
            expected=published_beside(repository, files),
        )
        for worker, reducer in chosen
        for files in sets
    ]
    sources = [one for one in classes if one.seen.role == "source"]
    if not sets and len(sources) == 1:
        asked = [
            Asked(
                worker=worker.reference,
                reducer=reducer.reference,
                folder=worker.folder,
                source=sources[0].reference,
                parameters=wish.parameters or parameters_beside(repository, [sources[0].seen.source.name]),
            )
            for worker, reducer in chosen
        ]
    if chosen and not asked:
        remarks.append(
            Remark(
                level="attention",
                what="recordings",
                sentence="there is no recording here, so that nothing could be run: put one beside the analysis, or name some by -f",
            )
        )
    return asked, remarks


def _replays(repository: Repository, asked: Sequence[Asked], seconds: float) -> list[Replayed]:
    """Each in a process of its own: one that hangs keeps none of the others from being tried."""
    replays: list[Replayed] = []
    root = str(repository.path.resolve())
    for one in asked:
        with tempfile.TemporaryDirectory(prefix="beamloom-migrate-") as folder:
            copy = copy_to(repository, Path(folder) / "copy")
            try:
                replays += ask(Try(root=str(copy), asked=[one], recordings=root), Tried, seconds).replayed
            except ChildFailed as error:
                replays.append(Replayed(asked=one, failures=(f"the replay {error}",)))
    return replays


def _on_replays(replays: Sequence[Replayed]) -> list[Remark]:
    remarks = []
    for one in replays:
        what = ", ".join(one.asked.files) or f"the source {one.asked.source}"
        for failure in one.failures:
            remarks.append(Remark(level="problem", what="replay", file=what, sentence=failure))
        if one.lost:
            sentence = f"{one.lost} of {one.events} events are lost: {'; '.join(one.remarks) or 'the recording lacks packets'}"
            remarks.append(Remark(level="problem", what="replay", file=what, sentence=sentence))
        for difference in one.differences or ():
            sentence = f"differs from what {one.asked.expected} has: {difference}"
            remarks.append(Remark(level="problem", what="results", file=what, sentence=sentence))
        if one.restless:
            sentence = f"{', '.join(one.restless[:3])} differs between two replays alike: times, or random numbers; it is not compared"
            remarks.append(Remark(level="note", what="results", file=what, sentence=sentence))
    return remarks


def apply(found: Migration) -> list[str]:
    """Write what the patch says; the names of the files. Raises UsageError where the disk refuses."""
    root = Path(found.path)
    written = []
    for name, text in found.files.items():
        try:
            write_whole(root / name, text.encode())
        except OSError as error:
            raise UsageError(
                f"{root / name} cannot be written ({error.strerror}); the files before it are"
            ) from error
        written.append(name)
    return written
