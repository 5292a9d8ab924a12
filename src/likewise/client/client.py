"""A collection behind a server, with the methods of one that lies here."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx

from likewise import images
from likewise.client import asking, told
from likewise.client.jobs import Job
from likewise.client.transport import Body, Transport
from likewise.client.writing import Added, added
from likewise.collection.hits import Hits
from likewise.collection.narrowing import Where
from likewise.errors import BadArgument, BadImage, SourceError
from likewise.filters import Filter
from likewise.filters.summary import FieldSummary
from likewise.queries import ByImage, ByKey, ByMarks, Query, Term
from likewise.queries.reading import Given, Reader, Weighted
from likewise.queries.reranking import Explained
from likewise.queries.syntax import Region
from likewise.rerank import Chain
from likewise.show import marked
from likewise.teaching import DEFAULT, Marks
from likewise.types import Hit, Image, Metric, Record, Skipped

_PAGE = 500  # images that the server tells at once
_AT_ONCE = 8  # requests of `search_many`, which the server answers together
_SIDES = (16, 1024)  # of the server's thumbnails
_MOST_K = 1000


class Client:
    """A collection of a server, asked as one that lies here.

    Example::

        photos = likewise.Client("http://127.0.0.1:8765")
        photos.search("cat.jpg", k=7).save("like-cat.png")
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        collection: str | None = None,
        timeout_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Nothing is asked yet.

        Args:
            url: Of the server, such as `http://127.0.0.1:8765`.
            token: What its operator gave you; none where it asks for none.
            collection: Its name there; the server's first unless given.
            timeout_s: For one request with all its tries.
            transport: Instead of the network, for tests.

        Raises:
            BadArgument: If the address or the timeout is of another form.
        """
        self._transport = Transport.to(url, token, timeout_s, transport)
        self._collection = collection
        self.limits = images.Limits()

    def __len__(self) -> int:
        return int(self.info()["images"])

    def __bool__(self) -> bool:
        return True  # and not a question to the server, as its length would be

    def __repr__(self) -> str:
        return f"<{self._collection or 'the collection'} at {self._transport.name}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.http.close()

    def info(self) -> Mapping[str, Any]:
        """The collection as `GET /v1/collections/{name}` tells it: images, model, what can be asked.

        Raises:
            NoCollection: If the server has none of this name.
            ServiceError: If there is no answer, or the token is not right. All other methods raise these too.
        """
        if self._collection is not None:
            answer: Mapping[str, Any] = self._transport.json(
                "GET", f"/v1/collections/{quote(self._collection, safe='')}"
            )
            return answer
        first: Mapping[str, Any] = self._transport.json("GET", "/v1/collections")["collections"][0]
        return first

    @property
    def model(self) -> str:
        """The name of the encoder that made the embeddings."""
        return str(self.info()["model"]["name"])

    def notes(self) -> dict[str, str]:
        """A few facts for the head of a page."""
        info = self.info()
        card = info["model"]
        return {
            "gallery": f"{info['images']:,} images",
            "model": f"{card['name']}, {card['dim']}-d, compared by {card['metric']}",
            "input": f"{card['recipe']}, {card['input']} × {card['input']}",
            "fingerprint": card["fingerprint"],
        }

    def search(  # noqa: PLR0913 - as `Collection.search`
        self,
        query: Given | None = None,
        k: int = 7,
        *,
        plus: Sequence[Weighted] = (),
        minus: Sequence[Weighted] = (),
        region: Sequence[int] | str | None = None,
        with_self: bool = False,
        metric: Metric | None = None,
        rerank: str | Chain | None = None,
        where: Where | None = None,
        significance: float | None = None,
        fold: bool = False,
        liked: Sequence[str] = (),
        disliked: Sequence[str] = (),
        layers: Mapping[str, float] | None = None,
    ) -> Hits:
        """As `Collection.search`: files are read here, keys and words are the server's.

        Raises:
            As `Collection.search`, and as `info`.
        """
        given = () if query is None else (query,)
        asked = self.query(
            *given, plus=plus, minus=minus, region=region, with_self=with_self, liked=liked, disliked=disliked
        )
        return self._found(
            asked, k, metric=metric, rerank=rerank, where=where, significance=significance, fold=fold, layers=layers
        )

    def query(
        self,
        *given: Weighted,
        plus: Sequence[Weighted] = (),
        minus: Sequence[Weighted] = (),
        region: Sequence[int] | str | None = None,
        with_self: bool = False,
        liked: Sequence[str] = (),
        disliked: Sequence[str] = (),
    ) -> Query:
        """As `Collection.query`."""
        marks = Marks(tuple(liked), tuple(disliked)) if liked or disliked else None
        if not given and marks is not None and not plus and not minus and region is None:
            return Query((Term(ByMarks(marks)),), with_self)
        if not given:
            raise BadArgument("nothing to look for: name a picture, words, or a key")
        text = region if isinstance(region, str) or region is None else ",".join(map(str, region))
        made = self.reader().one(given, plus, minus, None if text is None else Region.parse(text))
        kept = any(isinstance(each, Query) and each.with_self for each in given)
        return replace(made, with_self=with_self or kept, marks=marks)

    def reader(self, standard_input: Callable[[], bytes] | None = None) -> Reader:
        """What tells files, keys and words apart, as `Collection.reader`."""
        info = self.info()
        card = told.card(info["model"])
        encoder = asking.WithText(card) if info["can"]["text"] else asking.Without(card)
        return Reader(
            *(asking.Keys(card, self._told), lambda: encoder, self.limits, standard_input),
            concept=self._concept,
            original=self._bytes,
        )

    def is_live(self, key: str) -> bool:
        """Whether a search can return the image of a key."""
        return asking.Keys(told.card(self.info()["model"]), self._told).known(key) is not None

    def _concept(self, name: str) -> ByMarks:
        """A concept that the server keeps, as a part of a query."""
        path = f"/v1/concepts/{quote(name, safe='')}"
        kept = self._transport.json("GET", path, collection=self._collection)
        marks = Marks(tuple(kept["liked"]), tuple(kept["disliked"]), kept["method"] or DEFAULT)
        return ByMarks(marks, name, tuple(kept["missing"]))

    def search_many(  # noqa: PLR0913 - as `Collection.search_many`
        self,
        queries: Iterable[Query | Skipped],
        k: int = 7,
        *,
        metric: Metric | None = None,
        rerank: str | Chain | None = None,
        where: Where | None = None,
        significance: float | None = None,
        fold: bool = False,
        layers: Mapping[str, float] | None = None,
    ) -> Iterator[Hits | Skipped]:
        """As `Collection.search_many`: some at once, in order; one that cannot be used costs one `Skipped`."""
        options: dict[str, Any] = {"metric": metric, "rerank": rerank, "where": where, "significance": significance}
        options |= {"fold": fold, "layers": layers}

        def ask(query: Query | Skipped) -> Hits | Skipped:
            if isinstance(query, Skipped):
                return query
            try:
                return self._found(query, k, **options)
            except (BadImage, SourceError) as error:
                return Skipped(query.name, str(error).removeprefix(f"{query.name}: "))

        rest = iter(queries)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            waiting: list[Future[Hits | Skipped]] = [
                pool.submit(ask, each) for each in itertools.islice(rest, _AT_ONCE)
            ]
            while waiting:
                yield waiting.pop(0).result()
                waiting += [pool.submit(ask, each) for each in itertools.islice(rest, 1)]

    def _found(self, query: Query, k: int, **options: Any) -> Hits:
        where, rerank = options.pop("where"), options["rerank"]
        if not isinstance(rerank, str | None):
            raise BadArgument("a server loads its own rerankers: name them, such as rerank='geometry'")
        if not 1 <= k <= _MOST_K:
            raise BadArgument(f"k is {k}: a server tells 1 to {_MOST_K} neighbours")
        wanted = Filter.parse(where) if isinstance(where, str) else where
        asked = {name: value for name, value in options.items() if value is not None}
        if wanted is not None:
            asked["where"] = str(wanted)
        answer = asking.found(self._transport, query, {**asked, "k": k, "collection": self._collection})
        return Hits(self, told.found(query, answer), rerank, wanted, options["significance"])

    def records(self, where: Where | None = None) -> Iterator[Record]:
        """The images that pass a filter, in gallery order; all unless there is one. The first page is asked for at once."""
        first = self._page(where, None)

        def pages() -> Iterator[Record]:
            page = first
            while True:
                yield from map(told.record, page["images"])
                if page["next"] is None:
                    return
                page = self._page(where, page["next"])

        return pages()

    def fields(self, where: Where | None = None, top: int = 5) -> list[FieldSummary]:
        """What a filter can ask for, as `Collection.fields`."""
        answer = self._transport.json("GET", "/v1/fields", where=_text(where), top=top, collection=self._collection)
        return [told.field(each) for each in answer["fields"]]

    def original(self, record: Record | str) -> bytes:
        """The encoded bytes of a gallery image, by its record or its key.

        Raises:
            SourceError: If there is no such image, or it is no longer there.
        """
        return self._bytes(record if isinstance(record, str) else record.key)

    def picture(self, record: Record, side: int = 256) -> Image | None:
        """A thumbnail that fits in side × side; None when the original cannot be shown any more."""
        least, most = _SIDES
        path = f"{_path(record.key)}/thumbnail"
        try:
            asked = min(max(side, least), most)
            answer = self._transport.send("GET", path, side=asked, collection=self._collection)
            return images.thumbnail(answer.content, side, self.limits)
        except (SourceError, BadImage):
            return None

    def picture_of(self, part: ByImage | ByKey, side: int = 256) -> Image | None:
        """A thumbnail of a part of a query, its region framed; None when it cannot be shown."""
        try:
            if isinstance(part, ByKey):
                return self.picture(told.record(self._told(part.key)), side)
            shown = images.thumbnail(part.data, side, self.limits)
            return shown if part.region is None else marked(shown, part.region, images.size(part.data, self.limits))
        except (SourceError, BadImage):
            return None

    def explained(self, query: Query, hits: Sequence[Hit], rerank: Chain) -> Sequence[Explained]:
        """Not from here: the server draws matches itself."""
        raise BadArgument(
            f"{query.name}: a server explains its own hits ({len(hits)} by {rerank.name}): POST /v1/explain"
        )

    def add(self, *places: str | Path, prefix: str = "") -> list[Added]:
        """Send pictures to the collection; each is embedded and kept when this returns.

        Args:
            places: Pictures, folders, archives, lists of this machine. Only bytes go to the server, no paths.
            prefix: A folder of the collection to put them in.

        Returns:
            What became of each; one that is no picture is skipped, with the reason.

        Raises:
            SourceError: If a place is not there.
            ServiceError: If the server does not allow it; as `info`.
        """
        return [each for place in places for each in added(self._transport, self._collection, str(place), prefix)]

    def forget(self, *places: str, where: Where | None = None) -> int:
        """Take images, or all below a folder of the collection, out, and keep them out; returns how many.

        Args:
            places: Keys, or folders of keys; none stands for the whole collection, where there is a filter.
            where: Only those that pass.

        Raises:
            BadArgument: If a place names nothing in the collection, or nothing is said at all; then nothing is forgotten.
        """
        if not places and where is None:
            raise BadArgument("nothing to forget: name images or folders, or say which by a filter")
        named: dict[str, None] = {}
        if where is not None or any(self._known(place) is None for place in places):
            keys = [record.key for record in self.records(where)]
        else:
            keys = list(places)
        for place in places or ("",):
            here = [key for key in keys if not place or key == place or key.startswith(f"{place.rstrip('/')}/")]
            if not here and where is None:
                raise BadArgument(f"{place}: no image of the collection has this key, or lies below it")
            named |= dict.fromkeys(here)
        for key in named:
            self._transport.send("DELETE", _path(key), collection=self._collection)
        return len(named)

    def index(self) -> Job:
        """Have the server bring the collection up to date with the places that were indexed there; `.wait()` for it."""
        body = {"kind": "index", "collection": self._collection or self.info()["name"]}
        answer = self._transport.json("POST", "/v1/jobs", Body(lambda: {"json": body}))
        return Job(self._transport, str(answer["id"]), answer)

    def _page(self, where: Where | None, after: str | None) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._transport.json(
            "GET", "/v1/images", where=_text(where), limit=_PAGE, after=after, collection=self._collection
        )
        return answer

    def _told(self, key: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._transport.json("GET", _path(key), collection=self._collection)
        return answer

    def _known(self, key: str) -> Mapping[str, Any] | None:
        try:
            return self._told(key)
        except SourceError:
            return None

    def _bytes(self, key: str) -> bytes:
        return self._transport.send("GET", f"{_path(key)}/original", collection=self._collection).content


def _path(key: str) -> str:
    return f"/v1/images/{quote(key, safe='/')}"


def _text(where: Where | None) -> str | None:
    return None if where is None else str(where)
