"""The answer to one query, as values and as pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol, overload

from likewise import search as searching
from likewise.collection import pictures
from likewise.errors import BadArgument
from likewise.filters import Filter
from likewise.queries import ByImage, ByKey, ByMarks, ByText, Query, Term, sign_of
from likewise.queries.reranking import Explained
from likewise.rerank import Chain
from likewise.show import Answer, Asked, copies_text, odds_text, score_text
from likewise.types import Hit, Image, Record

_SHOWN_PARTS = 7  # of a query; with the sign for the others they fill a row of the grid


class Shows(Protocol):
    """Whoever was asked: a collection here, or one behind a server."""

    @property
    def model(self) -> str:
        """The name of the encoder that made the embeddings."""
        ...

    def picture(self, record: Record, side: int = 256) -> Image | None:
        """A thumbnail of a gallery image."""
        ...

    def picture_of(self, part: ByImage | ByKey, side: int) -> Image | None:
        """A thumbnail of a part of a query, its region framed; None when it cannot be shown."""
        ...

    def is_live(self, key: str) -> bool:
        """Whether a search can return the image of a key."""
        ...

    def explained(self, query: Query, hits: Sequence[Hit], rerank: Chain) -> Sequence[Explained]:
        """The places that a query shares with hits."""
        ...

    def notes(self) -> dict[str, str]:
        """A few facts for the head of a page."""
        ...


class Hits(Sequence[Hit]):
    """The answer to one query, best first; shows itself as pictures in a notebook."""

    def __init__(
        self,
        collection: Shows,
        found: searching.Found,
        rerank: Chain | str | None = None,
        where: Filter | None = None,
        significance: float | None = None,
    ) -> None:
        self._collection = collection
        self._found = found
        self._rerank = rerank
        self._where = where
        self.significance = significance

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Hit]: ...
    def __getitem__(self, index: int | slice) -> Hit | Sequence[Hit]:
        return self._found.hits[index]

    def __len__(self) -> int:
        return len(self._found.hits)

    def __repr__(self) -> str:
        lines = [" ".join([f"{hit.rank:3d}  {hit.score:9.4f}  {hit.key}", *copies_text(hit)]) for hit in self]
        told = self._told_of_chance()
        return "\n".join([f"{len(self)} images like {self.query.name}", *lines, *told])

    def _repr_html_(self) -> str:
        from likewise.show import page

        return page.fragment(self.answer())

    @property
    def query(self) -> Query:
        """What was looked for."""
        return self._found.query

    @property
    def by_chance(self) -> Sequence[Hit]:
        """Of the k best those that are no hits, because chance explains them; always none where no significance was asked for."""
        return self._found.by_chance

    @property
    def note(self) -> str:
        """What a reader of the hits should know: which images were searched, what is left out, and why."""
        told = [] if self._where is None else [f"where {self._where}"]
        count = len(self.query.left_out)
        if count and len(self.query.terms) == 1:
            told.append("itself left out")
        elif count:
            told.append(f"without the {'image' if count == 1 else f'{count} images'} that it names")
        gone = len(self.missing)
        if gone:
            told.append(f"without {gone} marked {'image that is' if gone == 1 else 'images that are'} gone")
        return ", ".join(told + self._told_of_chance())

    @property
    def missing(self) -> list[str]:
        """Marked images, by key, that are no longer in the collection and did not count."""
        marked = [term.part for term in self.query.terms if isinstance(term.part, ByMarks)]
        every = [part.marks for part in marked] + ([self.query.marks] if self.query.marks else [])
        known = [key for marks in every for key in (*marks.liked, *marks.disliked) if not self._collection.is_live(key)]
        return [*(key for part in marked for key in part.missing), *known]

    def _told_of_chance(self) -> list[str]:
        count = len(self.by_chance)
        if not count:
            return []
        if len(self):
            return [f"{count} more left out that chance explains"]
        best = self.by_chance[0]
        return [f"no good match: the best has {score_text(best.score)}, {odds_text(best.chance)} by chance"]

    def bare(self) -> Answer:
        """The query and the hits without pictures."""
        return Answer(self.query.name, None, list(self), [None] * len(self), note=self.note)

    def answer(self, side: int = 256) -> Answer:
        """The query and the hits with their thumbnails, none larger than side × side."""
        asked = [self._asked(i, term, side) for i, term in enumerate(self.query.terms[:_SHOWN_PARTS])]
        more = len(self.query.terms) - len(asked)
        if more:
            asked.append(Asked("+", "", None, words=f"{more} more"))
        shown = [self._collection.picture(hit.record, side) for hit in self]
        return Answer(self.query.name, asked[0].picture, list(self), shown, asked=asked, note=self.note)

    def _asked(self, number: int, term: Term, side: int) -> Asked:
        part, away = term.part, term.weight < 0
        weight = "" if abs(term.weight) == 1 or len(self.query.terms) == 1 else f"{abs(term.weight):.3g}"
        title = f"{sign_of(term) if number or away else 'query'} {weight}".strip()
        if isinstance(part, ByText | ByMarks):
            return Asked(title, "", None, part.name, away)
        shown = self._collection.picture_of(part, side)
        return Asked(title, part.name, shown, away=away)

    def save(self, path: str | Path) -> Path:
        """Write the answer as a picture (.png), a page (.html) or data (.json), by the ending of `path`.

        Raises:
            BadArgument: If the ending is none of these.
        """
        from likewise.show import grid, page

        target = Path(path)
        if target.suffix == ".png":
            target.write_bytes(grid.png(self.answer()))
        elif target.suffix in (".html", ".htm"):
            notes = self._collection.notes()
            target.write_text(page.html([self.answer()], title=f"Like {self.query.name}", notes=notes), "utf-8")
        elif target.suffix == ".json":
            target.write_text(json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n", "utf-8")
        else:
            raise BadArgument(f"{target}: the ending says what to write: .png, .html or .json")
        return target

    def explain(self, path: str | Path, most: int = 3) -> Path:
        """Draw which places of the query and of its best hits are the same, as geometry found them.

        Args:
            path: Of a PNG.
            most: How many hits are drawn.

        Raises:
            BadArgument: If these hits were not re-ranked by geometry.
        """
        from likewise.show import matches

        if isinstance(self._rerank, str):
            raise BadArgument(
                f"{self.query.name}: these hits come from a server, which draws them itself: POST /v1/explain"
            )
        if self._rerank is None or self._rerank.matcher is None:
            raise BadArgument(f"{self.query.name}: nothing to explain: search with rerank='geometry'")
        found = self._collection.explained(self.query, self[:most], self._rerank)
        target = Path(path)
        target.write_bytes(matches.png([pictures.pair(self.query, each) for each in found]))
        return target

    def to_json(self) -> dict[str, object]:
        """The query and the hits as plain values."""
        hits = [
            {"rank": hit.rank, "score": hit.score, "inliers": hit.inliers, "chance": hit.chance, "path": hit.path}
            | ({"layers": dict(hit.layers)} if hit.layers else {})
            | {
                "row": hit.row,
                "folded": [{"key": each.key, "score": each.score, "path": each.path} for each in hit.folded],
            }
            | asdict(hit.record)
            for hit in self
        ]
        by_chance = [{"key": hit.key, "score": hit.score, "chance": hit.chance} for hit in self.by_chance]
        return {
            "query": self.query.name,
            "parts": [_told(term) for term in self.query.terms],
            "left_out": sorted(self.query.left_out),
            "model": self._collection.model,
            "rerank": self._rerank.name if isinstance(self._rerank, Chain) else self._rerank or "",
            "where": "" if self._where is None else str(self._where),
            "significance": self.significance,
            "hits": hits,
            "by_chance": by_chance,
        } | ({} if self.query.marks is None else asdict(self.query.marks))


def _told(term: Term) -> dict[str, object]:
    part, kind = term.part, _KINDS[type(term.part)]
    region = {"region": list(part.region)} if isinstance(part, ByImage) and part.region is not None else {}
    marks = asdict(part.marks) | {"missing": part.missing} if isinstance(part, ByMarks) else {}
    return {"kind": kind, "name": part.name, "weight": term.weight} | region | marks


_KINDS = {ByImage: "image", ByText: "text", ByKey: "key", ByMarks: "marks"}
