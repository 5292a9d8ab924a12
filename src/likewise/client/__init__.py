"""A collection behind `likewise serve`, asked as one that lies here: docs/client.md."""

from __future__ import annotations

from likewise.client.client import Client
from likewise.client.jobs import Job
from likewise.client.writing import Added

__all__ = ["Added", "Client", "Job"]
