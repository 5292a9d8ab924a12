"""The words of a filter, and how a place in its text is told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from likewise.errors import BadArgument

KEYWORDS = frozenset({"and", "or", "not", "in", "like", "ilike", "between", "is", "null", "missing", "true", "false"})
NAME = r"[^\W\d][\w-]*"

_Sort: TypeAlias = Literal["text", "quoted", "date", "number", "name", "sign", "end"]
_TOKEN = re.compile(
    r"\s*(?:"
    r"(?P<text>'(?:[^']|'')*')"
    r'|(?P<quoted>"[^"]*")'
    r"|(?P<date>\d{4}-\d\d(?:-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?)?(?![\w-]))"
    r"|(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    rf"|(?P<name>{NAME})"
    r"|(?P<sign><=|>=|!=|<>|==|[=<>(),.])"
    r")"
)
_FOREIGN = {"&&": "and", "&": "and", "||": "or", "|": "or", "!": "not", "~": "like"}
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a value or a sign.

    Attributes:
        sort: `quoted` is a name between double quotes; `end` stands behind the last one.
        text: As it is written.
        at: Characters before it.
    """

    sort: _Sort
    text: str
    at: int

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these keywords, in any case."""
        return self.sort == "name" and self.text.lower() in words

    def is_sign(self, *signs: str) -> bool:
        """Whether it is one of these."""
        return self.sort == "sign" and self.text in signs

    @property
    def is_name(self) -> bool:
        """Whether it can name a field."""
        return self.sort == "quoted" or (self.sort == "name" and not self.is_word(*KEYWORDS))

    @property
    def bare(self) -> str:
        """Without its quotes."""
        if self.sort == "text":
            return self.text[1:-1].replace("''", "'")
        return self.text[1:-1] if self.sort == "quoted" else self.text


def tokens_of(text: str) -> list[Token]:
    """All of them, and the end.

    Raises:
        BadArgument: If a quote is not closed, or a sign means nothing.
    """
    found, at, end = list[Token](), 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _nothing(text, at + len(text[at:]) - len(text[at:].lstrip()))
        sort = cast(_Sort, match.lastgroup)
        found.append(Token(sort, match[sort], match.start(sort)))
        at = match.end()
    return [*found, Token("end", "", end)]


def misplaced(text: str, at: int, told: str) -> BadArgument:
    """The error that says what is wrong at a place, counted in characters before it."""
    if not text[at:].strip():
        return BadArgument(f"where, at the end of {_short(text)}: {told}")
    return BadArgument(f"where, character {at + 1}, at {_short(text[at:])}: {told}")


def _nothing(text: str, at: int) -> BadArgument:
    sign = text[at : at + 2] if text[at : at + 2] in _FOREIGN else text[at]
    if sign in "'\"":
        return misplaced(
            text,
            at,
            f"what {sign} opens is not closed" + (", and a quote inside is written twice" if sign == "'" else ""),
        )
    return misplaced(
        text,
        at,
        f"{sign} means nothing here: "
        + (f"write {_FOREIGN[sign]}" if sign in _FOREIGN else "texts stand in single quotes"),
    )


def _short(text: str) -> str:
    told = " ".join(text.split())
    return f"«{told}»" if len(told) <= _SHOWN else f"«{told[: _SHOWN - 1]}…»"
