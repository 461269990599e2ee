"""The clock that can be moved: several moves at once, moves that take long, and an end in the middle of one."""

import concurrent.futures
import datetime
import http.server
import json
import pathlib
import socket
import subprocess
import threading
import time

from harness import FIRST, audit_lines, equal, eventually, holds, patient, run, scenario
from principals import make_user, may
from raw import Wire, sign
from server import Server, binary

DAY = 86_400
KEYS = 40
# Four rotations a year of each key: some seconds of work.
YEARS = 20


def request_advance(wire, seconds, account=FIRST):
    body = json.dumps({"Seconds": seconds}).encode()
    headers = wire.headers(None, **{"X-Amz-Target": "Chatelaine.AdvanceClock"})
    headers["Authorization"] = sign("POST", "/", headers, body, account=account, service="chatelaine")
    return wire.send(headers, body)


def clock_command(endpoint, amount, timeout):
    return subprocess.run(
        [binary(), "clock", "advance", amount, "--endpoint", endpoint],
        capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def lead(world):
    """How far the clock is ahead, in whole days."""
    ahead = world.key()["CreationDate"] - datetime.datetime.now(datetime.timezone.utc)
    return round(ahead.total_seconds() / DAY)


@scenario
def moves_at_the_same_time_are_all_kept(world):
    before, count = lead(world), 16
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        moved = list(pool.map(lambda _: request_advance(Wire(world.endpoint), DAY), range(count)))
    equal([answer.status for answer in moved], [200] * count, "answers")
    equal(lead(world), before + count, "days ahead")
    world.server.stop()
    world.server.start()
    equal(lead(world), before + count, "days ahead after a restart")


@scenario
def what_is_refused_is_recorded(world):
    wire, user = Wire(world.endpoint), make_user(world, may("*"))
    for seconds, account, code, recorded in (
        (DAY, user, "AccessDenied", {"seconds": 86400.0}), (-1, FIRST, "ValidationException", None),
        ("soon", FIRST, "ValidationException", None), (1e12, FIRST, "ValidationException", None),
    ):  # fmt: skip
        answer = request_advance(wire, seconds, account)
        equal(answer.status, 400)
        (record,) = [r for r in map(json.loads, audit_lines(world.data)) if r.get("requestID") == answer.headers["x-amzn-requestid"]]
        equal((record["eventName"], record["errorCode"], record["readOnly"]), ("AdvanceClock", code, False))
        equal((record["requestParameters"], record["errorMessage"]), (recorded, answer.message))
        equal(record["userIdentity"]["accessKeyId"], account.access_key_id)


class SlowServer(http.server.BaseHTTPRequestHandler):
    """Takes longer for the answer than HTTP clients wait as a rule."""

    def do_POST(self):
        time.sleep(65)
        body = b'{"Now":1700000000}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@patient
def the_command_waits_for_a_server_that_works(world):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = clock_command(f"http://127.0.0.1:{server.server_port}", "1d", timeout=90)
        server.shutdown()
    equal((done.returncode, done.stdout, done.stderr), (0, "It is now 2023-11-14T22:13:20Z\n", ""), "the command")


@patient
def the_command_says_whether_the_clock_may_have_moved(world):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def hang_up():
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        done = clock_command(endpoint, "1d", timeout=20)
        equal((done.returncode, done.stdout), (1, ""), "a server that hangs up")
        equal(done.stderr, f"chatelaine: the connection to {endpoint} ended without an answer; the clock may have moved\n")
    done = clock_command(endpoint, "1d", timeout=20)
    equal((done.returncode, done.stdout), (1, ""), "no server")
    equal(done.stderr, f"chatelaine: cannot reach {endpoint}: no server listens there\n")


def rotating(data):
    """A server whose keys rotate as often as they can."""
    server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(data), "--clock", "controllable").start()
    wire = Wire(server.endpoint)
    for _ in range(KEYS):
        key = wire.call("CreateKey", {}).json["KeyMetadata"]["KeyId"]
        equal(wire.call("EnableKeyRotation", {"KeyId": key, "RotationPeriodInDays": 90}).status, 200)
    return server


def rotations(data):
    return sum('"eventName":"RotateKey"' in line for line in audit_lines(pathlib.Path(data)))


@patient
def an_end_in_the_middle_of_due_work_is_graceful_and_loses_none(world):
    data = world.directory / "overdue"
    server = rotating(data)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        command = pool.submit(clock_command, server.endpoint, f"{YEARS * 365}d", 90)
        eventually(lambda: rotations(data) > 10, "the work begins")
        equal(server.stop(), 0, "exit code of the server that was moving its clock")
        done = command.result()
    equal(done.returncode, 1, "exit code of the command")
    holds("The clock has moved" in done.stderr, f"what the command says: {done.stderr!r}")
    begun = rotations(data)

    # The rest is overdue at the next start, before it listens; it can be ended there too.
    server.process = subprocess.Popen(
        server.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=server.log
    )
    eventually(lambda: "Doing work that was due" in server.log_text(), "the log says why it does not listen yet")
    equal(server.stop(), 0, "exit code of a server that does what is overdue")
    continued = rotations(data)
    holds(continued > begun, f"{begun} rotations before, {continued} after")

    server.start(deadline=120)
    equal(rotations(data), KEYS * (YEARS * 365 // 90), "rotations in the end")
    server.stop()
    server.forget_log()


if __name__ == "__main__":
    run()
