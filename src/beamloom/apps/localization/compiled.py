"""The kernels of localization."""

from __future__ import annotations

from beamloom.apps import compiled as kernels

compiled = kernels.compiled("localization", what="localization", contracts=True)
