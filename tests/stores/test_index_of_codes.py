"""An index beside a collection whose embeddings are kept as codes: it looks at what is searched, and scores stay those of exact search."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fakes import MeanColour, records
from galleries import clustered, share_found
from likewise.compression import compression
from likewise.indexes.coded import Coded
from likewise.stores.local import LocalStore
from likewise.stores.local.indexing import Wish

CARD = replace(MeanColour().card, name="wide", dim=32)
ROWS, QUERIES = clustered(2600, 32, queries=40)


@pytest.mark.parametrize("keep", ["int8", "pq:8"])
def test_an_index_of_codes_finds_what_exact_search_does_with_its_scores(tmp_path: Path, keep: str) -> None:
    book = compression(keep).fitted(ROWS[:600], unit=True)
    with LocalStore.create(tmp_path / "coded", CARD, book) as store:
        for start, end in ((0, 2400), (2400, 2600)):
            with store.write() as writer:
                writer.extend(records(*(f"{row:05d}" for row in range(start, end))), ROWS[start:end])
                writer.note_index(Wish("lists", 0.9))
            if end == 2400:
                exact = store.nearest(QUERIES, 10)
                built = store.bring_index_up_to_date()
                assert built is not None
                assert built.rows == 2400
                again = store.nearest(QUERIES, 10)
                assert isinstance(store.view().indexes["cosine"], Coded)
                assert share_found(again[1], exact[1]) > 0.8
                for scores, rows, true in zip(*again, zip(*exact, strict=True), strict=True):
                    known = dict(zip(true[1].tolist(), true[0].tolist(), strict=True))
                    assert all(known[row] == score for score, row in zip(scores, rows, strict=True) if row in known)
        decoded = store.embeddings(np.arange(2400, 2600))
        _, found = store.nearest(decoded[:9], 1)  # rows that came after the index are searched beside it
        same = [np.array_equal(decoded[i], store.embeddings(np.array([row]))[0]) for i, (row,) in enumerate(found)]
        assert np.mean(same) > 0.8
