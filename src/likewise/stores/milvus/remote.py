"""One server of Milvus: calls that are tried again while it is away, and its errors in our words.

Whatever is written is written by primary key, so that a call whose answer was lost can simply be made again.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from likewise.errors import LikewiseError, MissingExtra, StoreAway, StoreBusy
from likewise.stores.milvus.address import Access, Address
from likewise.types import Embeddings, Metric

Row: TypeAlias = dict[str, Any]
"""Column → value, as pymilvus takes and gives it."""

MOST_HITS = 16_384
"""Of one search or question; the server's own limit."""

NOW = 1
"""A moment long past: a question that waits for nothing."""

_MESSAGE_BYTES = 8 << 20
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 3.0
_VECTOR = "embedding"
_T = TypeVar("_T")

# What a server says while it starts, loads or is short of a part of itself, and no longer says a moment later.
_PASSING = (
    "not loaded",
    "not fully loaded",
    "not ready",
    "no available",
    "not available",
    "unavailable",
    "channel not found",
    "node not found",
    "node not match",
    "service not",
    "is not healthy",
    "connection refused",
    "failed to connect",
    "deadline",
    "timeout",
    "rate limit",
    "server id mismatch",
    "context canceled",
    "collection on recovering",
    "segment lacks",
    "recovering",
    "fail connecting",
    "lack of",
)


@dataclass(frozen=True, slots=True)
class Hits:
    """What one query has found, best first.

    Attributes:
        closeness: (m,) as the server measures it: a product or a cosine, or minus a squared distance.
        fields: For each hit what was asked for beside it.
    """

    closeness: NDArray[np.float64]
    fields: Sequence[Row]


class Remote:
    """A connection; threads may share it."""

    def __init__(self, address: Address, access: Access | None = None) -> None:
        """Connect.

        Raises:
            MissingExtra: If pymilvus is not installed.
            StoreAway: If nobody answers until the deadline.
            StoreBusy: If the file is open in another process.
        """
        self.address = address
        self._access = Access.of() if access is None else access
        self._client: Any = self._tried(self._connected, "connect")

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def exists(self, name: str) -> bool:
        """Whether there is a collection of this name."""
        return bool(self._tried(lambda: self._client.has_collection(name, timeout=self._each_s), "look"))

    def properties(self, name: str) -> Mapping[str, str]:
        """What a collection says of itself."""
        told = self._tried(lambda: self._client.describe_collection(name, timeout=self._each_s), "look")
        return {str(key): str(value) for key, value in dict(told.get("properties") or {}).items()}

    def create(
        self, name: str, columns: Mapping[str, str], dim: int, metric: str, properties: Mapping[str, str]
    ) -> None:
        """Make a collection, ready to be asked; what is there already is left as it is.

        Args:
            name: Of the collection.
            columns: Name → `id`, `name_id` (the primary key), `whole`, `text` or `json`.
            dim: Of its embeddings.
            metric: By which the server compares: `IP`, `COSINE` or `L2`.
            properties: What it says of itself.
        """
        from pymilvus import DataType

        if not self.exists(name):
            kinds = {"id": DataType.INT64, "whole": DataType.INT64, "json": DataType.JSON}
            schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
            for column, kind in columns.items():
                length = {} if kind in kinds else {"max_length": MOST_CHARACTERS}
                schema.add_field(column, kinds.get(kind, DataType.VARCHAR), is_primary=kind.endswith("id"), **length)
            schema.add_field(_VECTOR, DataType.FLOAT_VECTOR, dim=dim)
            self._tried(
                lambda: self._client.create_collection(
                    name,
                    schema=schema,
                    num_shards=1,
                    consistency_level="Strong",
                    properties=dict(properties),
                    timeout=self._each_s,
                ),
                "make a collection",
            )
        if not self._tried(lambda: self._client.list_indexes(name, timeout=self._each_s), "look"):
            self.index(name, "FLAT", metric, {}, wait=False)
        self.load(name)

    def index(self, name: str, kind: str, metric: str, parameters: Mapping[str, int], *, wait: bool = True) -> None:
        """Have this index in the place of the one before; searches are refused until `load`. An empty one needs no waiting for."""
        wanted = self._client.prepare_index_params()
        wanted.add_index(_VECTOR, index_type=kind, metric_type=metric, params=dict(parameters))

        def change() -> None:
            if self._client.list_indexes(name, timeout=self._each_s):
                self._client.release_collection(name, timeout=self._each_s)
                for each in self._client.list_indexes(name, timeout=self._each_s):
                    self._client.drop_index(name, each, timeout=self._each_s)
            self._client.create_index(name, wanted, timeout=_BUILDING_S, sync=wait)

        self._tried(change, "build an index")

    def load(self, name: str) -> None:
        """Have a collection in memory, so that it can be asked."""
        self._tried(lambda: self._client.load_collection(name, timeout=_BUILDING_S), "load a collection")

    def flush(self, name: str) -> None:
        """Have what was written so far sealed, so that an index covers it."""
        self._tried(lambda: self._client.flush(name, timeout=_BUILDING_S), "flush")

    def drop(self, name: str) -> None:
        """Remove a collection, if it is there."""
        self._tried(lambda: self._client.drop_collection(name, timeout=self._each_s), "remove a collection")

    def upsert(self, name: str, rows: Sequence[Row]) -> int:
        """Write rows, each in the place of the one of its primary key.

        Returns:
            The server's time of the writing: who asks for that moment or a later one sees it all.
        """
        latest = 0
        for part in _parts(rows):
            latest = max(latest, self._tried(lambda part=part: self._written(name, part), "write"))  # type: ignore[misc]
        return latest

    def delete(self, name: str, ids: Sequence[int] | Sequence[str]) -> int:
        """Remove rows by their primary keys; returns as `upsert`."""
        latest = 0
        for start in range(0, len(ids), 8192):
            part = list(ids[start : start + 8192])
            latest = max(latest, self._tried(lambda part=part: self._removed(name, part), "delete"))  # type: ignore[misc]
        return latest

    def query(self, name: str, asked: str, columns: Sequence[str], at: int | None = None) -> list[Row]:
        """The rows that an expression is true of, in no order; at most `MOST_HITS`, or the server says no.

        Args:
            name: Of the collection.
            asked: The expression.
            columns: What is wanted of each.
            at: Wait only until what was written at this moment is there; until all that was acknowledged is, if None.
        """
        return self._tried(
            lambda: [
                dict(each)
                for each in self._client.query(
                    name, filter=asked, output_fields=list(columns), timeout=self._each_s, **_seeing(at)
                )
            ],
            "ask",
        )

    def search(  # noqa: PLR0913, PLR0917 - a search has as many
        self,
        name: str,
        queries: Embeddings,
        count: int,
        metric: str,
        parameters: Mapping[str, int],
        asked: str,
        columns: Sequence[str],
        at: int | None = None,
    ) -> list[Hits]:
        """The nearest of each query among the rows that an expression is true of, or fewer where there are fewer."""

        def ask() -> list[Hits]:
            found = self._client.search(
                name,
                data=[row.tolist() for row in queries],
                limit=count,
                anns_field=_VECTOR,
                filter=asked,
                output_fields=list(columns),
                search_params={"metric_type": metric, "params": dict(parameters)},
                timeout=self._each_s,
                **_seeing(at),
            )
            sign = -1.0 if metric == "L2" else 1.0
            return [
                Hits(
                    sign * np.array([hit["distance"] for hit in each], np.float64),
                    [dict(hit["entity"]) for hit in each],
                )
                for each in found
            ]

        return self._tried(ask, "search")

    @property
    def _each_s(self) -> float:
        return max(5.0, self.address.deadline_s)

    def _written(self, name: str, rows: list[Row]) -> int:
        handler = self._client._get_connection()  # the client itself keeps the server's time from us
        return int(handler.upsert_rows(name, rows, timeout=self._each_s).timestamp)

    def _removed(self, name: str, ids: list[int] | list[str]) -> int:
        quoted = ", ".join(map(str, ids)) if isinstance(ids[0], int) else ", ".join(f'"{each}"' for each in ids)
        handler = self._client._get_connection()  # as above
        return int(handler.delete(name, f"id in [{quoted}]", timeout=self._each_s).timestamp)

    def _connected(self) -> Any:
        try:
            from pymilvus import MilvusClient

            if self.address.is_file:
                import milvus_lite as _  # noqa: F401 - for the error
        except ImportError as error:
            raise MissingExtra(
                f"{self.address} needs pymilvus and milvus-lite: pip install 'likewise[milvus]'"
            ) from error
        logging.getLogger("pymilvus").setLevel(
            logging.CRITICAL + 1
        )  # it prints every error that is tried again, with its stack
        return MilvusClient(self.address.uri, timeout=min(5.0, self.address.deadline_s), **self._secrets())

    def _secrets(self) -> dict[str, Any]:
        access = self._access
        if self.address.is_file:
            return {}
        told: dict[str, Any] = {"token": access.token} if access.token else {}
        if self.address.tls:
            told["secure"] = True
            if access.certificate is not None and access.key is not None:
                told |= {"client_pem_path": str(access.certificate), "client_key_path": str(access.key)}
                told["ca_pem_path"] = str(access.ca) if access.ca else ""
            elif access.ca is not None:
                told["server_pem_path"] = str(access.ca)
            if access.server_name:
                told["server_name"] = access.server_name
        return told

    def _tried(self, call: Callable[[], _T], what: str) -> _T:
        """Make a call, again and again until the deadline where the server is only away."""
        until, wait_s = time.monotonic() + self.address.deadline_s, _FIRST_WAIT_S
        while True:
            try:
                return call()
            except LikewiseError:
                raise
            except Exception as error:
                if not _is_passing(error):
                    raise self._in_our_words(error, what) from error
                left = until - time.monotonic()
                if left <= 0:
                    raise StoreAway(
                        f"{self.address} does not answer (to {what}; {_first_line(error)}; tried for {self.address.deadline_s:g} s): "
                        "start the server, or look whether host and port are right; what was acknowledged before is safe there"
                    ) from error
                time.sleep(min(left, wait_s * random.uniform(0.5, 1.0)))  # noqa: S311 - so that clients do not come back all at once
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _in_our_words(self, error: Exception, what: str) -> LikewiseError:
        told, lower = _first_line(error), str(error).lower()
        if self.address.is_file and "open local milvus failed" in lower:
            return StoreBusy(
                f"{self.address} cannot be opened: it is open in another process, and milvus-lite serves one at a time: end that one; or "
                "this one may not write there"
            )
        if "auth" in lower or "permission" in lower or "privilege" in lower:
            return StoreAway(
                f"{self.address} does not let us in ({told}): put a token into LIKEWISE_MILVUS_TOKEN, or a file that "
                "LIKEWISE_MILVUS_TOKEN_FILE names"
            )
        return LikewiseError(f"{self.address} could not {what}: {told}")


MOST_CHARACTERS = 65_535
"""Bytes of a text in one column; the server's own limit."""

_BUILDING_S = 3600.0


def _seeing(at: int | None) -> dict[str, Any]:
    if at is None:
        return {"consistency_level": "Strong"}
    return {"consistency_level": "Customized", "guarantee_timestamp": max(NOW, at)}


def _is_passing(error: Exception) -> bool:
    if isinstance(error, TypeError | KeyError | AttributeError | ImportError):
        return False
    told = str(error).lower()
    return any(each in told for each in _PASSING) or type(error).__name__ in (
        "MilvusUnavailableException",
        "ConnectError",
    )


def _first_line(error: Exception) -> str:
    told = str(getattr(error, "message", "") or error).strip().splitlines()
    return told[0][:300] if told else type(error).__name__


def _parts(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows in messages of a few MB."""
    part: list[Row] = []
    size = 0
    for row in rows:
        size += 200 + sum(_bytes_of(value) for value in row.values())
        if part and size > _MESSAGE_BYTES:
            yield part
            part, size = [], 0
        part.append(row)
    if part:
        yield part


def _bytes_of(value: object) -> int:
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    return 2 * len(value) if isinstance(value, str) else 8


def index_metric(metric: Metric, *, unit: bool) -> str:
    """How the server compares embeddings: of unit rows by their product, which is their cosine and orders as their distance does."""
    return "IP" if unit else "COSINE" if metric == "cosine" else "L2"
