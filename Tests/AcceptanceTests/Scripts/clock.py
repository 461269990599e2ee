"""The clock that can be moved: several moves at once, and moves that take long."""

import concurrent.futures
import datetime
import http.server
import json
import subprocess
import threading
import time

from harness import equal, run, scenario
from raw import Wire, sign
from server import binary

DAY = 86_400


def request_advance(wire, seconds):
    body = json.dumps({"Seconds": seconds}).encode()
    headers = wire.headers(None, **{"X-Amz-Target": "Chatelaine.AdvanceClock"})
    headers["Authorization"] = sign("POST", "/", headers, body, service="chatelaine")
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


@scenario
def the_command_waits_for_a_server_that_works(world):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = clock_command(f"http://127.0.0.1:{server.server_port}", "1d", timeout=90)
        server.shutdown()
    equal((done.returncode, done.stdout, done.stderr), (0, "It is now 2023-11-14T22:13:20Z\n", ""), "the command")


if __name__ == "__main__":
    run()
