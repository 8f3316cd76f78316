"""The process that has started this one, asked for more workers or fewer.

Policy: asked only when somebody asks us, over a socket that it has named (setting ``launcher``). Where there is none, or nobody answers
there, that is said in a sentence, and nothing is pretended.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from beamloom.errors import UserError

PATIENCE = 5.0
"""Seconds in which an answer has to be there."""
ABSENT = (
    "workers cannot be started or stopped from here, as this pipeline was not started by 'beamloom up' on this machine; "
    "start one by hand with 'beamloom worker', or where the others were started"
)


class NoLauncher(UserError):
    """Nobody can start or stop workers, or whoever can refuses; the text says why."""


class NoWorker(UserError):
    """There is no worker of this name; the text says so."""


async def ask_launcher(path: str, question: dict[str, Any]) -> dict[str, Any]:
    """The answer to a question. Raises NoLauncher and NoWorker."""
    if not path:
        raise NoLauncher(ABSENT)
    try:
        answer = await asyncio.wait_for(_exchange(path, question), PATIENCE)
    except (OSError, ValueError, TimeoutError) as error:
        raise NoLauncher(
            f"the supervisor of this pipeline does not answer ({error or type(error).__name__}); "
            "start workers by hand with 'beamloom worker'"
        ) from None
    if "problem" in answer:
        raise (NoWorker if answer.get("unknown") else NoLauncher)(str(answer["problem"]))
    return answer


async def _exchange(path: str, question: dict[str, Any]) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(json.dumps(question).encode() + b"\n")
        await writer.drain()
        line = await reader.readline()
    finally:
        writer.close()
        await writer.wait_closed()
    answer = json.loads(line)
    if not isinstance(answer, dict):
        raise ValueError("its answer is not understood")
    return answer
