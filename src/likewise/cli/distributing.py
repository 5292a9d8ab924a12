"""`likewise index --on ray`: the same indexing by the machines of a cluster, with the same output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from likewise.cli.screen import number

if TYPE_CHECKING:
    from likewise.collection import Collection
    from likewise.distributed import Summary
    from likewise.distributed.crews import Crew
    from likewise.ingest import Options, Report, Watch
    from likewise.roots import Roots
    from likewise.stores import Store

Command = TypeVar("Command", bound=Callable[..., Any])


def distributed_options(command: Command) -> Command:
    """Add `--on`, `--shards` and `--shard-images` to a command."""
    for option in (
        click.option(
            "--shard-images",
            type=click.IntRange(1),
            metavar="N",
            help="With --on: images that a worker takes at once.  [default: 2048]",
        ),
        click.option(
            "--shards",
            type=click.Path(path_type=Path, file_okay=False),
            help="With --on: a folder where each shard's embeddings stay as Parquet.",
        ),
        click.option(
            "--on",
            metavar="ray[://HOST:PORT]",
            help="Index by many workers: of this machine, or of a cluster of Ray; docs/distributed.md.",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class WantedCluster:
    """The options, parsed; None where nothing was said."""

    on: str | None
    shards: Path | None
    shard_images: int | None

    @classmethod
    def taken_from(cls, given: dict[str, Any]) -> WantedCluster:
        """Take them out of what click parsed.

        Raises:
            click.UsageError: If the two others come without `--on`, or that names nothing that there is.
        """
        made = cls(given.pop("on"), given.pop("shards"), given.pop("shard_images"))
        if made.on is None and (made.shards or made.shard_images):
            raise click.UsageError("--shards and --shard-images are for --on ray")
        if made.on is not None and made.on != "ray" and not made.on.startswith("ray://"):
            raise click.UsageError(f"--on {made.on}: write ray, or ray://HOST:PORT of a cluster")
        return made

    def indexed(
        self, collection: Collection, place: str, options: Options, watch: Watch, given: tuple[int, Path | None, str]
    ) -> Report:
        """Index one place by the cluster, and say what befell it.

        Args:
            collection: Where the images go.
            place: What is indexed.
            options: Of speed and limits.
            watch: Told of the progress.
            given: Number of workers (0 for as many as there are processors), file of weights, device.

        Returns:
            What was done, in images.
        """
        from likewise import distributed
        from likewise.distributed import shards
        from likewise.distributed.on_ray import Cluster, RayCrew
        from likewise.distributed.working import Model
        from likewise.encoders.runtimes import running

        workers, weights, device = given
        encoder = collection.encoder
        model = Model.of(encoder, collection.store.folder, weights, device)
        gpu = running(encoder).runtime == "torch" and device != "cpu"
        cluster = Cluster((self.on or "").removeprefix("ray").removeprefix("://"), workers, gpu)

        def staff(roots: Roots) -> Crew:
            return RayCrew(cluster, model, roots, options, lambda told: click.echo(told, err=True))

        plan = distributed.Plan(
            self.shards or collection.store.folder / "shards",
            keep=self.shards is not None,
            shard_images=self.shard_images or shards.SHARD_IMAGES,
            retry=options.retry,
            wait_s=options.wait_s,
        )

        def work(store: Store) -> Report:
            found = distributed.index(shards.opened(place), store, staff, plan, watch)
            _say(found)
            return found.report

        return collection.index_with(work)


def _say(found: Summary) -> None:
    told = [f"{number(found.shards, 'shard')} made"]
    told += [f"{found.found:,} from an earlier run"] if found.found else []
    click.echo(", ".join(told))
    for each in found.given_up:
        click.echo(f"  given up: {each.shard.name}: {each.reason}; run the same command to try it again", err=True)
