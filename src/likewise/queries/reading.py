"""What a person names becomes a query: files, addresses, keys and words are told apart, and bytes are read."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias

from likewise import images, sources
from likewise.encoders import Encoder, TextEncoder
from likewise.errors import BadArgument, BadImage, SourceError
from likewise.queries import MOST_PARTS, ByImage, ByKey, ByMarks, ByText, Part, Query, Term, syntax
from likewise.queries.syntax import Region, Spelled
from likewise.roots import Roots
from likewise.sources import Source, paths, web
from likewise.stores import Known
from likewise.types import Card, Item, Skipped

Given: TypeAlias = "str | Path | bytes | Query"
"""A text by the rules of `likewise.queries.syntax`; a path, taken as it is; an encoded image; a query to add to."""

Weighted: TypeAlias = "Given | tuple[Given, float]"


class Keys(Protocol):
    """What a reader asks of a store."""

    @property
    def card(self) -> Card:
        """Of the model."""
        ...

    @property
    def roots(self) -> Roots:
        """Where keys lead."""
        ...

    def known(self, key: str) -> Known | None:
        """What there is under a key."""
        ...


@dataclass(frozen=True, slots=True)
class Reader:
    """Knows what a name can stand for.

    Attributes:
        store: Whose keys may be named.
        encoder: Loads the model; called where it depends on it whether something can be words.
        limits: Of the decoder.
        standard_input: Reads what `-` stands for; None where it stands for nothing.
        concept: What was saved under a name; None where nothing can be.
        original: Gives the encoded image of a key; None where it is read from where it was found.
    """

    store: Keys
    encoder: Callable[[], Encoder]
    limits: images.Limits
    standard_input: Callable[[], bytes] | None = None
    concept: Callable[[str], ByMarks] | None = None
    original: Callable[[str], bytes] | None = None

    def one(
        self,
        given: Sequence[Weighted],
        plus: Sequence[Weighted] = (),
        minus: Sequence[Weighted] = (),
        region: Region | None = None,
    ) -> Query:
        """One query of everything that is named; the pictures of a folder share its weight.

        Args:
            given: At least one part.
            plus: More parts.
            minus: Parts that hits lead away from.
            region: Of the first part.

        Raises:
            SourceError: If something is not there, or cannot be read.
            BadArgument: If a weight, a region or a name is wrong.
            BadImage: If a picture with a region cannot be decoded.
        """
        first, *rest = given
        terms = [*self._sharing(first, region), *self.mixed_in([*rest, *plus], minus)]
        return Query(tuple(terms))

    def mixed_in(self, plus: Sequence[Weighted], minus: Sequence[Weighted]) -> list[Term]:
        """The terms of parts that are added to a query, and of those taken away; errors as of `one`."""
        away = [Term(term.part, -term.weight) for each in minus for term in self._sharing(each)]
        return [*(term for each in plus for term in self._sharing(each)), *away]

    def each(self, given: str, other: Sequence[Term] = ()) -> Iterator[Query | Skipped]:
        """A query for each picture that is named, mixed with other terms; what cannot be used is skipped with its reason."""
        try:
            for term in self._terms(given):
                yield term if isinstance(term, Skipped) else Query((term, *other))
        except (SourceError, BadArgument, BadImage) as error:
            yield Skipped(given, str(error).removeprefix(f"{given}: "))  # whoever prints it says the name

    def _sharing(self, given: Weighted, region: Region | None = None) -> Iterator[Term]:
        """The terms of one name, whose weights add up to the one it was given."""
        what, factor = given if isinstance(given, tuple) else (given, 1.0)
        name = "the image" if isinstance(what, bytes) else str(what)
        _check_weight(name, factor)
        found: list[Term] = []
        for term in self._terms(what, region):
            if isinstance(term, Skipped):
                raise SourceError(f"{term.key}: {term.reason}")
            found.append(term)
            if len(found) > MOST_PARTS:
                raise BadArgument(f"{name} holds more than {MOST_PARTS} pictures: one query is made of no more")
        if not found:
            raise SourceError(f"{name}: holds no pictures: name a folder or an archive that does")
        share = factor if isinstance(what, Query) else factor / len(found)
        yield from (Term(term.part, term.weight * share) for term in found)

    def _terms(self, given: Given, region: Region | None = None) -> Iterator[Term | Skipped]:
        if isinstance(given, Query):
            if region is not None:
                raise BadArgument(f"{given.name}: give the region when the query is made")
            yield from given.terms
        elif isinstance(given, bytes):
            yield Term(self._picture(Spelled("image", "image", region), given))
        else:
            spelled = Spelled("image", str(given)) if isinstance(given, Path) else self._chosen(given)
            yield from self._named(spelled if region is None else replace(spelled, region=region))

    def _named(self, spelled: Spelled) -> Iterator[Term | Skipped]:
        _check_weight(str(spelled), spelled.weight)
        if spelled.kind == "image" and is_many_pictures(spelled.name):
            if spelled.region is not None:
                raise BadArgument(f"{spelled}: a region is of one picture: name that instead of {spelled.name}")
            for found in queries_of(open_place(spelled.name)):
                yield found if isinstance(found, Skipped) else Term(found.terms[0].part, spelled.weight)
        else:
            yield Term(self._part(spelled), spelled.weight)

    def _part(self, spelled: Spelled) -> Part:
        if spelled.kind == "text":
            if spelled.region is not None:
                raise BadArgument(f"{spelled.name}: words have no region: name a picture")
            if not isinstance(self.encoder(), TextEncoder):
                raise BadArgument(f"{spelled.name}: {self._has_no_text()}")
            return ByText(spelled.name)
        if spelled.kind == "concept":
            if self.concept is None:
                raise BadArgument(f"{spelled}: there are no concepts here: name a picture")
            return self.concept(spelled.name)
        if spelled.kind == "key":
            if spelled.region is None:
                return ByKey(spelled.name)
            return self._picture(spelled, self._original(spelled.name))
        if spelled.name == "-" and self.standard_input is not None:
            return self._picture(replace(spelled, name="standard input"), self.standard_input())
        is_on_web = spelled.name.startswith(sources.WEB)
        return self._picture(spelled, web.fetch(spelled.name) if is_on_web else _read(spelled.name))

    def _original(self, key: str) -> bytes:
        if self.original is not None:
            return self.original(key)
        source, item = sources.locate(self.store.roots.path(key))
        return source.read(item)

    def _picture(self, spelled: Spelled, data: bytes) -> ByImage:
        key = spelled.name if spelled.kind == "key" else ""
        return ByImage(str(spelled), data, self._box(spelled, data), key)

    def _box(self, spelled: Spelled, data: bytes) -> images.Box | None:
        if spelled.region is None:
            return None
        try:
            return spelled.region.box(*images.size(data, self.limits))
        except (BadArgument, BadImage) as error:
            raise type(error)(f"{spelled.name}: {error}") from error

    def _chosen(self, text: str) -> Spelled:
        """The reading of a part that names something: files before keys before words.

        Raises:
            SourceError: If none does; the message says what was looked for.
        """
        readings = syntax.spellings(text)
        for spelled in readings:
            if spelled.kind in ("text", "concept"):
                return spelled
            if spelled.kind != "key" and self._is_place(spelled.name):
                return replace(spelled, kind="image")
            if spelled.kind != "image" and self._is_key(spelled.name):
                return replace(spelled, kind="key", name=paths.kept(spelled.name))
        shortest = readings[-1]
        if shortest.kind != "key" and sources.is_address(shortest.name):
            return replace(shortest, kind="image")
        if shortest.kind == "key":
            raise SourceError(f"{text}: no image of the collection has the key {shortest.name}: `search` prints keys")
        missing = _missing(readings)
        if shortest.kind == "image":
            raise SourceError(f"{text}: {missing}: check the path")
        if paths.is_image_name(shortest.name):
            raise SourceError(f"{text}: {missing}, and no key: check the path, or write text:{text} if these are words")
        if not isinstance(self.encoder(), TextEncoder):
            raise SourceError(f"{text}: {missing}, and no key: check the path. Words? {self._has_no_text()}")
        return syntax.as_words(text)

    def _is_place(self, name: str) -> bool:
        if sources.is_address(name):
            return False  # what is a key is a key, without asking anybody far away
        return (name == "-" and self.standard_input is not None) or is_many_pictures(name) or _is_there(name)

    def _is_key(self, name: str) -> bool:
        known = self.store.known(paths.kept(name))
        return known is not None and known.live

    def _has_no_text(self) -> str:
        return (
            f"{self.store.card.name} has no text, so words cannot be searched for: index with a model that has it "
            "(`likewise models --text` lists some), or pass the path of a picture"
        )


def queries_of(source: Source) -> Iterator[Query | Skipped]:
    """All images of a source, each a query of its own; one that cannot be read is skipped."""
    for item in source.items():
        try:
            yield Query.image(item.key, source.read(item))
        except SourceError as error:
            yield Skipped(item.key, str(error))


def open_place(name: str) -> Source:
    """The source of that name, its location without symbolic links."""
    try:
        path = Path(name).expanduser()
        return sources.open_source(str(path.resolve()) if path.exists() else name)
    except (OSError, RuntimeError) as error:  # a name that is too long, a folder that may not be entered, ~nobody
        raise SourceError(f"{name}: {getattr(error, 'strerror', None) or error}: check the path") from error


def is_many_pictures(name: str) -> bool:
    """Whether a name stands for several pictures; a pattern only if it matches something, since words may end in `?`."""
    if not sources.is_many(name):
        return False
    if sources.is_address(name) or not glob.has_magic(name) or _is_there(name):
        return True
    return next(glob.iglob(os.path.expanduser(name), recursive=True), None) is not None  # noqa: PTH111, PTH207


def _read(name: str) -> bytes:
    """The bytes of a file, of an object of a bucket, or of an entry of an archive by its path as hits tell it."""
    if sources.is_address(name):
        source, item = sources.locate(name)
        return source.read(item)
    try:
        path = Path(paths.real(name)).expanduser()
        entry = None if path.exists() else _entry(path)
        return path.read_bytes() if entry is None else entry[0].read(entry[1])
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SourceError(f"{name}: {why}: check the path of the query") from error


def _is_there(name: str) -> bool:
    """Whether a path leads to something; what may not be looked at is there too, and its reading says why."""
    try:
        path = Path(paths.real(name)).expanduser()
        return path.exists() or _entry(path) is not None
    except PermissionError:
        return True
    except (OSError, RuntimeError, ValueError):
        return False


def _entry(path: Path) -> tuple[Source, Item] | None:
    """What lies at a path inside an archive, if one is on the way and has it."""
    if not any(str(parent).lower().endswith(sources.ARCHIVES) and parent.is_file() for parent in path.parents):
        return None
    try:
        return sources.locate(str(path))
    except SourceError:
        return None


def _missing(readings: Sequence[Spelled]) -> str:
    """What is not there; if all but the region is, that the region is at fault."""
    name = readings[0].name
    before, mark, after = name.rpartition("@")
    if mark and _is_there(before):
        return f"no such file; {before} is there, but @{after} is no region (@left,top,width,height)"
    return "no such file"


def _check_weight(name: str, weight: float) -> None:
    if weight <= 0:
        raise BadArgument(f"{name}: its weight {weight:g} must be above zero: what hits should avoid belongs to minus")
