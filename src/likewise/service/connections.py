"""Connections that send their requests drop by drop are closed: a server has only so many."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
"""For a whole head of a request, from its first byte or from the connection on."""

BODY_S = 30.0
"""Between two pieces of a body."""


class PatientProtocol(H11Protocol):
    """uvicorn's, which waits for ever for the rest of a request, with an end to its patience."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._patience: asyncio.TimerHandle | None = None
        self._in_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a head."""
        super().connection_made(transport)
        self._patience = self.loop.call_later(HEAD_S, self._close)

    def data_received(self, data: bytes) -> None:
        """Wait for what is still to come."""
        super().data_received(data)
        state = self.conn.their_state
        if state is h11.SEND_BODY:  # every piece counts anew
            self._wait(BODY_S)
        elif state is not h11.IDLE:
            self._stop()
        elif self._patience is None or self._in_body:  # the head of a further request has begun
            self._wait(HEAD_S)
        self._in_body = state is h11.SEND_BODY

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self, seconds: float) -> None:
        self._stop()
        self._patience = self.loop.call_later(seconds, self._close)

    def _stop(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _close(self) -> None:
        if self.flow.read_paused:  # it is we who do not read
            self._wait(BODY_S)
        else:
            self.transport.close()
