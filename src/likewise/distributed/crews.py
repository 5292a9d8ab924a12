"""Seam: who works on shards. A crew takes them in their order and gives them back as they are done."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from likewise.distributed.shards import Shard
from likewise.distributed.working import Made, Worker

Watch: TypeAlias = Callable[[int], None]
"""Told how many images of shards that are not given back yet are done, all workers together."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A shard whose workers died of it, again and again.

    Attributes:
        shard: Which.
        reason: What became of the last of them.
    """

    shard: Shard
    reason: str


class Crew(Protocol):
    """Workers.

    Contract: every shard comes back exactly once, made or given up, in any order; what a dead worker had is given to another.
    Closing the iterator early lets go of what is under way.
    """

    def each(self, shards: Sequence[Shard], watch: Watch) -> Generator[Made | GivenUp, None, None]:
        """Do the work.

        Raises:
            LikewiseError: If a worker raised one: the run cannot go on like that.
        """
        ...


class Alone:
    """One worker, here."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def each(self, shards: Sequence[Shard], watch: Watch) -> Generator[Made | GivenUp, None, None]:
        """See `Crew.each`."""
        for shard in shards:
            yield self._worker.make(shard, watch)
            watch(0)
