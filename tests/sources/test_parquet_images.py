"""Images in Parquet: bytes, records with bytes, addresses; the rest is metadata."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes import MeanColour, colours, png
from likewise.collection import Collection
from likewise.errors import MissingExtra, SourceError
from likewise.sources import locate, open_source
from loopback import serving


def table(path: Path, columns: dict[str, object], rows: int = 3) -> str:
    pq.write_table(pa.table(columns), path, row_group_size=rows)
    return str(path)


def contents(place: str) -> dict[str, bytes]:
    source = open_source(place)
    return {item.key: source.read(item) for item in source.items()}


def test_bytes_are_images_and_other_columns_metadata(tmp_path: Path) -> None:
    files = colours(7)
    place = table(
        tmp_path / "in.parquet",
        {
            "file_name": list(files),
            "image": list(files.values()),
            "label": ["x", None, *"abcde"],
            "price": [float("nan"), 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
            "nested": [[1]] * 7,
        },
    )
    assert contents(place) == files
    with Collection.create(tmp_path, MeanColour()) as made:
        assert made.index(place).added == 7
        assert made.index(place).unchanged == 7
        told = [dict(record.metadata) for record in made.records()]
        assert told[:2] == [{"label": "x"}, {"price": 2.0}]
        assert made.picture(next(made.records())) is not None


def test_records_of_bytes_have_no_names_but_their_numbers(tmp_path: Path) -> None:
    place = table(tmp_path / "hf.parquet", {"image": [{"bytes": b"1", "path": "a.png"}, {"bytes": b"2", "path": None}]})
    assert contents(place) == {"000000000": b"1", "000000001": b"2"}
    source, item = locate(f"{place}/000000001")
    assert source.read(item) == b"2"
    assert source.file(item) is None
    assert source.covers("x")


def test_addresses_are_fetched(tmp_path: Path) -> None:
    with serving(lambda asked: asked.reply(200, asked.path.encode())) as (address, _):
        place = table(tmp_path / "in.parquet", {"URL": [f"{address}/a", f"{address}/b"], "key": ["a", "a"]})
        assert contents(place) == {"a": b"/a", "a-2": b"/b"}


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"image": pa.array([None], pa.binary())}, "has nothing in the column image"),
        ({"url": ["a.png"]}, "write https"),
    ],
)
def test_a_row_without_an_image_costs_itself(tmp_path: Path, columns: dict[str, object], told: str) -> None:
    place = table(tmp_path / "in.parquet", columns)
    source = open_source(place)
    with pytest.raises(SourceError, match=told):
        source.read(next(source.items()))


def test_a_table_without_images_says_how_to_call_them(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"has the columns a, b, and no images: .*image.*url"):
        open_source(table(tmp_path / "in.parquet", {"a": [1], "b": [2]}))


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "in.parquet").write_bytes(png((1, 2, 3)))
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        open_source(str(tmp_path / "in.parquet"))


def test_what_is_not_in_it_is_refused(tmp_path: Path) -> None:
    place = table(tmp_path / "in.parquet", {"image": [b"1"]})
    with pytest.raises(SourceError, match="is not in"):
        locate(f"{place}/nowhere")


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = table(tmp_path / "in.parquet", {"image": [b"1"]})
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtra, match=r"likewise\[parquet\]"):
        open_source(place)
