"""Load for ten minutes, by TLS: every request is answered, and the server's memory does not grow.

wrk sends Encrypt, Decrypt and GenerateDataKey as fast as it can. Beside it clients come and go, with a handshake each
time; aliases, tags and grants are made and taken away; the console is visited; metrics are scraped. The state of the
server is the same at the end as after the warm-up, so its memory has to be the same too: the mean of the last quarter
is compared with that of the first quarter after the warm-up.

Environment: SOAK_SECONDS (600), SOAK_WARM_UP (60), SOAK_CONNECTIONS (32), SOAK_MOST_GROWTH (5, in percent).
"""

import json
import os
import pathlib
import re
import ssl
import shutil
import sys
import tempfile
import threading
import time
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "Tests" / "AcceptanceTests" / "Scripts"))

import load  # noqa: E402
from certificates import Root  # noqa: E402
from raw import Wire  # noqa: E402
from server import Server  # noqa: E402

SECONDS = int(os.environ.get("SOAK_SECONDS", "600"))
WARM_UP = int(os.environ.get("SOAK_WARM_UP", "60"))
CONNECTIONS = int(os.environ.get("SOAK_CONNECTIONS", "32"))
MOST_GROWTH = float(os.environ.get("SOAK_MOST_GROWTH", "5"))
ROUND = 20


class Soak:
    def __init__(self, server, monitor, context, directory):
        self.server, self.monitor, self.context, self.directory = server, monitor, context, directory
        self.stopped = threading.Event()
        self.failures = []
        self.counts = {}
        self.memory = []
        self.start = time.monotonic()

    def wire(self):
        return Wire(self.server.endpoint, context=self.context)

    def again(self, name, work, pause=0.0):
        """Does the work again and again on a thread of its own, until the end or a failure."""

        def run():
            while not self.stopped.wait(pause):
                try:
                    work()
                    self.counts[name] = self.counts.get(name, 0) + 1
                except Exception as error:
                    self.failures.append(f"{name}: {error!r}")
                    self.stopped.set()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    # What goes on

    def come_and_go(self):
        wire = self.wire()
        load.answered(wire.call("ListKeys", {}))
        wire.close()

    def change(self):
        wire, key = self.changer, self.key
        name = "alias/soak"
        calls = [
            ("CreateAlias", {"AliasName": name, "TargetKeyId": key}),
            ("TagResource", {"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": "b"}]}),
            ("DisableKey", {"KeyId": key}),
            ("EnableKey", {"KeyId": key}),
            ("UntagResource", {"KeyId": key, "TagKeys": ["a"]}),
            ("DeleteAlias", {"AliasName": name}),
        ]
        for operation, body in calls:
            if wire.call(operation, body).status != 200:
                raise load.Failure(f"{operation} was refused")
        terms = {"KeyId": key, "GranteePrincipal": "arn:aws:iam::000000000000:root", "Operations": ["Encrypt"]}
        grant = load.answered(wire.call("CreateGrant", terms))["GrantId"]
        if wire.call("RevokeGrant", {"KeyId": key, "GrantId": grant}).status != 200:
            raise load.Failure("RevokeGrant was refused")

    def visit(self):
        url = f"{self.server.endpoint}/console/sign-in"
        with urllib.request.urlopen(url, timeout=20, context=self.context) as answer:
            answer.read()

    def scrape(self):
        with urllib.request.urlopen(f"{self.monitor}/metrics", timeout=20) as answer:
            text = answer.read().decode()
        resident = float(re.search(r"^process_resident_memory_bytes (\S+)$", text, re.MULTILINE)[1])
        self.memory.append((time.monotonic() - self.start, resident))

    def press(self):
        """Rounds of wrk, each of requests that were signed just before."""
        for name, bodies in self.operations.items():
            if self.stopped.is_set():
                return
            requests = [load.http(self.presser, name, body) for body in bodies]
            found = load.measure(name, self.server.endpoint, requests, self.directory)
            print(f"{time.monotonic() - self.start:6.0f} s  {name:<16} {found.requests_per_second:9,.0f}/s  "
                  f"p99 {found.p99 / 1000:6.1f} ms  {self.memory[-1][1] / 1e6:7.1f} MB", flush=True)  # fmt: skip

    def run(self):
        load.SECONDS, load.CONNECTIONS = ROUND, CONNECTIONS
        self.presser, self.changer = self.wire(), self.wire()
        self.key = load.answered(self.changer.call("CreateKey", {}))["KeyMetadata"]["KeyId"]
        self.operations = load.bodies(self.presser)
        self.scrape()
        threads = [
            self.again("connections", self.come_and_go, 0.02), self.again("changes", self.change, 0.05),
            self.again("visits", self.visit, 0.1), self.again("scrapes", self.scrape, 1),
        ]  # fmt: skip
        while time.monotonic() - self.start < SECONDS + WARM_UP and not self.stopped.is_set():
            self.press()
        self.stopped.set()
        for thread in threads:
            thread.join()
        return self.growth()

    def growth(self):
        steady = [resident for moment, resident in self.memory if moment >= WARM_UP]
        quarter = max(1, len(steady) // 4)
        first, last = (sum(part) / len(part) for part in (steady[:quarter], steady[-quarter:]))
        return first, last, (last / first - 1) * 100


def main():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="soak-"))
    root = Root(directory)
    pair = root.make("server")
    server = Server(
        "dev", "--listen", "127.0.0.1:0", "--data-dir", str(directory / "data"), "--monitor-listen", "127.0.0.1:0",
        "--log-format", "json", *pair.flags,
    )  # fmt: skip
    try:
        server.start(deadline=60)
        monitor = next(
            json.loads(line)["metadata"]["url"] for line in server.log_text().splitlines() if "Health and" in line
        )
        soak = Soak(server, monitor, ssl.create_default_context(cafile=str(root.file)), directory)
        first, last, growth = soak.run()
        print(f"\nbeside the load: {soak.counts}")
        print(f"resident: {first / 1e6:.1f} MB after the warm-up, {last / 1e6:.1f} MB at the end: {growth:+.1f} %")
        if soak.failures:
            sys.exit(f"not everything was answered: {soak.failures[:3]}\nthe server's log:\n{server.log_text()}")
        if growth >= MOST_GROWTH:
            sys.exit(f"memory grows by {growth:.1f} %, and may by {MOST_GROWTH} %")
        if server.stop():
            sys.exit("the server did not end well")
    except load.Failure as failure:
        sys.exit(f"{failure}\nthe server's log:\n{server.log_text()}")
    finally:
        if server.process and server.process.poll() is None:
            server.kill()
        server.forget_log()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
