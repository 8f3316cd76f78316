"""Who is told how a replay goes."""

from __future__ import annotations

from beamloom.replay._report import ReplayReport, Standing


class Audience:
    """Hears nothing; a command line or a notebook overrides what it wants to hear."""

    def serving(self, url: str) -> None:
        """Results, parameters and progress are served at ``url`` from now on."""

    def progress(self, settled: int, total: int) -> None:
        """So many events are reduced, failed or lost; called after each turn of the services."""

    def begun(self) -> None:
        """A worker begins with an event, of the many that it may have in a turn; called before your class is."""

    def stands(self, standing: Standing) -> None:
        """What there is now; called after each turn of the services."""

    def finished(self, report: ReplayReport) -> None:
        """The run is over; with ``keep_alive`` the replay stays."""
