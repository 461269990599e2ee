"""Nodes of Chatelaine over one store, each on a host of its own, and when each of them was in what trouble."""

import contextlib
import http.client
import os
import pathlib
import re
import select
import signal
import subprocess
import time
import urllib.error
import urllib.request

from harness import Account, eventually, holds
from network import BACK, FRONT
from server import READY, binary

PORT, MONITOR_PORT = 4599, 4600
START_SECONDS = 30


class Trouble:
    """What a node cannot do for a while: it is `down`, `cut` from the store, or the `store` has no primary."""

    def __init__(self, kind, start):
        self.kind, self.start, self.end = kind, start, None

    def overlaps(self, start, end):
        return self.start <= end and (self.end is None or start <= self.end)


class Node:
    """A node that can be killed, cut off, and started again with another clock.

    `outage`: how many seconds it serves without the store. `clock`: what its next process takes for the time, or None.
    """

    def __init__(self, name, host, directory, store, passphrase, *, outage, flags=()):
        self.name, self.host, self.outage, self.flags = name, host, outage, tuple(flags)
        self.data = directory / name
        self.log = directory / f"{name}.log"
        self.store, self.passphrase = store, passphrase
        self.process = None
        # Counts starts: what one process had in memory, the next one has not.
        self.incarnation = 0
        self.clock = None
        self.troubles = []

    @property
    def endpoint(self):
        return f"http://{self.host.address(FRONT)}:{PORT}"

    @property
    def monitor(self):
        return f"http://{self.host.address(FRONT)}:{MONITOR_PORT}"

    # Its process

    def common_options(self):
        return ["--data-dir", str(self.data), "--node", self.name, "--store", self.store,
                "--passphrase-file", str(self.passphrase)]  # fmt: skip

    def initialize(self):
        """Makes the store's seal and its first account, whose root user this returns."""
        done = subprocess.run(
            self.host.command(binary(), "init", "--seal", "passphrase", *self.common_options()),
            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        holds(done.returncode == 0, f"init: {done.stdout}{done.stderr}")
        found = dict(re.findall(r"export (AWS_ACCESS_KEY_ID|AWS_SECRET_ACCESS_KEY)=(\S+)", done.stdout))
        number = re.search(r"with the account (\d{12})", done.stdout)
        holds(number and len(found) == 2, f"init shows no access key: {done.stderr}")
        return Account(number[1], found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"])

    def start(self):
        """Starts it and waits until it listens."""
        environment = dict(os.environ)
        if self.clock:
            environment |= self.clock.environment
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.host.command(
                    binary(), "serve", *self.common_options(), "--listen", f"0.0.0.0:{PORT}", "--without-tls",
                    "--monitor-listen", f"{self.host.address(FRONT)}:{MONITOR_PORT}", "--quotas", "unlimited",
                    "--store-outage-seconds", str(self.outage), *self.flags,
                ),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment, start_new_session=True,
            )  # fmt: skip
        self.incarnation += 1
        self._wait_until_it_listens()

    def _wait_until_it_listens(self):
        deadline, text = time.monotonic() + START_SECONDS, b""
        while READY.encode() not in text:
            left = deadline - time.monotonic()
            ready = left > 0 and select.select([self.process.stdout], [], [], left)[0]
            piece = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            holds(piece, f"{self.name} does not listen; its log:\n{self.log_text()}")
            text += piece

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} ignored SIGTERM for 30 s; its log:\n{self.log_text()}") from None
        finally:
            if self.process.poll() is not None:
                self.process.stdout.close()
        return status

    def restart(self):
        """Ends it as an administrator does, and starts it again."""
        with self.in_trouble("down"):
            self.stop()
            self.start()
            self.wait_until_ready()

    def verify_logs(self, nodes):
        """What `audit verify` says of the logs of nodes, none of which runs any more, and whether all are whole."""
        done = subprocess.run(
            self.host.command(
                binary(), "audit", "verify", *self.common_options(), *(f"{node.name}={node.data}" for node in nodes)
            ),
            capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return done.stdout + done.stderr, done.returncode == 0

    def log_text(self):
        return self.log.read_text(errors="replace")[-8_000:] if self.log.exists() else ""

    # Its health

    def probe(self, path):
        """The status of a page of the monitoring listener, or None when there is no answer."""
        try:
            with urllib.request.urlopen(self.monitor + path, timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as refusal:
            return refusal.code
        except (OSError, http.client.HTTPException):
            return None

    @property
    def is_ready(self):
        return self.probe("/health/ready") == 200

    def wait_until_ready(self, seconds=30):
        eventually(lambda: self.is_ready, f"{self.name} is ready", seconds, pause=0.05)

    def processor_seconds(self):
        """What its process has used of the processors."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # Its troubles

    @contextlib.contextmanager
    def in_trouble(self, kind):
        """The block is the time of a trouble: it ends when the node is whole again."""
        trouble = Trouble(kind, time.monotonic())
        self.troubles.append(trouble)
        yield trouble
        trouble.end = time.monotonic()

    def troubles_during(self, start, end):
        return [trouble for trouble in self.troubles if trouble.overlaps(start, end)]

    def in_touch_until(self, moment):
        """Until when the node is sure to have followed the others' changes, seen from this moment."""
        return min([moment, *(trouble.start for trouble in self.troubles_during(moment, moment))])

    def cut_silently(self, others):
        self.host.cut_silently(others, BACK)

    def heal_silent_cut(self, others):
        self.host.heal_silent_cut(others, BACK)

    def cut_loudly(self, _):
        self.host.cut_loudly(BACK)

    def heal_loud_cut(self, _):
        self.host.heal_loud_cut(BACK)
