"""Readers of ``results.py``, in a process of their own: they poll until told to stop, and write as JSON how much they got.

python benchmarks/results_readers.py HOST PORT READERS POLLS_PER_SECOND
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from results_analysis import IMAGES


async def read(
    host: str, port: int, path: str, interval: float, begun_all: asyncio.Barrier, stop: asyncio.Event
) -> tuple[int, int]:
    """Poll one path every ``interval`` seconds (0: without a pause); returns reads and bytes."""
    reader, writer = await asyncio.open_connection(host, port, limit=2**22)
    request = f"GET {path} HTTP/1.1\r\nHost: reducer\r\nAccept-Encoding: identity\r\n\r\n".encode()
    reads = received = 0
    counting = False
    while not stop.is_set():
        begun = time.monotonic()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        reads += 1
        received += length
        if not counting:
            await begun_all.wait()
            counting, reads, received = True, 0, 0
        rest = begun + interval - time.monotonic()
        if rest > 0:
            await asyncio.sleep(rest)
    writer.close()
    return reads, received


async def main(host: str, port: int, readers: int, rate: float, form: str) -> None:
    """Read until standard input is closed."""
    stop, begun_all = asyncio.Event(), asyncio.Barrier(readers + 1)
    interval = 1 / rate if rate else 0.0
    paths = [f"/api/v1/result/$.images.image{number % IMAGES}?format={form}" for number in range(readers)]
    tasks = [asyncio.create_task(read(host, port, path, interval, begun_all, stop)) for path in paths]
    await begun_all.wait()
    begun = time.monotonic()
    print("reading", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    stop.set()
    seconds = time.monotonic() - begun
    counts = await asyncio.gather(*tasks)
    reads, received = (sum(column) for column in zip(*counts, strict=True))
    print(json.dumps({"reads_s": reads / seconds, "mb_s": received / seconds / 1e6}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5]))
