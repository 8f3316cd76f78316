"""Tokens of HTTP: one to read, one to command, each of them a secret of 256 bits that is compared in constant time.

They come from a file that nobody but its owner may read, or from the environment, and never from the command line, which every user of
a machine can see. Whoever may command may also read. Their texts are kept out of ``repr``, so that no log or traceback shows them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from beamloom.errors import UsageError
from beamloom.secret_files import read_secret, write_secret

Scope: TypeAlias = Literal["read", "control"]
"""What a token allows: to see everything, or to change things as well."""

READ_VARIABLE, CONTROL_VARIABLE = "BEAMLOOM_HTTP_READ_TOKEN", "BEAMLOOM_HTTP_CONTROL_TOKEN"
"""Variables that give the tokens themselves; they win over a file."""
LEAST_CHARACTERS = 20
"""Of a token; fewer could be guessed."""
MOST_CHARACTERS = 512
TOKEN_BYTES = 32


class TokenFileError(UsageError):
    """A file of tokens that cannot be used; the sentence never holds a token."""


class Tokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tokens of one pipeline; an empty one lets nobody in."""

    read: str = ""
    control: str = ""

    def __repr__(self) -> str:
        named = [name for name in ("read", "control") if getattr(self, name)]
        return f"Tokens({', '.join(named) or 'none'})"

    def __bool__(self) -> bool:
        return bool(self.read or self.control)

    def scope_of(self, presented: str) -> Scope | None:
        """What a token that somebody presents allows; None for one that is not ours. Takes as long for each."""
        digest = _digest(presented)
        controls = hmac.compare_digest(digest, _digest(self.control)) and bool(self.control)
        reads = hmac.compare_digest(digest, _digest(self.read)) and bool(self.read)
        return "control" if controls else "read" if reads else None


NO_TOKENS = Tokens()


def _digest(text: str) -> bytes:
    # Of equal length whatever is presented: compare_digest tells the lengths of what it compares.
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()


def new_tokens() -> Tokens:
    """Two tokens that nobody has seen before."""
    return Tokens(secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES))


def write_tokens(path: Path, tokens: Tokens) -> None:
    """Write a file that only its owner may read, whole or not at all. Raises TokenFileError where there is one already, or it cannot be."""
    write_secret(path, tokens, refusal=TokenFileError, others="whoever uses its tokens needs the new ones")


def read_tokens(path: Path) -> Tokens:
    """The tokens in a file. Raises TokenFileError, also where others than its owner may read it."""
    content = read_secret(path, refusal=TokenFileError, what="the tokens")
    try:
        tokens = msgspec.json.decode(content, type=Tokens)
    except msgspec.DecodeError:
        # The error of the decoder may show some of the text.
        raise TokenFileError(
            f'{path} holds no tokens; a file of tokens is {{"read": "...", "control": "..."}}, as \'beamloom keys\' writes it'
        ) from None
    return _checked(tokens, str(path))


def tokens_of(path: str, environment: Mapping[str, str]) -> Tokens:
    """The tokens of the environment and, where that has none, of the file at ``path`` (empty: none). Raises TokenFileError."""
    given = Tokens(environment.get(READ_VARIABLE, ""), environment.get(CONTROL_VARIABLE, ""))
    if given:
        return _checked(given, f"{READ_VARIABLE} and {CONTROL_VARIABLE}")
    return read_tokens(Path(path)) if path else NO_TOKENS


def _checked(tokens: Tokens, origin: str) -> Tokens:
    if not tokens:
        raise TokenFileError(f"there is no token in {origin}; make some with 'beamloom keys'")
    for token in (tokens.read, tokens.control):
        if token and not (LEAST_CHARACTERS <= len(token) <= MOST_CHARACTERS and _is_plain(token)):
            raise TokenFileError(
                f"a token in {origin} can be guessed or cannot be sent: it takes {LEAST_CHARACTERS} to {MOST_CHARACTERS} letters, "
                "digits and -._~; make some with 'beamloom keys'"
            )
    if tokens.read == tokens.control:
        raise TokenFileError(
            f"the tokens to read and to control in {origin} are the same, so that whoever reads may command; "
            "make two with 'beamloom keys', or leave the one to read out"
        )
    return tokens


def _is_plain(token: str) -> bool:
    return all(character.isascii() and (character.isalnum() or character in "-._~") for character in token)
