"""OM's monitor.yaml: what it says becomes the parameters of the analysis, and what cannot be done is refused by its line."""

from beamloom.apps.crystallography.monitor.read import Monitor, parse_monitor, read_monitor

__all__ = ["Monitor", "parse_monitor", "read_monitor"]
