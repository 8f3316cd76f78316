"""Descriptions of parameters by the names of existing analyses."""

from __future__ import annotations

from beamloom.parameters import (
    AnyParameter,
    ArrayParameter,
    BinaryParameter,
    BoolParameter,
    ChoiceParameter,
    FileParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    StrParameter,
)

ParameterBase = Parameter
ParameterType = AnyParameter
ParameterList = list[AnyParameter]

__all__ = [
    "ArrayParameter",
    "BinaryParameter",
    "BoolParameter",
    "ChoiceParameter",
    "FileParameter",
    "FloatParameter",
    "IntParameter",
    "Parameter",
    "ParameterBase",
    "ParameterList",
    "ParameterType",
    "StrParameter",
]
