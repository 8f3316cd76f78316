"""Which hit goes to which client: decisions without sockets, clocks, pixels.

Each hit goes to one client. It is *taken* when that client asks for more, and goes back to the head of the queue when the client is gone
before: so a hit is handed out twice only if the client that had it died, which may have been after its last step. Among the clients
that ask, the one that has waited longest since it was last given a hit is next, however often it was told in between
that there was nothing.

Of what is kept in memory the sum never exceeds the limit, that of hits with clients included. Who must go is decided by `WhenFull`, first
among the hits that wait; only when none of them is left in memory are the pixels of those with clients put on disk, or forgotten.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from beamloom.apps.crystallography.streaming.counts import Counts
from beamloom.apps.crystallography.streaming.settings import WhenFull

Hit: TypeAlias = Hashable
"""What tells one hit from another: run and number of the event."""
Client: TypeAlias = bytes


@dataclass(frozen=True, slots=True)
class Send:
    """Send the hit to the client; it is in memory, or on disk where it was put."""

    client: Client
    hit: Hit


@dataclass(frozen=True, slots=True)
class Nothing:
    """Tell the client that there is nothing yet, so that it asks again."""

    client: Client


@dataclass(frozen=True, slots=True)
class Spill:
    """Put the hit on disk, and its pixels out of memory."""

    hit: Hit


@dataclass(frozen=True, slots=True)
class Forget:
    """Forget the pixels of the hit, wherever they are. ``settled``: and the hit itself."""

    hit: Hit
    why: Literal["taken", "dropped", "given_up", "unkept", "no room while with its client"]

    @property
    def settled(self) -> bool:
        """Nothing more becomes of the hit."""
        return self.why != "no room while with its client"


Instruction: TypeAlias = Send | Nothing | Spill | Forget


@dataclass(slots=True)
class _Kept:
    size: int
    place: Literal["memory", "disk", "nowhere"] = "memory"
    deaths: int = 0


@dataclass(slots=True)
class _Client:
    turn: int
    asked: float | None = None
    holds: Hit | None = None
    since: float = 0.0


class HitQueue:
    """The queue. Each method takes the time in seconds where it needs one, and returns what is to be done, in order."""

    def __init__(
        self,
        *,
        memory_bytes: int,
        disk_bytes: int,
        when_full: WhenFull,
        keep_alive: float,
        attempts: int,
        patience: float | None = None,
    ) -> None:
        self._memory_limit, self._disk_limit, self._when_full = memory_bytes, disk_bytes, when_full
        self._keep_alive, self._attempts, self._patience = keep_alive, attempts, patience
        self._hits: dict[Hit, _Kept] = {}
        self._waiting: deque[Hit] = deque()
        self._waiting_in_memory: dict[Hit, None] = {}
        self._clients: dict[Client, _Client] = {}
        self._asking: dict[Client, None] = {}
        self._turn = 0
        self._counts = Counts()

    @property
    def counts(self) -> Counts:
        """What became of the hits so far; the numbers go on changing."""
        counts = self._counts
        counts.waiting, counts.handed = len(self._waiting), len(self._hits) - len(self._waiting)
        counts.clients, counts.asking = len(self._clients), len(self._asking)
        return counts

    def offer(self, hit: Hit, size: int, now: float) -> list[Instruction]:
        """A new hit whose message has ``size`` bytes."""
        if hit in self._hits:
            return self.repeated()
        self._counts.offered += 1
        self._hits[hit] = _Kept(size)
        self._waiting.append(hit)
        self._waiting_in_memory[hit] = None
        self._counts.memory_bytes += size
        # Handed out first: a hit that is wanted is not dropped for want of room.
        done = self._hand_out(now)
        if size > self._memory_limit and hit in self._waiting_in_memory and self._when_full != "spill":
            # It would push all others out before it goes itself.
            done.append(self._drop_this(hit))
        return done + self._make_room()

    def repeated(self) -> list[Instruction]:
        """A hit was offered that had been offered before."""
        self._counts.repeated += 1
        return []

    def ask(self, client: Client, now: float) -> list[Instruction]:
        """The client asks for a hit, and so is done with the one that it had. Asking twice is asking once."""
        done: list[Instruction] = []
        known = self._clients.get(client)
        if known is None:
            known = self._clients[client] = _Client(self._next_turn())
        if known.holds is not None:
            done.append(self._settle(known.holds, "taken"))
            known.holds = None
        if known.asked is None:
            known.asked = now
            self._asking[client] = None
        return done + self._hand_out(now)

    def gone(self, client: Client, now: float, *, blamed: bool = True) -> list[Instruction]:
        """The client is not there any more. ``blamed``: the hit that it had may be why; not so if it never got it."""
        known = self._clients.pop(client, None)
        if known is None:
            return []
        self._asking.pop(client, None)
        return self._take_back(known, now, blamed)

    def unwritten(self, hit: Hit) -> list[Instruction]:
        """The hit could not be put on disk, and its pixels are gone."""
        if hit not in self._hits:
            return []
        return [self._drop_this(hit) if hit in self._waiting else self._let_go(hit)]

    def unread(self, client: Client, hit: Hit) -> list[Instruction]:
        """The pixels that were to be sent to the client could not be read."""
        known = self._clients.get(client)
        if known is None or known.holds != hit:
            return []
        known.holds = None
        return [self._settle(hit, "unkept"), Nothing(client)]

    def tick(self, now: float) -> list[Instruction]:
        """Time has passed: tell those who wait that there is nothing, and lose patience."""
        done: list[Instruction] = []
        for client in [name for name in self._asking if self._asked(name) + self._keep_alive <= now]:
            self._clients[client].asked = None
            del self._asking[client]
            done.append(Nothing(client))
        if self._patience is not None:
            for known in list(self._clients.values()):
                if known.holds is not None and known.since + self._patience <= now:
                    done += self._take_back(known, now, True)
        return done

    def deadline(self) -> float | None:
        """When `tick` has something to do next, if nothing else happens."""
        times = [self._asked(client) + self._keep_alive for client in self._asking]
        if self._patience is not None:
            times += [
                known.since + self._patience for known in self._clients.values() if known.holds is not None
            ]
        return min(times, default=None)

    def _asked(self, client: Client) -> float:
        asked = self._clients[client].asked
        return asked if asked is not None else 0.0

    def _next_turn(self) -> int:
        self._turn += 1
        return self._turn

    def _hand_out(self, now: float) -> list[Instruction]:
        done: list[Instruction] = []
        while self._waiting and self._asking:
            client = min(self._asking, key=lambda name: self._clients[name].turn)
            del self._asking[client]
            hit = self._waiting.popleft()
            self._waiting_in_memory.pop(hit, None)
            known = self._clients[client]
            known.asked, known.holds, known.since, known.turn = None, hit, now, self._next_turn()
            done.append(Send(client, hit))
        return done

    def _take_back(self, known: _Client, now: float, blamed: bool) -> list[Instruction]:
        hit, known.holds = known.holds, None
        if hit is None:
            return []
        kept = self._hits[hit]
        kept.deaths += blamed
        if kept.place == "nowhere":
            return [self._settle(hit, "unkept")]
        if kept.deaths >= self._attempts:
            return [self._settle(hit, "given_up")]
        self._counts.handed_again += 1
        self._waiting.appendleft(hit)
        if kept.place == "memory":
            self._waiting_in_memory[hit] = None
        return self._hand_out(now)

    def _settle(self, hit: Hit, why: Literal["taken", "dropped", "given_up", "unkept"]) -> Instruction:
        self._leave(self._hits.pop(hit))
        setattr(self._counts, why, getattr(self._counts, why) + 1)
        return Forget(hit, why)

    def _leave(self, kept: _Kept) -> None:
        if kept.place == "memory":
            self._counts.memory_bytes -= kept.size
        elif kept.place == "disk":
            self._counts.disk_bytes -= kept.size

    def _make_room(self) -> list[Instruction]:
        done: list[Instruction] = []
        while self._counts.memory_bytes > self._memory_limit:
            if self._when_full == "spill":
                done.append(self._to_disk(*self._least_wanted()))
            elif self._waiting:
                done.append(self._drop_waiting(newest=self._when_full == "drop_newest"))
            else:
                done.append(self._let_go(self._oldest_handed("memory")))
        while self._counts.disk_bytes > self._disk_limit:
            if any(self._hits[hit].place == "disk" for hit in self._waiting):
                done.append(self._drop_waiting(newest=False))
            else:
                done.append(self._let_go(self._oldest_handed("disk")))
        return done

    def _drop_this(self, hit: Hit) -> Instruction:
        self._waiting.remove(hit)
        self._waiting_in_memory.pop(hit, None)
        return self._settle(hit, "dropped")

    def _drop_waiting(self, *, newest: bool) -> Instruction:
        hit = self._waiting.pop() if newest else self._waiting.popleft()
        self._waiting_in_memory.pop(hit, None)
        return self._settle(hit, "dropped")

    def _least_wanted(self) -> tuple[Hit, bool]:
        """The hit in memory that will be needed last, and whether it waits."""
        if self._waiting_in_memory:
            return self._waiting_in_memory.popitem()[0], True
        return self._oldest_handed("memory"), False

    def _oldest_handed(self, place: Literal["memory", "disk"]) -> Hit:
        holders = [known for known in self._clients.values() if known.holds is not None]
        return min(
            (known for known in holders if self._hits[known.holds].place == place),
            key=lambda known: known.since,
        ).holds

    def _to_disk(self, hit: Hit, waits: bool) -> Instruction:
        kept = self._hits[hit]
        if kept.size > self._disk_limit:
            return self._drop_this(hit) if waits else self._let_go(hit)
        self._leave(kept)
        kept.place = "disk"
        self._counts.disk_bytes += kept.size
        return Spill(hit)

    def _let_go(self, hit: Hit) -> Instruction:
        kept = self._hits[hit]
        self._leave(kept)
        kept.place = "nowhere"
        return Forget(hit, "no room while with its client")
