"""Images named by a table, with what is known of each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fakes import MeanColour, png
from likewise.collection import Collection
from likewise.errors import SourceError
from likewise.sources import Source, is_many, open_source
from places import keys, picture, write_tree


def table(folder: Path, text: str | bytes, name: str = "pictures.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def told(source: Source) -> list[dict[str, object]]:
    return [dict(item.metadata) for item in source.items()]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'label,path,price\ntiger,b.png,3\n"a, b",a/é.png,\n'),
        ("A.CSV", "label;path;price\r\ntiger;b.png;3\r\n\r\na, b;a/é.png;\r\n"),
        ("a.tsv", "\ufefflabel\tpath\tprice\ntiger\tb.png\t3\na, b\ta/é.png"),
        ("a.jsonl", '{"path": "b.png", "label": "tiger", "price": 3}\n\n{"label": "a, b", "path": "a/é.png"}\n'),
    ],
)
def test_a_table_names_images_and_tells_of_them(tmp_path: Path, name: str, text: str) -> None:
    write_tree(tmp_path)
    place = str(table(tmp_path, text, name))
    source = open_source(place)
    assert keys(source) == ["b.png", "a/é.png"]
    assert told(source) == [{"label": "tiger", "price": 3}, {"label": "a, b"}]
    assert [source.read(item) for item in source.items()] == [picture("b.png"), picture("a/é.png")]
    assert [source.file(item) for item in source.items()] == [f"{tmp_path}/b.png", f"{tmp_path}/a/é.png"]
    assert source.name == place
    assert is_many(place)
    assert (source.covers("b.png"), source.covers("c.png")) == (True, False)


def test_the_kind_of_a_column_is_that_of_all_its_cells(tmp_path: Path) -> None:
    head = "path,whole,real,truth,code,mixed,none,big\n"
    body = "a.png,1,1,true,007,1,,99999999999999999999\nb.png,-2,2.5e3,FALSE,12,x,,1\n c.png , , , , , , , \n"
    assert told(open_source(str(table(tmp_path, head + body)))) == [
        {"whole": 1, "real": 1.0, "truth": True, "code": "007", "mixed": "1", "big": 1e20},
        {"whole": -2, "real": 2500.0, "truth": False, "code": "12", "mixed": "x", "big": 1.0},
        {},
    ]


@pytest.mark.parametrize("head", ["file", "File_Name", "filename", "IMAGE", "key"])
def test_the_column_of_paths_may_be_called_what_others_call_it(tmp_path: Path, head: str) -> None:
    source = open_source(str(table(tmp_path, f"label,{head}\nx,a.png\n")))
    assert (keys(source), told(source)) == (["a.png"], [{"label": "x"}])


def test_a_column_without_a_name_and_short_lines_say_nothing(tmp_path: Path) -> None:
    source = open_source(str(table(tmp_path, ",path,label\n0,a.png,x\n1,b.png\n")))
    assert told(source) == [{"label": "x"}, {}]


def test_objects_keep_their_shape(tmp_path: Path) -> None:
    line = {"path": "a.png", "camera": {"model": "X"}, "tags": ["a"], "none": None, "ok": True}
    assert told(open_source(str(table(tmp_path, json.dumps(line), "a.jsonl")))) == [
        {name: value for name, value in line.items() if name != "path"}
    ]


def test_line_breaks_belong_to_cells_between_quotes(tmp_path: Path) -> None:
    source = open_source(str(table(tmp_path, 'path,note\na.png,"two\nlines"\nb.png,one\u2028line\n')))
    assert told(source) == [{"note": "two\nlines"}, {"note": "one\u2028line"}]


def test_the_same_line_twice_is_one_image(tmp_path: Path) -> None:
    assert keys(open_source(str(table(tmp_path, "path,label\na.png,x\n./a.png,x\n")))) == ["a.png"]


def test_a_tilde_and_other_folders_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(write_tree(tmp_path / "home")))
    source = open_source(str(table(write_tree(tmp_path / "x"), "path,label\n~/a.png,h\nb.png,x\n")))
    assert {item.key: item.metadata["label"] for item in source.items()} == {"home/a.png": "h", "x/b.png": "x"}


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("a.csv", "", "is empty: its first line names the columns, path"),
        (
            "a.csv",
            "label,price\nx,1\n",
            "line 1 has label, price, and no path: call what names the images path or file",
        ),
        ("a.csv", "path,a,a\nx,1,2\n", "line 1 names the column 'a' twice"),
        ("a.csv", "path,a\nx,1,2\n", "line 2 has 3 cells, the first line 2"),
        ("a.csv", "path,a\n\n,1\n", "line 3 has no path: name an image"),
        ("a.csv", "a,path\n1\n", "line 2 has no path"),
        ("a.csv", "path,a\nx,1\n./x,2\n", "line 3 says something else of ./x than a line before"),
        ("a.csv", 'path,a\nx,"1" 2\n', "line 2 is no line of a table"),
        ("a.csv", b"path,a\nx,caf\xe9\n", "this table 'utf-8' codec"),
        ("a.csv", b"path,a\nx,\0\n", "is no table of paths, it has binary content"),
        ("a.jsonl", "{\n", "line 1 is no JSON"),
        ("a.jsonl", '\n{"path": "x", "a": NaN}\n', "line 2 is no JSON that can be kept (NaN is no value"),
        ("a.jsonl", '{"path": "x", "a": "\\ud800"}\n', "line 1 is no JSON that can be kept"),
        ("a.jsonl", "[1]\n", "line 1 is no object"),
        ("a.jsonl", '{"a": 1}\n', "line 1 has a, and no path"),
        ("a.jsonl", "{}\n", "line 1 has nothing, and no path"),
        ("a.jsonl", '{"path": 3}\n', "line 1 has the path 3: give the path"),
        ("a.jsonl", '{"path": " "}\n', "give the path of an image"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(tmp_path: Path, name: str, text: str | bytes, wanted: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(str(table(tmp_path, text, name)))
    assert wanted in str(caught.value)


def test_a_table_tells_of_images_that_are_indexed_already_and_a_folder_leaves_that(tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"{i}.png").write_bytes(png((i * 80, 9, 9)))
    path = table(tmp_path, "path,label,price\n0.png,tiger,3\n1.png,lion,5\n")
    encoder = MeanColour()
    made = Collection.create(tmp_path, encoder)
    assert made.index(tmp_path).added == 3
    assert made.index(path).unchanged == 2
    assert [record.key for record in made.records("label = 'tiger' or price > 4")] == ["0.png", "1.png"]
    (tmp_path / "0.png").write_bytes(png((7, 7, 7), 13))
    assert made.index(tmp_path).changed == 1
    assert sorted(record.key for record in made.records("label in ('tiger', 'lion')")) == ["0.png", "1.png"]
    table(tmp_path, "path,label\n0.png,lion\n1.png,lion\n")
    made.index()
    assert sorted(record.key for record in made.records("label = 'lion'")) == ["0.png", "1.png"]
    assert encoder.calls == 4
