"""What the server tells a service manager such as systemd, in the words of sd_notify(3)."""

import os
import signal
import socket
import threading
import time

from harness import equal, eventually, holds, run, scenario
from sealing import Sealed, SealedServer, done
from server import Server


class Manager:
    """A service manager that starts one server."""

    def __init__(self, address, server=None, **environment):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        self.socket.settimeout(10)
        variables = [f"{name}={value}" for name, value in {"NOTIFY_SOCKET": address, **environment}.items()]
        self.server = server or Server("dev", "--listen", "127.0.0.1:0")
        self.server.command = ["env", *variables, *self.server.command]

    def hear(self):
        return self.socket.recv(4096).decode()

    def silence(self, seconds):
        self.socket.settimeout(seconds)
        try:
            raise AssertionError(f"it said {self.hear()!r}")
        except TimeoutError:
            self.socket.settimeout(10)

    def end(self):
        if self.server.process and self.server.process.poll() is None:
            self.server.stop()
        self.server.forget_log()
        self.socket.close()


def ready(server):
    return f"READY=1\nSTATUS=listening on {server.endpoint}"


STOPPING = "STOPPING=1\nSTATUS=finishing requests"


@scenario
def it_hears_when_clients_are_answered_and_when_the_end_begins(world):
    for address in (str(world.directory / "notify"), f"@chatelaine-{os.getpid()}"):
        manager = Manager(address)
        try:
            manager.server.start()
            equal(manager.hear(), ready(manager.server), "the first message")
            # No watchdog was asked for.
            manager.silence(0.5)
            # A reload, of which there may be nothing to do.
            manager.server.process.send_signal(signal.SIGHUP)
            manager.silence(0.2)
            holds(manager.server.process.poll() is None, "it goes on after a reload")
            manager.server.process.terminate()
            equal(manager.hear(), STOPPING, "the last message")
            equal(manager.server.process.wait(timeout=15), 0, "exit code")
            manager.silence(0.1)
        finally:
            manager.end()


@scenario
def a_watchdog_hears_of_it_twice_in_its_time(world):
    manager = Manager(str(world.directory / "watchdog"), WATCHDOG_USEC=600_000)
    try:
        manager.server.start()
        messages, begin = [], time.monotonic()
        while messages.count("WATCHDOG=1") < 5:
            messages.append(manager.hear())
        taken = time.monotonic() - begin
        equal(sorted(set(messages)), sorted({ready(manager.server), "WATCHDOG=1"}), "messages")
        holds(1.0 < taken < 3.0, f"the five messages took {taken:.1f} s and not 1.2")
        # A server that hangs says nothing.
        manager.server.process.send_signal(signal.SIGSTOP)
        while True:
            try:
                manager.socket.settimeout(1)
                manager.hear()
            except TimeoutError:
                break
        manager.server.process.send_signal(signal.SIGCONT)
        manager.socket.settimeout(10)
        equal(manager.hear(), "WATCHDOG=1", "what it says when it goes on")
    finally:
        manager.end()


@scenario
def a_sealed_server_lives_too(world):
    """Systemd counts from the first READY on, which comes before any share holder does."""
    directory = world.directory / "sealed"
    directory.mkdir()
    sealed = Sealed(directory, "shares").encrypt()

    def start(name):
        server = SealedServer("serve", "--listen", "127.0.0.1:0", "--data-dir", str(sealed.data))
        manager = Manager(str(world.directory / name), server, WATCHDOG_USEC=1_000_000)
        server.start()
        equal(manager.hear(), "READY=1\nSTATUS=sealed", "the first message")
        return manager

    manager = start("unsealed")
    try:
        begin = time.monotonic()
        for _ in range(6):
            equal(manager.hear(), "WATCHDOG=1", "while it is sealed")
        taken = time.monotonic() - begin
        holds(taken < 6, f"the six messages took {taken:.1f} s and not 2.5")
        unsealing = threading.Thread(target=lambda: [
            done("unseal", "--data-dir", sealed.data, "--share-file", sealed.kind.shares / f"share-{number}")
            for number in (1, 2, 3)
        ])  # fmt: skip
        unsealing.start()
        while (said := manager.hear()) == "WATCHDOG=1":
            pass
        manager.server.unsealed()
        unsealing.join()
        equal(said, ready(manager.server), "once it has its root key")
        for _ in range(4):
            equal(manager.hear(), "WATCHDOG=1", "when it serves")
        manager.server.process.terminate()
        while (said := manager.hear()) == "WATCHDOG=1":
            pass
        equal(said, STOPPING, "at the end")
        equal(manager.server.process.wait(timeout=15), 0, "exit code")
    finally:
        manager.end()
    manager = start("never-unsealed")
    try:
        manager.server.process.terminate()
        while (said := manager.hear()) == "WATCHDOG=1":
            pass
        equal(said, STOPPING, "at the end of one that was never unsealed")
        equal(manager.server.process.wait(timeout=15), 0, "exit code")
        manager.silence(0.6)
    finally:
        manager.end()


def ignores_hang_up(pid):
    """proc(5): the set of signals that are ignored, the first of which is SIGHUP."""
    with open(f"/proc/{pid}/status") as status:
        return int(next(line for line in status if line.startswith("SigIgn")).split()[1], 16) & 1


@scenario
def a_reload_of_which_there_is_nothing_to_do_ends_nothing(world):
    # Also without a service manager, and from the first moment on.
    server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(world.directory / "reload"))

    def hang_up():
        # Before there is a program, there is nobody to ignore it.
        eventually(lambda: server.process and ignores_hang_up(server.process.pid), "it ignores the signal", 10)
        server.process.send_signal(signal.SIGHUP)

    early = threading.Thread(target=hang_up)
    early.start()
    server.start()
    early.join()
    time.sleep(0.2)
    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    holds(server.process.poll() is None, "it goes on after a reload")
    equal(server.stop(), 0, "exit code")
    server.forget_log()


@scenario
def a_watchdog_of_another_process_is_not_its_own(world):
    manager = Manager(str(world.directory / "other"), WATCHDOG_USEC=200_000, WATCHDOG_PID=1)
    try:
        manager.server.start()
        equal(manager.hear(), ready(manager.server), "the first message")
        manager.silence(0.6)
    finally:
        manager.end()


@scenario
def a_manager_that_is_not_there_does_not_matter(world):
    for address in (str(world.directory / "nobody-listens"), "vsock:2:1234", "relative", "", "/" + "x" * 200):
        server = Server("dev", "--listen", "127.0.0.1:0")
        server.command = ["env", f"NOTIFY_SOCKET={address}", "WATCHDOG_USEC=100000", *server.command]
        server.start()
        try:
            time.sleep(0.2)
            holds(server.process.poll() is None, "it goes on")
        finally:
            server.stop()
            server.forget_log()


if __name__ == "__main__":
    run()
