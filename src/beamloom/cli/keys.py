"""Write the key of a pipeline and the tokens of its HTTP interfaces, each into a file of its own that only you may read.

Processes that hold the key take part, strangers do not, and what the processes say is encrypted; whoever asks over HTTP shows a token.
Nothing is overwritten. Copy the files to each machine on which a process of the pipeline runs, and keep them from everybody else.
"""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLE = "beamloom keys secrets"

KEYS_FILE = "pipeline.keys"
TOKENS_FILE = "http.tokens"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        nargs="?",
        default="secrets",
        help="where they are written; made where it does not exist (default %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write them."""
    from beamloom.access.tokens import new_tokens, write_tokens
    from beamloom.errors import UsageError
    from beamloom.transport.keys import new_keys, write_keys

    folder = Path(arguments.folder)
    keys = new_keys()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made ({error.strerror}); name another folder") from error
    key_file, token_file = folder / KEYS_FILE, folder / TOKENS_FILE
    for path in (key_file, token_file):
        if path.exists():
            raise UsageError(
                f"{path} is there already, and nothing was written; keep it, or delete it first: every process and everybody who uses "
                "it needs the new one then"
            )
    write_keys(key_file, keys)
    write_tokens(token_file, new_tokens())
    print("Written; name both in the settings of every process (in a pipeline file under 'settings'):")
    print(f"    keys: {key_file.resolve()}")
    print(f"    http_tokens: {token_file.resolve()}")
    return 0
