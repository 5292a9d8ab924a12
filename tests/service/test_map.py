"""The map by HTTP: points, keys, names and sheets of one state."""

from __future__ import annotations

import base64
import io
import struct
import time

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from serving import client_of, draw_folder, index_folder

CHANGING = {"X-Likewise": "1"}


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory):
    """A client of a service over a gallery of its own, whose map is made."""
    photos = index_folder(draw_folder(tmp_path_factory.mktemp("mapped") / "photos"))
    with client_of(photos) as client:
        assert client.get("/v1/map").json()["state"] == "none"
        assert client.get("/v1/map/points").json()["type"] == "/problems/not-found"
        begun = client.post("/v1/map", json={"method": "pca"}, headers=CHANGING)
        assert begun.status_code == 202, begun.text
        made_within(client)
        yield client, photos


def made_within(client: TestClient, seconds: float = 60) -> dict:
    end = time.monotonic() + seconds
    while (told := client.get("/v1/map").json())["state"] == "building":
        assert time.monotonic() < end, told
        time.sleep(0.05)
    assert told["error"] is None
    return told


def test_points_keys_names_and_sheets_belong_together(mapped):
    client, photos = mapped
    facts = client.get("/v1/map").json()
    assert (facts["state"], facts["count"], facts["method"], facts["sheets"]) == ("ready", 36, "pca", 1)
    data = client.get("/v1/map/points", params={"v": facts["etag"]})
    assert "immutable" in data.headers["cache-control"]
    magic, layout, count, dims, version = struct.unpack_from("<4sIII16s", data.content)
    assert (magic, layout, count, dims, version.decode()) == (b"LKWM", 1, 36, 2, facts["etag"])
    points = np.frombuffer(data.content, "<f4", offset=32).reshape(36, 2)
    assert [*points.min(axis=0), *points.max(axis=0)] == pytest.approx(facts["bounds"])
    keys = client.get("/v1/map/keys", params={"from": 0, "count": 20}).json()["keys"]
    keys += client.get("/v1/map/keys", params={"from": 20, "count": 20}).json()["keys"]
    assert len(set(keys)) == 36
    told = client.get("/v1/map/colours", params={"by": "folder"}).json()
    codes = base64.b64decode(told["codes"])
    assert [told["names"][code - 1] for code in codes] == [key.split("/")[0] for key in keys]
    sheet = client.get("/v1/map/atlas/0", params={"v": facts["etag"]})
    assert sheet.headers["content-type"] == "image/webp"
    with Image.open(io.BytesIO(sheet.content)) as opened, Image.open(photos / keys[3]) as original:
        shown = np.asarray(opened.convert("RGB").crop((3 * 64, 0, 4 * 64, 64)), float).mean(axis=(0, 1))
        assert shown == pytest.approx(np.asarray(original.convert("RGB"), float).mean(axis=(0, 1)), abs=6)


@pytest.mark.parametrize("place", ["points?v=0", "keys?v=0", "colours?v=0", "atlas/0?v=0", "atlas/9"])
def test_what_is_of_another_map_is_not_there(mapped, place):
    answer = mapped[0].get(f"/v1/map/{place}")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


def test_images_without_a_label_have_no_name(mapped):
    told = mapped[0].get("/v1/map/colours", params={"by": "label"}).json()
    assert set(base64.b64decode(told["codes"])) <= set(range(len(told["names"]) + 1))


def test_a_map_is_made_only_for_who_says_that_they_are_no_foreign_page(mapped):
    assert mapped[0].post("/v1/map", json={}).status_code == 403
    assert mapped[0].delete("/v1/map").status_code == 403
    assert mapped[0].delete("/v1/map", headers=CHANGING).status_code == 204


def test_a_map_that_cannot_be_made_says_why(mapped, monkeypatch):
    client, _ = mapped
    for error in (KeyError("x"), None):

        def fail(*_arguments: object, error: Exception | None = error) -> None:
            from likewise.errors import MissingExtra

            raise error or MissingExtra("maps by tsne need openTSNE")

        monkeypatch.setattr("likewise.collection.Collection.make_map", fail)
        client.post("/v1/map", json={}, headers=CHANGING)
        while (told := client.get("/v1/map").json())["state"] == "building":
            time.sleep(0.02)
        assert told["state"] == "ready"
        assert told["error"].startswith("an error of the server" if error else "maps by tsne need")


def test_the_work_on_a_map_can_be_stopped(mapped, monkeypatch):
    client, _ = mapped

    def slow(_self: object, _method: object, watch) -> None:
        while True:
            watch("placing", 1, 2)
            time.sleep(0.01)

    monkeypatch.setattr("likewise.collection.Collection.make_map", slow)
    client.post("/v1/map", json={}, headers=CHANGING)
    again = client.post("/v1/map", json={}, headers=CHANGING).json()
    assert again["state"] == "building"
    client.delete("/v1/map", headers=CHANGING)
    while (told := client.get("/v1/map").json())["state"] == "building":
        time.sleep(0.02)
    assert told["error"] == "it was stopped"
