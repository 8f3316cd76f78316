"""What one service allows: without tokens only what comes from this machine, and never a command that a web page slipped in.

A browser on this machine is reached by every page that it shows. Two tricks are known: a page posts to an address on loopback
(cross-site request forgery), or has its own name point there (DNS rebinding). Against the first a request that names its origin must come
from a page of ours; against the second the name by which we are asked must be one of ours, or an address in figures, which no page can
claim as its name.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from beamloom.access.limits import Limits
from beamloom.access.tokens import NO_TOKENS, Tokens, tokens_of
from beamloom.errors import UsageError

ANY_NAME = "*"


class AccessError(UsageError):
    """Settings by which a service would be open to more people than is meant, or to nobody."""


class HttpAccess(Protocol):
    """The settings that this room reads."""

    @property
    def http_tokens(self) -> str:
        """File of the tokens."""

    @property
    def http_open(self) -> bool:
        """Whether everybody is let in."""

    @property
    def http_origins(self) -> tuple[str, ...]:
        """Origins whose pages may ask."""

    @property
    def http_names(self) -> tuple[str, ...]:
        """Further names of this service."""

    @property
    def http_certificate(self) -> str:
        """File of the certificate."""

    @property
    def http_key(self) -> str:
        """File of its private key."""

    @property
    def http_body_limit(self) -> int:
        """Largest body of a request (bytes)."""

    @property
    def advertise(self) -> str:
        """The name by which other processes reach this one."""


@dataclass(frozen=True)
class Access:
    """Who is let in; by itself: this machine, without a token."""

    tokens: Tokens = NO_TOKENS
    open: bool = False
    """Everybody who reaches the port may do everything."""
    names: frozenset[str] = frozenset()
    """Further names by which the service is asked, in small letters; ``*``: whatever name."""
    origins: frozenset[str] = frozenset()
    """Pages of other origins that may ask and command, such as ``https://viewer.example``."""
    certificate: Path | None = None
    key: Path | None = None
    limits: Limits = field(default_factory=Limits)
    decided_behind: bool = False
    """Those to whom requests are passed on look at who asks, by their own settings; what is presented goes to them as it came."""

    @property
    def scheme(self) -> str:
        """``http``, or ``https`` with a certificate."""
        return "http" if self.certificate is None else "https"

    def check(self, host: str, address: str) -> None:
        """Raises AccessError where others than this machine would be let in without a token on ``address``, which ``host`` means."""
        if self.tokens or self.open or is_loopback(address):
            return
        raise AccessError(
            f"HTTP on {host} can be reached by other machines, and there are no tokens, so that anybody could command; "
            "make some with 'beamloom keys' and name their file with --http-tokens, listen on 127.0.0.1, "
            "or say --http-open if that is meant"
        )

    def tls(self) -> ssl.SSLContext | None:
        """What speaks TLS; None without a certificate. Raises AccessError."""
        if self.certificate is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ValueError) as error:
            where = f"{self.certificate} and {self.key}" if self.key else str(self.certificate)
            raise AccessError(
                f"the certificate in {where} cannot be used ({getattr(error, 'reason', None) or error}); give the chain in PEM with "
                "--http-certificate and its key, without a password, with --http-key"
            ) from error
        return context

    def knows_host(self, host: str) -> bool:
        """Whether a name by which we are asked (a ``Host`` header) is ours."""
        name = _name_in(host)
        if name is None:
            return False
        return _is_address(name) or name in self.names or ANY_NAME in self.names or name in _own_names()

    def is_ours(self, origin: str, host: str) -> bool:
        """Whether a page of ``origin`` is one that we served under the name ``host``, or one of the origins in the settings."""
        parts = urlsplit(origin)
        return (parts.scheme in ("http", "https") and parts.netloc == host) or origin in self.origins

    def may_read(self, origin: str, host: str) -> bool:
        """Whether a page of ``origin`` may read: one of ours, or one that this machine serves."""
        return self.is_ours(origin, host) or (is_loopback(urlsplit(origin).hostname or ""))


LOOPBACK = Access()
"""This machine, without tokens."""


def access_of(settings: HttpAccess, environment: Mapping[str, str]) -> Access:
    """What the settings allow. Raises AccessError, TokenFileError."""
    if settings.http_key and not settings.http_certificate:
        raise AccessError("http_key is given without http_certificate; give the certificate of this key, too")
    for origin in settings.http_origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
            raise AccessError(
                f"{origin!r} in http_origins is no origin; write it as browsers do, like https://viewer.example or http://localhost:8080"
            )
    names = {name.lower() for name in (*settings.http_names, settings.advertise) if name}
    return Access(
        tokens_of(settings.http_tokens, environment),
        settings.http_open,
        frozenset(names),
        frozenset(settings.http_origins),
        Path(settings.http_certificate) if settings.http_certificate else None,
        Path(settings.http_key) if settings.http_key else None,
        Limits(body=settings.http_body_limit),
    )


def is_loopback(host: str) -> bool:
    """Whether a name or an address in figures means this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _name_in(host: str) -> str | None:
    """The name in a ``Host`` header, without port and brackets."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _own_names() -> frozenset[str]:
    name = socket.gethostname().lower()
    return frozenset({"localhost", name, name.partition(".")[0]})


def _no_password() -> str:
    """Without it a key with a password would ask for one on the terminal."""
    return ""
