"""Buckets and addresses: what is read once, what is asked again, what is said when something is away."""

from __future__ import annotations

import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from buckets import ENVIRONMENT, Storage, storing
from fakes import MeanColour, colours, png
from likewise import sources
from likewise.collection import Collection
from likewise.errors import SourceError
from likewise.sources import buckets, fetched, locate, objects, open_source, web
from likewise.types import Item
from loopback import Asked, serving
from places import keys


@pytest.fixture(scope="module")
def server() -> Iterator[Storage]:
    with storing() as storage:
        yield storage


@pytest.fixture
def storage(server: Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": server.endpoint}.items():
        monkeypatch.setenv(name, value)
    forget_connections()
    yield server
    forget_connections()


def forget_connections() -> None:
    buckets.bucket.cache_clear()
    objects._kept_open.cache_clear()


def collection(folder: Path) -> Collection:
    return Collection.create(folder, MeanColour())


def tar_of(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(data), 1_700_000_000
            tar.addfile(entry, io.BytesIO(data))
    return made.getvalue()


def test_a_bucket_is_read_once_and_again_only_what_has_another_etag(storage: Storage, tmp_path: Path) -> None:
    pictures = colours(1100)  # more than one page of a listing
    storage.make("once", {f"in/{key}": data for key, data in pictures.items()})
    with collection(tmp_path) as made:
        storage.asked.clear()
        report = made.index("s3://once/in")
        assert (report.added, storage.asked["GET", "object"]) == (1100, 1100)
        storage.asked.clear()
        assert made.index("s3://once/in").unchanged == 1100
        assert set(storage.asked) == {("GET", "list")}
        assert storage.asked["GET", "list"] <= 4
        first, second, third = sorted(pictures)[:3]
        storage.put("once", f"in/{first}", png((1, 2, 3)))
        storage.delete("once", f"in/{second}")
        storage.put("once", f"in/{third}", pictures[third])  # another date, the same bytes
        storage.asked.clear()
        report = made.index()
        assert (report.changed, report.vanished, report.unchanged) == (1, 1, 1098)
        assert storage.asked["GET", "object"] == 1
        assert made.store.known(f"s3://once/in/{second}").live is False  # type: ignore[union-attr]


def test_keys_are_addresses_and_lead_back_to_the_bytes(storage: Storage, tmp_path: Path) -> None:
    storage.make("back", {"a/é ü+1.png": png((9, 9, 9)), "b.png": png((1, 1, 1)), "_SUCCESS": b"", "notes.txt": b"x"})
    with collection(tmp_path) as made:
        made.index("s3://back")
        found = [record.key for record in made.records()]
        assert found == ["s3://back/a/é ü+1.png", "s3://back/b.png"]
        assert made.original(next(made.records())) == png((9, 9, 9))
        assert made.picture(next(made.records())) is not None
        hits = made.search("s3://back/b.png", k=1, with_self=True)
        assert [hit.path for hit in hits] == ["s3://back/b.png"]
        assert made.forget("s3://back/a") == 1


def test_a_picture_of_a_bucket_is_a_query_though_it_is_not_in_the_gallery(storage: Storage, tmp_path: Path) -> None:
    storage.make("asking", {"in/a.png": png((9, 9, 9)), "q/b.png": png((200, 1, 1))})
    with collection(tmp_path) as made:
        made.index("s3://asking/in")
        assert len(made.search("s3://asking/q/b.png")) == 1
        assert len(made.search("s3://asking/q")) == 1


def test_names_without_an_ending_are_tried_and_hidden_ones_are_not(storage: Storage) -> None:
    storage.make("odd", {"blob": png((1, 1, 1)), ".hidden/a.png": b"x", "x/.b.png": b"x", "c.tar.gz": b"x"})
    assert keys(open_source("s3://odd")) == ["blob"]


def test_one_object_is_one_image(storage: Storage) -> None:
    storage.make("one", {"in/a.png": b"1", "in/b.png": b"22"})
    source = open_source("s3://one/in/b.png")
    (item,) = source.items()
    assert (item.key, item.size_bytes, source.read(item), source.covers("a.png")) == ("b.png", 2, b"22", False)
    assert item.etag
    assert source.file(item) is None


@pytest.mark.parametrize("ending", [".tar", ".zip", ".tar.gz"])
def test_an_archive_in_a_bucket_is_read_by_its_blocks(storage: Storage, ending: str) -> None:
    files = {f"{number}.png": bytes([number]) * 100_000 for number in range(5)}
    made = io.BytesIO()
    if ending == ".zip":
        with zipfile.ZipFile(made, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        import gzip

        packed = tar_of(files)
        made.write(gzip.compress(packed) if ending.endswith("gz") else packed)
    storage.make(f"packed{len(ending)}", {f"s/shard{ending}": made.getvalue()})
    place = f"s3://packed{len(ending)}/s/shard{ending}"
    storage.asked.clear()
    source = open_source(place)
    assert {item.key: source.read(item) for item in source.items()} == files
    assert storage.asked["GET", "object"] == 1  # all of it is one block
    again, item = locate(f"{place}/3.png")
    assert again.read(item) == files["3.png"]
    assert again.location == place


def test_a_list_in_a_bucket_is_relative_to_its_folder(storage: Storage) -> None:
    told = b"# mine\na.png\ns3://listed/other/b.png\n"
    storage.make("listed", {"in/a.png": b"1", "other/b.png": b"2", "in/list.txt": told})
    source = open_source("s3://listed/in/list.txt")
    assert {item.key: source.read(item) for item in source.items()} == {"in/a.png": b"1", "other/b.png": b"2"}
    assert source.location == "s3://listed"
    assert source.covers("in/a.png")
    assert not source.covers("in/c.png")


def test_a_list_on_this_machine_may_name_objects_and_what_is_gone_costs_itself(
    storage: Storage, tmp_path: Path
) -> None:
    storage.make("named", {"a.png": png((1, 1, 1))})
    (tmp_path / "list.txt").write_text("s3://named/a.png\ns3://named/gone.png\n")
    with collection(tmp_path) as made:
        report = made.index(tmp_path / "list.txt")
    assert report.added == 1
    assert [skip.key for skip in report.skipped] == ["s3://named/gone.png"]
    assert "no such object" in report.skipped[0].reason


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("s3://nowhere/x", "no bucket called nowhere"),
        ("s3://errors/empty", "nothing lies below"),
        ("s3://errors/gone.png", "no such object"),
        ("s3://", "names no bucket"),
    ],
)
def test_what_is_not_there_is_named_with_the_way_out(storage: Storage, place: str, told: str) -> None:
    storage.make("errors", {"a.png": b"1"})
    with pytest.raises(SourceError, match=told):
        list(open_source(place).items())


def test_an_object_whose_key_is_no_path_is_named(storage: Storage) -> None:
    storage.make("twisted", {"a//b.png": b"1"})
    with pytest.raises(SourceError, match=r"a//b\.png.*rename it"):
        list(open_source("s3://twisted").items())


def test_a_server_that_is_away_or_refuses_says_what_to_look_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(asked: Asked) -> None:
        asked.reply(403, b"<Error><Code>AccessDenied</Code></Error>")

    with serving(refuse) as (address, _):
        for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        forget_connections()
        with pytest.raises(SourceError, match=r"refuses.*AWS_ACCESS_KEY_ID"):
            open_source("s3://closed/in")
    forget_connections()
    with pytest.raises(SourceError, match=r"cannot be fetched.*AWS_ENDPOINT_URL.*run the same command again"):
        open_source("s3://closed/in")
    forget_connections()


def test_without_credentials_the_names_of_the_variables_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def list(self, *_: object, **__: object) -> object:
            from obstore.exceptions import GenericError

            raise GenericError("Generic S3 error: Error performing PUT http://169.254.169.254/latest/api/token")

    bucket = object.__new__(buckets.Bucket)
    bucket.scheme, bucket.name, bucket._quick = "s3", "b", Silent()  # type: ignore[assignment]
    with pytest.raises(SourceError, match=r"no credentials.*AWS_SECRET_ACCESS_KEY.*AWS_SKIP_SIGNATURE"):
        bucket.check()


def test_what_fails_for_a_moment_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def moody(asked: Asked) -> None:
        is_second = sum(path == asked.path for path, _ in seen) > 1
        asked.reply(
            200 if is_second else 503, b"picture", {"ETag": '"1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        )

    with serving(moody) as (address, seen):
        for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        forget_connections()
        assert buckets.bucket("s3", "moody").read("a.png") == b"picture"
        assert len(seen) == 2
        assert web.fetch(f"{address}/b.png", tries=2) == b"picture"
        with pytest.raises(SourceError, match="503"):
            web.fetch(f"{address}/c.png")
    forget_connections()


def test_google_and_azure_are_asked_in_their_own_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    date = "Thu, 01 Jan 2026 00:00:00 GMT"
    facts = '<LastModified>2026-01-01T00:00:00Z</LastModified><ETag>"e"</ETag><Size>7</Size>'
    google = f"<ListBucketResult><Contents><Key>in/a.png</Key>{facts}</Contents></ListBucketResult>"
    properties = f"<Last-Modified>{date}</Last-Modified><Content-Length>7</Content-Length><Etag>0x1</Etag>"
    blob = f"<Blob><Name>in/a.png</Name><Properties>{properties}<Content-Type>x</Content-Type></Properties></Blob>"
    azure = f"<EnumerationResults><Blobs>{blob}</Blobs><NextMarker/></EnumerationResults>"

    def answer(asked: Asked) -> None:
        head = {"ETag": '"e"', "Last-Modified": date}
        listing = google if "list-type=2" in asked.path else azure if "comp=list" in asked.path else ""
        asked.reply(200, listing.encode() or b"picture", head)

    with serving(answer) as (address, _):
        account = tmp_path / "account.json"
        told = f'{{"gcs_base_url": "{address}", "disable_oauth": true, "client_email": "", "private_key": "", "private_key_id": ""}}'
        account.write_text(told)
        monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(account))
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "devstoreaccount1")
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
        monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", address)
        forget_connections()
        for place in ("gs://bucket/in", "az://bucket/in"):
            source = open_source(place)
            (item,) = source.items()
            assert (item.key, item.size_bytes, source.read(item)) == ("a.png", 7, b"picture")
            assert item.etag in ('"e"', "0x1")
    forget_connections()


def test_addresses_of_the_web_are_asked_before_they_are_read_again(tmp_path: Path) -> None:
    tags = {"/a.png": '"1"', "/b.png": 'W/"2"', "/c.png": ""}
    methods: list[tuple[str, str]] = []

    class Server(Asked):
        def do_HEAD(self) -> None:  # noqa: N802
            methods.append(("HEAD", self.path))
            self.send_response(200)
            self.send_header("Content-Length", str(len(png((1, 2, 3)))))
            if tags[self.path]:
                self.send_header("ETag", tags[self.path])
            if self.path == "/b.png":
                self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
            self.end_headers()

        def do_GET(self) -> None:  # noqa: N802
            methods.append(("GET", self.path))
            self.reply(200, png((1, 2, 3)))

    from http.server import ThreadingHTTPServer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        (tmp_path / "web.csv").write_text("".join(["url,label\n", *(f"{address}{path},x\n" for path in tags)]))
        with collection(tmp_path) as made:
            assert made.index(tmp_path / "web.csv").added == 3
            methods.clear()
            assert made.index(tmp_path / "web.csv").unchanged == 3
            # The third says neither date nor ETag, so its bytes are compared.
            assert sorted(methods) == [("GET", "/c.png"), *(("HEAD", path) for path in sorted(tags))]
            assert next(made.records()).metadata == {"label": "x"}
            assert made.picture(next(made.records())) is not None
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_list_on_the_web_is_relative_to_it() -> None:
    def answer(asked: Asked) -> None:
        asked.reply(200, b"a.png\n/b.png\n" if asked.path.endswith(".txt") else b"picture")

    with serving(answer) as (address, _):
        source = open_source(f"{address}/in/list.txt")
        assert [f"{source.location}/{item.key}" for item in source.items()] == [
            f"{address}/in/a.png",
            f"{address}/b.png",
        ]
        assert keys(open_source(f"{address}/in/a.png")) == ["a.png"]
        with pytest.raises(SourceError, match="neither a list"):
            open_source(f"{address}/in/page")


def test_addresses_of_several_hosts_keep_theirs(tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("https://one.invalid/a.png?w=1\nhttps://two.invalid/b/c.png\n")
    source = open_source(str(tmp_path / "two.txt"))
    assert source.location == "https:/"
    assert source.covers("one.invalid/a.png?w=1")
    with collection(tmp_path) as made:
        roots = made.store.roots.including(source.location)
        assert roots.named == {}
        assert (
            roots.key("https:/two.invalid/b/c.png")
            == roots.path("https://two.invalid/b/c.png")
            == "https://two.invalid/b/c.png"
        )


@pytest.mark.parametrize("text", ["https://a.invalid/a.png\nb.png\n", "https://a.invalid/a.png\ns3://b/a.png\n"])
def test_a_list_is_of_one_kind(tmp_path: Path, text: str) -> None:
    (tmp_path / "mixed.txt").write_text(text)
    with pytest.raises(SourceError, match=r"lists of their own|make a list for each"):
        open_source(str(tmp_path / "mixed.txt"))


def test_many_or_one_is_told_by_the_name() -> None:
    assert [sources.is_many(place) for place in ("s3://b/in", "s3://b/a.png", "https://h/a", "gs://b")] == [
        True,
        False,
        False,
        True,
    ]


def test_a_far_file_gives_its_bytes_wherever_it_is_read_and_fetches_none_twice() -> None:
    data = bytes(range(256)) * (fetched.BLOCK_BYTES // 100)
    asked: list[tuple[int, int]] = []

    def fetch(start: int, end: int) -> bytes:
        asked.append((start, end))
        return data[start:end]

    file = io.BufferedReader(fetched.Fetched(len(data), fetch), 1 << 12)
    for offset in (len(data) - 10, 5, fetched.BLOCK_BYTES - 3, 5):
        file.seek(offset)
        assert file.read(9) == data[offset : offset + 9]
    file.seek(0)
    assert file.read() == data
    assert sum(end - start for start, end in asked) == len(data)
    assert file.seek(-4, io.SEEK_END) == len(data) - 4
    assert file.read() == data[-4:]
    with pytest.raises(ValueError, match="seek"):
        file.seek(-1)
    file.close()


def test_threads_read_a_bucket_side_by_side(storage: Storage) -> None:
    files = {f"{number}.png": bytes([number]) * 50 for number in range(20)}
    storage.make("threads", files)
    source = open_source("s3://threads")
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda key: source.read(Item(key)), files)) == list(files.values())


def test_without_obstore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from likewise.errors import MissingExtra

    forget_connections()
    monkeypatch.setitem(__import__("sys").modules, "obstore.store", None)
    with pytest.raises(MissingExtra, match=r"likewise\[cloud\]"):
        open_source("s3://b/in")
    forget_connections()


def test_archives_of_a_bucket_are_shards_that_are_not_opened_to_be_listed(storage: Storage) -> None:
    from likewise.distributed import shards

    storage.make(
        "sharded",
        {"s/c.png": b"3", "s/0.tar": tar_of({"a.png": b"1"}), "s/1.tar": tar_of({"b.png": b"2"}), "s/x.txt": b"x"},
    )
    storage.asked.clear()
    place = shards.opened("s3://sharded/s/*.tar")
    assert [name for name, _ in place.archives] == ["s3://sharded/s/0.tar", "s3://sharded/s/1.tar"]
    assert storage.asked["GET", "object"] == 0
    (one,) = shards.opened("s3://sharded/s/1.tar").archives
    assert one == place.archives[1]
    assert shards.opened("s3://sharded/s").archives == ()
