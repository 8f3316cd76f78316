"""The table of the controller's routes: where each is, what it takes, and what it answers. All that the API promises stands here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from beamloom import metrics
from beamloom.control.answers import forms as answers
from beamloom.control.capsules import capsule_route
from beamloom.control.plans import Plan, ShownPlan
from beamloom.control.views import weave as weave_view
from beamloom.openapi import Told, Value

V1 = "/api/v1"


def routes_of(api: Any, capsules: Path | None) -> list[Told]:
    """The routes to the methods of ``api``; ``capsules`` is the folder of those that are handed out."""
    whole_map = Value(
        name="all_wrap",
        kind=bool,
        says="An event before the first and one behind the last; true unless given.",
    )
    allowance = (
        Value(name="max_failed", says="How many events may fail, as a number or a percentage."),
        Value(name="on_max_failed", kind=Literal["degrade", "stop"], says="What happens beyond that."),
    )
    of_feedback = [
        Value(
            name="run",
            says="The id of a run, or last: of that run alone. Unless given, of the present run and those after it.",
        ),
        Value(name="after", says="Up to where all is known: a number, or a place as it was told."),
        Value(name="last", kind=int, says="Without after: so many of the latest pieces of the run."),
        Value(name="kind", says="Of these kinds alone.", repeated=True),
    ]
    arming = {409: "A process refuses the run.", 424: "A process does not answer in time."}
    return [
        Told(f"{V1}/config", api.config, answers=answers.Config),
        Told(f"{V1}/sequence", api.sequence, answers=answers.WrittenMap),
        Told(
            f"{V1}/sequence",
            api.arm_sequence,
            methods=["POST"],
            takes=answers.WrittenMap,
            answers=str,
            query=[whole_map, *allowance],
            also=arming,
        ),
        Told(f"{V1}/mapping", api.sequence, answers=answers.WrittenMap),
        Told(
            f"{V1}/mapping",
            api.arm_mapping,
            methods=["POST"],
            takes=dict[str, list[Any]],
            answers=str,
            query=[whole_map, *allowance],
            also=arming,
        ),
        Told(
            f"{V1}/sardana_hook",
            api.sardana_hook,
            methods=["POST"],
            takes=dict[str, Any],
            answers=str,
            also=arming,
        ),
        Told(
            f"{V1}/plan",
            api.show_plan,
            methods=["POST"],
            takes=Plan,
            answers=ShownPlan,
        ),
        Told(
            f"{V1}/plan/arm",
            api.arm_plan,
            methods=["POST"],
            takes=Plan,
            answers=str,
            query=allowance,
            also=arming,
        ),
        Told("/pipelines", api.pipelines, answers=list[answers.PipelineLine]),
        Told(f"{V1}/progress", api.progress, answers=answers.RunProgress),
        Told(f"{V1}/status", api.status, answers=dict[str, Any]),
        Told(
            f"{V1}/load",
            api.load,
            answers=dict[str, answers.ProcessLoad],
            query=[
                Value(name="intervals", kind=int, says="Last so many events of each worker.", repeated=True),
                Value(name="scan", kind=bool, says="Whether over the whole run, too."),
                Value(name="stages", kind=bool, says="Whether of all processes where their time goes, too."),
                Value(
                    name="seconds",
                    kind=float,
                    says="Where it goes in the last so many seconds (60 at most), not since the run began.",
                ),
            ],
        ),
        Told(f"{V1}/stop", api.stop, methods=["POST"], answers=None),
        Told(f"{V1}/parameters", api.parameters, answers=list[dict[str, Any]]),
        Told(
            f"{V1}/parameters",
            api.set_parameters,
            methods=["POST"],
            takes=dict[str, Any] | list[answers.ParameterEntry],
            answers=str,
        ),
        Told(
            f"{V1}/parameters/check",
            api.check_parameters,
            methods=["POST"],
            takes=dict[str, Any] | list[answers.ParameterEntry],
            answers=dict[str, str],
        ),
        Told(
            f"{V1}/epochs",
            api.parameter_epochs,
            answers=answers.ParameterEpochs,
            query=[Value(name="last", kind=int, says="So many of the last epochs; all unless given.")],
        ),
        Told(f"{V1}/epochs/{{epoch:int}}", api.restore_epoch, methods=["POST"], answers=str),
        Told(f"{V1}/parameter/{{name:path}}", api.parameter, answers="application/x.bytes"),
        Told(
            f"{V1}/parameter/{{name:path}}",
            api.set_parameter,
            methods=["POST"],
            takes="application/octet-stream",
            answers=str,
        ),
        Told(
            f"{V1}/logs",
            api.logs,
            answers=list[answers.LogLine],
            query=[
                Value(
                    name="level",
                    kind=Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
                    says="Least severity.",
                ),
                Value(name="after", kind=int, says="The number of a line; those behind it alone."),
            ],
        ),
        Told(f"{V1}/log_stream", api.log_stream, answers="application/x-ndjson", endless=True),
        Told(f"{V1}/runs", api.runs, answers=list[answers.RunLine]),
        Told(f"{V1}/runs/{{run}}", api.run, answers=answers.RunDetail),
        Told(f"{V1}/reprocessing", api.reprocessing, answers=list[answers.MadeAgain]),
        Told(
            f"{V1}/reprocessing",
            api.note_reprocessing,
            methods=["POST"],
            takes=answers.MadeAgain,
            answers=None,
        ),
        Told(f"{V1}/ledger", api.ledger, answers=answers.RunLedger),
        Told(f"{V1}/coverage", api.coverage, answers=answers.RunCoverage),
        Told(
            f"{V1}/errors",
            api.errors,
            answers=list[answers.FailureKind],
            query=[
                Value(name="run", says="The id of a run; the present or last one unless given."),
                Value(
                    name="listed",
                    kind=bool,
                    says="Whether events are told one by one, besides as ranges; true unless given.",
                ),
            ],
        ),
        capsule_route(f"{V1}/capsules/{{name:path}}", capsules, api.hosts),
        Told(
            f"{V1}/feedback",
            api.feedback,
            answers=answers.FeedbackPart,
            query=[
                *of_feedback,
                Value(name="wait", kind=float, says="Seconds to wait for something, at most 60."),
            ],
        ),
        Told(
            f"{V1}/feedback/stream",
            api.feedback_stream,
            answers="text/event-stream",
            endless=True,
            query=of_feedback,
        ),
        Told(f"{V1}/events", api.events, answers="text/event-stream", endless=True),
        Told(
            f"{V1}/events/{{number:int}}",
            api.event,
            answers=dict[str, Any],
            query=[
                Value(name="run", says="The run, or how its id begins; the present or last one unless given.")
            ],
        ),
        Told(
            f"{V1}/weave",
            api.weave,
            answers=weave_view.RunWeave,
            query=[
                Value(
                    name="run", says="The run, or how its id begins; the present or last one unless given."
                ),
                Value(name="from", kind=int, says="The first event; the newest ones unless given."),
                Value(name="count", kind=int, says="So many events, 200 unless given, at most 4096."),
                Value(
                    name="bins",
                    kind=int,
                    says="In so many bins the whole run, too; at most 1024, 0 for none.",
                ),
            ],
        ),
        Told(
            f"{V1}/trace",
            api.begin_trace,
            methods=["POST"],
            answers=dict[str, int],
            query=[Value(name="spans", kind=int, says="So many of the last bars of each process are kept.")],
        ),
        Told(f"{V1}/trace", api.trace, answers=dict[str, Any], also={409: "No trace was begun."}),
        Told(f"{V1}/streams", api.streams, answers=dict[str, dict[str, Any]]),
        Told(f"{V1}/flow", api.flow, answers=answers.Flow),
        Told(f"{V1}/workers", api.workers, answers=answers.Staff),
        Told(
            f"{V1}/workers",
            api.start_workers,
            methods=["POST"],
            takes=answers.MoreWorkers,
            answers=answers.Started,
            also={409: "Nobody here can start one."},
        ),
        Told(
            f"{V1}/workers/{{name}}/stop",
            api.stop_worker,
            methods=["POST"],
            answers=answers.Stopping,
            also={404: "There is no such worker.", 409: "Nobody here can stop it, or the run needs it."},
        ),
        Told(
            f"{V1}/workers/{{name}}/drain",
            api.drain_worker,
            methods=["POST"],
            answers=answers.Draining,
            also={404: "There is no such worker.", 409: "The run needs it."},
        ),
        Told(f"{V1}/update", api.editions, answers=dict[str, Any]),
        Told(
            f"{V1}/update",
            api.update,
            methods=["POST"],
            takes=answers.Update,
            answers=answers.Updated,
            also={
                409: "Nobody here can start workers, or the newer ones cannot take over; the others go on.",
                424: "The newer workers did not come in time; the others go on.",
            },
        ),
        Told(f"{V1}/shadow", api.shadow, answers=answers.ShadowState),
        Told(
            f"{V1}/shadow",
            api.start_shadow,
            methods=["POST"],
            takes=answers.ShadowWanted,
            answers=answers.ShadowState,
            also={
                409: "Nobody here can start one, or its classes cannot be used.",
                424: "It did not come in time.",
            },
        ),
        Told(
            f"{V1}/shadow/stop",
            api.stop_shadow,
            methods=["POST"],
            answers=answers.Stopping,
            also={404: "There is none.", 409: "Nobody here can stop it."},
        ),
        Told(
            f"{V1}/shadow/promote",
            api.promote,
            methods=["POST"],
            takes=answers.Promotion,
            answers=answers.Updated,
            also={
                404: "There is none.",
                409: "Nobody here can start workers, or they cannot take over; the others go on.",
                424: "The newer workers did not come in time; the others go on.",
            },
        ),
        Told("/metrics", api.metrics, answers=metrics.MEDIA_TYPE),
        Told(f"{V1}/doctor", api.doctor, answers=dict[str, Any]),
        Told(f"{V1}/health", api.health, answers=answers.Health, also={503: answers.Health}),
    ]
