"""Work that a server does on its own, watched from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from likewise.client.transport import Transport
from likewise.errors import ServiceError

_PAUSE_S = 0.5
_OVER = ("done", "failed", "stopped", "cancelled", "interrupted")


@dataclass
class Job:
    """A job of a server.

    Attributes:
        id: As the server names it.
        told: What the server last said of it.
    """

    transport: Transport = field(repr=False)
    id: str
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """In a word of the server's: `queued`, `running`, `done`, `failed`, `stopped`."""
        return str(self.told.get("state", ""))

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in _OVER

    def refresh(self) -> Job:
        """Ask the server how far it is."""
        self.told = self.transport.json("GET", f"/v1/jobs/{self.id}")
        return self

    def wait(self, watch: Callable[[int, int], None] = lambda _done, _of: None) -> Job:
        """Stay until it is over.

        Args:
            watch: Told (done, of) whenever the server was asked; -1 where it does not know of how many.

        Raises:
            ServiceError: If it failed; the message has the reason.
        """
        while True:
            self.refresh()
            watch(int(self.told.get("done") or 0), int(self.told.get("total") or -1))
            if self.is_over:
                break
            self.transport.sleep(_PAUSE_S)
        if self.state == "failed":
            raise ServiceError(f"{self.transport.name}: the job failed: {self.told.get('error') or self.told}")
        return self

    def stop(self) -> None:
        """Ask the server to end it; what is done by then stays."""
        self.transport.send("DELETE", f"/v1/jobs/{self.id}")
