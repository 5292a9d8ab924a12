"""A crew of Ray actors, each with a model of its own: they may die, and whole machines with them."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from likewise import __version__
from likewise.distributed.crews import GivenUp, Watch
from likewise.distributed.shards import Shard
from likewise.distributed.working import Made, Model, Told, Worker
from likewise.errors import LikewiseError, MissingExtra, StoreMismatch
from likewise.ingest import Options
from likewise.roots import Roots

MOST_DEATHS = 3
"""Of workers over one shard, before it is given up."""

_LISTEN_S = 5.0
_LOOK_S = 0.5  # between two looks at what is going on


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the actors are to live.

    Attributes:
        address: `HOST:PORT` of a cluster that `ray start --head` made; empty for one of this machine alone, for this run.
        workers: How many actors; 0 for one on each processor, or GPU where the model is one of torch and there are some.
        gpu: Whether an actor takes a GPU.
    """

    address: str = ""
    workers: int = 0
    gpu: bool = False


class RayCrew:
    """Actors of Ray, one for each processor or GPU; they live as long as there are shards for them.

    A cluster of this machine alone ends with this program.

    Args:
        cluster: Where they live.
        model: What they load.
        roots: Of the collection, the place included.
        options: Of speed and limits, of one worker.
        note: Told in words what befell the workers.

    Raises:
        MissingExtra: If Ray is not installed.
        LikewiseError: If the cluster does not answer.
    """

    def __init__(
        self,
        cluster: Cluster,
        model: Model,
        roots: Roots,
        options: Options,
        note: Callable[[str], None] = lambda _told: None,
    ) -> None:
        self._ray = _connected(cluster)
        self._note = note
        resources: dict[str, float] = self._ray.cluster_resources()
        gpus, processors = int(resources.get("GPU", 0)), int(resources.get("CPU", 1))
        on_gpus = cluster.gpu and gpus > 0
        self.workers = cluster.workers or (gpus if on_gpus else processors)
        share = max(1, processors // self.workers) if on_gpus else 1
        # A decoder of its own, beside the model: what it dies of costs one picture, and not the worker.
        self._given = (model, roots, replace(options, workers=share, processes_from=0))
        self._kind = self._ray.remote(
            num_cpus=share, num_gpus=1 if on_gpus else 0, max_restarts=0, concurrency_groups={"talk": 1}
        )(_actor_class(self._ray))
        self._fingerprint = model.card.fingerprint

    def each(self, shards: Sequence[Shard], watch: Watch) -> Generator[Made | GivenUp, None, None]:
        """See `Crew.each`."""
        run = _Round(self._ray, self._hired, self.workers, shards, self._note, self._fingerprint)
        try:
            yield from run.answers(watch)
        finally:
            run.dismiss()

    def _hired(self) -> Any:
        return self._kind.remote(*self._given)


@dataclass(slots=True)
class _Actor:
    """One actor, as the driver sees it.

    Attributes:
        handle: Of Ray.
        where: Machine and process, once it has said so.
        shard: What it has in hand.
        answer: What it will give back: first itself, then shards.
        saying: What it was asked about its progress.
        done: Images of the shard in hand.
    """

    handle: Any
    answer: Any
    where: str = ""
    shard: Shard | None = None
    saying: Any = None
    done: int = 0


@dataclass(slots=True)
class _Round:
    """Shards on their way through the actors."""

    ray: Any
    hired: Callable[[], Any]
    wanted: int
    shards: Sequence[Shard]
    note: Callable[[str], None]
    fingerprint: str
    todo: deque[Shard] = field(init=False)
    actors: list[_Actor] = field(default_factory=list)
    deaths: Counter[str] = field(default_factory=Counter)
    early: int = 0  # deaths of actors that never had work, one after the other

    def __post_init__(self) -> None:
        self.todo = deque(self.shards)

    def answers(self, watch: Watch) -> Generator[Made | GivenUp, None, None]:
        left = len(self.shards)
        while left:
            self._hire()
            for actor in self._ready():
                answer = self._taken(actor)
                if answer is not None:
                    left -= 1
                    yield answer
            self._ask()
            watch(sum(actor.done for actor in self.actors))

    def dismiss(self) -> None:
        for actor in self.actors:
            with suppress(Exception):  # it may be dead, and so may Ray
                self.ray.kill(actor.handle)
        self.actors.clear()

    def _hire(self) -> None:
        """As many actors as are wanted and have something to do; one that finds no room waits, and nobody waits for it."""
        busy = sum(actor.shard is not None for actor in self.actors)
        while len(self.actors) < min(self.wanted, busy + len(self.todo)):
            handle = self.hired()
            self.actors.append(_Actor(handle, handle.told.remote()))
        for actor in self.actors:
            if actor.where and actor.shard is None and self.todo:
                self._give(actor, self.todo.popleft())

    def _give(self, actor: _Actor, shard: Shard) -> None:
        actor.shard, actor.done = shard, 0
        actor.answer = actor.handle.make.remote(shard)

    def _ready(self) -> list[_Actor]:
        waiting = {actor.answer: actor for actor in self.actors if actor.answer is not None}
        found, _ = self.ray.wait(list(waiting), num_returns=1, timeout=_LOOK_S)
        return [waiting[each] for each in found]

    def _taken(self, actor: _Actor) -> Made | GivenUp | None:
        """What an actor has to give: a shard, the news that it is there, or its end."""
        from ray.exceptions import RayActorError, RayError, RayTaskError

        answer, actor.answer = actor.answer, None
        try:
            given = self.ray.get(answer)
        except RayTaskError as error:
            raise _mended(error.cause) from error
        except (RayActorError, RayError) as error:
            return self._buried(actor, error)
        if isinstance(given, Told):
            self._welcome(actor, given)
            return None
        assert isinstance(given, Made)  # noqa: S101 - an actor gives nothing else
        actor.shard, actor.done = None, 0
        if self.todo:
            self._give(actor, self.todo.popleft())
        return given

    def _welcome(self, actor: _Actor, told: Told) -> None:
        if (told.version, told.fingerprint) != (__version__, self.fingerprint):
            raise StoreMismatch(
                f"the worker on {told.where} has likewise {told.version} and embeddings {told.fingerprint}, this is {__version__} and "
                f"{self.fingerprint}: install the same version and the same weights on every machine"
            )
        actor.where, self.early = told.where, 0

    def _buried(self, actor: _Actor, error: Exception) -> GivenUp | None:
        """Give the work of a dead actor to another; give it up if it has killed several."""
        self.actors.remove(actor)
        reason = str(error).strip().splitlines()[0]
        shard = actor.shard
        if shard is None:
            self.early += 1
            if self.early > MOST_DEATHS * self.wanted:
                raise LikewiseError(f"workers die before they have anything to do ({reason}): see the logs of Ray")
            return None
        self.deaths[shard.id] += 1
        self.note(f"the worker on {actor.where} died; its {_count(shard)} go to another")
        if self.deaths[shard.id] >= MOST_DEATHS:
            return GivenUp(shard, f"{MOST_DEATHS} workers died of it, the last of {reason}")
        self.todo.appendleft(shard)
        return None

    def _ask(self) -> None:
        """Hear how far everybody is, without waiting for anybody."""
        for actor in self.actors:
            if actor.shard is None:
                continue
            if actor.saying is None:
                actor.saying = actor.handle.done.remote()
            elif self.ray.wait([actor.saying], timeout=0)[0]:
                with suppress(Exception):  # its end is noticed where its work is waited for
                    actor.done = self.ray.get(actor.saying)
                actor.saying = None


def _actor_class(ray: Any) -> type:
    """What runs on the machines of the cluster; a class of its own, since Ray is there only if it is installed."""

    class LikewiseWorker:
        """A `Worker` behind Ray."""

        def __init__(self, model: Model, roots: Roots, options: Options) -> None:
            self._worker = Worker(model.loaded(), roots, options)

        def told(self) -> Told:
            return self._worker.told(f"{ray.util.get_node_ip_address()}, process {os.getpid()}")

        def make(self, shard: Shard) -> Made:
            self._worker.done = 0
            return self._worker.make(shard)

        @ray.method(concurrency_group="talk")  # type: ignore[untyped-decorator]
        def done(self) -> int:
            return self._worker.done

    return LikewiseWorker


def _connected(cluster: Cluster) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    os.environ.setdefault("RAY_DISABLE_IMPORT_WARNING", "1")
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("--on ray needs Ray: pip install 'likewise[ray]'") from error
    if ray.is_initialized():
        return ray
    if cluster.address:
        _check_answers(cluster.address)
    before = signal.getsignal(signal.SIGTERM)
    quiet: dict[str, Any] = {"include_dashboard": False, "num_cpus": cluster.workers or None}
    try:
        ray.init(
            address=cluster.address or None,
            configure_logging=True,
            logging_level=logging.ERROR,
            log_to_driver=False,
            **({} if cluster.address else quiet),
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _no_cluster(cluster.address or "this machine", error) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)  # Ray takes it, and would end us without a word
    return ray


def _check_answers(address: str) -> None:
    """Whether anybody listens; Ray itself would ask for minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_LISTEN_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(where: str, error: Exception) -> LikewiseError:
    first = str(error).strip().partition("\n")[0]
    return LikewiseError(
        f"no cluster of Ray answers at {where} ({first}): start one with `ray start --head`, and run this on one of its machines"
    )


def _mended(cause: BaseException) -> BaseException:
    """The error that a worker raised, as it would have been raised here."""
    if isinstance(cause, LikewiseError):
        return cause
    return LikewiseError(f"a worker failed: {type(cause).__name__}: {cause}")


def _count(shard: Shard) -> str:
    return shard.name if shard.items is None else f"{len(shard.items):,} images"
