"""Results as bytes: msgpack that brings back exactly what was put in, without pickle.

>>> from beamloom.transport.codec import Decoder, Encoder
>>> encoded = Encoder().encode({"position": (1.5, 2.0), "roi": {10, 20}})
>>> Decoder().decode(encoded.head, encoded.buffers)
{'position': (1.5, 2.0), 'roi': {10, 20}}

What arrives is equal to what was sent and of the same type: None, bool, int of any size, float, complex, str, bytes, list, tuple,
set, frozenset, dict with any of these as keys, date, time, datetime, timedelta, paths, numpy arrays and scalars, enums, named
tuples, instances of dataclasses, pydantic models and msgspec structs, and of classes that have ``wire_state`` and
``from_wire_state``, such as the result types. Four things arrive as their plain form:
``bytearray``, ``memoryview`` and ZeroMQ frames as bytes; ``OrderedDict``, ``defaultdict`` and ``Counter`` as dict; an array that
is neither C- nor Fortran-contiguous as a C-contiguous one; a time zone that is neither fixed nor from zoneinfo as its offset.
"""

from beamloom.transport.codec._decoder import NOT_PLAIN, Decoder, decode
from beamloom.transport.codec._encoder import NOT_PACKED, Encoded, Encoder, encode
from beamloom.transport.codec._errors import UndecodableResult, UnencodableResult

__all__ = [
    "NOT_PACKED",
    "NOT_PLAIN",
    "Decoder",
    "Encoded",
    "Encoder",
    "UndecodableResult",
    "UnencodableResult",
    "decode",
    "encode",
]
