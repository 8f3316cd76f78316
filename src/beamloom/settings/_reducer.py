"""The settings of the reducer, documented as those of the other processes are: see ``_process.py``."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from beamloom.settings._bounds import ResultPackages
from beamloom.settings._failures import CapsuleBytes, CapsuleDir, Capsules
from beamloom.settings._http import (
    HttpBodyLimit,
    HttpCertificate,
    HttpKey,
    HttpNames,
    HttpOpen,
    HttpOrigins,
    HttpTokens,
)
from beamloom.settings._process import ClassName, Port, Seconds, ServiceSettings


class ReducerSettings(ServiceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The reducer: takes each result once, calls the user's reduce, publishes."""

    reducer_class: Annotated[
        ClassName | None,
        Meta(
            description="The reducer class of the analysis, as module:Class.",
            extra={"variables": ["REDUCER_CLASS"]},
        ),
    ] = None
    leaves: Annotated[
        int,
        Meta(
            ge=1,
            description="Processes that reduce, a part of the results each, where one is too slow; what they publish is joined into one "
            "result. With 1 the reducer reduces itself.",
        ),
    ] = 1
    analysis_path: Annotated[
        str, Meta(description="Folder where the analysis is imported from, before installed packages.")
    ] = "."
    http_host: Annotated[
        str,
        Meta(
            description="Address of the network interface on which the results are served, its name, or the network that it is in."
        ),
    ] = "127.0.0.1"
    http_port: Annotated[Port, Meta(description="Port on which the results are served.")] = 5001
    http_tokens: HttpTokens = ""
    http_open: HttpOpen = False
    http_certificate: HttpCertificate = ""
    http_key: HttpKey = ""
    http_names: HttpNames = ()
    http_origins: HttpOrigins = ()
    http_body_limit: HttpBodyLimit = 1 << 27
    state_dir: Annotated[
        str,
        Meta(
            description="Folder for what has to outlive this process; by default `beamloom` in the user's folder for state "
            "(`XDG_STATE_HOME`)."
        ),
    ] = ""
    journal: Annotated[
        bool,
        Meta(
            description="Whether results are written to a journal in `state_dir`, from which a new reducer goes on when this one dies."
        ),
    ] = True
    journal_sync: Annotated[
        Literal["never", "interval", "always"],
        Meta(
            description="When the journal is synchronized with the disk: a dead process loses nothing in any case, a dead machine loses "
            "the last seconds with `never`, about one with `interval`, nothing that was told with `always`.",
            extra={"expects": "one of never, interval, always"},
        ),
    ] = "interval"
    journal_limit: Annotated[
        int,
        Meta(
            ge=1,
            description="Size that the journal of one run may have; what comes beyond it is reduced and not kept, with an alarm.",
            extra={"unit": "bytes"},
        ),
    ] = 32 << 30
    journal_backlog: Annotated[
        int,
        Meta(
            ge=1,
            description="Memory for results that wait for the disk; when it is full they are reduced and not kept, with an alarm.",
            extra={"unit": "bytes"},
        ),
    ] = 1 << 28
    checkpoint_interval: Annotated[
        Seconds,
        Meta(
            description="Time between two checkpoints, where the reducer class has `checkpoint` and `restore`; each stands for the "
            "journal before it."
        ),
    ] = 10.0
    allow_pickle: Annotated[
        bool,
        Meta(
            description="Whether results of worker classes that ask for pickle (`pickle_results`) are taken; unpickling runs code that the "
            "sender chose, and without `keys` that is whoever reaches the mailbox."
        ),
    ] = False
    result_packages: ResultPackages = ()
    capsule_dir: CapsuleDir = ""
    capsules: Capsules = 3
    capsule_bytes: CapsuleBytes = 1 << 28
    past_runs: Annotated[
        int,
        Meta(
            ge=1,
            description="Runs that have ended whose results are held in memory; others are read from the files of autosave.",
        ),
    ] = 10
    past_bytes: Annotated[
        int,
        Meta(
            ge=1,
            description="Size that these results may have together, and the largest that is read back from a file.",
            extra={"unit": "bytes"},
        ),
    ] = 1 << 30
    autosave: Annotated[
        str,
        Meta(
            description="File in which the results of each run are kept while it goes on and at its end; empty: none. "
            "{run}, {date}, {time} and {name} are filled in; the ending .h5 or .nxs (HDF5), or .zarr.",
            extra={"expects": "a path such as results/{date}/{run}.h5"},
        ),
    ] = ""
    autosave_interval: Annotated[
        Seconds,
        Meta(
            description="Time between two versions of that file; longer where writing it would take more than 5 % of the time."
        ),
    ] = 5.0
    autosave_compression: Annotated[
        Literal["none", "gzip", "zstd"],
        Meta(description="How its larger datasets are packed; zstd needs the HDF5 plugins to be read."),
    ] = "none"
    autosave_swmr: Annotated[
        bool,
        Meta(
            description="Whether that file, of HDF5, is written in place while the run goes on, so that readers can follow it (SWMR)."
        ),
    ] = False
    hsds_url: Annotated[
        str,
        Meta(
            description="Domain of an HSDS server that shows the results of each run while it goes on; empty: none. "
            "Fields as in `autosave`; server and user are those of HS_ENDPOINT, HS_USERNAME, HS_PASSWORD and HS_BUCKET.",
            extra={"expects": "a domain such as hdf5://home/beamline/{run}.h5"},
        ),
    ] = ""
