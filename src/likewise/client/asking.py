"""A query of the library → terms and pictures of a request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from likewise.client import told
from likewise.client.transport import Body, Transport
from likewise.errors import BadArgument, SourceError
from likewise.queries import ByKey, ByMarks, ByText, Query, Term
from likewise.roots import Roots
from likewise.stores import Known
from likewise.teaching import Marks
from likewise.types import Card, Embeddings, Pixels


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a collection behind a server, for whoever tells names apart; see `likewise.queries.reading.Keys`."""

    card: Card
    ask: Callable[[str], Mapping[str, Any]]
    roots: Roots = field(default_factory=lambda: Roots("/"))

    def known(self, key: str) -> Known | None:
        """What there is under a key; None where there is nothing."""
        try:
            record = told.record(self.ask(key))
        except SourceError:
            return None
        return Known(record, True, record.size_bytes, record.modified_ns)


@dataclass(frozen=True, slots=True)
class Without:
    """Stands for an encoder that works elsewhere and has no text."""

    card: Card

    def encode(self, pixels: Pixels) -> Embeddings:
        """Nothing is embedded here."""
        return np.zeros((len(pixels), self.card.dim), np.float32)


@dataclass(frozen=True, slots=True)
class WithText(Without):
    """The same, of one that has."""

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Nothing is embedded here."""
        return np.zeros((len(texts), self.card.dim), np.float32)


def terms(query: Query) -> tuple[list[dict[str, object]], dict[str, bytes]]:
    """The terms of a query as the server takes them, and the pictures that they name."""
    files: dict[str, bytes] = {}
    return [_term(term, files) for term in query.terms], files


def _term(term: Term, files: dict[str, bytes]) -> dict[str, object]:
    part = term.part
    region = {}
    if isinstance(part, ByKey):
        named: dict[str, object] = {"key": part.key}
    elif isinstance(part, ByText):
        named = {"text": part.words}
    elif isinstance(part, ByMarks):
        if not part.concept:
            raise BadArgument(
                f"{part.name}: save these marks as a concept first, which the server then knows by its name"
            )
        named = {"concept": part.concept}
    else:
        if part.region is not None:
            region = {"region": ",".join(map(str, part.region))}
        name = next((name for name, data in files.items() if data == part.data), f"picture-{len(files)}")
        named = {"key": part.key} if part.key else {"file": name}
        if not part.key:
            files[name] = part.data
    return {**named, **region, "weight": term.weight}


def found(transport: Transport, query: Query, options: Mapping[str, object]) -> Mapping[str, Any]:
    """What the server answers to a query."""
    only = _only_marks(query)
    asked, files = terms(query) if only is None else ([], {})
    body = {"query": asked, "with_self": query.with_self, **options}
    marks = only or query.marks
    if marks is not None:
        body |= {"liked": list(marks.liked), "disliked": list(marks.disliked)}
    if not files:
        made = Body(lambda: {"json": body})
    else:
        parts = [("request", (None, json.dumps(body).encode(), "application/json"))]
        parts += [(name, (name, data, "application/octet-stream")) for name, data in files.items()]  # type: ignore[misc]
        made = Body(lambda: {"files": parts})
    answer: Mapping[str, Any] = transport.json("POST", "/v1/search", made)
    return answer


def _only_marks(query: Query) -> Marks | None:
    """The marks of a query that is made of nothing else."""
    part = query.terms[0].part
    alone = len(query.terms) == 1 and query.terms[0].weight == 1 and isinstance(part, ByMarks) and not part.concept
    return part.marks if alone and isinstance(part, ByMarks) else None
