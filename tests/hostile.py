"""What a taken-over or broken decoder could do, for decoding processes of tests: the picture says what."""

from __future__ import annotations

import io
import os
import signal
import threading
from collections.abc import Mapping
from typing import Any

from PIL import Image as Picture
from PIL.PngImagePlugin import PngInfo

from likewise.images import Limits
from likewise.service.decoding import tasks
from likewise.service.decoding.tasks import Made


def told_to(what: str) -> bytes:
    """A whole picture with an order in it."""
    info, target = PngInfo(), io.BytesIO()
    info.add_text("order", what)
    Picture.new("RGB", (12, 9), "red").save(target, "PNG", pnginfo=info)
    return target.getvalue()


def work(data: bytes, told: Mapping[str, Any], limits: Limits) -> Made:
    """Obeys the order, or works as the real one does."""
    order = Picture.open(io.BytesIO(data)).info.get("order", "") if data[1:4] == b"PNG" else ""
    if order == "hang":
        threading.Event().wait()
    elif order == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif order == "eat":
        held = []
        while True:
            held.append(bytes(16 << 20))  # never touched: it need not be, to be counted
    elif order == "write":
        with open(os.environ["LIKEWISE_TEST_TARGET"], "wb") as file:  # noqa: PTH123
            file.write(b"x")
    elif order == "lie":
        return Made(-5, 9, b"x" * tasks.most_bytes(tasks.Thumbnail(1000)))
    elif order == "flood":
        return Made(12, 9, b"x" * (200 << 20))
    elif order == "pid":
        return Made(os.getpid(), 1)
    return tasks.carry_out(data, told, limits)
