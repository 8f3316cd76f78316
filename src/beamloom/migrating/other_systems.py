"""Files of OM and of PYME in a repository, and what Beamloom makes of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import yaml

from beamloom.errors import UserError
from beamloom.located_yaml import FileError, Located
from beamloom.migrating.repository import Repository
from beamloom.migrating.told import Level, Remark


def of_om(repository: Repository) -> Iterator[Remark]:
    """Each monitor.yaml: whether it is taken as it is, and which of its lines mean nothing or cannot be done."""
    for name, root in _mappings(repository):
        if not {"om", "data_retrieval_layer"} & {key.text for key in root.value}:
            continue
        from beamloom.apps.crystallography.monitor import read_monitor

        try:
            monitor = read_monitor(repository.path / name)
        except FileError as error:
            for problem in error.problems:
                yield _remark("problem", "om", name, problem.text, problem.line)
            continue
        except UserError as error:
            yield _remark("problem", "om", name, str(error))
            continue
        if monitor.is_own_class:
            sentence = f"{monitor.processing_layer} runs unchanged: docs/apps/om.md says how, from a recording and live"
        else:
            sentence = f"taken as it is: 'beamloom crystallography -c {name} SOURCE --check', where SOURCE is where frames come from"
        yield _remark("works", "om", name, sentence)
        for note in monitor.notes:
            line, _, text = note.removeprefix("line ").partition(": ")
            yield _remark("note", "om", name, text, int(line))


def pipeline_of_om(repository: Repository) -> tuple[str, list[Remark]]:
    """A pipeline file with what the one monitor.yaml says; empty where there is none, or it needs what cannot be done."""
    from beamloom.apps.crystallography.monitor import Monitor, read_monitor

    monitors: list[tuple[str, Monitor]] = []
    for name, root in _mappings(repository):
        if "om" in {key.text for key in root.value}:
            try:
                monitors.append((name, read_monitor(repository.path / name)))
            except UserError:
                continue
    if len(monitors) != 1 or monitors[0][1].is_own_class:
        return "", []
    name, monitor = monitors[0]
    values = {key: _below(repository, value) for key, value in monitor.values.items()}
    parameters = yaml.safe_dump(
        values, sort_keys=True, default_flow_style=None, width=120, allow_unicode=True
    )
    made = (
        f"# Made by 'beamloom migrate' of {name}; names of files are relative to where it is started.\n"
        'streams:\n  detector: {device: dectris_v2, url: "tcp://127.0.0.1:31001"}\n'
        'workers: {class: "beamloom.apps.crystallography:Worker", count: 8}\n'
        'reducer: {class: "beamloom.apps.crystallography:Reducer", http: "127.0.0.1:5001"}\n'
        'controller: {http: "127.0.0.1:5000"}\n'
        "parameters:\n" + "".join(f"  {row}\n" for row in parameters.splitlines())
    )
    sentence = (
        "nothing says where frames come from: write device and address of the detector into the pipeline file"
    )
    return made, [_remark("note", "om", name, sentence)]


def _below(repository: Repository, value: object) -> object:
    """A file of the repository by its name there: other machines have it elsewhere."""
    if not isinstance(value, str):
        return value
    # Where there is no such file yet, names are relative to the working folder.
    return value.removeprefix(f"{repository.path.resolve()}/").removeprefix(f"{Path.cwd()}/")


def of_pyme(repository: Repository) -> Iterator[Remark]:
    """Recipes, and code that makes rules."""
    for name, root in repository.documents.items():
        modules = root.value if isinstance(root.value, list) else []
        if not modules or not all(
            isinstance(one.value, dict) and len(one.value) == 1 and "." in next(iter(one.value)).text
            for one in modules
        ):
            continue
        yield from _recipe(repository, name)
    for source in repository.sources:
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.ImportFrom | ast.Import):
                continue
            module = (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
            names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
            if (module.endswith("cluster.rules") and module.startswith("PYME")) or (
                module == "PYME.cluster" and "rules" in names
            ):
                yield _rules(source.name, node.lineno, names)


def _recipe(repository: Repository, name: str) -> Iterator[Remark]:
    from beamloom.rules.recipes import read_recipe

    try:
        recipe = read_recipe(repository.path / name)
    except UserError as error:
        for row in str(error).splitlines():
            text = row.removeprefix(f"{repository.path / name}:")
            line, colon, said = text.partition(": ")
            where = int(line) if colon and line.isdigit() else 0
            yield _remark("problem", "pyme", name, said if where else text.strip(), where)
    else:
        takes = " ".join(f"--input {key}=FILE" for key in recipe.needs)
        yield _remark(
            "works", "pyme", name, f"this recipe runs as it is: 'beamloom recipe run {name} {takes}'"
        )


def _rules(file: str, line: int, names: list[str]) -> Remark:
    import beamloom.rules as rules

    here = [one for one in names if one in rules.__all__]
    missing = [one for one in names if one not in rules.__all__ and one not in ("rules", "*")]
    if missing:
        return _remark(
            "attention",
            "pyme",
            file,
            f"beamloom.rules has no {', '.join(missing)}; docs/how-to/rules.md shows what there is",
            line,
        )
    line_of = f"from beamloom.rules import {', '.join(here)}" if here else "from beamloom import rules"
    return _remark("deprecated", "pyme", file, f"'{line_of}' has the same names; docs/how-to/rules.md", line)


def _mappings(repository: Repository) -> Iterator[tuple[str, Located]]:
    return ((name, root) for name, root in repository.documents.items() if isinstance(root.value, dict))


def _remark(level: Level, what: str, file: str, sentence: str, line: int = 0) -> Remark:
    return Remark(level=level, what=what, file=file, line=line, sentence=sentence)
