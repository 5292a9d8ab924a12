"""A collection on Milvus is served as a folder is: the same answers to the same questions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from likewise import encoders
from likewise.collection import Collection
from likewise.service.app import create_app
from likewise.service.settings import Settings

pytest.importorskip("milvus_lite", reason="milvus-lite is not installed")


def test_a_collection_on_milvus_answers_as_its_local_copy(tmp_path: Path) -> None:
    from likewise import copying

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    random = np.random.default_rng(7)
    for number in range(12):
        coarse = random.integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(coarse).resize((48, 40)).save(pictures / f"{number:02d}.png")
    with Collection.create(pictures, encoders.load("classical")) as collection:
        collection.index(pictures)
    address = f"milvus:{tmp_path / 'far.db'}"
    copying.copy(pictures / ".likewise", address)
    body = {"query": [{"key": "03.png"}], "k": 5}
    told = []
    for place in (pictures, address):
        app = create_app(Settings((place,)))
        with TestClient(app, base_url="http://127.0.0.1:8765", headers={"X-Likewise": "1"}) as client:
            found = client.post("/v1/search", json=body)
            assert found.status_code == 200, found.text
            first = client.get("/v1/images", params={"limit": 5}).json()
            rest = client.get("/v1/images", params={"limit": 20, "after": first["next"]}).json()
            picture = client.get("/v1/images/03.png/thumbnail")
            told.append(
                (
                    [(hit["key"], round(hit["score"], 5)) for hit in found.json()["hits"]],
                    [each["key"] for each in first["images"] + rest["images"]],
                    picture.status_code,
                    picture.content,
                )
            )
    assert told[0] == told[1]
    assert len(told[0][1]) == 12
    assert told[0][2] == 200


def test_concepts_on_milvus_are_seen_by_whoever_opens_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from likewise.teaching import Marks

    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(4):
        Image.new("RGB", (32, 32), (60 * number, 90, 200 - 40 * number)).save(pictures / f"{number}.png")
    address = f"milvus:{tmp_path / 'far.db'}"
    with Collection.create(address, encoders.load("classical")) as collection:
        collection.index(pictures)
        keys = [record.key for record in collection.records()]
        collection.concepts.save("blue", Marks((keys[0],), (keys[3],)))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "another machine"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another machine's cache"))
    with Collection.open(address) as collection:
        assert list(collection.concepts) == ["blue"]
        assert collection.concepts["blue"].marks == Marks((keys[0],), (keys[3],))
        assert [hit.key for hit in collection.search("concept:blue", k=2)]
        collection.concepts.remove("blue")
    with Collection.open(address) as collection:
        assert not list(collection.concepts)
