"""The parameters of a replay, and the events from which on they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from beamloom.errors import did_you_mean
from beamloom.parameters import DUMP_PREFIX, Parameter, ParameterError, Parameters, load_parameter_file
from beamloom.recordings.folder import Companions, read_epochs

Epoch = tuple[int, dict[str, bytes]]
"""A first event, and the values that hold from it on."""


def read_parameters(
    companions: Companions,
    parameters: str | Path | Mapping[str, bytes] | None,
    descriptions: Iterable[Parameter],
    changed: Mapping[str, bytes] | None = None,
) -> list[Epoch]:
    """The given parameters for all events; without, the recorded ones. Raises ParameterError, naming the file, for a wrong value.

    A parameter that the recording has and the analysis does not is kept, as live. A replay is not recorded again. Those in ``changed`` hold
    for all events, whatever was recorded; one that nobody describes or has recorded is a mistake.
    """
    path: str | Path | None = None
    epochs: list[Epoch] = []
    if isinstance(parameters, Mapping):
        epochs = [(0, dict(parameters))]
    elif parameters is not None:
        path, epochs = parameters, [(0, load_parameter_file(parameters, allow_pickle=True))]
    elif companions.epochs_path is not None:
        path = companions.epochs_path
        epochs = [(epoch.first_event, epoch.parameters) for epoch in read_epochs(companions.epochs_path)]
    elif companions.parameters_path is not None:
        path = companions.parameters_path
        epochs = [(0, load_parameter_file(companions.parameters_path))]
    checked = Parameters()
    checked.describe(descriptions)
    if changed:
        epochs = epochs or [(0, {})]
        known = {*checked.current, *(name for _, values in epochs for name in values)}
        _refuse_unknown(changed, known - {DUMP_PREFIX.name})
    for _, values in epochs:
        values.pop(DUMP_PREFIX.name, None)
        try:
            checked.set_many(values)
        except ParameterError as error:
            raise error if path is None else ParameterError(f"{path}: {error}") from error
        if changed:
            checked.set_many(changed)
            values |= changed
    return epochs


def misspelt(epochs: Iterable[Epoch], descriptions: Iterable[Parameter]) -> list[str]:
    """A sentence for each value that no class describes, and whose name is almost that of a parameter that has none.

    Others that are not described are left alone: classes may read what they do not describe.
    """
    given = {name: None for _, values in epochs for name in values}
    described = [one.name for one in descriptions]
    unset = [name for name in described if name not in given]
    hints = {name: did_you_mean(name, unset) for name in given if name not in described}
    return [f"no class describes the parameter {name!r}{hint}" for name, hint in hints.items() if hint]


def _refuse_unknown(changed: Iterable[str], known: set[str]) -> None:
    for name in changed:
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise ParameterError(
                f"the analysis has no parameter {name!r}{did_you_mean(name, known)}; there are {there}"
            )
