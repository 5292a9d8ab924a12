"""Looking after a collection: `info`, `skipped`, `verify`, `compact`, `forget`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from likewise.cli.indexes import told
from likewise.cli.screen import at_collection, bar, bytes_text, number
from likewise.cli.where import fields_json, fields_table, where_option

if TYPE_CHECKING:
    from likewise.collection import Collection
    from likewise.verify import Verification


@click.command()
@click.option("--fields", is_flag=True, help="What --where can ask for: fields, kinds and frequent values.")
@where_option
@click.option("--json", "as_json", is_flag=True, help="As data.")
@click.pass_obj
def info(folder: str | None, fields: bool, where: str | None, as_json: bool) -> None:
    """What the collection holds, of which model, and how large it is."""
    from likewise.collection import Collection

    if where is not None and not fields:
        raise click.UsageError("--where narrows what --fields tells: give both, or count images by likewise list")
    with Collection.open(folder) as collection:
        if fields:
            _tell_fields(collection, where, as_json=as_json)
            return
        facts = _facts(collection)
    if as_json:
        click.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        text = bytes_text(value) if name == "size" and isinstance(value, int) else value
        shown = ", ".join(map(str, text)) if isinstance(text, list) else f"{text:,}" if isinstance(text, int) else text
        click.echo(f"{name:{width}}  {shown}")


def _tell_fields(collection: Collection, where: str | None, *, as_json: bool) -> None:
    told = collection.fields(where)
    images = told[0].missing + sum(told[0].kinds.values())
    click.echo(json.dumps(fields_json(told), indent=2, ensure_ascii=False) if as_json else fields_table(told, images))


def _facts(collection: Collection) -> dict[str, object]:
    store = collection.store
    counts, card, whitening = store.counts(), store.card, collection.whitening
    return {
        "collection": store.place,
        "created": store.created_at,
        "images": counts["live"],
        "skipped": counts["skipped"],
        "vanished": counts["vanished"],
        "forgotten": counts["forgotten"],
        "rows to compact": counts["dead"] + counts["vanished"],
        "model": card.name,
        "input": f"{card.recipe.name}, {card.recipe.side} × {card.recipe.side}",
        "embedding": f"{card.dim}-d, {'unit' if card.unit else 'raw'}, compared by {card.metric}",
        "kept as": _kept(collection),
        "index": _index(collection),
        "whitening": str(whitening.fit) if whitening is not None else "none",
        "fingerprint": card.fingerprint,
        "int8 network": card.quantised or "none",
        "computed by": collection.store.computed_by,
        "now by": _plan(collection),
        "weights sha256": card.weights_sha256 or "none",
        "licence": card.licence,
        "paper": card.paper,
        "consistency": store.consistency,
        "size": store.size_bytes(),
        "sources": store.sources(),
    }


def _kept(collection: Collection) -> str:
    """How embeddings are kept, and what is known of what it costs; or why they cannot be read."""
    from likewise.errors import LikewiseError

    try:
        book = collection.store.codebook
    except LikewiseError as error:
        return str(error)
    size = f"{book.name}, {book.codec.row_bytes:,} bytes a row"
    return f"{size}, {book.fit}" if book.is_fitted else size


def _index(collection: Collection) -> str:
    from likewise.errors import StoreDamaged

    store = collection.store
    try:
        return "none, searches are exact" if store.index is None else told(store.index, store.wish.recall)
    except StoreDamaged:
        return "of no use as long as embeddings cannot be read"


def _plan(collection: Collection) -> str:
    """What would compute embeddings here and now, or why nothing can."""
    from likewise import encoders
    from likewise.errors import LikewiseError

    try:
        whitening = collection.whitening
        return str(encoders.plan(collection.store.card if whitening is None else whitening.base))
    except LikewiseError as error:
        return str(error)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def skipped(folder: str | None, as_json: bool) -> None:
    """What could not be embedded, and why; `likewise index --retry` tries again."""
    from likewise.collection import Collection

    with Collection.open(folder) as collection:
        for skip in collection.store.skipped():
            told = {"key": skip.key, "reason": skip.reason}
            click.echo(json.dumps(told, ensure_ascii=False) if as_json else f"{skip.key}\t{skip.reason}")


@click.command()
@click.option("--deep", is_flag=True, help="Every image instead of a sample.")
@click.option(
    "--sample", default=256, show_default=True, type=click.IntRange(1), help="How many images to embed again."
)
@click.option("--weights", type=click.Path(path_type=Path), help="The model's file, if it is not cached.")
@click.pass_obj
def verify(folder: str | None, deep: bool, sample: int, weights: Path | None) -> int:
    """Recompute every checksum, hash originals and embed them again; leaves with 1 if anything is wrong."""
    from likewise.collection import Collection

    with Collection.open(folder, weights=weights) as collection:
        with bar("verifying") as watch:
            found = collection.verify(deep=deep, sample=sample, watch=watch)
        _report(found, len(collection))
    return 0 if found.ok else 1


def _report(found: Verification, live: int) -> None:
    click.echo(f"{number(found.blocks, 'block')} of embeddings checked, {len(found.damaged)} problems")
    for line in found.damaged:
        click.echo(f"  {line}")
    click.echo(
        f"{found.images:,} of {number(live, 'original')} read: "
        f"{len(found.missing)} cannot be read, {len(found.changed)} changed since"
    )
    for skip in found.missing:
        click.echo(f"  {skip.key}: {skip.reason}")
    for key in found.changed:
        click.echo(f"  {key}: has other bytes than the ones embedded: run likewise index")
    click.echo(
        f"{found.embedded:,} embedded again: {len(found.drifted)} drifted, "
        f"largest relative difference {found.largest_drift:.1e}"
    )
    for key in found.drifted:
        click.echo(f"  {key}: its embedding is no longer what this model computes")
    if found.recall is not None:
        told = f"searches find {found.recall:.4f} of the ten nearest, {found.wished_recall:g} wished"
        click.echo(told + (": run likewise index --rebuild" if found.falls_short else ""))
    click.echo("all is well" if found.ok else "something is wrong: see above")


@click.command()
@click.pass_obj
def compact(folder: str | None) -> None:
    """Give back the room of images that vanished, changed or were forgotten."""
    from likewise.collection import Collection

    with Collection.open(folder) as collection:
        dropped = collection.compact()
        click.echo(
            f"{number(dropped, 'row')} dropped, {number(len(collection), 'image')} in {at_collection(collection)}"
        )


@click.command()
@click.argument("places", nargs=-1, metavar="[PATH]...")
@where_option
@click.pass_obj
def forget(folder: str | None, places: tuple[str, ...], where: str | None) -> None:
    """Take the image at each PATH (or all below it) out of the collection, and keep it out. Files are not touched.

    With --where only those that pass; `likewise list --where` shows which. `likewise index --include-forgotten` lets them in again.
    """
    from likewise.collection import Collection

    if not places and where is None:
        raise click.UsageError("name what to forget: PATHs, or a filter behind --where")
    with Collection.open(folder) as collection:
        count = collection.forget(*places, where=where)
        click.echo(f"{number(count, 'image')} forgotten, {len(collection):,} left")
