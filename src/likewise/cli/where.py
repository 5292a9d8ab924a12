"""The option that says which images are meant, and the commands that show them: `list`, and the fields of `info`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from likewise.filters.summary import FieldSummary, Plain

Command = TypeVar("Command", bound=Callable[..., Any])

_LONGEST_VALUE = 32  # characters of a text in the table


def where_option(command: Command) -> Command:
    """Add `--where` to a command."""
    return click.option(
        "--where",
        metavar="FILTER",
        help="Only images that pass, such as \"folder = 'tiger' and width > 1000\": docs/filters.md.",
    )(command)


@click.command("list")
@where_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with all that a filter can ask for.")
@click.pass_obj
def list_images(folder: str | None, where: str | None, as_json: bool) -> None:
    """The keys of the images in the collection, in its order: a way to try a filter."""
    from likewise.collection import Collection

    with Collection.open(folder) as collection:
        for record in collection.records(where):
            click.echo(json.dumps(asdict(record), ensure_ascii=False) if as_json else record.key)


def fields_table(fields: Sequence[FieldSummary], images: int) -> str:
    """Fields as a person reads them: name, kinds, images that have one, range and frequent values."""
    rows = [
        (
            each.name,
            ", ".join(each.kinds) or "-",
            f"{images - each.missing:,}",
            "; ".join(filter(None, [_range(each), _frequent(each)])),
        )
        for each in fields
    ]
    heads = ("field", "kind", "images", "values")
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(3)]
    lines = [
        f"{name:{widths[0]}}  {kinds:{widths[1]}}  {count:>{widths[2]}}  {values}".rstrip()
        for name, kinds, count, values in [heads, *rows]
    ]
    return "\n".join(lines)


def fields_json(fields: Sequence[FieldSummary]) -> list[dict[str, object]]:
    """Fields as data."""
    return [asdict(each) | {"top": [{"value": value, "images": count} for value, count in each.top]} for each in fields]


def _range(each: FieldSummary) -> str:
    if each.least is None or each.most is None:
        return ""
    return _shown(each.least) if each.least == each.most else f"{_shown(each.least)} to {_shown(each.most)}"


def _frequent(each: FieldSummary) -> str:
    """The values that come most often, as a filter writes them, and how many others there are; none where a range says it."""
    if each.least is not None and (each.least == each.most or not each.top):
        return ""
    told = ", ".join(f"{_shown(value, quoted=True)} ({count:,})" for value, count in each.top)
    if each.distinct is None:
        return "more than 10,000 different ones"
    others = each.distinct - len(each.top)
    return f"{told}, {others:,} more" if told and others else told or (f"{others:,} different ones" if others else "")


def _shown(value: Plain, *, quoted: bool = False) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return f"{value:,}" if not quoted else str(value)
    line = " ".join(value.split())
    short = line if len(line) <= _LONGEST_VALUE else f"{line[: _LONGEST_VALUE - 1]}…"
    return f"'{short}'" if quoted else short
