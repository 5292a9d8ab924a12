"""`likewise serve`: the HTTP service and its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

_MEGA = 1_000_000


@click.command()
@click.argument("folders", nargs=-1, metavar="[PLACE]...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Any but this machine's own needs --tokens.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option(
    "--tokens", type=click.Path(path_type=Path, dir_okay=False), help="Who may ask: a file that --new-token makes."
)
@click.option(
    "--writable/--read-only", default=False, help="Whether images may be added and deleted.  [default: read-only]"
)
@click.option("--allow-urls", is_flag=True, help="Queries may name addresses, which this machine then fetches.")
@click.option(
    "--index-root",
    "index_roots",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder below which clients may have folders indexed; several times.",
)
@click.option("--max-upload-mb", default=50.0, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option("--max-megapixels", default=50.0, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option(
    "--queue", default=256, show_default=True, type=click.IntRange(1), help="Requests taken at once; then 429."
)
@click.option("--deadline-s", default=30.0, show_default=True, type=click.FloatRange(0, min_open=True))
@click.option(
    "--drain-s",
    default=20.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="How long it finishes what it has begun when it is told to stop.",
)
@click.option("--threads", type=click.IntRange(1), help="That search side by side.  [default: one for each processor]")
@click.option(
    "--new-token", metavar="NAME", help="Print a new token, note its hash in the file of --tokens, and leave."
)
@click.option(
    "--scope", default="read", show_default=True, type=click.Choice(["read", "write"]), help="Of --new-token."
)
@click.pass_obj
def serve(folder: str | None, /, folders: tuple[str, ...], **given: Any) -> None:
    """Serve collections by HTTP: a page for people, /v1 for programs (docs/service.md).

    PLACE is a folder that holds a collection, or an address such as milvus://HOST:19530/NAME. Without one, the collection here or
    above. Only this machine can ask, unless --host says otherwise; then --tokens says who may.
    """
    if given["new_token"] is not None:
        _print_new_token(given["tokens"], given["new_token"], given["scope"])
        return
    from likewise.collection import find
    from likewise.service.running import run
    from likewise.service.settings import Settings
    from likewise.stores.home import is_address

    named = folders or ((folder,) if folder is not None else (str(find(Path.cwd())),))
    settings = Settings(
        tuple(name if is_address(name) else Path(name) for name in named),
        host=given["host"],
        port=given["port"],
        tokens=given["tokens"],
        writable=given["writable"],
        allow_urls=given["allow_urls"],
        index_roots=given["index_roots"],
        max_upload_bytes=int(given["max_upload_mb"] * _MEGA),
        max_pixels=int(given["max_megapixels"] * _MEGA),
        queue=given["queue"],
        deadline_s=given["deadline_s"],
        threads=given["threads"] or 0,
        drain_s=given["drain_s"],
    )
    run(settings, lambda address: click.echo(f"serving at {address}; Ctrl-C stops", err=True))


def _print_new_token(path: Path | None, name: str, scope: Literal["read", "write"]) -> None:
    from likewise.service import tokens

    if path is None:
        raise click.UsageError("--new-token notes the token's hash in a file: name it by --tokens FILE")
    click.echo(tokens.add(path, name, scope))
    click.echo(f"{name} may {scope}; this token is shown once and kept nowhere, {path} has its hash", err=True)
