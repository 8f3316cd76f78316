"""Who may ask what over HTTP, how much at a time, and what clients present to be let in.

This room knows requests, not what they are about. ``HttpServer`` puts its gate in front of every application, so that nothing is
served without one.
"""

from beamloom.access.clients import Credentials, credentials_of
from beamloom.access.gate import Gate
from beamloom.access.limits import Limits
from beamloom.access.policy import ANY_NAME, LOOPBACK, Access, AccessError, access_of
from beamloom.access.tokens import (
    NO_TOKENS,
    Scope,
    TokenFileError,
    Tokens,
    new_tokens,
    read_tokens,
    tokens_of,
    write_tokens,
)

__all__ = [
    "ANY_NAME",
    "LOOPBACK",
    "NO_TOKENS",
    "Access",
    "AccessError",
    "Credentials",
    "Gate",
    "Limits",
    "Scope",
    "TokenFileError",
    "Tokens",
    "access_of",
    "credentials_of",
    "new_tokens",
    "read_tokens",
    "tokens_of",
    "write_tokens",
]
