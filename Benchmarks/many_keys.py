"""Ten million keys behind one node: that its memory is bounded by --cache-keys, and what a key costs in memory and on disk.

A PostgreSQL of its own is filled with genuine keys (many-keys), then a node serves them with three sizes of its cache.
For each: how soon it is ready and its memory full, how much it has, what it answers when keys are in memory, when none is
and when few are asked for often (Zipf's law), and that its memory is the same after a long load over all keys. Everything
is on this machine: node, database and those who ask share its processors.

Environment: KEYS (10,000,000), CACHE_KEYS (a thousandth, a hundredth and a tenth of them, by commas), BENCH_SECONDS (10),
BENCH_LONG_SECONDS (120), BENCH_CONNECTIONS (16), BENCH_MOST_GROWTH (10, in percent; 64 MB are let pass besides),
BENCH_VERIFY (1 to let `chatelaine verify` open every key).
"""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import random
import re
import resource
import statistics
import subprocess
import sys
import time
import urllib.request

import load
from many_keys_store import ManyKeysStore, key_id, processor_seconds
from harness import Account
from raw import CONTENT_TYPE, TARGET, Wire, amz_date, sign, signing_key
from server import Server, binary

KEYS = int(os.environ.get("KEYS", "10000000"))
CACHES = [int(size) for size in os.environ.get("CACHE_KEYS", "").split(",") if size] or [
    max(16, KEYS // part) for part in (1000, 100, 10)
]
SECONDS = int(os.environ.get("BENCH_SECONDS", "10"))
LONG_SECONDS = int(os.environ.get("BENCH_LONG_SECONDS", "120"))
CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", "16"))
MOST_GROWTH = float(os.environ.get("BENCH_MOST_GROWTH", "10"))
LET_PASS = 64e6
REGIONS = ("us-east-1", "us-west-2", "eu-central-1", "ap-southeast-1")
HOT = min(64, CACHES[0] // 2)
SAMPLE = 1000
REPLAY = pathlib.Path(__file__).with_name("replay.lua")
SIGNED = "content-type;host;x-amz-date;x-amz-target"


class Node:
    """One node over the store, and whoever asks it."""

    def __init__(self, store, location, directory, account, cache):
        quotas = directory / "quotas.json"
        quotas.write_text(json.dumps({"*": {"resources": {"keys": 10_000_000}}}))
        os.environ["CHATELAINE_STORE"] = location
        self.account, self.directory, self.store = account, directory, store
        self.server = Server(
            "serve", "--data-dir", str(directory / "data"), "--node", "a", "--listen", "127.0.0.1:0", "--monitor-listen",
            "127.0.0.1:0", "--log-format", "json", "--quotas", "unlimited", "--quota-overrides", str(quotas),
            "--cache-keys", str(cache))  # fmt: skip
        begun = time.monotonic()
        self.server.start(deadline=120)
        self.monitor = next(
            json.loads(line)["metadata"]["url"] for line in self.server.log_text().splitlines() if "Health and" in line
        )
        while not self.is_ready():
            time.sleep(0.01)
        self.start_seconds = time.monotonic() - begun
        self.begun = begun
        self.keys = {}

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"{self.monitor}/health/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self):
        if self.server.process.poll() is None:
            self.server.kill() if self.server.stop() else None
        self.server.forget_log()

    def metric(self, name):
        with urllib.request.urlopen(f"{self.monitor}/metrics", timeout=20) as answer:
            return float(re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)[1])

    @property
    def resident(self):
        return self.metric("process_resident_memory_bytes")

    def fill(self, count):
        """Seconds from the start until as many keys are in memory."""
        while self.metric("chatelaine_cached_keys") < count:
            if time.monotonic() - self.begun > 1800:
                raise load.Failure(f"there are {self.metric('chatelaine_cached_keys'):,.0f} keys in memory after 30 minutes")
            time.sleep(0.1)
        return time.monotonic() - self.begun

    def processors(self):
        return processor_seconds(self.server.process.pid), self.store.processor_seconds()

    # Requests

    def wire(self, region):
        return Caller(self.server.endpoint, self.account, region)

    def request(self, operation, region, body):
        """One signed request for wrk; as raw.sign makes it, but fast enough for hundreds of thousands."""
        text = json.dumps(body, separators=(",", ":")).encode()
        date, host, target = amz_date(), self.server.endpoint.removeprefix("http://"), TARGET + operation
        scope = f"{date[:8]}/{region}/kms/aws4_request"
        if scope not in self.keys:
            self.keys[scope] = signing_key(self.account.secret_access_key, date[:8], region, "kms")
        canonical = (
            f"POST\n/\n\ncontent-type:{CONTENT_TYPE}\nhost:{host}\nx-amz-date:{date}\nx-amz-target:{target}\n\n{SIGNED}\n"
            f"{hashlib.sha256(text).hexdigest()}"
        )
        signed = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(self.keys[scope], signed.encode(), hashlib.sha256).hexdigest()
        head = (
            f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: {CONTENT_TYPE}\r\nX-Amz-Date: {date}\r\n"
            f"X-Amz-Target: {target}\r\nAuthorization: AWS4-HMAC-SHA256 Credential={self.account.access_key_id}/{scope}, "
            f"SignedHeaders={SIGNED}, Signature={signature}\r\nContent-Length: {len(text)}\r\n\r\n"
        )
        return head.encode() + text

    def encrypts(self, numbers):
        plaintext = base64.b64encode(os.urandom(32)).decode()
        for number in numbers:
            body = {"KeyId": key_id(number), "Plaintext": plaintext}
            yield self.request("Encrypt", REGIONS[number % len(REGIONS)], body)

    def drive(self, numbers, seconds, connections=CONNECTIONS):
        """Encrypt with each of these keys in turn, from many connections; also how many of them were in memory."""
        file = self.directory / "requests"
        file.write_bytes(b"\0".join(self.encrypts(numbers)))
        misses, used = self.metric("chatelaine_key_cache_misses_total"), self.processors()
        command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "-s", str(REPLAY), self.server.endpoint]
        done = subprocess.run(
            [*command, "--", str(file)], capture_output=True, text=True, timeout=seconds + 60, stdin=subprocess.DEVNULL)
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if done.returncode or not lines:
            raise load.Failure(f"wrk failed: {done.stdout}{done.stderr}")
        found = json.loads(lines[-1].removeprefix("RESULT "))
        if found["refused"] or found["broken"] or not found["requests"]:
            raise load.Failure(f"not every answer was a 200: {found}")
        used = [late - soon for soon, late in zip(used, self.processors(), strict=True)]
        misses = self.metric("chatelaine_key_cache_misses_total") - misses
        found["node"], found["database"] = (seconds / found["requests"] * 1e6 for seconds in used)
        found["rate"] = found["requests"] / found["microseconds"] * 1e6
        found["hits"] = max(0.0, 1 - misses / found["requests"])
        return found


class Caller(Wire):
    def __init__(self, endpoint, account, region):
        super().__init__(endpoint, timeout=120)
        self.account, self.region = account, region

    def call(self, operation, body):
        text = json.dumps(body).encode()
        headers = self.headers(operation)
        headers["Authorization"] = sign("POST", "/", headers, text, account=self.account, region=self.region)
        return load.answered(self.send(headers, text))


def anywhere(count):
    return [random.randrange(KEYS) for _ in range(count)]


def by_zipf(count):
    """Of the keys the n-th is asked for in proportion to 1/n."""
    return [min(KEYS - 1, int(KEYS ** random.random()) - 1) for _ in range(count)]


def credentials(said):
    """The account and the access key that `init` has shown."""
    names = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
    return Account(
        re.search(r"account (\d{12})", said)[1], *(re.search(rf"export {name}=(\S+)", said)[1] for name in names))


# What is measured


class Secrets:
    """What was encrypted has to be decrypted to the same, by every node, whether the key is in memory or not."""

    def __init__(self):
        self.kept, self.verified = [], 0

    def encrypt(self, node):
        wires = {region: node.wire(region) for region in REGIONS}
        for number in anywhere(SAMPLE):
            region, plaintext = REGIONS[number % len(REGIONS)], os.urandom(32)
            body = {"KeyId": key_id(number), "Plaintext": base64.b64encode(plaintext).decode()}
            self.kept.append((region, number, plaintext, wires[region].call("Encrypt", body)["CiphertextBlob"]))

    def decrypt(self, node):
        wires = {region: node.wire(region) for region in REGIONS}
        for region, number, plaintext, blob in self.kept:
            answer = wires[region].call("Decrypt", {"CiphertextBlob": blob})
            if base64.b64decode(answer["Plaintext"]) != plaintext or not answer["KeyId"].endswith(key_id(number)):
                raise load.Failure(f"the key {key_id(number)} does not decrypt what it encrypted")
            self.verified += 1


def creation(nodes, times=500):
    """Milliseconds of CreateKey on each node, one after the other in turn: the median, and the 99th of a hundred."""
    wires, took = [node.wire(REGIONS[0]) for node in nodes], [[] for _ in nodes]
    for _ in range(times):
        for wire, samples in zip(wires, took, strict=True):
            begun = time.monotonic()
            wire.call("CreateKey", {})
            samples.append((time.monotonic() - begun) * 1000)
    return [(statistics.median(samples), statistics.quantiles(samples, n=100)[98]) for samples in took]


def listing(node):
    """ListKeys over all keys of a region: how many, the first, the median, the last and the slowest page in milliseconds."""
    wire, took, count, marker = node.wire(REGIONS[0]), [], 0, None
    while True:
        begun = time.monotonic()
        answer = wire.call("ListKeys", {"Limit": 1000, **({"Marker": marker} if marker else {})})
        took.append((time.monotonic() - begun) * 1000)
        count += len(answer["Keys"])
        if not answer["Truncated"]:
            return count, took[0], statistics.median(took), took[-1], max(took)
        marker = answer["NextMarker"]


def long_load(node):
    """Random keys for long; the rounds together, and the memory after each."""
    rounds, memory, seconds = [], [], max(1, min(30, LONG_SECONDS))
    rate = 3000.0
    while sum(found["microseconds"] for found in rounds) < LONG_SECONDS * 0.98e6:
        found = node.drive(anywhere(int(rate * seconds * 1.5)), seconds)
        rounds.append(found)
        rate = found["rate"]
        memory.append(node.resident)
    total = sum(found["requests"] for found in rounds)
    shares = {
        name: sum(found[name] * found["requests"] for found in rounds) / total for name in ("hits", "node", "database")
    }
    return {
        **shares,
        "rate": total / sum(found["microseconds"] for found in rounds) * 1e6,
        "p50": statistics.median(found["p50"] for found in rounds),
        "p99": statistics.median(found["p99"] for found in rounds), "requests": total,
    }, memory  # fmt: skip


def measure(node, cache, secrets):
    row = {"cache": cache, "start": node.start_seconds, "full": node.fill(min(cache, KEYS))}
    row["memory"] = node.resident
    secrets.decrypt(node)
    hot = anywhere(HOT)
    node.drive(hot, 2)
    row["hit"] = node.drive(hot, SECONDS)
    row["hit alone"] = node.drive(hot, max(2, SECONDS // 2), connections=1)
    row["miss alone"] = node.drive(anywhere(1500 * SECONDS), max(2, SECONDS // 2), connections=1)
    row["first random"] = node.resident
    row["random"], memory = long_load(node)
    row["memory after"], row["most memory"], row["rounds"] = memory[-1], max(memory), memory
    for _ in range(max(1, LONG_SECONDS // 20)):
        row["zipf"] = node.drive(by_zipf(9000 * SECONDS), SECONDS)
    secrets.encrypt(node)
    secrets.decrypt(node)
    bound = row["memory"] * (1 + MOST_GROWTH / 100) + LET_PASS
    row["bounded"] = max(row["most memory"], node.resident) <= bound
    print(json.dumps(row), flush=True)
    return row


# The report


def cells(*values):
    return f"| {' | '.join(map(str, values))} |"


def report(rows, others):
    lines = [
        cells("keys in memory", "ready s", "full s", "memory MB", "after random MB", "hits/s", "hit p50 / p99 ms",
              "miss p50 / p99 ms", "random/s", "random hits", "Zipf/s", "Zipf hits"),
        cells(*["---:"] * 12),
    ]  # fmt: skip
    for row in rows:
        alone = [f"{row[name]['p50'] / 1000:.2f} / {row[name]['p99'] / 1000:.2f}" for name in ("hit alone", "miss alone")]
        lines.append(cells(
            f"{row['cache']:,}", f"{row['start']:.1f}", f"{row['full']:.0f}", f"{row['memory'] / 1e6:,.0f}",
            f"{row['memory after'] / 1e6:,.0f}", f"{row['hit']['rate']:,.0f}", *alone, f"{row['random']['rate']:,.0f}",
            f"{row['random']['hits']:.1%}", f"{row['zipf']['rate']:,.0f}", f"{row['zipf']['hits']:.0%}"))  # fmt: skip
    lines += ["", cells("keys in memory", "load", "hits", "node, µs of a processor", "database, µs", "p50 / p99 ms"),
              cells("---:", "---", *["---:"] * 4)]  # fmt: skip
    for row in rows:
        for name in ("hit", "random", "zipf"):
            found = row[name]
            lines.append(cells(
                f"{row['cache']:,}", name, f"{found['hits']:.1%}", f"{found['node']:,.0f}", f"{found['database']:,.0f}",
                f"{found['p50'] / 1000:.1f} / {found['p99'] / 1000:.1f}"))  # fmt: skip
    lines.append("")
    for small, large in zip(rows, rows[1:]):
        each = (large["memory"] - small["memory"]) / (large["cache"] - small["cache"])
        lines.append(f"memory of one key, from {small['cache']:,} to {large['cache']:,}: {each:,.0f} bytes")
    return "\n".join(lines + [""] + others)


def sizes(store):
    lines = [cells("table", "rows", "bytes a row", "of indexes", "MB"), cells("---", *["---:"] * 4)]
    for table, (own, indexes, count) in store.sizes().items():
        each = [f"{value / max(1, count):,.0f}" for value in (own, indexes)]
        lines.append(cells(f"`{table}`", f"{count:,}", *each, f"{(own + indexes) / 1e6:,.0f}"))
    return lines


def verify(directory):
    """`chatelaine verify` over everything, as a process of its own."""
    begun = time.monotonic()
    command = [binary(), "verify", "--data-dir", str(directory / "data"), "--node", "a"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise load.Failure(f"chatelaine verify: {done.stdout}{done.stderr}")
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    return f"chatelaine verify: {time.monotonic() - begun:,.0f} s; no process that has ended had more than {most:,.0f} MB"


def new_store(location, directory):
    """The account that the first node makes."""
    directory.mkdir()
    os.environ["CHATELAINE_STORE"] = location
    begin = [binary(), "init", "--data-dir", str(directory / "data"), "--node", "a"]
    done = subprocess.run(begin, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise load.Failure(f"chatelaine init: {done.stdout}{done.stderr}")
    return credentials(done.stdout)


def beside_few(store, node, directory):
    """CreateKey beside a node over a store of the same database server that has few keys."""
    location = store.database("few")
    other = Node(store, location, directory, new_store(location, directory), 1000)
    try:
        creation([other, node], 50)
        return creation([other, node])
    finally:
        other.stop()
        os.environ["CHATELAINE_STORE"] = store.location


def run(store, directory):
    account = new_store(store.location, directory / "many")
    few, directory = directory / "few", directory / "many"
    store.fill(directory / "data" / "root.key", account.number, REGIONS, KEYS)
    others = sizes(store)
    rows, secrets = [], Secrets()
    for place, cache in enumerate(CACHES):
        node = Node(store, store.location, directory, account, cache)
        try:
            rows.append(measure(node, cache, secrets))
            if place == 0:
                made = zip(("few keys", f"{KEYS:,} keys"), beside_few(store, node, few))
                pages = listing(node)
        except load.Failure as failure:
            raise load.Failure(f"{failure}\nthe server's log:\n{node.server.log_text()[-3000:]}") from None
        finally:
            node.stop()
    asked = json.loads(subprocess.run(
        [binary("many-keys"), "ask", "--account", account.number, "--region", REGIONS[0], "--keys", str(KEYS)],
        capture_output=True, text=True, check=True).stdout)  # fmt: skip
    others += ["", *(f"CreateKey, {what}: p50 {p50:.1f} ms, p99 {p99:.1f} ms" for what, (p50, p99) in made)]
    others.append(
        "ListKeys of {:,} keys, 1000 at a time: first page {:.1f} ms, median {:.1f}, last {:.1f}, slowest {:.1f}".format(*pages)
    )
    others += [f"the store, {what}: {took:.2f} ms" for what, took in asked.items()]
    others.append(f"decrypted and found right: {secrets.verified:,} answers")
    others += ["", "Afterwards:", "", *sizes(store)]
    if os.environ.get("BENCH_VERIFY"):
        others.append(verify(directory))
    return rows, others


def main():
    try:
        with load.work_directory() as directory:
            store = ManyKeysStore()
            rows, others = run(store, directory)
    except load.Failure as failure:
        sys.exit(str(failure))
    print("\n" + report(rows, others))
    grown = [f"{row['cache']:,}" for row in rows if not row["bounded"]]
    if grown:
        sys.exit(f"memory grew by more than {MOST_GROWTH:.0f} % and 64 MB with {', '.join(grown)} keys in memory")


if __name__ == "__main__":
    main()
