"""The files that users of OM's Cheetah know, written by the reducer: status, lists, sums."""

from beamloom.apps.crystallography.analysis.files.folder import Files, files_of

__all__ = ["Files", "files_of"]
