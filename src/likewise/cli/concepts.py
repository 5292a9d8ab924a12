"""`likewise concepts`: marks that were saved under a name."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from likewise.cli.screen import number

if TYPE_CHECKING:
    from likewise.collection.concepts import Concept


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def concepts(context: click.Context, as_json: bool) -> None:
    """Kinds of pictures taught by examples: list them, add one, remove one; `likewise search concept:NAME` searches by it."""
    from likewise.collection import Collection

    if context.invoked_subcommand is not None:
        return
    with Collection.open(context.obj) as collection:
        for concept in collection.concepts.values():
            click.echo(
                json.dumps(asdict(concept), ensure_ascii=False) if as_json else f"{concept.name}\t{_told(concept)}"
            )


@concepts.command()
@click.argument("name")
@click.argument("liked", nargs=-1, metavar="[KEY]...")
@click.option("--not", "disliked", multiple=True, metavar="KEY", help="A gallery image that it is not; again for more.")
@click.option("--method", type=click.Choice(["logistic", "rocchio"]), default="logistic", show_default=True)
@click.pass_obj
def add(folder: str | None, name: str, liked: tuple[str, ...], disliked: tuple[str, ...], method: str) -> None:
    """Save gallery images as examples of NAME; what NAME meant before is replaced."""
    from likewise.collection import Collection
    from likewise.teaching import Marks, Method

    with Collection.open(folder) as collection:
        chosen: Method = "rocchio" if method == "rocchio" else "logistic"
        saved = collection.concepts.save(name, Marks(liked, disliked, chosen))
        click.echo(f"{name}: {_told(saved)}", err=True)


@concepts.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.pass_obj
def remove(folder: str | None, names: tuple[str, ...]) -> None:
    """Forget concepts; their images stay."""
    from likewise.collection import Collection

    with Collection.open(folder) as collection:
        for name in names:
            collection.concepts.remove(name)


def _told(concept: Concept) -> str:
    told = [] if concept.marks is None else [str(concept.marks)]
    if concept.missing:
        told.append(f"{number(len(concept.missing), 'marked image')} gone")
    if not concept.same_model:
        told.append("taught with another model")
    return ", ".join(told)
