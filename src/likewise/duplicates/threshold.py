"""From which score on two images may be copies: given, or worked out from what unrelated pictures of the gallery score."""

from __future__ import annotations

from likewise.duplicates.confirming import HELD
from likewise.duplicates.types import Threshold, Wanted
from likewise.errors import BadArgument
from likewise.significance import fitted
from likewise.stores import Snapshot
from likewise.types import Metric

VERIFIED, UNVERIFIED = 4.0, 0.001
"""Unrelated pictures that may reach the score with a picture: where each pair is looked at afterwards, and where the score decides."""

VERIFIED_AT_EASE = 64.0
"""The same where pictures are so few that what is compared of them stays in memory: then each is decoded once, and looks cost nothing."""


def threshold(snapshot: Snapshot, wanted: Wanted, metric: Metric) -> Threshold:
    """The score that is used.

    All n (n - 1) / 2 pairs are looked at, so the chance of one pair is not the chance of a mistake: a significance s is one of s / (n - 1)
    for each pair, and s n / 2 pairs by chance in the whole gallery.

    Args:
        snapshot: Of the gallery.
        wanted: Score or significance; where neither is given, the significance is one of the three above, or the smallest that the
            gallery can tell.
        metric: Of the scores.

    Raises:
        BadArgument: If nobody verifies pairs, no score is given, and the gallery is too small to say what chance does; or if a
            significance is given that is smaller than what it can tell.
    """
    count = len(snapshot.live)
    pairs = count * (count - 1) // 2
    if wanted.score is not None:
        return Threshold(wanted.score, None, pairs)
    everything = Threshold(float("-inf"), None, pairs)
    asked = wanted.significance or _usual(wanted, count)
    if wanted.verify != "none" and asked >= count - 1:
        return everything  # so few that all can be looked at
    try:
        null = fitted(snapshot, metric)
    except BadArgument as error:
        if wanted.verify != "none":
            return everything
        raise BadArgument(f"{error}; or say from which score on images are copies, such as --score 0.98") from error
    chance = min(1.0, asked / (count - 1))
    if wanted.significance is None:
        chance = max(chance, null.finest() * (1 + 1e-9))
    return Threshold(null.score(chance), chance, pairs)


def _usual(wanted: Wanted, count: int) -> float:
    if wanted.verify == "none":
        return UNVERIFIED
    return VERIFIED_AT_EASE if count <= HELD else VERIFIED
