from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.encoders import inside
from likewise.errors import WeightsError

onnx = pytest.importorskip("onnx")

texts = st.text(max_size=300)


def model(notes: dict[str, str]) -> bytes:
    graph = onnx.helper.make_graph([], "g", [], [], [onnx.numpy_helper.from_array(__import__("numpy").zeros(999), "w")])
    made = onnx.helper.make_model(graph)
    onnx.helper.set_model_props(made, notes)
    return made.SerializeToString()


@settings(max_examples=30)
@given(st.dictionaries(texts, texts, max_size=4))
def test_notes_are_those_that_onnx_wrote(tmp_path_factory: pytest.TempPathFactory, notes: dict[str, str]) -> None:
    path = tmp_path_factory.mktemp("inside") / "m.onnx"
    path.write_bytes(model(notes))
    assert inside.metadata(path) == notes


def test_a_file_that_is_cut_off_anywhere_is_refused_or_lacks_whole_notes(tmp_path: Path) -> None:
    whole = model({"a": "1", "b": "2"})
    path, refused = tmp_path / "m.onnx", 0
    for length in itertools.chain(range(40), range(len(whole) - 40, len(whole))):
        path.write_bytes(whole[:length])
        try:
            assert inside.metadata(path).items() <= {"a": "1", "b": "2"}.items()
        except WeightsError:
            refused += 1
    assert refused > 70


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nothing",
        b"\x08\x07",  # a number, and no graph
        b"\x3b",  # a kind that there is not any more
        b"\xff" * 12,  # a number without end
        b"\x39" + bytes(8) + b"\x3d" + bytes(4),  # eight and four bytes, and no graph
    ],
)
def test_what_is_no_onnx_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match="no ONNX file, or not the whole of one"):
        inside.metadata(tmp_path / "m.onnx")


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="check the path"):
        inside.metadata(tmp_path / "m.onnx")
