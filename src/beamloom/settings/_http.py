"""The settings of every process that serves HTTP. None of them is a secret: those stand in files, or in the environment.

They are types, to be named by each kind of process: structs of msgspec cannot be mixed.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

HttpTokens = Annotated[
    str,
    Meta(
        description="File of the tokens that HTTP asks for, as `beamloom keys` writes it, readable by its owner alone; the variables "
        "`BEAMLOOM_HTTP_READ_TOKEN` and `BEAMLOOM_HTTP_CONTROL_TOKEN` win over it."
    ),
]
HttpOpen = Annotated[
    bool,
    Meta(
        description="Whether everybody who reaches the HTTP port may do everything; without it and without tokens only 127.0.0.1 is "
        "listened on."
    ),
]
HttpCertificate = Annotated[
    str, Meta(description="File of the certificate chain (PEM); with it HTTP is spoken over TLS.")
]
HttpKey = Annotated[
    str,
    Meta(description="File of the private key of that certificate, where it is not in the same file."),
]
HttpNames = Annotated[
    tuple[str, ...],
    Meta(
        description="Names, beside those of the machine and `advertise`, by which HTTP without tokens may be asked.",
        extra={"expects": "names of hosts, such as beamline.example"},
    ),
]
HttpOrigins = Annotated[
    tuple[str, ...],
    Meta(
        description="Origins other than its own whose pages may ask and command.",
        extra={"expects": "origins as browsers write them, such as https://viewer.example"},
    ),
]
HttpBodyLimit = Annotated[
    int,
    Meta(ge=1024, description="Largest body of a request over HTTP.", extra={"unit": "bytes"}),
]
