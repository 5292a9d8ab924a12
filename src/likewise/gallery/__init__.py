"""A collection as a folder that any file host can serve, searchable without a server: docs/gallery.md."""

from __future__ import annotations

from likewise.gallery.exporting import Report, Wanted, export

__all__ = ["Report", "Wanted", "export"]
