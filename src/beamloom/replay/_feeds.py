"""Where the packets of a replay come from: recordings, or a class of the user that makes them.

A replay goes through everything twice: once to see which stream has a packet for which event, once to run. Neither time is it held in
memory; of recordings only the places of what was found are, so that they are not looked through again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from beamloom.analysis import AnalysisError, user_traceback
from beamloom.errors import UsageError, UserError, did_you_mean
from beamloom.events import Packet
from beamloom.recordings.finds import Finds
from beamloom.recordings.growing import GrowingRecording
from beamloom.recordings.reader import RecordingReader
from beamloom.recordings.runs import RecordRun, gathered


class RecordLike(Protocol):
    """Packets of one event, as recordings and user sources give them."""

    event_number: int
    streams: dict[str, Packet]


class Feed(Protocol):
    """The records of one ingester."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def remark(self) -> str | None:
        """After it was read to its end: a sentence on what was not as it should be."""

    def runs(self) -> Iterator[RecordRun | None]:
        """The records from the beginning, each time it is called; None: no more at this moment.

        Raises a UserError where they cannot be read.
        """


class FileFeed:
    """The records of a recording. Raises a UserError for a file that is none."""

    def __init__(self, path: str | Path, *, allow_pickle: bool = False) -> None:
        self.name = str(path)
        self._found: list[RecordRun] | None = None
        """What the last look has found, where that was kept."""
        try:
            self._reader = RecordingReader(path, allow_pickle=allow_pickle)
        except FileNotFoundError:
            raise UsageError(_not_there(Path(path))) from None
        except IsADirectoryError:
            raise UsageError(
                f"{path} is a folder; name the recordings in it, such as {path}/*.cbors"
            ) from None
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}; check its permissions") from error

    @property
    def remark(self) -> str | None:
        """That the recording breaks off, where it does."""
        return None if self._reader.truncation is None else str(self._reader.truncation)

    def runs(self) -> Iterator[RecordRun]:
        """The records of the file."""
        return self._look_through() if self._found is None else iter(self._found)

    def _look_through(self) -> Iterator[RecordRun]:
        finds = Finds()
        for run in self._reader.runs():
            yield run
            finds.add(run)
        self._found = finds.runs


class GrowingFeed:
    """The records of a recording that is still being written."""

    remark: str | None = None

    def __init__(self, path: str | Path, is_over: Callable[[], bool]) -> None:
        self.name = str(path)
        self._recording = GrowingRecording(Path(path), is_over)

    def runs(self) -> Iterator[RecordRun | None]:
        """The records of the file, and those that come."""
        return self._recording.runs()


def _not_there(path: Path) -> str:
    beside = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    if f"{path.name}.part" in beside:
        return (
            f"there is no recording {path}, only {path}.part: name that one to replay what was written so far"
        )
    return f"there is no recording {path}{did_you_mean(path.name, beside)}; check its name and its folder"


class UserSource:
    """A class of the user that makes records in code.

    It is made anew for each time that its records are read, and all generators of one time are those of one instance.
    """

    def __init__(self, cls: type) -> None:
        self._where = f"{cls.__name__}.get_source_generators"
        if not callable(getattr(cls, "get_source_generators", None)):
            raise UsageError(
                f"{cls.__name__} has no method get_source_generators; give it one that returns a list of generators"
            )
        self._cls = cls
        self._rounds: dict[int, list[Iterator[Any]]] = {}
        self._count = len(self._generators(0))

    def feeds(self) -> list[Feed]:
        """One feed for each generator."""
        return [SourceFeed(self, number) for number in range(self._count)]

    def generator(self, number: int, round_: int) -> Iterator[Any]:
        """One of the generators, for the time ``round_`` that the records are read."""
        return self._generators(round_)[number]

    def _generators(self, round_: int) -> list[Iterator[Any]]:
        if round_ not in self._rounds:
            try:
                made = self._cls().get_source_generators()
            # it is the user's code, which may raise anything
            except Exception as error:
                raise self.failure(error) from error
            if not isinstance(made, Sequence) or isinstance(made, str | bytes):
                raise AnalysisError(
                    f"{self._where} returned {type(made).__name__}; it should return a list of generators of records"
                )
            self._rounds[round_] = [iter(one) for one in made]
        return self._rounds[round_]

    def failure(self, error: Exception) -> AnalysisError:
        """What went wrong in the user's code, for people."""
        return AnalysisError(
            f"{self._where} failed: {type(error).__name__}: {error}\n{user_traceback(error)}"
        )

    def check(self, record: Any) -> RecordLike:
        """The record, if it is one."""
        number, streams = getattr(record, "event_number", None), getattr(record, "streams", None)
        if not isinstance(number, int) or not isinstance(streams, dict):
            raise AnalysisError(
                f"{self._where}: a generator gave {type(record).__name__}; "
                "it should give records, such as InternalWorkerMessage(event_number=0, streams={...})"
            )
        for stream, packet in streams.items():
            if not isinstance(packet, Packet):
                raise AnalysisError(
                    f"{self._where}: stream {stream!r} of event {number} is {type(packet).__name__}; "
                    "it should be a packet, such as StreamData(typ='STINS', frames=[...])"
                )
        checked: RecordLike = record
        return checked


class SourceFeed:
    """One generator of a user's source."""

    remark: str | None = None

    def __init__(self, source: UserSource, number: int) -> None:
        self.name = f"generator {number} of the source"
        self._source = source
        self._number = number
        self._round = 0

    def runs(self) -> Iterator[RecordRun]:
        """The records that the generator gives."""
        generator = self._source.generator(self._number, self._round)
        self._round += 1
        return gathered((record.event_number, record.streams) for record in self._checked(generator))

    def _checked(self, generator: Iterator[Any]) -> Iterator[RecordLike]:
        while True:
            try:
                record = next(generator)
            except StopIteration:
                return
            except UserError:
                raise
            # it is the user's code, which may raise anything
            except Exception as error:
                raise self._source.failure(error) from error
            yield self._source.check(record)
