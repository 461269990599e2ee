"""Ten thousand clients that are idle, slow or talk too much: others are served beside them, and what they cost is
bounded.

Environment: CROWD_TLS, the number of clients by TLS (600; `make soak` takes 10,000).
"""

import contextlib
import os
import resource
import socket
import statistics
import threading
import time
import urllib.parse

import http2
from harness import equal, holds, run, scenario
from raw import Wire
from secure import Secure
from server import Server

KIBIBYTE = 1024
COUNT = 10_000
TLS_COUNT = int(os.environ.get("CROWD_TLS", "600"))
CALLS = 100
# What an idle connection may cost in memory, at the most.
BYTES, TLS_BYTES = 48 * KIBIBYTE, 160 * KIBIBYTE

PING = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
SAID = (b"", b"POST / HTTP/1.1\r\nHost", PING, HEAD)


def most_descriptors():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def resident_bytes(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) * KIBIBYTE


@contextlib.contextmanager
def pestering(crowd, say):
    """Lets the crowd go on saying a little, one after the other, for as long as the block runs."""
    ended = threading.Event()

    def go_on():
        while not ended.wait(0.5):
            for number, connection in enumerate(crowd):
                if ended.is_set():
                    return
                with contextlib.suppress(OSError):
                    say(number, connection)

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def too_much(endpoint, context=None):
    """A request whose head is ten times as long as one may be; what the server says of it."""
    url = urllib.parse.urlsplit(endpoint)
    connection = socket.create_connection((url.hostname, url.port), timeout=10)
    if context:
        connection = context.wrap_socket(connection, server_hostname=url.hostname)
    with connection, contextlib.suppress(OSError):
        connection.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
        for _ in range(640):
            connection.sendall(b"x" * KIBIBYTE)
        connection.sendall(b"\r\n\r\n")
        return connection.recv(1000)


def times_of_calls(wire, endpoint, context=None):
    """How long calls take, with requests of the talkative between them."""
    key = wire.call("CreateKey", {}).json["KeyMetadata"]["KeyId"]
    times = []
    for number in range(CALLS):
        if number % 10 == 0:
            answer = too_much(endpoint, context) or b""
            holds(not answer.startswith(b"HTTP/1.1 200"), f"a head that is too long: {answer!r}")
        start = time.monotonic()
        equal(wire.call("Encrypt", {"KeyId": key, "Plaintext": "AAAA"}).status, 200, "a call beside the crowd")
        times.append(time.monotonic() - start)
    return times


def report(what, server, before, count, times, most):
    each = (resident_bytes(server) - before) / count
    print(f"{what}: {count} connections of {each / KIBIBYTE:.1f} KiB; calls beside them took "
          f"{statistics.median(times) * 1000:.1f} ms (median), {max(times) * 1000:.0f} ms (longest)")  # fmt: skip
    holds(each < most, f"{each:.0f} bytes for each connection")
    holds(max(times) < 5, f"a call took {max(times):.1f} s")


@scenario
def a_crowd_leaves_others_served(world):
    count = min(COUNT, most_descriptors() - 400)
    server = Server("dev", "--listen", "127.0.0.1:0").start()
    url = urllib.parse.urlsplit(server.endpoint)
    before, crowd = resident_bytes(server), []
    for number in range(count):
        connection = socket.create_connection((url.hostname, url.port), timeout=10)
        connection.sendall(SAID[number % len(SAID)])
        connection.setblocking(False)
        crowd.append(connection)

    def say(number, connection):
        if number % len(SAID) in (1, 3):
            connection.send(b"x")

    with pestering(crowd, say):
        times = times_of_calls(Wire(server.endpoint), server.endpoint)
    report("HTTP/1.1", server, before, count, times, BYTES)
    equal(server.stop(), 0, "exit code")
    for connection in crowd:
        connection.close()
    server.forget_log()


@scenario
def a_crowd_that_speaks_tls_leaves_others_served(world):
    count = min(TLS_COUNT, most_descriptors() - 400)
    with Secure(world, "crowd") as secure:
        before, crowd = resident_bytes(secure.server), []
        for number in range(count):
            # Half of them HTTP/2, and half of those in the middle of a request.
            protocols = ("h2",) if number % 2 else ("http/1.1",)
            connection = http2.connect(secure.endpoint, secure.root.file, protocols)
            if number % 4 == 1:
                head = http2.fields(method="POST", path="/")
                connection.sendall(http2.frame(http2.HEADERS, http2.END_HEADERS, 1, head))
            elif number % 4 == 2:
                connection.sendall(SAID[1])
            crowd.append(connection)

        def say(number, connection):
            if number % 4 == 2:
                connection.send(b"x")

        with pestering(crowd, say):
            times = times_of_calls(secure.wire(), secure.endpoint, secure.context())
        report("TLS", secure.server, before, count, times, TLS_BYTES)
        equal(secure.server.stop(), 0, "exit code")
        for connection in crowd:
            connection.close()


if __name__ == "__main__":
    run()
