"""The table of the routes of the rules: the same for the process that answers them and for the controller that passes them on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from beamloom.control.rules import answers
from beamloom.openapi import Told, Value

V1 = "/api/v1/rules"
RESULTS = "/rules/results"
"""Where what rules have written is asked for as what the reducer publishes is: the same paths come behind it."""
CHAIN = f"{V1}/{{chain:int}}"
STEP = f"{CHAIN}/steps/{{step:int}}"


def rule_routes(endpoint: Callable[[str], Callable[..., Any]]) -> list[Told]:
    """The routes; ``endpoint`` gives what answers, by its name."""
    absent = {404: "There is no such chain, step or file."}
    by = Value(name="by", says="On whose behalf.")
    which = Value(name="step", kind=int, says="One step of the chain; the whole chain unless given.")

    def done(what: str, says: str, *query: Value, takes: Any = None) -> Told:
        """What is done with a chain, or with one step of it."""
        return Told(
            f"{CHAIN}/{what}",
            endpoint(what),
            methods=["POST"],
            takes=takes,
            answers=answers.RuleSteps,
            query=[which, *query],
            also=absent,
            says=says,
        )

    return [
        Told(
            V1,
            endpoint("chains"),
            answers=answers.RuleChains,
            query=[
                Value(
                    name="state",
                    kind=Literal["active", "ended"],
                    says="Those that go on, or those that do not.",
                ),
                Value(name="last", kind=int, says="So many, 20 unless given, at most 200."),
                Value(name="before", kind=int, says="The number of a chain: earlier ones alone."),
            ],
            says="Chains of rules, the latest first.",
        ),
        Told(
            V1,
            endpoint("submit"),
            methods=["POST"],
            takes=answers.WrittenRules,
            answers=answers.RuleChain,
            query=[by, Value(name="key", says="What is submitted again under the same key is there once.")],
            says="Start rules, as JSON or (content type application/yaml) YAML describes them.",
        ),
        Told(
            f"{V1}/check",
            endpoint("check"),
            methods=["POST"],
            takes=answers.WrittenRules,
            answers=answers.RuleChain,
            query=[by],
            says="The chain that a description would be, without starting anything.",
        ),
        Told(
            f"{V1}/service",
            endpoint("service"),
            answers=answers.RuleService,
            says="Which rules there are, and in which folders they read and write.",
        ),
        Told(
            CHAIN, endpoint("chain"), answers=answers.RuleChain, also=absent, says="One chain with its steps."
        ),
        done("cancel", "End a chain, or one step with all that follow it; how many steps that were.", by),
        done("retry", "Work off again what failed; how many chunks that are."),
        done(
            "priority",
            "Have a chain worked off before or after others; how many steps that concerns.",
            takes=answers.NewPriority,
        ),
        Told(
            f"{STEP}/chunks",
            endpoint("chunks"),
            answers=answers.RuleChunks,
            query=[
                Value(name="from", kind=int, says="The number of the first chunk, 0 unless given."),
                Value(name="count", kind=int, says="So many, 100 unless given, at most 1000."),
                Value(
                    name="state",
                    kind=Literal["ready", "leased", "done", "failed"],
                    says="Chunks in this state alone.",
                ),
            ],
            also=absent,
            says="The chunks of a step, some at a time.",
        ),
        Told(
            f"{STEP}/outputs/{{number:int}}",
            endpoint("output"),
            answers="*/*",
            also=absent,
            says="A file that a step has written.",
        ),
    ]


def results_route(endpoint: Callable[..., Any]) -> Told:
    """The route of the controller to what rules have written."""
    return Told(
        f"{RESULTS}/{{path:path}}",
        endpoint,
        answers="*/*",
        also={404: "No rule has written that.", 503: "The service of the rules does not run."},
        says="What rules have written, as rules/NAME/KEY of a tree that is asked for as the reducer's is: behind the same paths.",
    )
