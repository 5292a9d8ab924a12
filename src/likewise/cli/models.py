"""`likewise models`: what there is to choose from, and what it costs; nothing is loaded to say so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from likewise.cli.screen import bytes_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from likewise.encoders.catalogue import Entry

_NUMBERS = ("dim", "input", "download")


@click.command()
@click.argument("name", required=False)
@click.option("--text", is_flag=True, help="Only those that words can be searched with.")
@click.option("--json", "as_json", is_flag=True, help="As data.")
def models(name: str | None, text: bool, as_json: bool) -> None:
    """The well-known models, or all about the one called NAME: size, input, licence, and what a download costs."""
    from likewise.encoders import catalogue

    entries = [catalogue.find(name)] if name else [each for each in catalogue.ENTRIES if each.text or not text]
    if as_json:
        told = [_facts(entry) for entry in entries]
        click.echo(json.dumps(told[0] if name else told, indent=2, ensure_ascii=False))
    elif name:
        _print_card(entries[0])
    else:
        _print_list(entries)
        click.echo("besides the list:")
        for family in catalogue.families():
            lacks = f" (needs {', '.join(family.lacks)})" if family.lacks else ""
            click.echo(f"  {family.pattern:21}  {family.about}{lacks}")
        click.echo("all about one: likewise models NAME; to use it: likewise index PLACE --model NAME")


def _facts(entry: Entry) -> dict[str, object]:
    return {
        "name": entry.name,
        "about": entry.about,
        "dim": entry.dim,
        "input": entry.side,
        "metric": entry.metric,
        "text": entry.text,
        "licence": entry.licence,
        "paper": entry.paper or None,
        "source": entry.source,
        "download_bytes": entry.size_bytes if entry.files else 0,
        "download_is_estimate": entry.about_size,
        "cached": entry.cached(),
        "needs": list(entry.needs),
        "lacks": list(entry.lacks),
    }


def _print_list(entries: Sequence[Entry]) -> None:
    """Plain columns, never cut: the names are there to be copied."""
    heads = ("model", "dim", "input", "text", "download", "here", "licence")
    rows = [heads, *(_row(entry) for entry in entries)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    for row in rows:
        cells = (
            f"{cell:>{width}}" if head in _NUMBERS else f"{cell:{width}}"
            for head, cell, width in zip(heads, row, widths, strict=True)
        )
        click.echo("  ".join(cells).rstrip())


def _row(entry: Entry) -> tuple[str, ...]:
    licence, more, _ = entry.licence.partition(";")
    licence = f"{licence} …" if more else licence
    text = "yes" if entry.text else ""
    return (entry.name, str(entry.dim), str(entry.side), text, _download(entry), _here(entry), licence)


def _print_card(entry: Entry) -> None:
    from likewise.encoders.catalogue import EXTRA
    from likewise.weights import cache_folder

    lacks = f"; missing here: {', '.join(entry.lacks)}: {EXTRA}" if entry.lacks else ""
    facts = {
        "model": entry.name,
        "about": entry.about,
        "embedding": f"{entry.dim}-d, compared by {entry.metric}",
        "input": f"{entry.side} × {entry.side}",
        "text": "words can be searched for" if entry.text else "no",
        "licence": entry.licence,
        "paper": entry.paper or "?",
        "weights": f"of {entry.source}, kept as {entry.files[0]}" if entry.files else "none to fetch",
        "download": _download(entry) + (f" into {cache_folder() / 'weights'}" if entry.files else ""),
        "here": _here(entry),
        "needs": (", ".join(entry.needs) or "nothing beyond the plain install") + lacks,
        "use it": f"likewise index PLACE --model {entry.name}",
    }
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name:{width}}  {value}")


def _download(entry: Entry) -> str:
    if not entry.files:
        return "none"
    if not entry.size_bytes:
        return "?"
    return f"{'≈ ' if entry.about_size else ''}{bytes_text(entry.size_bytes)}"


def _here(entry: Entry) -> str:
    found = "in the package" if not entry.files else "cached" if entry.cached() else "no"
    return f"{found}, needs {', '.join(entry.lacks)}" if entry.lacks else found
