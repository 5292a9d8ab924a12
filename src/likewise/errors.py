"""What can go wrong that a user can mend: one class per kind of mending."""

from __future__ import annotations


class LikewiseError(Exception):
    """The parent of every error that this library raises on purpose.

    The message names the thing, what was found, what was wanted, and the way out.
    """


class BadArgument(LikewiseError, ValueError):
    """A value outside its range, or two that do not go together: change the call."""


class BadImage(LikewiseError):
    """Bytes that are no picture we can read, or one over a limit: mend the file or raise the limit."""


class NotAPicture(BadImage):
    """Bytes that do not begin like any kind of picture that is read: pass a picture, or convert it."""


class OverLimit(BadImage):
    """A picture with more bytes or pixels than is allowed: raise the limit, or save it smaller."""


class SourceError(LikewiseError):
    """A place where images should come from is missing or unreadable: check the path or the address."""


class UnknownName(LikewiseError, LookupError):
    """No model, source, store or index of that name: use one of the names that the message lists."""


class MissingExtra(LikewiseError, ImportError):
    """A part that the plain install leaves out: install the extra that the message names."""


class WeightsError(LikewiseError):
    """Weights that are absent, could not be fetched, or are not the ones that were asked for."""


class NoCollection(LikewiseError):
    """No collection where one was expected: make one with `likewise index`, or pass its folder."""


class StoreMismatch(LikewiseError):
    """A collection holds embeddings that cannot be compared with this encoder's."""


class StoreBusy(LikewiseError):
    """Another process is writing to the collection: wait for it, or end it."""


class StoreFull(LikewiseError):
    """The disk has no room for the next batch: make room and run again, nothing that was kept is lost."""


class StoreAway(LikewiseError):
    """The server that keeps a collection does not answer, or lets nobody in: start it, or mend the address or the token."""


class StoreDamaged(LikewiseError):
    """The collection's files contradict each other: `likewise verify` says where."""


class DownloadError(LikewiseError):
    """Bytes that could not be fetched, or that are not the ones asked for: fetch them elsewhere and pass the path."""


class ServiceError(LikewiseError):
    """A server of collections that cannot be reached, refuses, or fails: the message has its reason."""
