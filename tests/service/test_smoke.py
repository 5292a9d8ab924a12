"""The service answers over a real collection."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient


def test_a_picture_of_the_gallery_finds_itself_first(client: TestClient, photos: Path) -> None:
    answer = client.post("/v1/search", params={"k": 3}, files={"a": (photos / "lines/03.png").read_bytes()})
    assert answer.status_code == 200
    assert next(hit["key"] for hit in answer.json()["hits"]) == "lines/03.png"
    assert len(answer.json()["hits"]) == 3
