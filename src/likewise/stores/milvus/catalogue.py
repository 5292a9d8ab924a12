"""What a collection on Milvus keeps beside its images: its state, who writes, what was skipped or forgotten, small files.

A second collection of the server has it, of one row an entry. A commit is one entry more, with the next number: the state that has the
largest number is the one that is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import platform
import random
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from likewise.errors import StoreAway, StoreBusy, StoreDamaged
from likewise.stores.milvus.columns import ENTRIES, NEVER, at, number_of
from likewise.stores.milvus.remote import Remote, Row

FORMAT = 1
SUFFIX = "_catalogue"

STATE, LEASE, SKIPPED, FORGOTTEN, SOURCE, ROOT, FILE = range(7)

_BEAT_S = 5.0
_SILENT_S = 30.0  # without a beat: the writer is gone
_LONG_AGO_S = 900.0  # more than clocks differ
_CHUNK = 48_000  # bytes of a file in one entry
_NO_VECTOR = [0.0, 0.0]  # every row of Milvus has one


@dataclass(frozen=True, slots=True)
class State:
    """A collection at one commit.

    Attributes:
        commit: Its number.
        next_row: Of the gallery; none was given to an image yet.
        next_id: Of a version or an entry.
        written_at: The server's time when the last of it was written.
        live: Images that a search can return.
        vanished: Images whose files are gone, and whose embeddings are kept.
        dead: Rows that `compact` would drop beside these.
        compacted: The commit of the last `compact`; versions that ended before it are gone.
        is_purged: Whether that `compact` came to its end.
        base: Where keys without a root lie; the address itself where the collection was made on the server.
        created_at: ISO 8601, UTC.
        computed_by: What computed the embeddings.
        layer_dims: Numbers of an embedding that come from each layer of a mix.
        wish: Which index the owner wants, as `Wish.to_json` tells it.
        index: What is there; see `indexing`.
    """

    commit: int = 0
    next_row: int = 0
    next_id: int = 0
    written_at: int = 0
    live: int = 0
    vanished: int = 0
    dead: int = 0
    compacted: int = 0
    is_purged: bool = True
    base: str = ""
    created_at: str = ""
    computed_by: tuple[str, ...] = ()
    layer_dims: tuple[int, ...] = ()
    wish: str = ""
    index: Mapping[str, Any] | None = None

    def to_json(self) -> str:
        """One line; `from_json` is the way back."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> State:
        """What `to_json` wrote."""
        told = json.loads(text)
        return cls(**told | {name: tuple(told.get(name, ())) for name in ("computed_by", "layer_dims")})


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is kept of a key.

    Attributes:
        id: Its own.
        key: What it is of.
        value: What is kept.
    """

    id: str
    key: str
    value: Any


@dataclass(slots=True)
class Lease:
    """The right to write, as long as it is renewed.

    Attributes:
        id: Of its entry.
        is_lost: Set where it could not be renewed in time.
        over: Set when it is given back.
    """

    id: str
    is_lost: bool = False
    over: threading.Event = field(default_factory=threading.Event)


class Catalogue:
    """The second collection."""

    def __init__(self, remote: Remote, name: str) -> None:
        self._remote, self._name = remote, name + SUFFIX

    def create(self, base: str) -> None:
        """Make it, with a first state, if there is none."""
        self._remote.create(self._name, ENTRIES, len(_NO_VECTOR), "L2", {"likewise.format": str(FORMAT)})
        if not self._states():
            first = State(base=base, created_at=datetime.now(UTC).isoformat(timespec="seconds"))
            self.commit(first)

    def exists(self) -> bool:
        """Whether it is there, with a state."""
        return self._remote.exists(self._name)

    def load(self) -> None:
        """Have it in memory."""
        self._remote.load(self._name)

    def state(self) -> State:
        """The one committed last.

        Raises:
            StoreDamaged: If there is none.
        """
        found = self._states()
        if not found:
            raise StoreDamaged(
                f"{self._remote.address} has no state: its making was broken off; remove both collections and index again"
            )
        return found[-1]

    def commit(self, state: State) -> None:
        """Make a state the one that is; states before the last two are removed."""
        self._remote.upsert(self._name, [_row(_state_id(state.commit), STATE, "", state.to_json(), 0)])
        if state.commit > 1:
            self._remote.delete(self._name, [_state_id(state.commit - 2)])

    def entries(self, kind: int, state: State, keys: Sequence[str] | None = None) -> list[Entry]:
        """What is there of a kind at a state, by its number; of some keys, or of all."""
        asked = f"kind == {kind} and {at(state.commit)}"
        if keys is not None:
            asked += f" and key_hash in [{', '.join(str(number_of(key)) for key in keys)}]"
        found = [
            Entry(row["id"], *json.loads(row["value"]))
            for row in self._remote.query(self._name, asked, ("id", "value"), state.written_at)
        ]
        wanted = None if keys is None else set(keys)
        return sorted(
            (each for each in found if wanted is None or each.key in wanted), key=lambda each: int(each.id[2:])
        )

    def add(self, kind: int, pairs: Sequence[tuple[str, Any]], state: State) -> tuple[State, int]:
        """Write entries that are there from the next commit on; returns the state with its numbers used, and when they were written."""
        rows = [
            _row(f"e:{state.next_id + i}", kind, key, json.dumps([key, value]), state.commit + 1)
            for i, (key, value) in enumerate(pairs)
        ]
        return replace(state, next_id=state.next_id + len(rows)), self._remote.upsert(self._name, rows)

    def end(self, ids: Sequence[str], state: State) -> int:
        """Mark entries as gone from the next commit on."""
        rows = [row | {"died": state.commit + 1} for row in self._whole(ids)]
        return self._remote.upsert(self._name, rows)

    def roll_back(self, state: State) -> None:
        """Take back what was written for a commit that never came."""
        unborn = self._remote.query(self._name, f"kind >= {SKIPPED} and born > {state.commit}", ("id",))
        self._remote.delete(self._name, [row["id"] for row in unborn])
        marked = self._remote.query(
            self._name, f"kind >= {SKIPPED} and died > {state.commit} and died < {NEVER}", ("id",)
        )
        self._remote.upsert(self._name, [row | {"died": NEVER} for row in self._whole([row["id"] for row in marked])])

    def purge(self, state: State) -> None:
        """Remove what ended."""
        gone = self._remote.query(self._name, f"kind >= {SKIPPED} and died <= {state.commit}", ("id",))
        self._remote.delete(self._name, [row["id"] for row in gone])

    def keep_file(self, name: str, data: bytes, told: str = "") -> None:
        """Keep a small file under a name, in the place of the one before it.

        Args:
            name: Letters, digits, - and .
            data: Its bytes.
            told: What is known of it; comes back with it.
        """
        digest = hashlib.sha256(data).hexdigest()
        starts = range(0, max(1, len(data)), _CHUNK)
        rows = []
        for i, start in enumerate(starts):
            chunk = base64.b64encode(data[start : start + _CHUNK]).decode()
            rows.append(_row(f"f:{name}:{i}", FILE, name, json.dumps([i, len(starts), digest, told, chunk]), 0))
        self._remote.upsert(self._name, rows)

    def file(self, name: str) -> tuple[bytes, str] | None:
        """The bytes kept under a name and what is known of them; None if there are none, or not all of them."""
        chunks: dict[int, list[Any]] = {}
        asked = f"kind == {FILE} and key_hash == {number_of(name)}"
        for row in self._remote.query(self._name, asked, ("value",)):
            number, *rest = json.loads(row["value"])
            chunks[number] = rest
        if 0 not in chunks:
            return None
        count, digest, told, _ = chunks[0]
        try:
            data = b"".join(base64.b64decode(chunks[i][3]) for i in range(count))
        except (KeyError, binascii.Error):
            return None
        return (data, told) if hashlib.sha256(data).hexdigest() == digest else None

    @contextmanager
    def leased(self, wait_s: float) -> Iterator[Lease]:
        """Hold the right to write.

        Raises:
            StoreBusy: If another writer holds it for more than `wait_s` seconds.
        """
        lease = self._taken(wait_s)
        beat = threading.Thread(target=self._beat, args=(lease,), daemon=True)
        beat.start()
        try:
            yield lease
        finally:
            lease.over.set()
            beat.join()
            self._remote.delete(self._name, [lease.id])

    def demand(self, lease: Lease, state: State) -> None:
        """See that a commit may be made: the lease is ours still, and nobody has committed meanwhile.

        Raises:
            StoreBusy: If it is not so.
        """
        found = self._remote.query(self._name, f"kind in [{STATE}, {LEASE}]", ("id", "kind", "value"))
        ours = any(row["id"] == lease.id for row in found)
        last = max(State.from_json(row["value"]).commit for row in found if row["kind"] == STATE)
        if lease.is_lost or not ours or last != state.commit:
            raise StoreBusy(
                f"{self._remote.address}: this writer was not heard of for long, and another has taken over: run again"
            )

    def _taken(self, wait_s: float) -> Lease:
        until = time.monotonic() + wait_s
        seen: dict[str, tuple[int, float]] = {}
        while True:
            lease = Lease(f"l:{uuid.uuid4().hex}")
            self._write_lease(lease, 0)
            others = [
                told
                for each, told in self._leases().items()
                if each != lease.id and not self._is_gone(each, told, seen)
            ]
            if not others:
                return lease
            self._remote.delete(self._name, [lease.id])
            if time.monotonic() >= until:
                raise StoreBusy(
                    f"process {others[0]['pid']} on {others[0]['host']} (since {others[0]['since']}) is writing to "
                    f"{self._remote.address}: wait until it has finished (--wait does that), or end it"
                )
            time.sleep(random.uniform(0.05, 0.3))  # noqa: S311 - so that two who met do not meet again

    def _is_gone(self, lease: str, told: Mapping[str, Any], seen: dict[str, tuple[int, float]]) -> bool:
        """Whether a writer is no more: its process has ended, or its lease was not renewed for long; then it is removed."""
        beat, since = seen.setdefault(lease, (told["beat"], time.monotonic()))
        if beat != told["beat"]:
            seen[lease] = (told["beat"], time.monotonic())
        silent = beat == told["beat"] and time.monotonic() - since > _SILENT_S
        long_ago = time.time() - told["told_at"] > _LONG_AGO_S
        if not (silent or long_ago or (told["node"] and told["node"] == _node() and not _runs(told["pid"]))):
            return False
        self._remote.delete(self._name, [lease])
        return True

    def _beat(self, lease: Lease) -> None:
        number, heard = 0, time.monotonic()
        while not lease.over.wait(_BEAT_S):
            number += 1
            try:
                self._write_lease(lease, number)
                heard = time.monotonic()
            except StoreAway:
                lease.is_lost = time.monotonic() - heard > _SILENT_S

    def _write_lease(self, lease: Lease, beat: int) -> None:
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        told = {
            "pid": os.getpid(),
            "host": platform.node(),
            "node": _node(),
            "since": since,
            "beat": beat,
            "told_at": time.time(),
        }
        self._remote.upsert(self._name, [_row(lease.id, LEASE, "", json.dumps(told), 0)])

    def _leases(self) -> dict[str, dict[str, Any]]:
        return {
            row["id"]: json.loads(row["value"])
            for row in self._remote.query(self._name, f"kind == {LEASE}", ("id", "value"))
        }

    def _states(self) -> list[State]:
        found = self._remote.query(self._name, f"kind == {STATE}", ("value",))
        return sorted((State.from_json(row["value"]) for row in found), key=lambda state: state.commit)

    def _whole(self, ids: Sequence[str]) -> list[Row]:
        found: list[Row] = []
        for start in range(0, len(ids), 1000):
            quoted = ", ".join(f'"{each}"' for each in ids[start : start + 1000])
            found += self._remote.query(self._name, f"id in [{quoted}]", tuple(ENTRIES))
        return [row | {"embedding": _NO_VECTOR} for row in found]


def _row(name: str, kind: int, key: str, value: str, born: int) -> Row:
    return {
        "id": name,
        "kind": kind,
        "key_hash": number_of(key),
        "born": born,
        "died": NEVER,
        "value": value,
        "embedding": _NO_VECTOR,
    }


def _state_id(commit: int) -> str:
    return f"s:{commit}"


def _node() -> str:
    """Says whether two processes can see each other: the same start of the same machine, and the same table of processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # pragma: no cover - another system than Linux
        return ""


def _runs(process: int) -> bool:
    return Path(f"/proc/{process}").exists()
