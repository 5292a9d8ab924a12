"""Values as they are written: dates, and sizes with their units."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from likewise.errors import BadArgument
from likewise.filters.expressions import LEAST_INTEGER, MOST_INTEGER, Period

UNITS = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
"""Unit in small letters → bytes."""

_DATE = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"([T ](?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)(\.(?P<fraction>\d{1,9}))?)?(?P<zone>Z|[+-]\d\d:?\d\d)?)?)?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_NS = 10**9


def period(text: str) -> Period:
    """What a date or a date-time of ISO 8601 stands for; in UTC unless a zone is told.

    Args:
        text: `2024`, `2024-05`, `2024-05-01`, `2024-05-01T10:30`, with `:00` or `:00.25` behind it, and `Z` or `+02:00` behind a time. A
            blank may stand for the T.

    Raises:
        BadArgument: If it is none, or no such day is in the calendar.

    >>> period("2024-02").end_ns - period("2024-02").start_ns == 29 * 86400 * 10**9
    True
    """
    found = _DATE.fullmatch(text.strip())
    if found is None:
        raise BadArgument(
            f"{text!r} is no date: write 2024-05-01, or 2024-05-01T10:30 with Z or +02:00 behind it if need be"
        )
    told = found.groupdict()
    year, month, day, hour, minute, second = (int(told[name] or least) for name, least in _LEAST.items())
    try:
        start = datetime(year, month, day, hour, minute, second, tzinfo=_zone(told["zone"]))
        start_ns = _since_epoch_ns(start)
    except (ValueError, OverflowError) as error:
        raise BadArgument(f"{text!r} is in no calendar: {error}") from error
    fraction = told["fraction"] or ""
    start_ns += int(fraction.ljust(9, "0") or 0)
    length_ns = 10 ** (9 - len(fraction)) if fraction else _length_ns(told, start)
    return Period(_kept(start_ns), _kept(start_ns + length_ns), text.strip())


def size_bytes(number: int | float, unit: str) -> int | float:
    """So many bytes; whole where it is.

    Raises:
        BadArgument: If there is no such unit.
    """
    factor = UNITS.get(unit.lower())
    if factor is None:
        raise BadArgument(f"{unit!r} is no unit: write {', '.join(_WRITTEN)}, or nothing for bytes")
    bytes_ = number * factor
    return int(bytes_) if bytes_ == int(bytes_) else bytes_


_LEAST = {"year": 1, "month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}
_WRITTEN = ("kB", "MB", "GB", "TB (thousands)", "KiB", "MiB", "GiB", "TiB (1024s)")


def _length_ns(told: dict[str, str | None], start: datetime) -> int:
    """Of the smallest part that is told."""
    if told["hour"] is not None:
        return _SECOND_NS if told["second"] is not None else 60 * _SECOND_NS
    if told["day"] is not None:
        days = 1
    elif told["month"] is not None:
        days = ((start + timedelta(days=31)).replace(day=1) - start).days
    else:
        days = 366 if start.replace(month=12, day=31).timetuple().tm_yday == 366 else 365
    return days * 86400 * _SECOND_NS


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:])
    return timezone((-1 if text[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


def _since_epoch_ns(when: datetime) -> int:
    passed = when - _EPOCH
    return (passed.days * 86400 + passed.seconds) * _SECOND_NS


def _kept(nanoseconds: int) -> int:
    """What a store can hold: 64 bits reach from 1677 to 2262."""
    return max(LEAST_INTEGER, min(MOST_INTEGER, nanoseconds))
