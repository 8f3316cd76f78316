"""What was found out about an address, as text."""

from __future__ import annotations

from typing import Final

import zmq

from beamloom.probing.probe import Probed
from beamloom.probing.readers import PATTERN_NAMES
from beamloom.probing.text import count, size, table

_STOLEN: Final = 0.3
"""From which share of missing numbers on another reader is suspected."""


def report(probed: Probed) -> str:
    """Protocol, rate, shape, gaps, and the entry in the pipeline file; or what to check."""
    if not probed.messages:
        return (
            f"{probed.url}: {probed.problem}.\n"
            "  Check that the device is acquiring (many send only while a scan runs: start one, then probe again), and that this "
            "is the port of its data, not of its commands."
        )
    if probed.device is None:
        return _unknown(probed)
    rows = [
        ["protocol", f"{probed.device.name} ({probed.confidence}): {probed.device.title}"],
        ["rate", _rate(probed)],
        ["first data packet", str(probed.stream.tally.look or "-")],
        ["gaps", _gaps(probed)],
    ]
    if probed.others:
        rows.append(["may also be", ", ".join(probed.others)])
    return f"{probed.url}\n{table(rows)}\n\nIn the pipeline file:\n\n{pipeline_entry(probed)}"


def pipeline_entry(probed: Probed) -> str:
    """The stream as it stands in a pipeline file; empty where the device is not known."""
    if probed.device is None:
        return ""
    keys = {"device": probed.device.name, "url": f'"{probed.url}"', **probed.options}
    inside = ", ".join(f"{key}: {value}" for key, value in keys.items())
    return f"streams:\n  {probed.device.name}: {{{inside}}}"


def _unknown(probed: Probed) -> str:
    by = f" by {PATTERN_NAMES[probed.pattern]}" if probed.pattern is not None else ""
    frames = "\n".join(f"    frame {index}: {frame!r}" for index, frame in enumerate(probed.first_frames[:4]))
    return (
        f"{probed.url}: {count(probed.messages, 'message')} came{by}, {size(probed.nbytes)}, and no installed device can read them.\n"
        f"  The first message has {count(len(probed.first_frames), 'frame')}, which begin with\n{frames}\n"
        "  Probe again while a scan begins (some protocols are described at its beginning only), or capture it with 'beamloom record'."
    )


def _rate(probed: Probed) -> str:
    amount = f"{count(probed.stream.tally.packets, 'packet')} in {probed.span:.2g} s, {size(probed.nbytes)}"
    if probed.rate is None:
        return f"too few to say ({amount})"
    return f"{probed.rate:.3g} data packets per second, {size(probed.nbytes / probed.span)}/s ({amount})"


def _gaps(probed: Probed) -> str:
    stream = probed.stream
    numbered = stream.numbers.last is not None or bool(stream.numbers.missing)
    said = str(stream.numbers) if numbered else "not known, the protocol has no numbers"
    if stream.unread:
        said += f"; {count(stream.unread, 'message')} could not be read"
    if probed.pattern == zmq.PULL and stream.numbers.missing_count > _STOLEN * stream.tally.packets:
        said += "; does another reader take packets from this PUSH socket?"
    return said
