"""The command line: parse, call, print. Errors become one line and an exit code; nothing else decides anything here."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import click

from likewise import __version__
from likewise.cli import (
    compiling,
    concepts,
    copying,
    demo,
    duplicates,
    evaluate,
    gallery,
    index,
    keep,
    maps,
    models,
    search,
    serve,
    train,
    tune,
    where,
    whiten,
)
from likewise.errors import LikewiseError

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, package_name="likewise")
@click.option(
    "-c",
    "--collection",
    metavar="PLACE",
    help="The folder that holds (or will hold) .likewise, or milvus://HOST:19530/NAME; otherwise the current folder, or the nearest "
    "above it. search also takes the address of a server, http://…",
)
@click.pass_context
def likewise(context: click.Context, collection: str | None) -> None:
    """Find the pictures that look like yours.

    \b
      likewise index ~/Pictures            embed a folder, an archive, a list …
      likewise search holiday.jpg -k 7     the seven most similar pictures
    """  # noqa: D301 - click wants the sign itself
    context.obj = collection


for command in (
    index.index,
    search.search,
    serve.serve,
    duplicates.duplicates,
    gallery.gallery,
    concepts.concepts,
    maps.map_images,
    models.models,
    where.list_images,
    keep.info,
    keep.skipped,
    keep.verify,
    keep.compact,
    keep.forget,
    copying.copy_gallery,
    evaluate.evaluate,
    evaluate.benchmarks,
    evaluate.compare,
    tune.tune,
    whiten.whiten,
    compiling.compile_network,
    train.train,
    demo.demo,
):
    likewise.add_command(command)


def main() -> None:
    """Run the command line and leave with 0, 1 (something to mend), 2 (wrong usage) or 130 (interrupted)."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    sys.exit(_run())


def _run() -> int:
    try:
        result = likewise.main(prog_name="likewise", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except LikewiseError as error:
        click.echo(f"likewise: {error}", err=True)
        return 1
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:  # `likewise search … | head`
        sys.stderr.close()
        return 0
    return result if isinstance(result, int) else 0


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
