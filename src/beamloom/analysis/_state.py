"""What an analysis is told about the process that it runs in."""

from __future__ import annotations

import msgspec


class CodeVersion(msgspec.Struct, frozen=True):
    """The version of the analysis code, as its build wrote it down."""

    commit_hash: str
    branch_name: str = ""
    timestamp: str = ""
    repository_url: str = ""


class _ProcessState(msgspec.Struct, frozen=True, kw_only=True):
    """What an analysis is told in every process."""

    run: str | None = None
    version: str = ""
    """The version of Beamloom."""
    mapreduce_version: CodeVersion | None = None
    parameters_hash: str | None = None

    @property
    def dranspose_version(self) -> str:
        """``version``, by the name that existing analyses read."""
        return self.version

    @property
    def mapping_uuid(self) -> str | None:
        """``run``, by the name that existing analyses read."""
        return self.run


class WorkerState(_ProcessState, frozen=True, kw_only=True):
    """The worker that an analysis runs in: the ``state`` of its constructor."""

    name: str
    tags: tuple[str, ...] = ("generic",)


class ReducerState(_ProcessState, frozen=True, kw_only=True):
    """The reducer that an analysis runs in: the ``state`` of its constructor."""

    name: str = "reducer"
