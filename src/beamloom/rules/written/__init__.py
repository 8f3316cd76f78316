"""Rules as people write them, in YAML or JSON: what a service takes, and what a file names.

It holds names and values, never code. ``docs/how-to/rules.md`` shows how it looks.
"""

from beamloom.rules.written.building import Written, build
from beamloom.rules.written.description import Description, WrittenStep, as_description, read_description
from beamloom.rules.written.types import RuleTypes, TypeLine

__all__ = [
    "Description",
    "RuleTypes",
    "TypeLine",
    "Written",
    "WrittenStep",
    "as_description",
    "build",
    "read_description",
]
