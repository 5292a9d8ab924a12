"""Images and filters of all kinds, drawn from few names and values, so that they meet."""

from __future__ import annotations

from hypothesis import strategies as st

from likewise.filters import (
    FACTS,
    And,
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
from likewise.filters.literals import period
from likewise.types import Record

DAY_NS = 86_400 * 10**9
TEXTS = (
    "",
    "a",
    "A",
    "ab",
    "a%",
    "é",
    "É",
    "ß",
    "SS",
    "*",
    "[x]",
    "?",
    "x'y",
    "1",
    "true",
    "null",
    '["a"]',
    "a\nb",
    "\\",
)
NUMBERS = (0, 1, -1, 5, 1.0, 1.5, -0.25, 2**53 + 1, 2**63 - 1, 2**63, 2**70, 1e300, 640)
DATES = (
    "1969",
    "1970",
    "1970-01",
    "1970-01-01",
    "1970-01-02",
    "1970-01-01T00:00",
    "1970-01-01T00:00:01.5",
    "2024-05-01 12:00+02:00",
)
KEYS = (
    "1.jpg",
    "a/1.jpg",
    "a/b/1.jpg",
    "photos://1.jpg",
    "photos://a/2.jpg",
    "ab/É.PNG",
    "a%/x*y.jpg",
    "b",
    "a.zip/b/ß.jpg",
)
PATTERNS = (
    "%",
    "_",
    "a%",
    "%b",
    "_%_",
    r"a\%",
    r"%\_%",
    "[x]",
    "*",
    "?",
    "%É%",
    "ss",
    "%/b/%",
    "",
    "%\n_",
    "\\",
    r"\\",
)
PATHS = (
    ("label",),
    ("score",),
    ("odd name",),
    ("camera", "model"),
    ("camera",),
    ("width",),
    ("and",),
    ("metadata",),
    ("a.b",),
)

texts = st.sampled_from(TEXTS)
numbers = st.sampled_from(NUMBERS)
scalars = st.one_of(texts, numbers, st.booleans(), st.none(), st.just(["a", 1]))
metadata = st.fixed_dictionaries(
    {},
    optional={path[0]: scalars for path in PATHS if path[0] != "camera"}
    | {"camera": scalars | st.fixed_dictionaries({"model": scalars})},
)
images = st.builds(
    Record,
    key=st.sampled_from(KEYS),
    content_sha256=st.just("00"),
    size_bytes=st.sampled_from([0, 1, 5, 640]),
    modified_ns=st.sampled_from([0, 1, -1, 1_500_000_000, DAY_NS - 1, DAY_NS, 1_714_557_600 * 10**9]),
    width=st.sampled_from([1, 5, 640]),
    height=st.sampled_from([1, 5, 480]),
    metadata=metadata,
)

facts: st.SearchStrategy[Field] = st.sampled_from(sorted(FACTS)).map(Fact)
told: st.SearchStrategy[Field] = st.sampled_from(PATHS).map(Meta)
fields = st.one_of(facts, told)
periods = st.sampled_from(DATES).map(period)
values: st.SearchStrategy[Value] = st.one_of(texts.map(Text), numbers.map(Number), st.booleans().map(Truth), periods)
comparators = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])


def _grown(conditions: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    """Formulas of conditions."""
    return st.recursive(
        conditions,
        lambda part: st.one_of(
            part.map(Not),
            st.lists(part, min_size=2, max_size=3).map(lambda parts: And(tuple(parts))),
            st.lists(part, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts))),
        ),
        max_leaves=5,
    )


any_conditions: st.SearchStrategy[Expression] = st.one_of(
    st.builds(Comparison, fields, comparators, st.one_of(values, fields)),
    st.builds(OneOf, fields, st.lists(values, min_size=1, max_size=4).map(tuple)),
    st.builds(Like, fields, st.sampled_from(PATTERNS), st.booleans()),
    st.builds(Missing, fields),
)
"""Also such as nobody can write: a width that equals a text."""

expressions = _grown(any_conditions)


@st.composite
def _writable(draw: st.DrawFn) -> Expression:
    field = draw(fields)
    kind = field.kind if isinstance(field, Fact) else draw(st.sampled_from(["text", "number", "truth"]))
    of_kind = {
        "text": texts.map(Text),
        "number": numbers.map(Number),
        "truth": st.booleans().map(Truth),
        "date": periods,
    }[kind]
    match draw(st.sampled_from(["missing", "one of", "like", "value", "field"])):
        case "missing":
            return Missing(field)
        case "one of":
            return OneOf(field, tuple(draw(st.lists(of_kind, min_size=1, max_size=4, unique=True))))
        case "like" if kind == "text":
            return Like(field, draw(st.sampled_from(PATTERNS)), draw(st.booleans()))
        case "field" if kind != "date":
            return Comparison(field, draw(comparators), draw(told))
        case _:
            return Comparison(
                field, draw(st.sampled_from(["=", "!="]) if kind == "truth" else comparators), draw(of_kind)
            )


writable_expressions = _grown(_writable())
"""Those that a text can say."""
