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


@scenario
def long_heads_that_wait_for_their_bodies_take_bounded_memory(world):
    server = Server("dev", "--listen", "127.0.0.1:0").start()
    before = resident_bytes(server)
    head = HEAD.replace(b"\r\n\r\n", b"\r\nX-Long: " + b"x" * 60_000 + b"\r\n\r\n")
    greedy = [connect(server.endpoint, head) for _ in range(3000)]
    time.sleep(1)
    grown = resident_bytes(server) - before
    holds(grown < 400 * MEBIBYTE, f"3,000 heads take {grown // MEBIBYTE} MiB")
    answers = sum(said_so_far(connection).startswith(b"HTTP/1.1 503") for connection in greedy)
    holds(1500 < answers < 2500, f"{answers} were sent away")
    equal(Wire(server.endpoint).call("ListKeys", {}).status, 200, "a usual request meanwhile")
    for connection in greedy:
        connection.close()
    server.stop()
    server.forget_log()


CALL = b"POST / HTTP/1.1\r\n%sHost: x\r\nX-Amz-Target: TrentService.GenerateRandom\r\nContent-Length: %d\r\n\r\n"


def refused(connection, call):
    """Sends a call that nobody signed, and reads the answer."""
    connection.sendall(call)
    answer = b""
    while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
        piece = connection.recv(65536)
        holds(piece, "the connection is open")
        answer += piece
    equal(answer[9:12], b"400", "the status")


@scenario
def heads_that_change_leave_nothing_behind(world):
    """What a connection remembers of the last head is not the longest line that ever stood in each place."""
    server = Server("dev", "--listen", "127.0.0.1:0").start()
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(server.endpoint)) for _ in range(100)]
        before = resident_bytes(server)
        for connection in connections:
            connection.settimeout(10)
            # A call comes in one piece once the server has seen that it reads so much at a time.
            for size in (2048, 4096, 8192):
                length = size - len(CALL % (b"", 1000))
                refused(connection, CALL % (b"", length) + b" " * length)
            for count in range(100):
                # Each field counts for more than it is long.
                rest = 7800 - 66 * count - len(CALL % (b"", 2))
                fields = b"a:b\r\n" * count + (b"a:%s\r\n" % (b"c" * rest) if rest > 0 else b"")
                refused(connection, CALL % (fields, 2) + b"{}")
        grown = resident_bytes(server) - before
    holds(grown < 12 * MEBIBYTE, f"100 connections that said much take {grown / MEBIBYTE:.1f} MiB")
    server.stop()
    server.forget_log()


def said_so_far(connection):
    connection.setblocking(False)
    try:
        return connection.recv(65536)
    except OSError:
        return b""


CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunks(size, count):
    return (b"%x\r\n" % size + b"x" * size + b"\r\n") * count


@scenario
def a_body_in_crumbs_ends_its_connection(world):
    cases = {
        "one byte at a time": (CHUNKED + chunks(1, 6000) + b"0\r\n\r\n", False),
        "a few bytes at a time, in several requests": ((CHUNKED + chunks(8, 500) + b"0\r\n\r\n") * 20, False),
        "a few of them": (CHUNKED + chunks(1, 3000) + b"0\r\n\r\n", True),
        "short ones for each of many requests": ((CHUNKED + chunks(1, 20) + b"0\r\n\r\n") * 500, True),
        "many fair ones": (CHUNKED + chunks(100, 6000) + b"0\r\n\r\n", True),
        "some long ones": (CHUNKED + chunks(50_000, 20) + b"0\r\n\r\n", True),
    }
    for name, (said, is_kept) in cases.items():
        with connect(world.endpoint) as connection:
            sending = threading.Thread(target=lambda: quietly_sent(connection, said + PING))
            sending.start()
            text = b""
            with contextlib.suppress(OSError):
                while b"healthy" not in text[-100:] and (piece := connection.recv(MEBIBYTE)):
                    text += piece
            sending.join()
            equal(b"healthy" in text, is_kept, f"a body of {name}: whether the next request is answered")


def quietly_sent(connection, said):
    with contextlib.suppress(OSError):
        connection.sendall(said)


@scenario
def crumbs_do_not_keep_others_waiting(world):
    server = Server("dev", "--listen", "127.0.0.1:0").start()
    ended = time.monotonic() + 3

    def crumble():
        while time.monotonic() < ended:
            with contextlib.suppress(OSError), connect(server.endpoint, CHUNKED) as connection:
                while time.monotonic() < ended:
                    connection.sendall(chunks(1, 2000))

    before, start = processor_seconds(server), time.monotonic()
    threads = [threading.Thread(target=crumble) for _ in range(2)]
    for thread in threads:
        thread.start()
    longest = 0
    while time.monotonic() < ended:
        asked = time.monotonic()
        holds(is_served(server.endpoint), "others are served")
        longest = max(longest, time.monotonic() - asked)
    for thread in threads:
        thread.join()
    spent = processor_seconds(server) - before
    print(f"two clients that crumble: {spent / (time.monotonic() - start):.2f} processors, longest wait {longest * 1000:.0f} ms")
    holds(longest < 1, f"others wait {longest:.1f} s")
    equal(server.stop(), 0, "exit code")
    server.forget_log()


# Of RFC 9112: what another server on the way could read in another way.
LOOSE = {
    "no host": (b"GET /ping HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET /ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "one host twice": (b"GET /ping HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    "no host in HTTP/1.0": (b"GET /ping HTTP/1.0\r\n\r\n", 200),
    "two hosts in HTTP/1.0": (b"GET /ping HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "chunks": (CHUNKED.replace(b"chunked", b"Chunked") + b"0\r\n\r\n", 404),
    "chunks in HTTP/1.0": (CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n", 400),
    "two codings": (CHUNKED.replace(b"chunked", b"gzip, chunked") + b"0\r\n\r\n", 400),
    "two codings in two fields": (
        CHUNKED.replace(b"Transfer", b"Transfer-Encoding: gzip\r\nTransfer") + b"0\r\n\r\n", 400
    ),
    "another coding": (CHUNKED.replace(b"chunked", b"xchunked") + b"0\r\n\r\n", 400),
}  # fmt: skip


@scenario
def what_could_be_read_in_another_way_is_refused(world):
    for name, (said, status) in LOOSE.items():
        with connect(world.endpoint, PING + said + PING) as connection:
            text = b""
            connection.settimeout(5)
            with contextlib.suppress(OSError):
                while text.count(b"HTTP/1.1 ") < 3 and (piece := connection.recv(65536)):
                    text += piece
        statuses = [int(part[:3]) for part in text.split(b"HTTP/1.1 ")[1:]]
        # Those before are answered, those behind are not.
        is_last = status == 400 or b"HTTP/1.0" in said
        equal(statuses, [200, status] + ([] if is_last else [200]), f"{name}: statuses")
        equal(text.lower().count(b"x-amzn-requestid"), len(statuses), f"{name}: identifiers")


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
