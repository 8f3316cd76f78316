"""Parameters: their descriptions, their values, and all of them at one version."""

from beamloom.parameters._descriptions import (
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
    expand,
)
from beamloom.parameters._errors import ParameterError, UnknownParameter
from beamloom.parameters._files import (
    dump_parameters,
    encode_value,
    load_parameter_file,
    values_by_name,
)
from beamloom.parameters._readable import readable
from beamloom.parameters._sets import DUMP_PREFIX, Parameters, ParameterSet
from beamloom.parameters._value import ParameterValue

__all__ = [
    "DUMP_PREFIX",
    "AnyParameter",
    "ArrayParameter",
    "BinaryParameter",
    "BoolParameter",
    "ChoiceParameter",
    "FileParameter",
    "FloatParameter",
    "IntParameter",
    "Parameter",
    "ParameterError",
    "ParameterSet",
    "ParameterValue",
    "Parameters",
    "StrParameter",
    "UnknownParameter",
    "dump_parameters",
    "encode_value",
    "expand",
    "load_parameter_file",
    "readable",
    "values_by_name",
]
