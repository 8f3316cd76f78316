"""Which processes of a pipeline run on the cluster, and how the two sides reach each other."""

from __future__ import annotations

from typing import Final

from beamloom.access.policy import is_loopback
from beamloom.errors import UsageError
from beamloom.pipeline_file import Pipeline
from beamloom.placement.commands import Spread
from beamloom.placement.dask.site import DaskSite
from beamloom.placement.layout import Layout, layout_of

GROUND: Final = "dask"


def layout_on(site: DaskSite, pipeline: Pipeline) -> Layout:
    """The processes of a pipeline, those that are to on this cluster. Raises UsageError where they could not talk."""
    settings = pipeline.settings
    if not is_loopback(site.host) and not settings.get("keys") and not settings.get("mailbox_open"):
        raise UsageError(
            "on the cluster other machines reach the processes, and nothing keeps strangers out: make keys with 'beamloom keys' where "
            "all machines see them, and add 'settings: {keys: FILE}' to the pipeline file, or, where nobody else is on that network, "
            "'settings: {mailbox_open: true}'"
        )
    return layout_of(pipeline, Spread(ground=GROUND, host=site.host, places=site.places))
