"""kill -9 of a server to which images are being sent: every image that was acknowledged is there afterwards."""

from __future__ import annotations

import hashlib
import json
import random
import re
import subprocess
import sys
import threading
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from fakes import colours
from likewise.collection import Collection
from likewise.service.writing.committing import recover_all
from serving import draw_folder, index_folder

KILLS = 3
CLIENTS = 3

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="images are added on POSIX only")


def started(place: Path) -> tuple[subprocess.Popen[str], int]:
    """A server of its own, and its port."""
    command = [sys.executable, "-m", "likewise", "serve", str(place), "--writable", "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    for line in server.stderr:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
            return server, int(found[1])
    raise AssertionError(f"the server left with {server.wait()}")


class Client(threading.Thread):
    """Sends pictures, one after the other, until the server is gone."""

    def __init__(self, port: int, files: dict[str, bytes], enough: threading.Event, target: int) -> None:
        super().__init__()
        self._port, self._files, self._enough, self._target = port, files, enough, target
        self.acknowledged: dict[str, bytes] = {}

    def run(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
        headers = {"Content-Type": "image/png", "X-Likewise": "1"}
        for name, data in self._files.items():
            try:
                connection.request("PUT", f"/v1/images/uploads/{name}", data, headers)
                answer = connection.getresponse()
                told = json.loads(answer.read())
            except (OSError, HTTPException, ValueError):
                return
            assert answer.status in (200, 201), told
            self.acknowledged[told["key"]] = data
            if len(self.acknowledged) >= self._target:
                self._enough.set()


def test_kill_9_while_images_are_added_loses_none_that_was_acknowledged(tmp_path: Path) -> None:
    place = index_folder(draw_folder(tmp_path / "photos", each=1), "classical")
    draw = random.Random(9)
    acknowledged: dict[str, bytes] = {}
    for life in range(KILLS):
        server, port = started(place)
        enough = threading.Event()
        target = draw.randrange(1, 20)
        clients = []
        for number in range(CLIENTS):
            # the same keys come again with other pictures in each life: added and replaced, in one group and in several
            files = {f"{number}/{key}": data for key, data in colours(500, seed=100 * life + number).items()}
            clients.append(Client(port, files, enough, target))
        for client in clients:
            client.start()
        assert enough.wait(120)
        server.kill()
        for client in clients:
            client.join()
        server.wait()
        assert server.stderr is not None
        server.stderr.close()
        for client in clients:
            acknowledged |= client.acknowledged
        with Collection.open(place) as collection:
            recover_all([collection])
            blocks, wrong = collection.store.check()
            assert (blocks > 0, wrong) == (True, [])
            unsure = {key for client in clients for key in [_next(client)] if key}
            for key, data in acknowledged.items():
                known = collection.store.known(key)
                assert known is not None
                assert known.live
                if key not in unsure:  # what was being replaced at that moment may be the old or the new
                    assert known.record is not None
                    assert known.record.content_sha256 == hashlib.sha256(data).hexdigest()
                    assert (place / key).read_bytes() == data
            assert collection.verify(deep=True).ok
        assert list((place / "uploads" / ".incoming").iterdir()) == []


def _next(client: Client) -> str:
    """The key that was being sent when the server died."""
    done = len(client.acknowledged)
    return f"uploads/{list(client._files)[done]}" if done < len(client._files) else ""
