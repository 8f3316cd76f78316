"""How the datasets of files are packed, by the names that the settings use."""

from __future__ import annotations

from typing import Literal, TypeAlias

Compression: TypeAlias = Literal["none", "gzip", "zstd"]
"""How datasets are packed; ``zstd`` is read in HDF5 only where the HDF5 plugins are installed."""
