"""What the console's list of keys and its page of quotas take with very many keys, and how long other callers wait meanwhile.

Times are said as ratios to a plain request, DescribeKey, of the same run. A page keeps a processor busy, and that alone lets
others wait for the scheduler: how long is found with another process that does nothing else. Others must not wait longer for
a page than MOST_WAITING times that.

Environment: BENCH_KEYS (10000), BENCH_SECONDS (4) for each measurement.
"""

import concurrent.futures
import contextlib
import os
import statistics
import subprocess
import sys
import threading
import time
import types

import load

sys.path.insert(0, str(load.REPOSITORY / "Tests" / "AcceptanceTests" / "Scripts"))

import visitor  # noqa: E402

KEYS = int(os.environ.get("BENCH_KEYS", "10000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "4"))
MOST_WAITING = 4.0
LIST = "/console/us-east-1/keys"
PAGES = {
    "the list": LIST, "a search": f"{LIST}?q=number+0777", "sorted by date, page 40": f"{LIST}?sort=-created&page=40",
    "usage and quotas": "/console/us-east-1/usage",
}  # fmt: skip


@contextlib.contextmanager
def server_alone():
    with load.work_directory() as directory:
        server = load.Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(directory / "data"))
        try:
            yield server.start()
        except load.Failure as failure:
            sys.exit(f"{failure}\nthe server's log:\n{server.log_text()}")
        finally:
            if server.process and server.process.poll() is None:
                server.kill()
            server.forget_log()


def make_keys(endpoint):
    def make(numbers):
        wire = load.Wire(endpoint)
        for number in numbers:
            key = load.answered(wire.call("CreateKey", {"Description": f"number {number:05}"}))["KeyMetadata"]["KeyId"]
            named = wire.call("CreateAlias", {"AliasName": f"alias/key-{number:05}", "TargetKeyId": key})
            if named.status != 200:
                raise load.Failure(f"an alias was not made: {named!r}")
        return key

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(make, [range(first, KEYS, 8) for first in range(8)]))[0]


def times(act):
    """How long it takes, in seconds, each time in `SECONDS`, and three times at least."""
    taken, end = [], time.monotonic() + SECONDS
    while time.monotonic() < end or len(taken) < 3:
        begin = time.monotonic()
        act()
        taken.append(time.monotonic() - begin)
    return sorted(taken)


def percentile(taken, share):
    return taken[min(len(taken) - 1, int(len(taken) * share))]


@contextlib.contextmanager
def a_busy_processor():
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


class Busy:
    """Somebody who opens a page again and again, as long as the block lasts."""

    def __init__(self, world, path):
        self.world, self.path, self.failure = world, path, None

    def __enter__(self):
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._look)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def _look(self):
        try:
            person = visitor.signed_in(self.world)
            while not self.over.is_set():
                person.get(self.path)
        except BaseException as failure:  # It is raised where the numbers are looked at.
            self.failure = failure


def main():
    with server_alone() as server:
        world = types.SimpleNamespace(endpoint=server.endpoint)
        begin = time.monotonic()
        key = make_keys(server.endpoint)
        print(f"{KEYS} keys with aliases made in {time.monotonic() - begin:.0f} s", flush=True)
        wire, person = load.Wire(server.endpoint), visitor.signed_in(world)

        def describe():
            load.answered(wire.call("DescribeKey", {"KeyId": key}))

        calm = times(describe)
        plain = statistics.median(calm)
        with a_busy_processor():
            control = percentile(times(describe), 0.99)
        print(
            f"DescribeKey: {plain * 1000:.2f} ms; 99th percentile {percentile(calm, 0.99) / plain:.1f} of that,"
            f" and {control / plain:.1f} beside a busy processor",
            flush=True,
        )
        worst = 0.0
        for name, path in PAGES.items():
            page = statistics.median(times(lambda path=path: person.get(path)))
            with Busy(world, path) as busy:
                disturbed = times(describe)
            if busy.failure:
                raise load.Failure(f"{name}: {busy.failure}")
            p99 = percentile(disturbed, 0.99)
            worst = max(worst, p99 / control)
            print(
                f"{name:24} takes {page / plain:7.1f}; others meanwhile: median {statistics.median(disturbed) / plain:4.1f},"
                f" 99th percentile {p99 / plain:5.1f}, {p99 / control:.2f} of that beside a busy processor",
                flush=True,
            )
    if worst > MOST_WAITING:
        sys.exit(f"others wait {worst:.2f} times as long as beside a busy processor, which is more than {MOST_WAITING}")


if __name__ == "__main__":
    main()
