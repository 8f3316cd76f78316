"""Rules that runs start: how the pipeline file and the controller's settings name them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta


class RunRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule that each run starts, or that its reducer may start."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z][\w-]{0,63}$",
            description="Name of the rule; its results are shown as `rules/NAME`.",
            extra={"expects": "a name of letters, digits, - and _"},
        ),
    ]
    when: Annotated[
        Literal["start", "end", "asked"],
        Meta(
            description="With the run, following its recording; after its end; or whenever the reducer calls "
            "`self.start_rule(NAME)`."
        ),
    ] = "end"
    rule: Annotated[
        str | None,
        Meta(
            description="`LocalisationRule`, another rule that the service of the rules knows, or a class or function of the analysis as "
            "`module:name`."
        ),
    ] = None
    recipe: Annotated[
        str | None, Meta(description="A recipe instead of a `rule`: its file, relative to the pipeline file.")
    ] = None
    stream: Annotated[
        str | None, Meta(description="The stream of the run's recording that is the rule's series.")
    ] = None
    field: Annotated[
        str, Meta(min_length=1, description="What of the stream's parsed packets is the frame.")
    ] = "array"
    inputs: Annotated[
        dict[str, str],
        Meta(
            description="Of a recipe: for each of its inputs a stream of the run (all of its frames, as a stack), or the path of a file."
        ),
    ] = {}
    outputs: Annotated[
        dict[str, str],
        Meta(
            description="Files that it writes, by their keys; `results` is the table or the values of a function. In all paths `{{run}}`, "
            "`{{folder}}` (that of the recording) and what the reducer has given are replaced."
        ),
    ] = {}
    arguments: Annotated[
        dict[str, Any],
        Meta(description="Further arguments of the rule, such as `chunk`, `resources`, `output_dir`."),
    ] = {}
    on_completion: Annotated[
        tuple[dict[str, Any], ...],
        Meta(
            description="Rules that follow it, as descriptions of rules have them: `rule` or `recipe`, `name`, `arguments`, `condition`."
        ),
    ] = ()

    def __post_init__(self) -> None:
        if (self.rule is None) == (self.recipe is None):
            raise ValueError(f"the rule {self.name!r} needs either a 'rule' or a 'recipe'")
        if self.recipe is not None and self.stream is not None:
            raise ValueError(
                f"the recipe of {self.name!r} takes its streams as 'inputs', such as {{input: {self.stream}}}"
            )
        if self.recipe is None and self.inputs:
            raise ValueError(f"'inputs' belong to recipes; the rule {self.name!r} reads a 'stream'")


def named_rules(rule: RunRule) -> list[str]:
    """The kinds of rules that a rule and those that follow it name."""
    return [name for name in (rule.rule, *_named(rule.on_completion)) if name is not None]


def _named(following: Any) -> list[str]:
    found: list[str] = []
    for one in following if isinstance(following, list | tuple) else [following]:
        if isinstance(one, dict):
            found += [one["rule"]] if isinstance(one.get("rule"), str) else []
            found += _named(one.get("on_completion", ()))
    return found


RunRules = Annotated[
    tuple[RunRule, ...],
    Meta(
        description="Rules that runs start, as the pipeline file has them under `rules`.",
        extra={
            "expects": 'a list of rules, such as [{"name": "spots", "rule": "analysis:spots", "stream": "camera"}]'
        },
    ),
]
