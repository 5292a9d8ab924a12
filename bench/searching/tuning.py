"""The setting with which an engine reaches a recall: a peer's least width, and what our dial must be asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contests.contest import Turn
from searching.made import Gallery
from searching.peers import Peer
from searching.setting import Served
from searching.truth import Truth, recall
from searching.widths import least_width

_FEWEST = 100  # queries that a recall is measured with, however slow an engine is
_LOOK_S = 4.0  # about so long a look at one width may take
_DIALS = (0.0, 0.01, 0.02, 0.03, 0.04)  # more than wanted, where a dial promises more than it keeps


@dataclass(frozen=True, slots=True)
class Tuned:
    """A setting, and what it reaches.

    Attributes:
        setting: Of every search.
        recall: Measured with all queries.
    """

    setting: Mapping[str, Any]
    recall: float

    def __str__(self) -> str:
        told = ", ".join(f"{name} {value}" for name, value in self.setting.items())
        return f"{told or 'no setting'}: recall {self.recall:.4f}"


@dataclass(frozen=True, slots=True)
class Judge:
    """Measures recalls.

    Attributes:
        gallery: What is searched.
        truth: Of it.
        k: Of every search.
    """

    gallery: Gallery
    truth: Truth
    k: int

    def of(self, served: Served, setting: Mapping[str, Any], count: int, *, batch: bool = False) -> tuple[float, Turn]:
        """The recall of the first queries, and what they took."""
        turn, found = served.side(setting, batch=batch).ask(count)
        return recall(found, self.truth, self.gallery, self.k), turn

    def looked(self, served: Served, setting: Mapping[str, Any]) -> tuple[float, float]:
        """The recall of as many queries as there is time for, and the seconds of one."""
        few = min(20, served.queries)
        first = self.of(served, setting, few)[1].seconds / few
        count = min(served.queries, max(_FEWEST, round(_LOOK_S / max(first, 1e-9))))
        reached, turn = self.of(served, setting, count)
        return reached, turn.processor_s / count

    def ours(self, served: Served, wanted: float) -> Tuned | None:
        """What the dial must be asked for so that all queries reach the recall; None if no value does."""
        for more in _DIALS:
            asked = min(1.0, round(wanted + more, 4))
            reached = self.of(served, {"recall": asked}, served.queries)[0]
            if reached >= wanted:
                return Tuned({"recall": asked}, reached)
            print(f"      the dial at {asked:g} reaches {reached:.4f}", flush=True)
        return None

    def peer(self, served: Served, peer: Peer, wanted: float) -> Tuned | None:
        """The cheapest of its settings that reaches the recall with all queries; None if none does."""
        name, low, high = peer.width
        high = min(high, max(low, self.gallery.rows))
        best: tuple[float, dict[str, Any]] | None = None
        for other in peer.others:
            seen: dict[int, tuple[float, float]] = {}
            if best is not None and self.looked(served, {name: low, **other})[1] >= best[0]:
                continue  # even its narrowest search costs more
            width = least_width(self._looking(served, name, other, seen), low, high, wanted)
            if width is not None and (best is None or seen[width][1] < best[0]):
                best = seen[width][1], {name: width, **other}
        return None if best is None else self._surely(served, best[1], name, high, wanted)

    def _looking(
        self, served: Served, name: str, other: Mapping[str, Any], seen: dict[int, tuple[float, float]]
    ) -> Callable[[int], float]:
        def look(width: int) -> float:
            seen[width] = self.looked(served, {name: width, **other})
            return seen[width][0]

        return look

    def _surely(self, served: Served, setting: dict[str, Any], name: str, high: int, wanted: float) -> Tuned | None:
        """Some queries reached it; all of them may need a little more."""
        while True:
            reached = self.of(served, setting, served.queries)[0]
            if reached >= wanted:
                return Tuned(setting, reached)
            if setting[name] >= high:
                return None
            setting = {**setting, name: min(high, max(setting[name] + 1, round(setting[name] * 1.03)))}
