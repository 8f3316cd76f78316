"""Logging of a process: one line per record with time, level, service and message, on the standard error."""

from __future__ import annotations

import logging
import sys

LINE = "%(asctime)s.%(msecs)03d %(levelname)-7s %(service)s%(message)s"
"""How a line looks; the service is left out where a supervisor writes it in front."""


class LineFormatter(logging.Formatter):
    """Formats a record as one line, followed by an indented traceback where there is one."""

    def __init__(self, service: str) -> None:
        super().__init__(LINE, datefmt="%Y-%m-%d %H:%M:%S")
        self._service = f"{service}  " if service else ""

    def format(self, record: logging.LogRecord) -> str:
        """The line for one record."""
        record.service = self._service
        return super().format(record).replace("\n", "\n    ")


def start(service: str, level: str = "INFO", *, supervised: bool = False) -> None:
    """Send the records of this process to the standard error, in place of what was set up before.

    ``supervised`` leaves the service's name out, because the supervisor writes it in front of every line.
    """
    writer = logging.StreamHandler(sys.stderr)
    writer.setFormatter(LineFormatter("" if supervised else service))
    logging.basicConfig(level=level, handlers=[writer], force=True)
    logging.captureWarnings(True)
