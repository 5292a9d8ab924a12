"""Clients of a service, in a process of their own: each asks, waits for the answer, and asks again, over one connection.

    python -m load.clients PORT CLIENTS SECONDS FOLDER K

Raw sockets under asyncio, since an HTTP library would take more of the processors than the service. Prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path


async def client(
    port: int, requests: list[bytes], ends: float, seed: int, seen: list[float], told: Counter[str]
) -> None:
    """One client until the end; what it met is added to `seen` (seconds) and `told` (statuses)."""
    draw = random.Random(seed)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < ends:
        began = time.perf_counter()
        try:
            writer.write(draw.choice(requests))
            head = await reader.readuntil(b"\r\n\r\n")
            status = head[9:12].decode()
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            await reader.readexactly(int(lengths[0].split(b":")[1]))
        except (OSError, asyncio.IncompleteReadError) as error:
            told[type(error).__name__] += 1
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            continue
        told[status] += 1
        if status == "200":
            seen.append(time.perf_counter() - began)
    writer.close()


def request(data: bytes, k: int) -> bytes:
    """A search by a picture."""
    head = f"POST /v1/search?k={k} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: {len(data)}\r\n\r\n"
    return head.encode() + data


async def main(port: int, clients: int, seconds: float, folder: Path, k: int) -> None:
    """All clients side by side."""
    requests = [request(path.read_bytes(), k) for path in sorted(folder.rglob("*.png"))]
    seen: list[float] = []
    told: Counter[str] = Counter()
    began = time.monotonic()
    await asyncio.gather(*(client(port, requests, began + seconds, seed, seen, told) for seed in range(clients)))
    print(json.dumps({"seconds": time.monotonic() - began, "latencies": seen, "told": told}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5])))
