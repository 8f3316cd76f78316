"""Expressions over columns or images: ``sqrt(x**2 + y**2) < 500 and photons > 300``.

Python's notation for arithmetic, comparisons, ``and``, ``or``, ``not``, numbers, names and the functions of ``FUNCTIONS``, worked out for
whole arrays. Nothing else can be written, so a recipe of a stranger can compute but never call anything.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from beamloom.rules.arrays import Array
from beamloom.rules.errors import RuleRefused, closest

FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    name: getattr(np, name)
    for name in (
        *("abs", "arctan2", "ceil", "cos", "exp", "floor", "hypot", "isfinite", "log", "log10", "maximum"),
        *("mean", "median", "minimum", "sin", "sqrt", "std", "where"),
    )
}
CONSTANTS: Final = {"pi": np.pi, "nan": np.nan}
_BINARY: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_UNARY: Final[dict[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: np.logical_not,
}


class Expression:
    """See the module."""

    def __init__(self, text: str) -> None:
        """Raises RuleRefused for what is no expression."""
        self.text = text
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            raise RuleRefused(f"{text!r} is no expression: {error.msg}") from error
        self.names = sorted(self._check(self._tree) - set(CONSTANTS))
        """The names that it needs."""

    def __call__(self, values: Mapping[str, Any]) -> Array:
        """Its value. Raises RuleRefused for names that ``values`` does not have."""
        for name in self.names:
            if name not in values:
                raise RuleRefused(
                    f"{self.text!r} names {name!r}{closest(name, values)}; there are: {', '.join(values)}"
                )
        with np.errstate(all="ignore"):
            return np.asarray(self._value(self._tree, {**CONSTANTS, **values}))

    def _check(self, node: ast.expr) -> set[str]:
        """The names in ``node``. Raises RuleRefused for what may not be written."""
        match node:
            case ast.Constant(value=bool() | int() | float()):
                return set()
            case ast.Name():
                return {node.id}
            case ast.BinOp() if type(node.op) in _BINARY:
                return self._check(node.left) | self._check(node.right)
            case ast.UnaryOp() if type(node.op) in _UNARY:
                return self._check(node.operand)
            case ast.BoolOp():
                return set().union(*map(self._check, node.values))
            case ast.Compare() if all(type(op) in _COMPARE for op in node.ops):
                return set().union(*map(self._check, [node.left, *node.comparators]))
            case ast.Call(func=ast.Name(), keywords=[]):
                name = node.func.id  # type: ignore[attr-defined]
                if name not in FUNCTIONS:
                    known = ", ".join(sorted(FUNCTIONS))
                    raise RuleRefused(
                        f"{self.text!r}: there is no function {name!r}{closest(name, FUNCTIONS)}; there are: {known}"
                    )
                return set().union(*map(self._check, node.args))
        raise RuleRefused(
            f"{self.text!r}: {ast.unparse(node)!r} cannot be written in an expression; it has arithmetic, comparisons, "
            "and, or, not, names and functions"
        )

    def _value(self, node: ast.expr, values: Mapping[str, Any]) -> Any:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return values[node.id]
            case ast.BinOp():
                return _BINARY[type(node.op)](self._value(node.left, values), self._value(node.right, values))
            case ast.UnaryOp():
                return _UNARY[type(node.op)](self._value(node.operand, values))
            case ast.BoolOp():
                joined = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
                return joined.reduce([self._value(value, values) for value in node.values])
            case ast.Compare():
                sides = [self._value(side, values) for side in (node.left, *node.comparators)]
                found = [
                    _COMPARE[type(op)](left, right)
                    for op, left, right in zip(node.ops, sides, sides[1:], strict=False)
                ]
                return np.logical_and.reduce(found)
            case ast.Call():
                arguments = [self._value(argument, values) for argument in node.args]
                return FUNCTIONS[node.func.id](*arguments)  # type: ignore[attr-defined]
        raise RuleRefused(self.text)
