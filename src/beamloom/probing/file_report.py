"""The summary of a file as text."""

from __future__ import annotations

from beamloom.probing.files import FileSummary, StreamSummary
from beamloom.probing.text import count, size, table


def report(found: FileSummary) -> str:
    """A heading with the file, a line on its whole, a table with a row per stream, and what is wrong with it."""
    lines = [str(found.path), f"  {_whole(found)}"]
    if found.companions.run is not None:
        lines.append(f"  {_beside(found)}")
    if found.streams:
        lines += ["", table([_headings(found), *(_row(found, name) for name in found.streams)]), ""]
    elif found.what == "capture":
        lines.append(
            "  no installed device can read these messages; 'beamloom simulate --help' lists the devices"
        )
    if len(found.verdicts) > 1 and found.confidence != "certain":
        others = ", ".join(verdict.device.name for verdict in found.verdicts[1:3])
        lines.append(f"  it may also be {others}; --device says which it is")
    if found.unread:
        first = found.verdicts[0].why
        lines.append(
            f"  unreadable: {count(found.unread, 'message')}{f', the first because {first}' if first else ''}"
        )
    if found.damage is not None:
        lines.append(f"  damaged: {found.damage}")
    return "\n".join(lines).rstrip()


def _whole(found: FileSummary) -> str:
    noun = "record" if found.what == "recording" else "message"
    on_disk = "" if found.file_size >= found.nbytes else f" ({size(found.file_size)} on disk)"
    words = [found.what, count(found.items, noun), f"{size(found.nbytes)}{on_disk}"]
    if found.what == "capture":
        if found.verdicts:
            words.append(f"device {found.verdicts[0].device.name} ({found.confidence})")
        return ", ".join(words)
    words.append(_time_span(found))
    return ", ".join(words)


def _time_span(found: FileSummary) -> str:
    if found.begun is None or found.ended is None:
        return "times not recorded"
    seconds = (found.ended - found.begun).total_seconds()
    span = f"{found.begun:%Y-%m-%d %H:%M:%S %Z} to {found.ended:%H:%M:%S}, {seconds:.3g} s"
    return (
        f"{span}, {(found.items - 1) / seconds:.3g} per second" if seconds > 0 and found.items > 1 else span
    )


def _beside(found: FileSummary) -> str:
    beside = found.companions
    paths = {"map": beside.map_path, "parameters": beside.parameters_path, "epochs": beside.epochs_path}
    there = ", ".join(f"{what} {path.name}" for what, path in paths.items() if path is not None)
    return f"run {beside.run}; beside it: {there or 'no map, no parameters'}"


def _headings(found: FileSummary) -> list[str]:
    numbered = "events" if found.what == "recording" else "numbers"
    return ["stream", "type", "packets", numbered, "gaps", "packet size", "first data packet"]


def _row(found: FileSummary, name: str) -> list[str]:
    stream = found.streams[name]
    tally = stream.tally
    smallest, largest = size(tally.smallest or 0), size(tally.largest)
    return [
        name,
        ", ".join(tally.types),
        str(tally.packets),
        _span(stream),
        str(stream.numbers) if stream.numbers.last is not None or stream.numbers.missing else "-",
        smallest if smallest == largest else f"{smallest} to {largest}",
        str(tally.look) if tally.look is not None else "-",
    ]


def _span(stream: StreamSummary) -> str:
    first, last = stream.numbers.first, stream.numbers.last
    return "-" if first is None else f"{first}-{last}"
