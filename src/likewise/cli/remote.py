"""A collection behind a server, where `-c` names an address instead of a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from likewise.client import Client

TOKEN = "LIKEWISE_TOKEN"  # noqa: S105 - the name of the variable


def is_address(folder: str | None) -> bool:
    """Whether a collection is asked for by the address of its server."""
    return folder is not None and folder.startswith(("http://", "https://"))


def client(address: str, here_only: Mapping[str, object]) -> Client:
    """The client of an address such as `http://127.0.0.1:8765/#photos`; the token is that of the environment.

    Args:
        address: Of the server; behind `#`, the name of a collection there.
        here_only: Options that only a collection on this machine has, and what was given for each.

    Raises:
        click.UsageError: If one of them was given.
    """
    from likewise.client import Client

    given = [name for name, value in here_only.items() if value not in (None, "auto")]
    if given:
        raise click.UsageError(f"{given[0]} is for a collection on this machine: leave it out, the server has its own")
    url, _, collection = address.partition("#")
    return Client(url, token=os.environ.get(TOKEN), collection=collection or None)
