"""Starts and stops the built server, which is all that these scripts know of it besides its protocol."""

import os
import pathlib
import select
import signal
import subprocess
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
READY = "listening on "


def binary(name="chatelaine"):
    """The program under test: CHATELAINE_BINARY, or what the release build left."""
    named = os.environ.get("CHATELAINE_BINARY") if name == "chatelaine" else None
    return named or str(REPOSITORY / ".build" / "release" / name)


class Server:
    """One run of a server; started again it is the same server on the same data directory, on another port."""

    def __init__(self, *arguments, program=None):
        self.command = [program or binary(), *arguments]
        self.log = tempfile.NamedTemporaryFile(prefix="server-", suffix=".log", delete=False)
        self.process = None
        self.endpoint = None

    def start(self, deadline=20):
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log
        )
        line = self._first_line(time.monotonic() + deadline)
        if not line.startswith(READY):
            self.kill()
            raise AssertionError(f"the server said {line!r} and not that it listens; its log:\n{self.log_text()}")
        self.endpoint = line.removeprefix(READY).strip()
        return self

    def _first_line(self, deadline):
        descriptor, text = self.process.stdout.fileno(), b""
        while b"\n" not in text:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                break
            piece = os.read(descriptor, 4096)
            if not piece:
                break
            text += piece
        return text.decode(errors="replace").split("\n")[0]

    def stop(self, patience=15):
        """Asks it to finish, and fails when it does not within so many seconds."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server ignored SIGTERM for {patience} s; its log:\n{self.log_text()}")
        finally:
            self.process.stdout.close()
        return status

    def kill(self):
        """Ends it as a crash would: nothing of it runs after this."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def log_text(self):
        return pathlib.Path(self.log.name).read_text(errors="replace")[-20_000:]

    def log_size(self):
        """Where the log ends, in bytes: what is said from now on stands behind it."""
        return os.path.getsize(self.log.name)

    def log_since(self, position):
        with open(self.log.name, "rb") as log:
            log.seek(position)
            return log.read().decode(errors="replace")

    def forget_log(self):
        self.log.close()
        os.unlink(self.log.name)
