"""Embeddings as Parquet: what is written is read again, by us and by others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes import MeanColour, records, unit_rows
from likewise.errors import BadArgument, LikewiseError, StoreDamaged, StoreMismatch
from likewise.roots import Roots
from likewise.stores import parquet
from likewise.stores.parquet import Head

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

CARD = MeanColour().card
TOLD = [
    replace(record, metadata=told)
    for record, told in zip(
        records("a/1.jpg", "ä's.jpg", "c"),
        (
            {"label": "tiger", "year": 2024, "score": 1, "mixed": "x", "rare": True, "deep": {"x": [1]}},
            {"label": "ibex", "score": 0.5, "mixed": 3, "rare": None},
            {"label": "\u2028", "year": -(2**62), "score": 2, "rare": False},
        ),
        strict=True,
    )
]


def test_rows_come_back_as_they_were_with_what_the_shard_says(tmp_path: Path) -> None:
    rows, roots = unit_rows(3), Roots("/home/ada", {"photos": "/mnt/photos"})
    head = Head(CARD, roots, ("/mnt/photos",), parquet.columns_of(TOLD))
    path = tmp_path / "new" / parquet.shard_name(0)
    assert parquet.write_shard(path, head, [(TOLD[:2], rows[:2]), (TOLD[2:], rows[2:])]) == 3
    (shard,) = parquet.shards(tmp_path / "new")
    assert (shard.path, shard.head, shard.rows) == (path, head, 3)
    for batch_rows in (None, 2):
        parts = list(parquet.rows_of(shard, batch_rows=batch_rows))
        assert [record for part, _ in parts for record in part] == TOLD
        np.testing.assert_array_equal(np.concatenate([each for _, each in parts]), rows)
    assert [record for part in parquet.records_of(shard) for record in part] == TOLD
    assert [path.name for path in path.parent.iterdir()] == ["part-000000.parquet"]


def test_any_program_can_read_embeddings_and_the_metadata_that_are_of_one_kind(tmp_path: Path) -> None:
    rows = unit_rows(3)
    parquet.write_shard(tmp_path / "x.parquet", Head(CARD, columns=parquet.columns_of(TOLD)), [(TOLD, rows)])
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.column("metadata.label").to_pylist() == ["tiger", "ibex", "\u2028"]
    assert table.column("metadata.year").to_pylist() == [2024, None, -(2**62)]
    assert table.column("metadata.score").to_pylist() == [1.0, 0.5, 2.0]
    assert table.column("metadata.rare").to_pylist() == [True, None, False]
    assert not {"metadata.mixed", "metadata.deep"} & set(table.column_names)
    assert table.schema.field("embedding").type.list_size == 4
    np.testing.assert_array_equal(np.array(table.column("embedding").to_pylist(), np.float32), rows)
    assert table.schema.metadata[b"likewise.fingerprint"].decode() == CARD.fingerprint
    assert json.loads(table.column("metadata").to_pylist()[0]) == TOLD[0].metadata


def test_a_value_that_does_not_fit_its_column_is_in_the_json_alone(tmp_path: Path) -> None:
    head = Head(CARD, columns={"label": "text", "year": "whole"})
    odd = replace(TOLD[0], metadata={"label": 7, "year": 2**70})
    parquet.write_shard(tmp_path / "x.parquet", head, [([odd], unit_rows(1))])
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.column("metadata.label").to_pylist() == table.column("metadata.year").to_pylist() == [None]
    (shard,) = parquet.shards(tmp_path / "x.parquet")
    ((found, _),) = parquet.rows_of(shard)
    assert found == [odd]


def test_a_shard_that_cannot_be_finished_is_not_there(tmp_path: Path) -> None:
    wrong = replace(TOLD[0], metadata={"x": float("nan")})
    for records_, rows, told in (([wrong], unit_rows(1), "NaN"), (TOLD, unit_rows(2), "shape")):
        with pytest.raises(BadArgument, match=told):
            parquet.write_shard(tmp_path / "x.parquet", Head(CARD), [(records_, rows)])
        assert list(tmp_path.iterdir()) == []
    assert parquet.shards(tmp_path / "x.parquet") == []


def test_shards_of_two_encoders_do_not_go_together(tmp_path: Path) -> None:
    for number, card in enumerate((CARD, MeanColour("another").card)):
        parquet.write_shard(tmp_path / parquet.shard_name(number), Head(card), [(TOLD, unit_rows(3))])
    with pytest.raises(StoreMismatch, match=r"another \(.*mean-colour"):
        parquet.shards(tmp_path)


def test_files_that_are_not_ours_are_refused(tmp_path: Path) -> None:
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(StoreDamaged, match=r"torn\.parquet cannot be read"):
        parquet.shards(tmp_path)
    pq.write_table(pa.table({"x": [1]}), tmp_path / "torn.parquet")
    with pytest.raises(StoreDamaged, match="says of no encoder"):
        parquet.shards(tmp_path)
    told = parquet.schema(Head(CARD)).metadata | {b"likewise.format": b"2"}
    pq.write_table(pa.table({"x": [1]}).replace_schema_metadata(told), tmp_path / "torn.parquet")
    with pytest.raises(LikewiseError, match="newer likewise"):
        parquet.shards(tmp_path)
