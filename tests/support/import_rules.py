"""Two kinds of import rule that import-linter does not bring."""

from __future__ import annotations

import graphlib

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyContract(Contract):
    """The rooms in ``rooms`` import, of this distribution, only themselves and ``allowed``.

    An allowed package stands for all that is in it, an allowed root package for itself alone: that is the public API.
    A room that is not built yet keeps the rule.
    """

    rooms = fields.SetField(subfield=fields.StringField())
    allowed = fields.SetField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Look at the direct imports of every module of every room."""
        rooms: set[str] = self.rooms  # type: ignore[assignment]
        allowed: set[str] = self.allowed or set()  # type: ignore[assignment]
        roots = {name for name in allowed if "." not in name}
        broken = [
            (importer, imported)
            for room in sorted(rooms & graph.modules)
            for importer in sorted({room} | graph.find_descendants(room))
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if imported not in roots
            and not any(_inside(imported, package) for package in {room} | allowed - roots)
        ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Name each import that breaks the rule."""
        for importer, imported in check.metadata["broken"]:
            output.print_error(f"{importer} must not import {imported}", bold=False)


class NoCirclesContract(Contract):
    """No module imports itself by way of others.

    It sees what ``acyclic_siblings`` does not: a module that imports from the ``__init__`` of its own package, which imports it.
    """

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Sort the modules so that each comes after those that it imports."""
        imports = {
            module: graph.find_modules_directly_imported_by(module) for module in sorted(graph.modules)
        }
        try:
            graphlib.TopologicalSorter(imports).prepare()
        except graphlib.CycleError as error:
            return ContractCheck(kept=False, metadata={"circle": error.args[1]})
        return ContractCheck(kept=True)

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Show one circle."""
        circle = reversed(check.metadata["circle"])
        output.print_error(" imports ".join(circle), bold=False)


def _inside(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
