"""The settings of the controller, documented as those of the other processes are: see ``_process.py``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from beamloom.detectors.geometry import Detector, check_geometry
from beamloom.settings._bounds import MaxProcesses, RecordBelow
from beamloom.settings._failures import (
    CapsuleDir,
    MaxFailed,
    OnMaxFailed,
    check_max_failed,
)
from beamloom.settings._process import Port, Seconds
from beamloom.settings._rules import RulesKeeperSettings
from beamloom.settings._run_rules import RunRules


class ControllerSettings(RulesKeeperSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The controller: owner of the run, of the ledger and of the parameters."""

    http_port: Annotated[Port, Meta(description="Port of the HTTP API and the dashboard.")] = 5000
    mailbox_port: Annotated[
        Port, Meta(description="Port on which the other processes reach the controller.")
    ] = 10500
    arm_timeout: Annotated[
        Seconds, Meta(description="Time in which every process and every device must confirm a new run.")
    ] = 10.0
    straggler_timeout: Annotated[
        Seconds,
        Meta(
            description="Time that the controller waits at the end of a run for packets and results still missing."
        ),
    ] = 10.0
    arming_map: Annotated[
        str | None,
        Meta(
            description="File with the trigger map, as it would be posted to /api/v1/sequence, of runs that a device arms."
        ),
    ] = None
    arming_streams: Annotated[
        tuple[str, ...],
        Meta(
            description="Streams of runs that a device arms, where there is no `arming_map`: a packet of each for each event, "
            "until the series end; by default all streams that are there.",
            extra={"expects": 'names of streams, such as ["scan", "detector"]'},
        ),
    ] = ()
    share_grace: Annotated[
        Seconds,
        Meta(
            description="Silence of all ingesters that share a stream, once its end was seen, after which what is missing is lost."
        ),
    ] = 1.0
    reducer_timeout: Annotated[
        Seconds,
        Meta(description="Time that a run waits for a reducer to take the place of one that died."),
    ] = 30.0
    ingester_timeout: Annotated[
        Seconds,
        Meta(
            description="Time that a run waits for an ingester to take the place of one that died, and then for its first packet, "
            "unless all streams pause."
        ),
    ] = 30.0
    drain_timeout: Annotated[
        Seconds,
        Meta(
            description="Time in which a worker that was asked to end has to be through with the event that it is in; one that is still "
            "there after that counts as dead."
        ),
    ] = 120.0
    lookahead_seconds: Annotated[
        Seconds,
        Meta(
            description="Work handed out ahead to each worker; longer hides round trips, shorter balances better."
        ),
    ] = 0.02
    idle_limit: Annotated[
        Seconds | None,
        Meta(
            description="Time without any packet, once some have come, after which a run is ended as if it had been stopped; a run may "
            "be armed with its own (`?idle_limit=`); by default runs wait for ever."
        ),
    ] = None
    disk_low: Annotated[
        int,
        Meta(
            ge=0,
            description="Room on a disk that is written to below which `beamloom doctor` and the dashboard say so.",
            extra={"unit": "bytes"},
        ),
    ] = 2_000_000_000
    parameters_file: Annotated[
        str | None,
        Meta(description="Parameter file (JSON, CBOR or pickle) whose values hold from the start."),
    ] = None
    parameters: Annotated[
        dict[str, Any],
        Meta(
            description="Parameter values that hold from the start, as a JSON mapping; they win over the file."
        ),
    ] = {}
    detectors: Annotated[
        dict[str, Detector],
        Meta(
            description="Detectors whose tiles arrive on streams of their own, as a JSON mapping of names to tiles.",
            extra={
                "expects": 'detectors by name, such as {"jungfrau": {"tiles": [{"stream": "module0", "at": [0, 0]}]}}'
            },
        ),
    ] = {}
    record_prefix: Annotated[
        str | None,
        Meta(
            description="Start of the path of every file in which the trigger map and the parameters are recorded."
        ),
    ] = None
    record_below: RecordBelow = ""
    max_processes: MaxProcesses = 500
    state_dir: Annotated[
        str,
        Meta(
            description="Folder of the state from which a new controller goes on when this one dies; none: nothing is kept."
        ),
    ] = ""
    store_sync: Annotated[
        Literal["never", "interval", "always"],
        Meta(
            description="When the state is synchronized with the disk: a dead process loses nothing in any case, a dead machine may lose "
            "the file with `never`, the last seconds with `interval`, nothing with `always`.",
            extra={"expects": "one of never, interval, always"},
        ),
    ] = "interval"

    launcher: Annotated[
        str,
        Meta(
            description="Socket at which this process asks for more or fewer workers; `beamloom up` sets it. None: nobody can be asked."
        ),
    ] = ""
    max_failed: MaxFailed = ""
    on_max_failed: OnMaxFailed = "degrade"
    feedback_stops: Annotated[
        bool,
        Meta(
            description="Whether the analysis may stop a run with `self.feedback('stop', ...)`; without, that is only told to those "
            "who listen."
        ),
    ] = True
    capsule_dir: CapsuleDir = ""
    run_rules: RunRules = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_max_failed(self.max_failed)
        check_geometry(self.detectors)
