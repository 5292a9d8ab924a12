"""An expression as it is written, so that it can be read again."""

from __future__ import annotations

import re

from likewise.filters.expressions import (
    FACTS,
    And,
    Comparison,
    Condition,
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
    Period,
    Text,
    Truth,
    Value,
)
from likewise.filters.syntax import ALIASES, METADATA
from likewise.filters.tokens import KEYWORDS, NAME


def written(expression: Expression) -> str:
    """The text that says it: `parsed` gives an equal expression back."""
    match expression:
        case Or(parts):
            return " or ".join(_bracketed(part, Or) for part in parts)
        case And(parts):
            return " and ".join(_bracketed(part, And, Or) for part in parts)
        case Not(part):
            return f"not {_bracketed(part, And, Or)}"
        case _:
            return f"{field_text(expression.field)} {_said(expression)}"


def field_text(field: Field) -> str:
    """A field's name, with quotes where it needs some."""
    if isinstance(field, Fact):
        return field.name
    alone = field.path[0] in FACTS or field.path[0] in ALIASES
    needs_prefix = (alone and len(field.path) == 1) or field.path[0] == METADATA
    return ".".join(map(_name, [METADATA, *field.path] if needs_prefix else field.path))


def value_text(value: Value) -> str:
    """A value, with quotes where it needs some."""
    match value:
        case Text(text):
            return _quoted(text)
        case Number(number):
            return repr(number)
        case Truth(truth):
            return "true" if truth else "false"
        case Period():
            return _quoted(value.text)


def _said(condition: Condition) -> str:
    """What is said of the field."""
    match condition:
        case Missing():
            return "is missing"
        case Like(_, pattern, any_case):
            return f"{'ilike' if any_case else 'like'} {_quoted(pattern)}"
        case OneOf(_, values):
            return f"in ({', '.join(map(value_text, values))})"
        case Comparison(_, by, other):
            return f"{by} {field_text(other) if isinstance(other, Fact | Meta) else value_text(other)}"


def _bracketed(part: Expression, *looser: type[Expression]) -> str:
    return f"({written(part)})" if isinstance(part, looser) else written(part)


def _name(name: str) -> str:
    return name if re.fullmatch(NAME, name) and name.lower() not in KEYWORDS else f'"{name}"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
