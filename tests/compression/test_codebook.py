"""Names of codecs, and the files that fitted ones are kept in."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes import unit_rows
from likewise import compression as seam
from likewise.compression import Codebook, Fit, compression
from likewise.errors import BadArgument, StoreDamaged, UnknownName


@pytest.fixture(scope="module")
def book() -> Codebook:
    made = compression("pq:3").fitted(unit_rows(400), unit=True, on="400 of 500 pictures of dogs, seed 0")
    return replace(made, fit=replace(made.fit, neighbours=0.91, asked=100, among=500))


def test_names_are_listed_as_they_are_written() -> None:
    assert seam.names()[:4] == ["float32", "float16", "int8", "pq:N"]


def test_a_name_is_read_with_its_number() -> None:
    assert (compression(" pq:064 ").name, compression("pq:64").number) == ("pq:64", 64)
    assert (compression("int8").name, compression("int8").least) == ("int8", 0)
    assert [compression(name).is_float for name in ("float32", "float16", "int8", "pq:1")] == [True, True, False, False]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pq", "say how many bytes a row, such as pq:64"),
        ("pq:0", "say how many bytes a row"),
        ("int8:4", "it takes no number: int8"),
        ("pq:x", "float32, float16, int8, pq:N; 'pq:x' is written otherwise"),
        ("", "is written otherwise"),
    ],
)
def test_what_is_written_otherwise_is_told_how(name: str, said: str) -> None:
    with pytest.raises(BadArgument, match=said):
        compression(name)


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(UnknownName, match="no codec is called 'int4': did you mean int8"):
        compression("int4")


def test_what_has_to_be_fitted_is_not_made_without() -> None:
    with pytest.raises(BadArgument, match="likewise index PLACE --keep pq:2"):
        compression("pq:2").made(4, unit=True)


def test_a_codebook_is_read_as_it_was_written(book: Codebook, tmp_path: Path) -> None:
    sha256 = book.write(tmp_path)
    (path,) = tmp_path.iterdir()
    assert path.name == f"codebook-{sha256[:16]}.npz"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    again = seam.read(tmp_path, sha256)
    assert (again.name, again.dim, again.unit, again.fit) == (book.name, 4, True, book.fit)
    assert again.to_bytes() == book.to_bytes()
    rows = unit_rows(20, seed=1)
    np.testing.assert_array_equal(again.codec.encode(rows), book.codec.encode(rows))


def test_a_codebook_says_what_it_was_fitted_on_and_what_it_keeps(book: Codebook) -> None:
    told = "fitted on 400 of 500 pictures of dogs, seed 0; 9.1 of the 10 nearest stay (100 others among 500)"
    assert str(book.fit) == told
    assert str(Fit(7)) == "fitted on 7 embeddings"
    assert (
        str(Fit(neighbours=1.0, asked=20, among=30))
        == "nothing fitted; 10.0 of the 10 nearest stay (20 others among 30)"
    )


def test_a_codebook_that_is_lost_or_another_is_told(book: Codebook, tmp_path: Path) -> None:
    sha256 = book.write(tmp_path)
    path = tmp_path / seam.file_name(sha256)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    with pytest.raises(StoreDamaged, match="has SHA-256"):
        seam.read(tmp_path, sha256)
    path.unlink()
    with pytest.raises(StoreDamaged, match=r"is missing: put the file back from a backup"):
        seam.read(tmp_path, sha256)


@pytest.mark.parametrize("spoil", ["torn", "shapes", "missing", "infinite"])
def test_a_file_that_is_no_codebook_is_told(book: Codebook, tmp_path: Path, spoil: str) -> None:
    arrays = dict(np.load(book_file(book, tmp_path)))
    if spoil == "shapes":
        arrays["turn"] = arrays["turn"][:-1]
    elif spoil == "missing":
        del arrays["centroids"]
    elif spoil == "infinite":
        arrays["centroids"][0, 0, 0] = np.inf
    draft = tmp_path / "draft.npz"
    np.savez(draft, **arrays)
    data = b"PK torn" if spoil == "torn" else draft.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    (tmp_path / seam.file_name(sha256)).write_bytes(data)
    with pytest.raises(StoreDamaged, match="is no codebook"):
        seam.read(tmp_path, sha256)


def book_file(book: Codebook, folder: Path) -> Path:
    return folder / seam.file_name(book.write(folder))


def test_leftovers_are_all_codebooks_but_ones_own(book: Codebook, tmp_path: Path) -> None:
    sha256 = book.write(tmp_path)
    for name in ("codebook-0000000000000000.npz", "codebook-1.npz.7.part", "whitening-1.npz"):
        (tmp_path / name).touch()
    found = sorted(path.name for path in seam.leftovers(tmp_path, sha256))
    assert found == ["codebook-0000000000000000.npz", "codebook-1.npz.7.part"]
