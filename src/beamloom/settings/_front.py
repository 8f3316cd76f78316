"""The settings of the front of several pipelines; documented as those of the other processes are."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta

from beamloom.settings._http import HttpBodyLimit, HttpCertificate, HttpKey
from beamloom.settings._process import ProcessSettings
from beamloom.settings._rules import ApiPort

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Names by which pipelines can stand in addresses, and in the store."""


class FrontSettings(ProcessSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The front of several pipelines."""

    pipeline_urls: Annotated[
        dict[str, str],
        Meta(
            min_length=1,
            description="The pipelines by name, each with the address of its controller. The first one is also found without a name.",
            extra={
                "expects": 'addresses of controllers by name, such as {"a": "http://127.0.0.1:5010", "b": "http://127.0.0.1:5020"}'
            },
        ),
    ]
    http_host: Annotated[
        str,
        Meta(
            description="Address of the network interface on which the front is served, its name, or the network that it is in."
        ),
    ] = "127.0.0.1"
    http_port: ApiPort = 5000
    http_open: Annotated[
        bool,
        Meta(
            description="Whether other machines may reach the front. It asks for no token itself: each pipeline behind it does, by its own "
            "settings, so that none may be without. Without this only 127.0.0.1 is listened on."
        ),
    ] = False
    http_certificate: HttpCertificate = ""
    http_key: HttpKey = ""
    http_trusted: Annotated[
        tuple[str, ...],
        Meta(
            description="Files of certificates (PEM) that the pipelines behind it may show, whatever name they are made out to; by default "
            "those that the system trusts.",
            extra={"expects": "files, such as /etc/beamloom/controller.pem"},
        ),
    ] = ()
    http_body_limit: HttpBodyLimit = 1 << 27

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, url in self.pipeline_urls.items():
            if not NAME_PATTERN.fullmatch(name):
                raise ValueError(
                    f"{name!r} is no name that can stand in an address; take letters, digits, dots and dashes, with a letter or a "
                    "digit first"
                )
            if not _is_address(url):
                raise ValueError(
                    f"the address of pipeline {name!r} is {url!r}; give that of its controller, such as http://127.0.0.1:5010"
                )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
