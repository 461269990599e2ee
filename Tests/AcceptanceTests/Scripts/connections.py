"""Clients that are slow, silent, greedy or many: they cost a bounded amount, and keep neither others nor an end waiting."""

import concurrent.futures
import contextlib
import resource
import select
import signal
import socket
import threading
import time

from harness import equal, eventually, holds, patient, run, scenario
from raw import Wire, sign
from server import Server

PING = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
MEBIBYTE = 1 << 20

# Of docs/security.md, in seconds.
PATIENCE = 30
PATIENCE_AT_THE_END = 10


def address(endpoint):
    host, port = endpoint.removeprefix("http://").split(":")
    return host, int(port)


def connect(endpoint, said=b""):
    connection = socket.create_connection(address(endpoint), timeout=10)
    connection.sendall(said)
    return connection


def is_open(connection):
    """Whether the server still holds the connection; what it says is dropped."""
    try:
        while select.select([connection], [], [], 0)[0]:
            if not connection.recv(MEBIBYTE):
                return False
    except ConnectionError:
        return False
    return True


def pours(endpoint):
    """A client that asks and asks and reads no answer."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(address(endpoint))
    connection.settimeout(1)
    with contextlib.suppress(TimeoutError):
        for _ in range(1000):
            connection.sendall(PING * 1000)
    return connection


CLIENTS = {
    "says nothing": lambda endpoint: connect(endpoint),
    "has said half a head": lambda endpoint: connect(endpoint, b"POST / HTTP/1.1\r\nHost"),
    "has sent a head": lambda endpoint: connect(endpoint, HEAD),
    "has sent a part of a body": lambda endpoint: connect(endpoint, HEAD + b"x"),
    "goes on sending": lambda endpoint: connect(endpoint, HEAD + b"x"),
    "waits for leave": lambda endpoint: connect(endpoint, HEAD.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")),
    "was answered": lambda endpoint: connect(endpoint, PING),
    "goes on after its last request": lambda endpoint: connect(
        endpoint, PING.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + PING
    ),
    "reads no answers": pours,
}


@contextlib.contextmanager
def trickling(connection, seconds=1):
    """Sends one byte after the other for as long as the block runs."""
    ended = threading.Event()

    def trickle():
        with contextlib.suppress(OSError):
            while not ended.wait(seconds):
                connection.sendall(b"x")

    thread = threading.Thread(target=trickle, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def seconds_to_end(name):
    """How long a server with this client takes to end when it is asked to."""
    server = Server("dev", "--listen", "127.0.0.1:0").start()
    try:
        with CLIENTS[name](server.endpoint) as connection:
            time.sleep(0.5)
            with trickling(connection) if name == "goes on sending" else contextlib.nullcontext():
                start = time.monotonic()
                status = server.stop()
                equal(status, 0, f"exit code with a client that {name}")
                return time.monotonic() - start
    finally:
        server.forget_log()


@patient
def no_client_keeps_the_server_from_ending(world):
    problems = []
    with concurrent.futures.ThreadPoolExecutor(len(CLIENTS)) as pool:
        for name, future in {name: pool.submit(seconds_to_end, name) for name in CLIENTS}.items():
            try:
                seconds = future.result()
                holds(seconds < PATIENCE_AT_THE_END + 5, f"it took {seconds:.1f} s")
            except AssertionError as error:
                problems.append(f"a client that {name}: {error}")
    equal(problems, [])


@patient
def a_request_that_is_complete_in_time_is_answered_at_the_end(world):
    server = Server("dev", "--listen", "127.0.0.1:0").start()
    wire = Wire(server.endpoint)
    headers = wire.headers("CreateKey", **{"Content-Length": "2", "Host": wire.host})
    headers["Authorization"] = sign("POST", "/", headers, b"{}")
    head = "POST / HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    with connect(server.endpoint, head.encode() + b"{") as connection:
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        connection.sendall(b"}")
        answer = connection.recv(65536)
        holds(answer.startswith(b"HTTP/1.1 200 OK"), f"the answer: {answer}")
        start = time.monotonic()
        equal(server.process.wait(timeout=15), 0, "exit code")
        holds(time.monotonic() - start < PATIENCE_AT_THE_END - 3, "it ends when the last answer is written")
    server.process.stdout.close()
    server.forget_log()


@patient
def a_client_has_so_long_and_no_longer(world):
    """In parallel, because each takes its time."""
    slow = ("has sent a part of a body", "goes on sending", "goes on after its last request", "reads no answers")
    waiting = {name: CLIENTS[name](world.endpoint) for name in slow}
    patient = {name: CLIENTS[name](world.endpoint) for name in ("says nothing", "was answered")}
    start, closed = time.monotonic(), {}
    with trickling(waiting["goes on sending"]):
        while waiting.keys() - closed and time.monotonic() - start < PATIENCE + 20:
            for name in waiting.keys() - closed:
                # Who reads nothing, or was told that no more answers come, sees the end when it writes.
                by_writing = name in ("reads no answers", "goes on after its last request")
                if not (writes if by_writing else is_open)(waiting[name]):
                    closed[name] = time.monotonic() - start
            time.sleep(0.25)
    equal(sorted(closed), sorted(waiting), "clients whose connections are closed")
    for name, seconds in closed.items():
        holds(PATIENCE - 5 < seconds < PATIENCE + 15, f"a client that {name} had {seconds:.0f} s")
    for name, connection in patient.items():
        holds(is_open(connection), f"a client that {name} may come back")
        connection.sendall(PING)
        holds(connection.recv(65536).startswith(b"HTTP/1.1 200 OK"), f"a client that {name} is answered")
    for connection in (*waiting.values(), *patient.values()):
        connection.close()


def writes(connection):
    connection.setblocking(False)
    try:
        connection.send(b"G")
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    return True


@scenario
def bodies_that_nobody_has_signed_take_bounded_memory(world):
    server = Server("dev", "--listen", "127.0.0.1:0").start()
    before = resident_bytes(server)
    head = HEAD.replace(b"1000", str(MEBIBYTE).encode())
    greedy = [connect(server.endpoint) for _ in range(200)]
    for connection in greedy:
        # What is refused early may be refused while it is being sent.
        with contextlib.suppress(ConnectionError):
            connection.sendall(head + b"x" * (MEBIBYTE - 1))
    time.sleep(1)
    grown = resident_bytes(server) - before
    holds(grown < 150 * MEBIBYTE, f"200 bodies take {grown // MEBIBYTE} MiB")
    wire = Wire(server.endpoint)
    equal(wire.call("ListKeys", {}).status, 200, "a usual request meanwhile")
    long = {"Description": "x" * 100_000}
    answer = wire.call("CreateKey", long)
    equal((answer.status, answer.code), (503, "ServiceUnavailable"), "a large request meanwhile")
    for connection in greedy:
        connection.close()
    eventually(lambda: Wire(server.endpoint).call("CreateKey", long).status == 400, "there is room again")
    server.stop()
    server.forget_log()


def resident_bytes(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) * 1024


def processor_seconds(server):
    with open(f"/proc/{server.process.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def is_served(endpoint):
    try:
        with connect(endpoint, PING) as connection:
            return connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
    except OSError:
        return False


@patient
def a_crowd_waits_without_costing_a_processor(world):
    # The shell's limit is the hard one too, so the server cannot raise it.
    command = f"ulimit -n 128; exec {world.server.command[0]} dev --listen 127.0.0.1:0"
    server = Server("-c", command, program="/bin/bash").start()
    crowd = [connect(server.endpoint) for _ in range(200)]
    rests(server, "as many connections as there may be")
    for connection in crowd:
        connection.close()
    eventually(lambda: is_served(server.endpoint), "others are served after it")
    holds("No more connections are accepted" in server.log_text(), f"the log: {server.log_text()}")
    equal(server.stop(), 0, "exit code")
    server.forget_log()


@patient
def a_connection_that_cannot_be_accepted_does_not_cost_a_processor(world):
    server = Server("dev", "--listen", "127.0.0.1:0").start()
    pid = server.process.pid
    holds(is_served(server.endpoint), "it serves before")
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    # Fewer than it has open: what it opens next fails.
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
    crowd = [connect(server.endpoint) for _ in range(5)]
    rests(server, "no descriptors")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    eventually(lambda: is_served(server.endpoint), "it serves when there are descriptors again")
    for connection in crowd:
        connection.close()
    equal(server.stop(), 0, "exit code")
    server.forget_log()


def rests(server, what):
    time.sleep(0.5)
    before = processor_seconds(server)
    time.sleep(2)
    spent = processor_seconds(server) - before
    holds(spent < 0.5, f"with {what} it takes {spent} s of processor in 2 s")


if __name__ == "__main__":
    run()
