"""A whole cluster: three nodes, a primary, its standby, and what votes for them."""

import contextlib
import pathlib
import shutil
import sys
import tempfile
import time

from clocks import MovedClock, build_library
from database import Databases
from harness import eventually
from network import BACK, FRONT, Network
from nodes import Node

NAMES = ("n1", "n2", "n3")
# The last node gives up soon, so that a test need not wait for it; the others outlast a failover.
SHORT_OUTAGE, LONG_OUTAGE = 8, 60
PASSPHRASE = "a passphrase of the tests only"


class Cluster:
    """Started by `with`; ends everything that it started."""

    def __init__(self, outages=(LONG_OUTAGE, LONG_OUTAGE, SHORT_OUTAGE), flags=()):
        self.outages, self.flags = outages, flags
        self.figures, self.nodes = [], []

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.directory = pathlib.Path(tempfile.mkdtemp(prefix="cluster-"))
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            self.network = stack.enter_context(Network())
            self._started = time.monotonic()
            stack.callback(self._say_what_failed)
            self.library = build_library(self.directory)
            self.databases = Databases(self.network, self.directory, self.moved_clock("databases", 0))
            self.databases.start()
            self.say(f"the databases run, {self.databases.leader()} is the primary")
            self._start_nodes()
            self.say("the nodes run")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure):
        self._failed = failure[0] is not None
        self._stack.__exit__(*failure)

    def _start_nodes(self):
        passphrase = self.directory / "passphrase"
        passphrase.write_text(PASSPHRASE)
        passphrase.chmod(0o600)
        for name, outage in zip(NAMES, self.outages, strict=True):
            host = self.network.host(name, (FRONT, BACK))
            self.nodes.append(
                Node(name, host, self.directory, self.databases.url(), passphrase, outage=outage, flags=self.flags)
            )
        self.account = self.nodes[0].initialize()
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait_until_ready()

    def moved_clock(self, name, seconds):
        return MovedClock(self.library, self.directory / f"{name}.clock", seconds)

    _failed = True

    def _say_what_failed(self):
        if not self._failed:
            return
        logs = [*self.databases.logs(), *((node.name, node.log_text()) for node in self.nodes)]
        for name, text in logs:
            print(f"--- the log of {name}\n{text}", file=sys.stderr, flush=True)

    def say(self, text):
        print(f"{time.monotonic() - self._started:6.1f} s  {text}", flush=True)

    def figure(self, name, value):
        """A number that is told at the end."""
        self.figures.append((name, value))
        self.say(f"{name}: {value}")

    @contextlib.contextmanager
    def all_in_trouble(self):
        """While nobody has a primary; until all nodes write and read again."""
        with contextlib.ExitStack() as stack:
            for node in self.nodes:
                stack.enter_context(node.in_trouble("store"))
            yield
            for node in self.nodes:
                node.wait_until_ready()

    def wait_for_writes(self, checker, seconds=60):
        """Until every node has acknowledged a write again."""
        begun = time.monotonic()

        def all_write():
            recent = {name for moment, name in list(checker.acknowledged)[-2000:] if moment > begun}
            return recent >= {node.name for node in self.nodes}

        eventually(all_write, "a write is acknowledged by every node", seconds, pause=0.05)
