"""The embedded default: a collection is a folder with a SQLite file and array files; `docs/format.md` has every byte."""

from likewise.stores.local.store import LocalStore

__all__ = ["LocalStore"]
