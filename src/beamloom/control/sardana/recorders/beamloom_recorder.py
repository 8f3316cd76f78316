"""The recorder of Sardana that posts to a stream of a pipeline: ``senv DataRecorder BeamloomRecorder``.

It posts to ``BeamloomRecorderUrl`` what the stream's device ``sardana`` reads: the description of a scan, its points, its end. Columns that
are arrays are left out, as by the recorders of Sardana itself: detectors have streams of their own.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable
from typing import Any

from sardana.macroserver.scan.recorder.datarecorder import DataRecorder

from beamloom.control.sardana.posting import ScanPoster
from beamloom.errors import PipelineError

DESCRIBED = {
    "serialno": "serialno",
    "title": "title",
    "scandir": "ScanDir",
    "scanfile": "ScanFile",
    "ref_moveables": "ref_moveables",
    "counters": "counters",
    "estimatedtime": "estimatedtime",
    "total_scan_intervals": "total_scan_intervals",
}
"""What a description tells, and where Sardana has it."""


class BeamloomRecorder(DataRecorder):
    """Posts a scan, point by point."""

    def __init__(self, macro: Any = None, **parameters: Any) -> None:
        super().__init__(**parameters)
        self._macro: Callable[[], Any] = weakref.ref(macro)
        self._poster: ScanPoster | None = None
        self._columns: list[str] = []

    def _startRecordList(self, recordlist: Any) -> None:  # noqa: N802  Sardana's name
        macro = self._macro()
        try:
            self._poster = ScanPoster(macro.getEnv("BeamloomRecorderUrl"))
        except PipelineError as error:
            macro.warning("the pipeline gets no points of this scan: BeamloomRecorderUrl: %s", error)
            return
        columns = [
            column for column in recordlist.getEnvironValue("datadesc") if not tuple(column.shape or ())
        ]
        self._columns = [column.name for column in columns]
        described = {name: recordlist.getEnvironValue(key) for name, key in DESCRIBED.items()}
        described["scandir"] = described["scandir"] or ""
        described["starttime"] = recordlist.getEnvironValue("starttime").ctime()
        described["column_desc"] = [column.toDict() for column in columns]
        self._post("data_desc", described)

    def _writeRecord(self, record: Any) -> None:  # noqa: N802
        self._post("record_data", {name: record.data.get(name) for name in self._columns})

    def _endRecordList(self, recordlist: Any) -> None:  # noqa: N802
        if self._poster is None:
            return
        environ = {
            key: recordlist.getEnvironValue(key) for key in ("endtime", "startts", "endts", "deadtime")
        }
        lasted = environ["endts"] - environ["startts"]
        percent = 100 * environ["deadtime"] / lasted if lasted > 0 else 0.0
        self._post("record_end", {"endtime": environ["endtime"].ctime(), "deadtime": percent})
        poster, self._poster = self._poster, None
        delivered = poster.finish()
        if delivered.kept < delivered.posts:
            self._macro().warning("the pipeline does not have all of this scan: %s", delivered)

    def _post(self, route: str, fields: dict[str, Any]) -> None:
        if self._poster is not None:
            self._poster.post(route, json.dumps(fields, default=_plain).encode())


def _plain(value: Any) -> Any:
    """A number of numpy as Python's; anything else as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
