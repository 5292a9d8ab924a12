"""A client that names an address reaches the public internet through the server, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from likewise.errors import NotAPicture, OverLimit
from likewise.service.fetching import Fetcher, Target, is_public
from likewise.service.problems import Refusal
from loopback import Asked, serving
from photos import encoded, photo
from serving import client_of

PICTURE = encoded(photo(3), "JPEG")

# Each is refused before a single packet leaves: by how it is written, or by where its name leads.
ATTACKS = [
    "file:///etc/passwd",
    "ftp://example.com/a.jpg",
    "gopher://example.com/_GET",
    "data:image/png;base64,AAAA",
    "//example.com/a.jpg",
    "http:///a.jpg",
    "http://",
    "http://user@example.com/",
    "http://user:secret@example.com/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://localhost/",
    "http://LOCALHOST./",
    "http://\uff11\uff12\uff17.0.0.1/",
    "http://[::1]/",
    "http://[::]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::a00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[2606:2800:220:1::1%25eth0]/",
    "http://[fec0::1]/",
    "http://[fd00:ec2::254]/",
    "http://[ff02::1]/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.0.1/",
    "http://100.64.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://192.0.0.192/",
    "http://192.88.99.1/",
    "http://198.18.0.1/",
    "http://203.0.113.9/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://example.com:22/",
    "http://example.com:8080/",
    "http://example.com:443/",
    "https://example.com:80/",
    "http://example.com:/",
    "http://example.com:99999/",
    "http://example.com:x/",
    "http://exa mple.com/",
    "http://example.com/a b",
    "http://example.com/\r\nHost: localhost",
    "http://example.com/\x00",
    "http://example.com\\@127.0.0.1/",
    "http://example.com%00.localhost/",
    "http://exa%6dple.com/",
    "http://-example.com/",
    "http://example..com/",
    "http://" + "a" * 64 + ".com/",
    "http://example.com/" + "a" * 5000,
    "http://[::1/",
    "http://[example.com]/",
]


def run(fetcher: Callable[[], Fetcher], url: str) -> bytes:
    async def main() -> bytes:
        return await fetcher().fetch(url)

    return asyncio.run(main())


def leading_to(port: int, asked: list[str] | None = None) -> Callable[[], Fetcher]:
    """One for which every name stands for a server of the test."""

    async def resolve(host: str, _port: int) -> list[tuple[str, int]]:
        if asked is not None:
            asked.append(host)
        return [("127.0.0.1", port)]

    return lambda: Fetcher(1_000_000, 5.0, resolve, allowed=lambda address: address == "127.0.0.1")


@contextmanager
def answering(answer: Callable[[Asked], None], asked: list[str] | None = None) -> Iterator[Callable[[], Fetcher]]:
    with serving(answer) as (address, _):
        yield leading_to(int(address.rpartition(":")[2]), asked)


@contextmanager
def raw(talk: Callable[[socket.socket], None]) -> Iterator[Callable[[], Fetcher]]:
    """A server that says to its one client what the test wants."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def one() -> None:
            with server.accept()[0] as client:
                client.recv(65536)
                with contextlib.suppress(OSError):  # it has heard enough
                    talk(client)

        thread = threading.Thread(target=one, daemon=True)
        thread.start()
        yield leading_to(server.getsockname()[1])
        thread.join(30)


@pytest.mark.parametrize("url", ATTACKS, ids=lambda url: ascii(url)[1:60])
def test_an_attack_by_address_reaches_nobody(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*args: object, **_: object) -> None:
        pytest.fail(f"a connection to {args} was opened")

    async def resolve(host: str, port: int) -> list[tuple[str, int]]:
        """What is written in digits is resolved by the system, also where the digits are strange."""
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [(address[0], port) for *_, address in found]

    monkeypatch.setattr(asyncio, "open_connection", refused)
    with pytest.raises(Refusal) as caught:
        run(lambda: Fetcher(1_000_000, 5.0, resolve), url)
    assert caught.value.slug == "not-fetched"
    assert "127.0" not in caught.value.detail


def test_what_looks_like_a_user_behind_the_host_is_none() -> None:
    assert Target.parse("http://example.com#@127.0.0.1/") == Target("http", "example.com", "/")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("8.8.8.8", True),
        ("172.32.0.1", True),
        ("100.128.0.1", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("2a00:1450:4001::200e", True),
        ("100.127.255.255", False),
        ("2001:db8::1", False),
        ("::ffff:8.8.8.8", False),
        ("64:ff9b::808:808", False),
        ("2002:808:808::", False),
        ("nonsense", False),
        ("", False),
    ],
)
def test_public_is_what_anybody_has(address: str, public: bool) -> None:
    assert is_public(address) == public


def test_a_picture_is_fetched_as_it_is() -> None:
    asked: list[str] = []
    with answering(lambda request: request.reply(200, PICTURE), asked) as fetcher:
        assert run(fetcher, "http://example.com/a/é.jpg?size=2") == PICTURE
    assert asked == ["example.com"]


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    async def resolve(_host: str, port: int) -> list[tuple[str, int]]:
        return [("93.184.216.34", port), ("192.168.0.1", port)]

    with pytest.raises(Refusal):
        run(lambda: Fetcher(1000, 5.0, resolve), "http://example.com/")


def test_a_name_that_changes_its_mind_changes_nothing() -> None:
    """It is resolved once, and what is connected to is an address, not the name."""
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    with serving(lambda request: request.reply(200, PICTURE)) as (address, _):
        port = int(address.rpartition(":")[2])

        async def resolve(_host: str, _port: int) -> list[tuple[str, int]]:
            return [(each, port) for each in answers.pop(0)]

        fetcher = lambda: Fetcher(1_000_000, 5.0, resolve, lambda each: each == "127.0.0.1")  # noqa: E731
        assert run(fetcher, "http://rebinding.example/") == PICTURE
    assert answers == [["10.0.0.1"]]


def test_each_redirect_is_checked_anew() -> None:
    with answering(lambda request: request.reply(302, b"", {"Location": "http://10.0.0.1/a.jpg"})) as fetcher:

        def made() -> Fetcher:
            async def resolve(host: str, port: int) -> list[tuple[str, int]]:
                return [(host, port)] if host == "10.0.0.1" else await inner(host, port)

            found = fetcher()
            inner, found._resolve = found._resolve, resolve
            return found

        with pytest.raises(Refusal) as caught:
            run(made, "http://example.com/")
    assert caught.value.slug == "not-fetched"


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "http://a:b@example.com/", "http://example.com:22/", "http://e\\x.com/", "//[::1"],
)
def test_a_redirect_to_no_address_is_refused(location: str) -> None:
    with (
        answering(lambda request: request.reply(301, b"", {"Location": location})) as fetcher,
        pytest.raises(Refusal, match="not-fetched"),
    ):
        run(fetcher, "http://example.com/")


def test_a_few_redirects_are_followed_and_an_endless_row_is_not() -> None:
    def count_down(request: Asked) -> None:
        number = int(request.path.strip("/"))
        if number:
            request.reply(307, b"", {"Location": f"/{number - 1}"})
        else:
            request.reply(200, PICTURE)

    with answering(count_down) as fetcher:
        assert run(fetcher, "http://example.com/4") == PICTURE
        with pytest.raises(Refusal, match="leads on more than"):
            run(fetcher, "http://example.com/5")


def test_a_redirect_from_https_to_http_is_refused() -> None:
    with pytest.raises(Refusal, match="from https to http"):
        Target.parse("https://example.com/").leading_to("http://example.com/")
    assert str(Target.parse("http://example.com/a").leading_to("https://[2606::1]/b")) == "https://[2606::1]/b"


def test_what_is_no_picture_is_found_out_by_its_first_bytes() -> None:
    with (
        answering(
            lambda request: request.reply(200, b"<html>" + bytes(900_000), {"Content-Type": "image/png"})
        ) as fetcher,
        pytest.raises(NotAPicture),
    ):
        run(fetcher, "http://example.com/")
    with answering(lambda request: request.reply(200, b"")) as fetcher, pytest.raises(NotAPicture):
        run(fetcher, "http://example.com/")


def test_what_says_that_it_is_too_large_is_not_read() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n"
    with raw(lambda client: client.sendall(head)) as fetcher, pytest.raises(OverLimit):
        run(fetcher, "http://example.com/")


def test_what_never_ends_is_not_read_on() -> None:
    def flood(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + PICTURE)
        while True:
            client.sendall(bytes(65536))

    with raw(flood) as fetcher, pytest.raises(OverLimit):
        run(fetcher, "http://example.com/")


def slowly(text: bytes) -> Callable[[socket.socket], None]:
    def talk(client: socket.socket) -> None:
        client.sendall(text)
        while True:
            client.sendall(b"a")
            threading.Event().wait(0.05)

    return talk


@pytest.mark.parametrize("text", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n\xff\xd8\xff\xe0"])
def test_what_drips_is_given_up(text: bytes) -> None:
    with raw(slowly(text)) as fetcher:

        def hasty() -> Fetcher:
            found = fetcher()
            found._within_s = 0.5
            return found

        with pytest.raises(Refusal, match="within|public internet"):
            run(hasty, "http://example.com/")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" + PICTURE[:500],
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(PICTURE),
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
    ids=lambda said: said[:40],
)
def test_an_answer_that_is_none_is_told_in_one_and_the_same_sentence(said: bytes) -> None:
    with raw(lambda client: client.sendall(said)) as fetcher, pytest.raises(Refusal) as caught:
        run(fetcher, "http://example.com/")
    with pytest.raises(Refusal) as nobody:
        run(leading_to(1), "http://example.com/")
    assert caught.value.detail == nobody.value.detail


def test_a_promise_to_answer_is_not_yet_the_answer() -> None:
    body = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(PICTURE[i : i + 100]), PICTURE[i : i + 100]) for i in range(0, len(PICTURE), 100)
    )
    with raw(lambda client: client.sendall(body + chunks + b"0\r\n\r\n")) as fetcher:
        assert run(fetcher, "http://example.com/") == PICTURE


def test_a_name_that_is_not_there_is_told_as_one_inside() -> None:
    async def nobody(_host: str, _port: int) -> list[tuple[str, int]]:
        raise socket.gaierror(-2, "Name or service not known")

    told = []
    for url in ("http://nowhere.example/", "http://10.0.0.1/"):
        with pytest.raises(Refusal) as caught:
            run(lambda url=url: Fetcher(1000, 5.0, nobody) if "nowhere" in url else Fetcher(1000), url)  # type: ignore[misc]
        told.append(caught.value.detail)
    assert told[0] == told[1]


def test_https_believes_no_stranger() -> None:
    """A server that does not speak TLS, or speaks it in another name, is nobody."""
    contexts: list[ssl.SSLContext] = []
    with answering(lambda request: request.reply(200, PICTURE)) as fetcher:

        def made() -> Fetcher:
            found = fetcher()
            contexts.append(found._context)
            return found

        with pytest.raises(Refusal, match="public internet"):
            run(made, "https://example.com/")
    assert contexts[0].verify_mode == ssl.CERT_REQUIRED
    assert contexts[0].check_hostname


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with answering(lambda request: request.reply(200, PICTURE)) as fetcher:
        assert run(fetcher, "http://example.com/") == PICTURE


def asked_by_url(photos: Path, url: str, **settings: object) -> tuple[int, dict[str, object]]:
    with client_of(photos, **settings) as client:
        answer = client.post("/v1/search", json={"query": [{"url": url}], "k": 1})
        return answer.status_code, answer.json()


def test_addresses_are_not_fetched_unless_the_operator_says_so(photos: Path) -> None:
    status, told = asked_by_url(photos, "http://example.com/a.jpg")
    assert (status, told["type"]) == (403, "/problems/not-allowed")


def test_a_query_by_address_finds_what_the_picture_itself_finds(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = (photos / "lines/03.png").read_bytes()
    with answering(lambda request: request.reply(200, data)) as fetcher:
        monkeypatch.setattr("likewise.service.app.Fetcher", lambda _most_bytes: fetcher())
        status, told = asked_by_url(photos, "http://example.com/a.png", allow_urls=True)
    assert status == 200
    assert told["hits"][0]["key"] == "lines/03.png"  # type: ignore[index]


def test_a_server_that_fetches_does_not_reach_itself(photos: Path) -> None:
    status, told = asked_by_url(photos, "http://127.0.0.1/v1/images", allow_urls=True)
    assert (status, told["type"]) == (422, "/problems/not-fetched")
    assert "127.0.0.1" not in str(told["detail"])
