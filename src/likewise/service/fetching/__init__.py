"""Pictures at addresses that clients name: what is asked for, from whom, and how much of it is read."""

from likewise.service.fetching.fetcher import Fetcher
from likewise.service.fetching.public import is_public
from likewise.service.fetching.targets import Target

__all__ = ["Fetcher", "Target", "is_public"]
