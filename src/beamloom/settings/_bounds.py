"""The settings that bound what messages and commands may ask of a process: where it writes, what it imports, how many take part."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

RecordBelow = Annotated[
    str,
    Meta(
        description="Folder in or below which the parameter `dump_prefix` may have recordings written, beside that of `record_prefix`; "
        "/ for any. Without either, `dump_prefix` is refused.",
        extra={"expects": "a folder such as /data"},
    ),
]
ResultPackages = Annotated[
    tuple[str, ...],
    Meta(
        description="Installed packages whose classes results may be made of, beside that of the reducer class and those in "
        "`analysis_path`; `beamloom up` adds those of the worker classes.",
        extra={"expects": 'names of packages, such as ["mylibrary"]'},
    ),
]
MaxProcesses = Annotated[
    int,
    Meta(ge=1, description="Processes that may take part at once; more are not taken in."),
]
