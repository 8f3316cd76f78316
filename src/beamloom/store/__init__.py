"""What the controller keeps so that another process can take its place: a checkpoint of its state, and what it was told since."""

from beamloom.redis_link import Unreachable
from beamloom.store._lease import Lease, where_is_it
from beamloom.store._link import Link
from beamloom.store._lock import FolderLock, FolderTaken
from beamloom.store._redis import RedisStore
from beamloom.store._scribe import Scribe
from beamloom.store._slate import Slate
from beamloom.store._sqlite import SqliteStore
from beamloom.store._store import Overtaken, Store, Stored, StoreError

__all__ = [
    "FolderLock",
    "FolderTaken",
    "Lease",
    "Link",
    "Overtaken",
    "RedisStore",
    "Scribe",
    "Slate",
    "SqliteStore",
    "Store",
    "StoreError",
    "Stored",
    "Unreachable",
    "where_is_it",
]
