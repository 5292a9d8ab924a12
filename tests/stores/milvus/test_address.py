"""Addresses of Milvus, and how one gets in."""

from __future__ import annotations

from pathlib import Path

import pytest

from likewise.errors import BadArgument
from likewise.stores.milvus import Access, Address, is_address


@pytest.mark.parametrize(
    ("text", "uri", "name", "tls", "is_file"),
    [
        ("milvus://gpu7", "http://gpu7:19530", "likewise", False, False),
        ("milvus://gpu7:9/photos/", "http://gpu7:9", "photos", False, False),
        ("milvus+tls://db.example.org/photos", "https://db.example.org:19530", "photos", True, False),
        ("milvus://[::1]:19530/x", "http://[::1]:19530", "x", False, False),
        ("milvus:/data/a.db", "/data/a.db", "likewise", False, True),
        ("milvus:/data/a.db#photos", "/data/a.db", "photos", False, True),
    ],
)
def test_an_address_says_server_and_collection(text: str, uri: str, name: str, tls: bool, is_file: bool) -> None:
    found = Address.parse(text)
    assert (found.uri, found.name, found.tls, found.is_file) == (uri, name, tls, is_file)
    assert Address.parse(str(found)) == found
    assert is_address(text)


def test_a_file_lies_where_one_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Address.parse("milvus:a.db").uri == str(tmp_path / "a.db")


def test_options_stand_behind_a_question_mark() -> None:
    found = Address.parse("milvus://h/n?consistency=bounded&deadline=2.5")
    assert (found.consistency, found.deadline_s) == ("bounded", 2.5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Pictures", "no address of Milvus"),
        ("milvus:a.sqlite", "ends in .db"),
        ("milvus+tls:a.db", "ends in .db"),
        ("milvus:///x", "names no host"),
        ("milvus://h:port/x", "write milvus://HOST"),
        ("milvus://h/a-b", "letters, digits and _"),
        ("milvus://h/1a", "letters, digits and _"),
        ("milvus://h/a/b", "letters, digits and _"),
        ("milvus://h/a?consistency=eventual", "not understood"),
        ("milvus://h/a?deadline=0", "not understood"),
        ("milvus://h/a?token=x", "not understood"),
    ],
)
def test_what_is_none_is_refused_with_how_one_is_written(text: str, told: str) -> None:
    with pytest.raises(BadArgument, match=told):
        Address.parse(text)


def test_a_secret_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(BadArgument, match="LIKEWISE_MILVUS_TOKEN") as refused:
        Address.parse("milvus://root:hush@h/x")
    assert "hush" not in str(refused.value)


def test_the_token_comes_from_the_environment_or_a_file_and_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("root:hush\n")
    assert Access.of({}) == Access()
    for told in ({"LIKEWISE_MILVUS_TOKEN": "root:hush"}, {"LIKEWISE_MILVUS_TOKEN_FILE": str(file)}):
        found = Access.of(told)
        assert found.token == "root:hush"
        assert "hush" not in repr(found)
    with pytest.raises(BadArgument, match="cannot be read"):
        Access.of({"LIKEWISE_MILVUS_TOKEN_FILE": str(tmp_path / "none")})


def test_certificates_are_files(tmp_path: Path) -> None:
    pem = tmp_path / "ca.pem"
    pem.write_text("x")
    told = {"LIKEWISE_MILVUS_CA": str(pem), "LIKEWISE_MILVUS_SERVER_NAME": "db"}
    assert Access.of(told) == Access(ca=pem, server_name="db")
    with pytest.raises(BadArgument, match="LIKEWISE_MILVUS_KEY names .*no file"):
        Access.of({"LIKEWISE_MILVUS_KEY": str(tmp_path / "none")})
