"""Save what a running reducer publishes now into a NeXus file, once.

A file that is there already is never replaced. To keep every run by itself, give the reducer the setting autosave. A reducer that asks
for a token is given that of the variable BEAMLOOM_TOKEN.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

EXAMPLE = """\
beamloom save -o map.h5
beamloom save http://beamline:5001 -o map.h5"""
DEFAULT = "http://127.0.0.1:5001"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """From where to where."""
    parser.add_argument(
        "url",
        nargs="?",
        default=DEFAULT,
        help=f"address of the reducer or of the controller (default {DEFAULT})",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, required=True, help="the file to write, .h5 or .nxs"
    )


def run(arguments: argparse.Namespace) -> int:
    """Fetch, and tell what is in the file."""
    import httpx

    from beamloom.access import credentials_of
    from beamloom.client._http import whole_url
    from beamloom.errors import UsageError, UserError
    from beamloom.results.files.raw import RawFile
    from beamloom.results.files.replacing import ReplacedFile

    credentials = credentials_of()
    output: Path = arguments.output
    if output.exists():
        raise UsageError(f"{output} is there already; choose another name, or move it away")
    address = f"{_reducer_of(whole_url(arguments.url))}/api/v1/file"
    try:
        with httpx.stream(
            "GET",
            address,
            timeout=httpx.Timeout(10.0, read=600.0),
            trust_env=False,
            headers=credentials.headers,
            verify=credentials.tls(),
        ) as answer:
            if answer.status_code != 200:
                answer.read()
                raise UserError(
                    _sentence(answer.text) or f"{address} answers with the status {answer.status_code}"
                )

            def write(raw: RawFile) -> None:
                size = int(answer.headers.get("content-length", 0))
                got = 0
                for piece in answer.iter_bytes():
                    got += raw.write(piece)
                    _show(got, size)

            path = ReplacedFile(output).replace(write)
            version = answer.headers.get("x-beamloom-version", "?")
    except httpx.HTTPError as error:
        raise UserError(
            f"{arguments.url} does not answer ({error or type(error).__name__}); give the address of the reducer, as 'beamloom up' shows it"
        ) from error
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror or error}") from error
    print(f"{path}: version {version}, {os.path.getsize(path):,} bytes")
    return 0


def _reducer_of(url: str) -> str:
    """The address of the reducer, where ``url`` is that of the controller; else ``url`` itself."""
    from beamloom.client._processes import Processes
    from beamloom.errors import PipelineError

    try:
        processes = Processes.at(url, 10.0)
    except PipelineError:
        # Whoever it is, the request for the file finds out, and says it.
        return url
    try:
        return processes.of_reducer(lambda service: service.url)
    finally:
        processes.close()


def _show(got: int, size: int) -> None:
    """Progress, where somebody looks."""
    if sys.stderr.isatty() and size > 0:
        end = "\n" if got >= size else ""
        print(f"\r{got / size:4.0%} of {size:,} bytes", end=end, file=sys.stderr, flush=True)


def _sentence(text: str) -> str:
    import msgspec

    try:
        return str(msgspec.json.decode(text, type=dict[str, object]).get("detail", ""))
    except msgspec.DecodeError:
        return ""
