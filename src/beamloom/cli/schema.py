"""Describe the keys of the pipeline file, or the settings of each process.

Without an option: as a JSON schema, with which an editor completes and checks a pipeline file while you write it.
"""

from __future__ import annotations

import argparse

EXAMPLE = """\
beamloom schema > pipeline.schema.json
beamloom schema --markdown
beamloom schema --settings"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The form of the description."""
    parser.add_argument("--markdown", action="store_true", help="as tables for people, in Markdown")
    parser.add_argument(
        "--settings", action="store_true", help="the settings of each process instead, in Markdown"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the description."""
    import msgspec

    from beamloom.pipeline_file import json_schema, markdown

    if arguments.settings:
        from beamloom.settings import settings_markdown

        print(settings_markdown(), end="")
    elif arguments.markdown:
        print(markdown(), end="")
    else:
        print(msgspec.json.format(msgspec.json.encode(json_schema()), indent=2).decode())
    return 0
