"""A browser before the page, served over drawn pictures; skipped, with the reason, where there is no browser."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import likewise
from browsers import chromium
from likewise.benchmarks import rendered
from likewise.service.app import create_app
from likewise.service.settings import Settings

KINDS = rendered.KINDS[:4]


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of 24 drawn pictures, one of them there twice, and beside it a folder `queries`."""
    base = tmp_path_factory.mktemp("page")
    folder = base / "drawn"
    rendered.write(folder, rendered.scenes(6, 1, kinds=KINDS), side=96)
    first = sorted(folder.glob("*/*.jpg"))[0]
    shutil.copy(first, first.with_name("again.jpg"))
    rendered.write(base / "queries", rendered.scenes(1, 1, first_instance=9, kinds=KINDS[:2]), side=96)
    likewise.index(folder, collection=folder).close()
    return folder


@pytest.fixture(scope="session")
def queries(drawn: Path) -> list[Path]:
    """Pictures that the gallery has not."""
    return sorted((drawn.parent / "queries").rglob("*.jpg"))


@pytest.fixture(scope="session")
def address(drawn: Path) -> Iterator[str]:
    """Of a service over the drawn pictures."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(Settings((drawn,))), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            if not thread.is_alive():
                pytest.fail("the service did not start")
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")  # and no longer: while Playwright is there, this thread has an event loop that runs
def browser() -> Iterator[Any]:
    """Chromium, by Playwright."""
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """The page before anything was asked; an error in its console fails the test, unless it was allowed by `page.allowed`."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce", base_url=address)
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    wrong: list[str] = []
    opened.allowed = []
    opened.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    yield opened
    context.close()
    assert [line for line in wrong if not any(part in line for part in opened.allowed)] == []
