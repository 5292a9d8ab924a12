"""The app under its server, from the first request to the last."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from likewise.errors import BadArgument
from likewise.service.app import create_app
from likewise.service.connections import PatientProtocol
from likewise.service.settings import Settings


class _Server(uvicorn.Server):
    """Says where it listens as soon as it does."""

    def __init__(self, config: uvicorn.Config, told: Callable[[str], None]) -> None:
        super().__init__(config)
        self._told = told

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Listen, and say so."""
        await super().startup(sockets)  # type: ignore[arg-type]
        if not self.should_exit:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._told(f"http://{f'[{host}]' if ':' in host else host}:{port}/")


def run(settings: Settings, told: Callable[[str], None]) -> None:
    """Serve until a signal says to stop; what was taken is finished first, within `Settings.drain_s`.

    Args:
        settings: How.
        told: Is given the address, once it answers.
    """
    app = create_app(settings)
    _check_free(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_graceful_shutdown=math.ceil(settings.drain_s),
        lifespan="on",
        http=PatientProtocol,
    )
    with suppress(KeyboardInterrupt):  # the server hands on the signal that ended it, after all is done
        _Server(config, told).run()


def _check_free(settings: Settings) -> None:
    """Refuse an address that cannot be listened on, in our words."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((settings.host, settings.port))
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        raise BadArgument(
            f"cannot listen on {place}: {error.strerror}: take another --port, or 0 for a free one"
        ) from error
