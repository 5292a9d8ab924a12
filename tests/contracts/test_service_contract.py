"""The service gives the same hits as the library and the command line, however it is asked."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from likewise.collection import Collection
from serving import client_of, draw, draw_folder, index_folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Among them a picture twice, so that there is something to fold."""
    folder = draw_folder(tmp_path_factory.mktemp("contract") / "photos", each=14)
    (folder / "lines/copy.png").write_bytes((folder / "lines/03.png").read_bytes())
    return index_folder(folder)


@pytest.fixture(scope="module")
def client(photos: Path) -> Iterator[TestClient]:
    with client_of(photos) as client:
        yield client


@pytest.fixture(scope="module")
def library(photos: Path) -> Iterator[Collection]:
    with Collection.open(photos) as collection:
        yield collection


@pytest.fixture(scope="module")
def picture() -> bytes:
    target = io.BytesIO()
    draw("lines", 99, side=64).save(target, format="PNG")
    return target.getvalue()


def of_library(hits: Any) -> list[tuple[str, float, float | None, int | None, list[str]]]:
    return [(h.key, pytest.approx(h.score, abs=1e-5), h.chance, h.inliers, [f.key for f in h.folded]) for h in hits]


def of_service(answer: Any) -> list[tuple[str, float, float | None, int | None, list[str]]]:
    assert answer.status_code == 200, answer.text
    return [
        (h["key"], h["score"], h["chance"], h["inliers"], [f["key"] for f in h["folded"]])
        for h in answer.json()["hits"]
    ]


def ask(client: TestClient, **request: Any) -> Any:
    return client.post("/v1/search", json=request)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"where": "folder = 'waves'"},
        {"metric": "l2"},
        {"fold": True},
        {"rerank": "geometry"},
        {"rerank": "alpha-qe"},
        {"significance": 0.05},
        {"significance": 1.0, "rerank": "geometry", "where": "width = 48"},
    ],
    ids=str,
)
def test_a_picture_gets_the_hits_of_the_library(
    options: dict[str, Any], client: TestClient, library: Collection, picture: bytes
) -> None:
    wanted = of_library(library.search(picture, 9, **options))
    body = client.post("/v1/search", params={"k": 9} | options, content=picture, headers={"Content-Type": "image/png"})
    parts = client.post("/v1/search", data={"request": json.dumps({"k": 9} | options)}, files={"a": picture})
    coded = ask(client, k=9, query=[{"data": base64.b64encode(picture).decode()}], **options)
    upload = client.post("/v1/uploads", files={"file": picture}).json()["id"]
    kept = ask(client, k=9, query=[{"upload": upload}], **options)
    for answer in (body, parts, coded, kept):
        assert of_service(answer) == wanted


@pytest.mark.parametrize("region", ["0,0,30,40", "25%,0%,50%,100%"])
def test_a_region_gets_the_hits_of_the_library(
    region: str, client: TestClient, library: Collection, picture: bytes
) -> None:
    wanted = of_library(library.search(picture, 5, region=region))
    answer = client.post("/v1/search", params={"k": 5, "region": region}, files={"a": picture})
    assert of_service(answer) == wanted
    of_key = ask(client, k=5, query=[{"key": "lines/03.png", "region": region}])
    assert of_service(of_key) == of_library(library.search(f"key:lines/03.png@{region}", 5))


def test_a_mix_of_weighted_terms_gets_the_hits_of_the_library(
    client: TestClient, library: Collection, picture: bytes
) -> None:
    wanted = of_library(
        library.search((picture), 8, plus=[("key:blobs/01.png", 0.5)], minus=[("key:waves/02.png@0,0,30,30", 0.25)])
    )
    query = [
        {"file": "mine"},
        {"key": "blobs/01.png", "weight": 0.5},
        {"key": "waves/02.png", "weight": -0.25, "region": "0,0,30,30"},
    ]
    answer = client.post("/v1/search", data={"request": json.dumps({"k": 8, "query": query})}, files={"mine": picture})
    assert of_service(answer) == wanted


@pytest.mark.parametrize("with_self", [False, True])
def test_a_key_gets_the_hits_of_the_library(with_self: bool, client: TestClient, library: Collection) -> None:
    wanted = of_library(library.search("key:lines/03.png", 6, with_self=with_self))
    assert of_service(ask(client, k=6, query=[{"key": "lines/03.png"}], with_self=with_self)) == wanted


def test_a_picture_gets_the_hits_of_the_command_line(
    client: TestClient, photos: Path, picture: bytes, tmp_path: Path
) -> None:
    (tmp_path / "mine.png").write_bytes(picture)
    command = [
        sys.executable,
        "-m",
        "likewise",
        "-c",
        str(photos),
        "search",
        str(tmp_path / "mine.png"),
        "-k",
        "9",
        "--json",
    ]
    printed = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    answer = client.post("/v1/search", params={"k": 9}, files={"a": picture}).json()
    assert [hit["key"] for hit in answer["hits"]] == [hit["key"] for hit in printed["hits"]]
    assert [hit["score"] for hit in answer["hits"]] == pytest.approx(
        [hit["score"] for hit in printed["hits"]], abs=1e-5
    )


@pytest.mark.parametrize(
    "options", [{}, {"where": "folder = 'waves'"}, {"significance": 0.3, "rerank": "geometry"}, {"fold": True}], ids=str
)
def test_pages_are_together_one_long_list(options: dict[str, Any], client: TestClient, picture: bytes) -> None:
    def page(k: int, offset: int) -> Any:
        answer = client.post("/v1/search", params={"k": k, "offset": offset} | options, files={"a": picture})
        assert answer.status_code == 200, answer.text
        return answer.json()

    long, pages, offset = page(60, 0), [], 0
    while True:
        pages.append(page(7, offset))
        offset += 7
        if not pages[-1]["more"]:
            break
    keys = [(hit["rank"], hit["key"]) for each in pages for hit in each["hits"]]
    assert keys == [(hit["rank"], hit["key"]) for hit in long["hits"]]
    by_chance = [hit["key"] for each in pages for hit in each["by_chance"]]
    assert by_chance == [hit["key"] for hit in long["by_chance"]]


def test_no_good_match_is_an_answer_without_hits(client: TestClient, library: Collection) -> None:
    target = io.BytesIO()
    draw("waves", 7, side=16).rotate(90).save(target, format="PNG")
    wanted = library.search(target.getvalue(), 5, significance=0.02)
    answer = client.post("/v1/search", params={"k": 5, "significance": 0.02}, files={"a": target.getvalue()}).json()
    assert [hit["key"] for hit in answer["hits"]] == [hit.key for hit in wanted]
    assert answer["note"] == wanted.note
    assert [hit["key"] for hit in answer["by_chance"]] == [hit.key for hit in wanted.by_chance]
    assert (answer["best_by_chance"] is None) == bool(wanted)
