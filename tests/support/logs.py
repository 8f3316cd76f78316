"""Errors in the log of the code under test."""

from __future__ import annotations

import logging


class ErrorRecords(logging.Handler):
    """Collects what is logged as ERROR or worse below one logger."""

    def __init__(self) -> None:
        super().__init__(level=logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record as one line."""
        self.lines.append(f"{record.levelname} {record.name}: {record.getMessage()}")
