"""Marks and concepts by HTTP: the same hits as the library."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from likewise.collection import Collection

CHANGING = {"X-Likewise": "1"}


def search(client: TestClient, **asked: object) -> dict:
    answer = client.post("/v1/search", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_marks_alone_are_a_query_with_the_hits_of_the_library(client, photos: Path):
    liked, disliked = ["waves/00.png", "waves/01.png"], ["lines/00.png"]
    told = search(client, liked=liked, disliked=disliked, k=6)
    with Collection.open(photos) as held:
        wanted = held.search(liked=liked, disliked=disliked, k=6)
    assert [hit["key"] for hit in told["hits"]] == [hit.key for hit in wanted]
    assert [hit["score"] for hit in told["hits"]] == pytest.approx([hit.score for hit in wanted], abs=1e-6)
    assert told["query"][0]["kind"] == "marks"


def test_marks_move_a_query(client):
    before = search(client, query=[{"key": "blobs/00.png"}], k=36)
    after = search(
        client, query=[{"key": "blobs/00.png"}], liked=["waves/00.png", "waves/01.png"], disliked=["blobs/01.png"], k=36
    )
    assert "blobs/01.png" in [hit["key"] for hit in before["hits"]]
    assert "blobs/01.png" not in [hit["key"] for hit in after["hits"]]

    def waves(told: dict) -> int:
        return sum(hit["key"].startswith("waves") for hit in told["hits"][:12])

    assert waves(after) > waves(before)


def test_a_concept_is_kept_listed_searched_and_forgotten(client):
    saved = client.put(
        "/v1/concepts/my waves", json={"liked": ["waves/00.png"], "disliked": ["lines/00.png"]}, headers=CHANGING
    )
    assert saved.status_code == 200, saved.text
    assert saved.json()["liked"] == ["waves/00.png"]
    assert [each["name"] for each in client.get("/v1/concepts").json()["concepts"]] == ["my waves"]
    assert client.get("/v1/concepts/my waves").json()["method"] == "logistic"
    told = search(client, query=[{"concept": "my waves"}], k=3)
    assert told["query"][0] == {"kind": "concept", "name": "concept:my waves", "weight": 1.0, "region": None}
    assert told["hits"][0]["key"] == "waves/00.png"
    assert client.delete("/v1/concepts/my waves", headers=CHANGING).status_code == 204
    assert client.get("/v1/concepts/my waves").status_code == 404


@pytest.mark.parametrize(
    ("asked", "status", "slug"),
    [
        ({"query": [{"concept": "nothing"}]}, 404, "unknown-name"),
        ({"liked": ["a"], "disliked": ["a"]}, 400, "bad-argument"),
        ({"liked": ["nothere.png"]}, 400, "bad-argument"),
        ({"query": [{"key": "waves/00.png"}], "layers": {"fc1": 1}}, 400, "bad-argument"),
        ({"query": [{"key": "waves/00.png"}], "layers": {"fc1": -1}}, 400, "bad-argument"),
    ],
)
def test_what_cannot_be_asked_is_a_problem(client, asked, status, slug):
    answer = client.post("/v1/search", json=asked)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{slug}")


def test_a_concept_changes_only_for_who_says_that_they_are_no_foreign_page(client):
    assert client.put("/v1/concepts/it", json={"liked": ["waves/00.png"]}).status_code == 403
    assert client.put("/v1/concepts/it", json={"liked": ["nothere.png"]}, headers=CHANGING).status_code == 400
    assert client.delete("/v1/concepts/it", headers=CHANGING).status_code == 404


def test_a_collection_says_what_can_be_done_with_it(client):
    told = client.get("/v1/collections").json()["collections"][0]
    assert (told["can"]["teach"], told["can"]["map"], told["can"]["layers"]) == (True, True, False)
    assert told["layers"] == []
    assert "no mix of layers" in told["why_no_layers"]
