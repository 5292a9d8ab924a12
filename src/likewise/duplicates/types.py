"""What is wanted of a search for duplicates, and what comes out of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from likewise.errors import BadArgument
from likewise.types import Metric, Record

Linkage: TypeAlias = Literal["kept", "complete", "single"]
"""Who must be a copy of whom in a group: all of the one that is kept; all of all; each of some other one."""

Keep: TypeAlias = Literal["largest", "smallest", "oldest", "newest"]
"""Which image of a group is kept."""

Verify: TypeAlias = Literal["pixels", "geometry", "none"]
"""Who has the last word: the pixels of the whole picture; these or a geometry that maps one into the other; embeddings alone."""

LINKAGES: tuple[Linkage, ...] = get_args(Linkage)
KEEPS: tuple[Keep, ...] = get_args(Keep)
VERIFIERS: tuple[Verify, ...] = get_args(Verify)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What counts as a duplicate, and which one is kept.

    Attributes:
        score: That two embeddings must reach; by significance unless given.
        significance: How many unrelated pictures may reach the score with a picture, by chance, among all of the gallery: there are
            half as many such pairs as pictures times this. Unless given, 64 where they are verified afterwards (4 of
            more than 32,768 pictures, and for what geometry looks at), and 0.001 where they are not.
        verify: Who has the last word on a pair.
        linkage: Who must be a copy of whom in a group.
        keep: Which image of a group is kept.
        metric: How embeddings are compared; the card's unless given.
        exact_only: Only equal bytes: no embedding and no picture is looked at.
    """

    score: float | None = None
    significance: float | None = None
    verify: Verify = "pixels"
    linkage: Linkage = "kept"
    keep: Keep = "largest"
    metric: Metric | None = None
    exact_only: bool = False

    def __post_init__(self) -> None:
        for name, value, choice in (
            ("verify", self.verify, VERIFIERS),
            ("linkage", self.linkage, LINKAGES),
            ("keep", self.keep, KEEPS),
        ):
            if value not in choice:
                raise BadArgument(f"{name} is {value!r}: take one of {', '.join(choice)}")
        if self.score is not None and self.significance is not None:
            raise BadArgument("a score and a significance both say how like each other copies are: give one of them")
        if self.significance is not None and not self.significance > 0:
            raise BadArgument(f"a significance of {self.significance:g}: give a number above 0, such as 0.001")


@dataclass(frozen=True, slots=True)
class Threshold:
    """The score from which two embeddings are worth a second look, or are enough.

    Attributes:
        score: That a pair must reach; minus infinity where all pairs are looked at.
        chance: The probability that two unrelated pictures of this gallery reach it; None where nobody worked it out.
        pairs: Of different images in the gallery: n (n - 1) / 2.
    """

    score: float
    chance: float | None
    pairs: int

    @property
    def by_chance(self) -> float | None:
        """How many pairs of unrelated pictures reach the score: all pairs are looked at, so each of them has its chance."""
        return None if self.chance is None else self.chance * self.pairs


@dataclass(frozen=True, slots=True)
class Member:
    """One image of a group, seen from the one that is kept.

    Attributes:
        record: The image.
        row: Its row in the gallery.
        path: As `Hit.path`.
        score: Of its embedding with that of the kept image.
        same_bytes: Whether it is an exact copy of the kept image.
        agreement: Of its pixels with those of the kept image, -1 to 1; None where nobody looked, or could.
        direct: Whether it is a copy of the kept image itself; False where only others in between are.
    """

    record: Record
    row: int
    path: str
    score: float
    same_bytes: bool
    agreement: float | None
    direct: bool = True

    @property
    def key(self) -> str:
        """The image's key."""
        return self.record.key


@dataclass(frozen=True, slots=True)
class Group:
    """Images that are the same picture.

    Attributes:
        kept: The one to keep, by the rule that was asked for.
        why: In words, against the next best.
        copies: The others, the likest first; at least one.
    """

    kept: Member
    why: str
    copies: tuple[Member, ...]

    @property
    def exact(self) -> bool:
        """Whether all have the same bytes."""
        return all(copy.same_bytes for copy in self.copies)

    @property
    def weakest(self) -> Member:
        """The one that is least like the kept image."""
        return min(self.copies, key=lambda copy: (copy.score, -copy.row))

    @property
    def expendable(self) -> Sequence[Member]:
        """Those that are copies of the kept image itself: no others are offered to go."""
        return [copy for copy in self.copies if copy.direct]


@dataclass(frozen=True, slots=True)
class Tally:
    """What was done.

    Attributes:
        images: That were compared.
        looked_at: Pairs whose pictures were compared, as their embeddings reached the score.
        refused: Of these, pairs that the pictures themselves did not confirm.
        unreadable: Of these, pairs of which a picture could not be read: they are not copies for us.
    """

    images: int
    looked_at: int = 0
    refused: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Duplicates:
    """All groups, the ones that save most bytes first.

    Attributes:
        groups: Each image is in one of them at most.
        wanted: What was asked for.
        threshold: That was used; None where only bytes were compared.
        metric: Of the scores.
        tally: What was done.
    """

    groups: tuple[Group, ...]
    wanted: Wanted
    threshold: Threshold | None
    metric: Metric
    tally: Tally

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[Group]:
        return iter(self.groups)

    @property
    def expendable(self) -> list[Member]:
        """What could go while each picture stays once."""
        return [copy for group in self.groups for copy in group.expendable]

    @property
    def expendable_bytes(self) -> int:
        """The encoded size of what could go."""
        return sum(copy.record.size_bytes for copy in self.expendable)
