"""What our own clients present: a token, and the certificates that they trust."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from beamloom.access.tokens import TokenFileError, read_tokens
from beamloom.errors import UsageError

TOKEN_VARIABLE, TOKENS_VARIABLE, CA_VARIABLE = "BEAMLOOM_TOKEN", "BEAMLOOM_HTTP_TOKENS", "BEAMLOOM_CA_FILE"
"""Variables of clients: a token; else the file of tokens that the services have, where it may be read; the certificates to trust."""


@dataclass(frozen=True)
class Credentials:
    """What a client presents; by itself nothing, and it trusts the certificates of the system."""

    token: str = field(default="", repr=False)
    ca_file: str = ""
    """PEM file of certificates to trust, those of the services themselves or of who signed them."""
    any_name: bool = False
    """Trust a certificate under whatever name it is shown: for the one who has the file of it."""

    @property
    def headers(self) -> dict[str, str]:
        """Of every request."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def tls(self) -> ssl.SSLContext:
        """What checks certificates. Raises UsageError for a file that holds none."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file or None)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"the certificates in {self.ca_file} cannot be read ({getattr(error, 'strerror', None) or error}); "
                "give a PEM file of those to trust"
            ) from error
        if self.ca_file:
            # The certificate of the service itself will do.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if self.any_name:
            context.check_hostname = False
        return context


def credentials_of(
    token: str | None = None, ca_file: str | None = None, environment: Mapping[str, str] | None = None
) -> Credentials:
    """What is given, and in place of what is not, what the environment has. Raises TokenFileError."""
    known = os.environ if environment is None else environment
    if token is None:
        token = known.get(TOKEN_VARIABLE, "")
        if not token and (path := known.get(TOKENS_VARIABLE, "")):
            tokens = read_tokens(Path(path))
            token = tokens.control or tokens.read
    if any(character in token for character in "\r\n"):
        raise TokenFileError("the token has a line break in it; give it without")
    return Credentials(token, ca_file if ca_file is not None else known.get(CA_VARIABLE, ""))
