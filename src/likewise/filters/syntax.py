"""How a filter is written: `label = 'tiger' and width > 1000 and not key like 'old/%'` becomes an expression."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from likewise.errors import BadArgument
from likewise.filters.expressions import (
    FACTS,
    And,
    Comparator,
    Comparison,
    Expression,
    Fact,
    Field,
    Like,
    Meta,
    Missing,
    Not,
    Number,
    OneOf,
    Or,
    Text,
    Truth,
    Value,
)
from likewise.filters.literals import UNITS, period, size_bytes
from likewise.filters.tokens import Token, misplaced, tokens_of

MOST_CONDITIONS = 400
"""In one filter; databases take no formula of any depth. `in (…)` counts as one."""

MOST_DEPTH = 12
"""Brackets and `not`s around one another: what SQLite can always read."""

LONGEST_PATTERN = 4096

ALIASES = {"path": "key"}
METADATA = "metadata"
"""What stands before the name of metadata that has the name of a fact: `metadata.width`."""

_COMPARATORS: dict[str, Comparator] = {
    "=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
}  # fmt: skip
_TURNED: dict[Comparator, Comparator] = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

_Made = TypeVar("_Made")


def parsed(text: str) -> Expression:
    """What a filter says.

    Raises:
        BadArgument: If it is not written as docs/filters.md says; the message has the place and the way out.
    """
    return _Parser(text).whole()


class _Parser:
    """One reading of a text, from left to right; a method for each part of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens_of(text)
        self._next = self._depth = self._conditions = 0

    def whole(self) -> Expression:
        if self._is_over():
            raise BadArgument("where: the filter is empty: write one such as label = 'tiger', or leave it away")
        found = self._either()
        if self._here.is_sign(")"):
            raise self._wrong(self._here, "this bracket was never opened: take it away, or open one before")
        if not self._is_over():
            raise self._wrong(
                self._here,
                "the filter could end before this: and, or or stands between two conditions; texts stand in single quotes",
            )
        return found

    def _either(self) -> Expression:
        parts = [self._all()]
        while self._took_word("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Expression:
        parts = [self._one()]
        while self._took_word("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Expression:
        opens = self._here
        if not (opens.is_word("not") or opens.is_sign("(")):
            return self._condition()
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise self._wrong(opens, f"more than {MOST_DEPTH} brackets and nots lie around one another: take some away")
        self._next += 1
        found = Not(self._one()) if opens.is_word("not") else self._either()
        if opens.is_sign("(") and not self._took_sign(")"):
            raise self._wrong(
                self._here, f"the bracket of character {opens.at + 1} is still open: ), and or or is wanted here"
            )
        self._depth -= 1
        return found

    def _condition(self) -> Expression:
        start = self._here
        self._conditions += 1
        if self._conditions > MOST_CONDITIONS:
            raise self._wrong(start, f"more than {MOST_CONDITIONS} conditions: name many values of one field by in (…)")
        if not (start.sort in ("text", "date", "number") or start.is_word("true", "false")):
            return self._of(self._field())
        value = self._take()  # `1000 < width`
        unit = self._unit(value)
        by = _TURNED[self._comparator()]
        field = self._field()
        return self._compared(field, by, value, unit)

    def _of(self, field: Field) -> Expression:
        """What is said of a field."""
        if self._took_word("is"):
            turned = self._took_word("not")
            if not self._took_word("null", "missing"):
                raise self._wrong(
                    self._here, "behind is stands missing, not missing, null or not null; values are compared with ="
                )
            return _turned(Missing(field), turned)
        turned = self._took_word("not")
        if self._took_word("in"):
            return _turned(self._one_of(field), turned)
        if self._took_word("between"):
            return _turned(self._between(field), turned)
        if self._here.is_word("like", "ilike"):
            return _turned(self._like(field), turned)
        if turned:
            raise self._wrong(
                self._here, "behind not stands in, like, ilike or between; else not stands before the field"
            )
        by = self._comparator()
        if self._here.is_name:
            return self._with_field(field, by)
        value = self._take()
        return self._compared(field, by, value, self._unit(value))

    def _compared(self, field: Field, by: Comparator, token: Token, unit: Token | None) -> Comparison:
        value = self._value(field, token, unit)
        if by not in ("=", "!="):
            self._refuse_order(value, token)
        return Comparison(field, by, value)

    def _with_field(self, field: Field, by: Comparator) -> Comparison:
        at = self._here
        other = self._field()
        kinds = {each.kind for each in (field, other) if isinstance(each, Fact)}
        if len(kinds) > 1:
            raise self._wrong(at, f"a {' and a '.join(sorted(kinds))} cannot be compared")
        if kinds == {"date"} and field != other:
            raise self._wrong(at, "date is compared with dates: write date >= 2024-05-01, or '2024-05-01 10:30'")
        return Comparison(field, by, other)

    def _between(self, field: Field) -> And:
        first = self._here
        low = self._next_value(field)
        self._refuse_order(low, first)
        if not self._took_word("and"):
            raise self._wrong(self._here, "between takes two values, and both belong to it: between 1 and 5")
        return And((Comparison(field, ">=", low), Comparison(field, "<=", self._next_value(field, like=low))))

    def _one_of(self, field: Field) -> OneOf:
        if not self._took_sign("("):
            raise self._wrong(self._here, "behind in stand values between brackets: in ('tiger', 'lion')")
        values = [self._next_value(field)]
        while self._took_sign(","):
            values.append(self._next_value(field, like=values[0]))
        if not self._took_sign(")"):
            raise self._wrong(self._here, "a comma or the closing bracket of in (…) is wanted here")
        return OneOf(field, tuple(dict.fromkeys(values)))

    def _like(self, field: Field) -> Like:
        word, pattern = self._take(), self._take()
        if isinstance(field, Fact) and field.kind != "text":
            raise self._wrong(
                word, f"{field.name} is a {field.kind}, and {word.text.lower()} is for texts: compare with = < >"
            )
        if pattern.sort != "text":
            raise self._wrong(pattern, f"behind {word.text.lower()} stands a text: like 'old/%'")
        if len(pattern.bare) > LONGEST_PATTERN:
            raise self._wrong(
                pattern, f"a pattern of {len(pattern.bare):,} characters: no more than {LONGEST_PATTERN:,}"
            )
        self._refuse_absolute(field, pattern)
        return Like(field, pattern.bare, any_case=word.is_word("ilike"))

    def _field(self) -> Field:
        first = self._here
        names = [self._name()]
        while self._took_sign("."):
            names.append(self._name())
        known = ALIASES.get(names[0], names[0])
        if len(names) == 1 and known in FACTS:
            return Fact(known)
        path = names[1:] if names[0] == METADATA and names[1:] else names
        return self._placed(lambda: Meta(tuple(path)), first)

    def _name(self) -> str:
        token = self._take()
        if token.is_name:
            return token.bare
        if token.sort == "name":
            raise self._wrong(
                token, f'the name of a field is wanted; one that is called {token.text} is written "{token.text}"'
            )
        raise self._wrong(token, f"the name of a field is wanted: {', '.join(FACTS)}, label, or that of other metadata")

    def _comparator(self) -> Comparator:
        token = self._take()
        if token.sort != "sign" or token.text not in _COMPARATORS:
            raise self._wrong(token, "here stands one of = != < <= > >= in, like, ilike, between, is")
        return _COMPARATORS[token.text]

    # Values

    def _next_value(self, field: Field, like: Value | None = None) -> Value:
        """The value that comes next, which must be of the kind of another one."""
        token = self._take()
        value = self._value(field, token, self._unit(token))
        if like is not None and type(value) is not type(like):
            raise self._wrong(
                token, "this value and the first one are of different kinds: give texts, numbers or dates alone"
            )
        return value

    def _unit(self, number: Token) -> Token | None:
        """What stands behind a number and belongs to it: 2MB, 2 MB, 2XB."""
        here = self._here
        belongs = here.bare.lower() in UNITS or here.at == number.at + len(number.text)
        return self._take() if number.sort == "number" and here.is_name and belongs else None

    def _value(self, field: Field, token: Token, unit: Token | None) -> Value:
        """What a token says when it is compared with a field."""
        if token.is_word("null", "missing"):
            raise self._wrong(token, "nothing equals what is not there: write is missing, or is not missing")
        if token.sort not in ("text", "date", "number") and not token.is_word("true", "false"):
            raise self._wrong(token, "a value is wanted: a text in single quotes, a number, a date, true or false")
        if isinstance(field, Meta):
            return self._free(field, token, unit)
        if field.kind == "date":
            if token.sort in ("text", "date") or re.fullmatch(r"\d{4}", token.text):
                return self._placed(lambda: period(token.bare), token)
            raise self._wrong(token, "date is compared with dates: write date >= 2024-05-01, or '2024-05-01 10:30'")
        if field.kind == "number":
            if token.sort == "number":
                return self._number(field, token, unit)
            raise self._wrong(token, f"{field.name} is a number: write {field.name} > 1000")
        if token.sort != "text":
            raise self._wrong(token, f"{field.name} is a text: write '{token.text}'")
        self._refuse_absolute(field, token)
        return Text(token.bare)

    def _free(self, field: Field, token: Token, unit: Token | None) -> Value:
        """A value of metadata, of which nobody knows the kind; a bare date is a text there."""
        if token.sort == "name":
            return Truth(token.is_word("true"))
        return self._number(field, token, unit) if token.sort == "number" else Text(token.bare)

    def _number(self, field: Field, token: Token, unit: Token | None) -> Number:
        number = float(token.text) if re.search(r"[.eE]", token.text) else int(token.text)
        if unit is None:
            return self._placed(lambda: Number(number), token)
        if isinstance(field, Fact) and field.name != "size":
            raise self._wrong(unit, f"{field.name} counts pixels: give a bare number (texts stand in single quotes)")
        return self._placed(lambda: Number(size_bytes(number, unit.bare)), unit)

    def _refuse_order(self, value: Value, token: Token) -> None:
        if isinstance(value, Truth):
            raise self._wrong(token, "true and false have no order: compare them with = or !=")

    def _refuse_absolute(self, field: Field, token: Token) -> None:
        if field == Fact("key") and token.bare.startswith(("/", "~")):
            raise self._wrong(
                token, "a key begins with no / or ~: write it as `likewise list` prints it, or like '%/2019/%'"
            )

    # Tokens

    @property
    def _here(self) -> Token:
        return self._tokens[self._next]

    def _is_over(self) -> bool:
        return self._here.sort == "end"

    def _take(self) -> Token:
        token = self._here
        if self._is_over():
            raise self._wrong(token, "more is wanted: a condition is a field, a sign and a value, such as width > 1000")
        self._next += 1
        return token

    def _took_word(self, *words: str) -> bool:
        took = self._here.is_word(*words)
        self._next += took
        return took

    def _took_sign(self, sign: str) -> bool:
        took = self._here.is_sign(sign)
        self._next += took
        return took

    def _placed(self, make: Callable[[], _Made], token: Token) -> _Made:
        """What is made of a token; what is wrong with it is told with its place."""
        try:
            return make()
        except BadArgument as error:
            raise misplaced(self._text, token.at, str(error)) from error

    def _wrong(self, token: Token, told: str) -> BadArgument:
        return misplaced(self._text, token.at, told)


def _turned(part: Expression, turned: bool) -> Expression:
    return Not(part) if turned else part
