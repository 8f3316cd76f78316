"""The pipeline file: one YAML file that says which streams, workers and reducer make a pipeline.

``read_pipeline`` reads and checks one; a script may as well make a ``Pipeline`` itself.
"""

from beamloom.pipeline_file._detectors import read_geometry
from beamloom.pipeline_file._read import check_streams, parse_pipeline, read_pipeline
from beamloom.pipeline_file._schema import json_schema, markdown
from beamloom.pipeline_file._shape import (
    Arming,
    Controller,
    Dask,
    DebugWorker,
    HttpAddress,
    Pipeline,
    Recording,
    Reducer,
    WorkerGroup,
    host_and_port,
)

__all__ = [
    "Arming",
    "Controller",
    "Dask",
    "DebugWorker",
    "HttpAddress",
    "Pipeline",
    "Recording",
    "Reducer",
    "WorkerGroup",
    "check_streams",
    "host_and_port",
    "json_schema",
    "markdown",
    "parse_pipeline",
    "read_geometry",
    "read_pipeline",
]
