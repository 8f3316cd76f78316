"""The records in the content of a file, found in the quickest way that each of them allows.

Stretches of records that are alike are read by columns. One that differs from the one before is walked, and what cannot be walked is
decoded as any CBOR. Whichever way, the same records come of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from beamloom.recordings.alike import Layout, consecutive
from beamloom.recordings.format import IncompleteItem, Record, decode_record
from beamloom.recordings.runs import AlikeRun, Gathering, RecordRun
from beamloom.recordings.source import Content, next_item
from beamloom.recordings.walk import Heads, Unusual, Walked, walk


def next_record(content: Content, heads: Heads) -> Walked | Record | None:
    """The record at ``content.position``, which goes behind it; None at the end.

    ``heads`` is what the walk remembers. Raises ValueError with a phrase for what is no record.
    """
    while True:
        try:
            walked = walk(content, heads)
        except IncompleteItem as incomplete:
            if content.more(incomplete.needed - len(content.buffer)):
                continue
        except Unusual:
            pass
        else:
            content.position = content.offset + walked.end
            return walked
        content.back()
        position = content.position
        item = next_item(content)
        if item is None:
            return None
        try:
            return decode_record(item)
        except ValueError:
            content.position = position
            raise


def runs_of(content: Content) -> Iterator[RecordRun]:
    """All records in runs; those before the place at which a ValueError is raised come first."""
    gathering, heads = Gathering(), Heads()
    layout: Layout | None = None
    before: Walked | None = None
    try:
        while True:
            if layout is not None:
                buffer, start = content.buffer, content.start
                if events := layout.events(buffer, start):
                    if (run := gathering.take()) is not None:
                        yield run
                    position, table, length = content.position, memoryview(buffer)[start:], layout.length
                    content.position += len(events) * length
                    for begin, end in consecutive(events):
                        yield AlikeRun(
                            layout,
                            events[begin],
                            end - begin,
                            position + begin * length,
                            content.held,
                            table[begin * length : end * length],
                        )
                    continue
                missing = layout.length - (len(buffer) - start)
                if missing > 0 and content.more(missing):
                    continue
                layout = before = None
            record = next_record(content, heads)
            if record is None:
                break
            if isinstance(record, Record):
                over = gathering.add(record.event_number, record.streams, record.created_at)
                before = None
            else:
                over = gathering.add_walked(record, content.buffer)
                if before is not None and record.is_alike(before):
                    layout = Layout(content.buffer, record)
                before = record
            if over is not None:
                yield over
    except ValueError:
        if (run := gathering.take()) is not None:
            yield run
        raise
    if (run := gathering.take()) is not None:
        yield run
