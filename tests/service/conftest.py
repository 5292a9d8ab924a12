"""A service over drawn pictures, made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from serving import client_of, draw_folder, index_folder


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is indexed; nobody changes it."""
    return index_folder(draw_folder(tmp_path_factory.mktemp("machine") / "photos"))


@pytest.fixture(scope="session")
def client(photos: Path) -> Iterator[TestClient]:
    """Of a service over `photos`, on loopback, without tokens; nobody changes anything by it."""
    with client_of(photos) as client:
        yield client
