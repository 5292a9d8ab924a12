"""The columns of a collection on Milvus, and an image as one of their rows.

An image's row in the gallery has versions: one is added whenever something about the image changes, and the one before it ends. A
commit has a number; a version is there from the commit `born` on and no longer at the commit `died`. So a reader who knows one number
sees one whole state of the gallery, whatever is written meanwhile, without any lock.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

import numpy as np

from likewise.errors import BadArgument
from likewise.filters.expressions import as_number
from likewise.stores.milvus.remote import MOST_CHARACTERS, Row
from likewise.types import Embeddings, Json, Record

NEVER = 2**62
"""The commit at which what is still there ends."""

LIVE, VANISHED = 0, 1

VERSIONS = {
    "id": "id",  # of the version, never given twice
    "row": "whole",  # of the gallery
    "born": "whole",
    "died": "whole",
    "state": "whole",  # LIVE or VANISHED
    "key_hash": "whole",  # keys and contents are looked up by numbers, which need no quoting
    "content": "whole",
    "key": "text",
    "width": "whole",
    "height": "whole",
    "size_bytes": "whole",
    "modified_ns": "whole",
    "metadata": "json",  # what filters ask
    "record": "text",  # all of it, as we wrote it
}

ENTRIES = {"id": "name_id", "kind": "whole", "key_hash": "whole", "born": "whole", "died": "whole", "value": "text"}
"""Of the second collection: what is kept beside images; see `catalogue`."""

RECORD = ("row", "record")
ALL = (*VERSIONS, "embedding")


@dataclass(frozen=True, slots=True)
class Version:
    """What is needed of one to go on with its image.

    Attributes:
        id: Its own.
        row: Of the gallery.
        state: `LIVE` or `VANISHED`.
        record: What is told of the image.
    """

    id: int
    row: int
    state: int
    record: Record


def at(commit: int) -> str:
    """The expression that is true of all that is there at a commit."""
    return f"born <= {commit} and died > {commit}"


def alive(commit: int) -> str:
    """The expression that is true of the images that a search can return."""
    return f"{at(commit)} and state == {LIVE}"


def number_of(text: str) -> int:
    """63 bits of a hash: a number by which a text is looked up."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()) >> 1


def content_number(sha256: str) -> int:
    """63 bits of a content's hash."""
    return int(sha256[:16] or "0", 16) >> 1


def row_of(version: int, row: int, born: int, record: Record, embedding: object, state: int = LIVE) -> Row:
    """A version as Milvus takes it.

    Raises:
        BadArgument: If what is told of the image is more than a server keeps of one text, or no text at all.
    """
    told = _json(record)
    try:
        size = max(len(told), 4 * len(record.key) if not record.key.isascii() else len(record.key))
        record.key.encode()
    except UnicodeEncodeError as error:
        raise BadArgument(
            f"{record.key!r} is no text in Unicode, which Milvus demands of a key: rename the file"
        ) from error
    if size > MOST_CHARACTERS:
        raise BadArgument(
            f"{record.key}: key and metadata take {size:,} bytes, and Milvus keeps {MOST_CHARACTERS:,}: tell less of it"
        )
    return {
        "id": version,
        "row": row,
        "born": born,
        "died": NEVER,
        "state": state,
        "key_hash": number_of(record.key),
        "content": content_number(record.content_sha256),
        "key": record.key,
        "width": record.width,
        "height": record.height,
        "size_bytes": record.size_bytes,
        "modified_ns": record.modified_ns,
        "metadata": {name: _asked_of(value) for name, value in record.metadata.items()},
        "record": told,
        "embedding": embedding,
    }


def record_of(row: Row) -> Record:
    """The image that a version tells of."""
    key, digest, size_bytes, modified_ns, width, height, metadata = json.loads(row["record"])
    return Record(key, digest, size_bytes, modified_ns, width, height, metadata)


def version_of(row: Row) -> Version:
    """What is needed of a version; `row` has the columns `VERSION`."""
    return Version(int(row["id"]), int(row["row"]), int(row["state"]), record_of(row))


VERSION = ("id", "row", "state", "record")


def embeddings_of(rows: list[Row], dim: int) -> Embeddings:
    """(n, dim) of rows that came with their embeddings."""
    return np.array([row["embedding"] for row in rows], np.float32).reshape(-1, dim)


def _asked_of(value: Json) -> Json:
    """A value as filters may ask for it on the server: where JSON there cannot hold it, one that no question tells from it."""
    if isinstance(value, dict):
        return {_text(name): _asked_of(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_asked_of(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return as_number(value)
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    """Without halves of characters: what stands for them comes behind all letters too, and nobody can ask for either."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def _json(record: Record) -> str:
    """All ASCII, so that its length is its bytes."""
    numbers = (record.size_bytes, record.modified_ns, record.width, record.height)
    try:
        return json.dumps([record.key, record.content_sha256, *numbers, dict(record.metadata)], allow_nan=False)
    except ValueError as error:
        told = f"{record.key}: its metadata hold NaN or infinity, which is no JSON, and no filter could read it: leave it out"
        raise BadArgument(told) from error
