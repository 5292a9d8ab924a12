"""A real Milvus for tests: `python tests/milvus_server.py COMMAND…` runs a command beside one, and ends both.

The server of the package `milvus` listens on every interface of the machine and asks for no password. So it is started in a network of its
own (a namespace of Linux) that has nothing but a loopback, and the command runs in there too.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PORT = 19530
INSIDE = "LIKEWISE_TEST_MILVUS_INSIDE"
COMMAND = "LIKEWISE_MILVUS_SERVER"
"""Names the program `milvus-server`, where it is not found otherwise."""


class Server:
    """One server on one folder of data; another process may end it, or start it again."""

    def __init__(self, data: Path) -> None:
        self.data, self.log = data, data.parent / "milvus.log"
        self._note = data.parent / "milvus.pid"

    def start(self) -> None:
        program = os.environ.get(COMMAND) or shutil.which("milvus-server")
        if program is None:
            raise SystemExit(
                f"no milvus-server: pip install milvus==2.3.5 into an environment of its own, and name it in {COMMAND}"
            )
        with self.log.open("ab") as log:
            told = [program, "--data", str(self.data), "--proxy-port", str(PORT)]
            process = subprocess.Popen(  # it leaves a note of its own where it stands
                told, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=self._note.parent
            )
        process.returncode = 0  # nobody waits for it: it may outlive whoever started it
        self._note.write_text(str(process.pid))

    def kill(self) -> None:
        """End it as a power cut would: all of its processes, at once, without a word."""
        if self._note.exists():
            group = int(self._note.read_text())
            for process in _of_session(group):
                os.kill(process, signal.SIGKILL)
            self._note.unlink()

    def wait(self, timeout_s: float = 180.0) -> None:
        """Until it answers."""
        until = time.monotonic() + timeout_s
        while True:
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", PORT)) == 0:
                    return
            if time.monotonic() > until:
                raise SystemExit(f"milvus-server did not answer in {timeout_s:g} s: {self.log.read_text()[-2000:]}")
            time.sleep(0.2)


def _of_session(leader: int) -> list[int]:
    """The processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader:
            found.append(int(path.parent.name))
    return found


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh", b"lo", 0x1 | 0x40)  # IFF_UP and IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS


def main(command: list[str]) -> int:
    if INSIDE not in os.environ:
        alone = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
        os.execvpe("unshare", [*alone, sys.executable, __file__, *command], {**os.environ, INSIDE: "1"})
    _loopback_up()
    with tempfile.TemporaryDirectory(prefix="likewise-milvus-") as folder:
        server = Server(Path(folder) / "data")
        server.start()
        try:
            server.wait()
            told = {"LIKEWISE_TEST_MILVUS": f"milvus://127.0.0.1:{PORT}", "LIKEWISE_TEST_MILVUS_DATA": str(server.data)}
            return subprocess.run(command, env={**os.environ, **told}, check=False).returncode
        finally:
            server.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
