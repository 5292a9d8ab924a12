"""Programs that the tests start and end."""

from __future__ import annotations

import signal


def take_interrupts() -> None:
    """Let a child take Ctrl-C, for `preexec_fn`: whoever is started in the background of a shell ignores it, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
