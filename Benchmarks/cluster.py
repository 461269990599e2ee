"""What one, two and three nodes over one PostgreSQL do, how long a failover takes, and how soon others see a change.

The nodes, both databases and those who ask share the processors of this machine, so the requests a second cannot grow
with the nodes here. What can be told is the work: how much of a processor a request takes of the nodes and of the
databases, and that it does not grow with the nodes. Rounds with one, two and three nodes take turns, and each is
compared with the round with one node that belongs to it.

Environment: BENCH_ROUNDS (5), BENCH_SECONDS (3), BENCH_REQUESTS (200), BENCH_CONNECTIONS (12), BENCH_FAILOVERS (3),
BENCH_PROPAGATION_SECONDS (60).
"""

import base64
import concurrent.futures
import json
import os
import pathlib
import statistics
import sys
import time

os.environ.setdefault("BENCH_ROUNDS", "5")
os.environ.setdefault("BENCH_SECONDS", "3")
os.environ.setdefault("BENCH_CONNECTIONS", "12")

import load  # noqa: E402

sys.path.insert(0, str(load.REPOSITORY / "Tests" / "AcceptanceTests" / "Scripts" / "cluster"))

import scenarios  # noqa: E402
from checker import Checker, percentile  # noqa: E402
from cluster import LONG_OUTAGE, Cluster  # noqa: E402
from database import Missing  # noqa: E402
from network import NotPermitted  # noqa: E402
from raw import Wire, sign  # noqa: E402
from workload import Workload  # noqa: E402

FAILOVERS = int(os.environ.get("BENCH_FAILOVERS", "3"))
PROPAGATION_SECONDS = float(os.environ.get("BENCH_PROPAGATION_SECONDS", "60"))
# Of all nodes together.
CONNECTIONS = load.CONNECTIONS
CHANGED_KEYS = 48


class Asker(Wire):
    """Signs as the account of the cluster."""

    def __init__(self, endpoint, account):
        super().__init__(endpoint)
        self.account = account

    def call(self, operation, body):
        text = json.dumps(body).encode()
        headers = self.headers(operation)
        headers["Authorization"] = sign("POST", "/", headers, text, account=self.account)
        return load.answered(self.send(headers, text))

    def bytes_of(self, operation, body):
        """One signed request, for wrk."""
        text = json.dumps(body, separators=(",", ":")).encode()
        headers = self.headers(operation)
        headers["Authorization"] = sign("POST", "/", headers, text, account=self.account)
        headers["Content-Length"] = str(len(text))
        lines = ["POST / HTTP/1.1"] + [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + text


def bodies(asker):
    """What each operation is asked: cryptography from memory, and a change that the databases have to keep."""
    keys = [asker.call("CreateKey", {})["KeyMetadata"]["KeyId"] for _ in range(CHANGED_KEYS)]
    encrypt = [
        {"KeyId": keys[0], "Plaintext": base64.b64encode(os.urandom(32)).decode(), "EncryptionContext": load.CONTEXT}
        for _ in range(load.REQUESTS)
    ]
    blobs = [asker.call("Encrypt", body)["CiphertextBlob"] for body in encrypt]
    return {
        "Encrypt": encrypt,
        "Decrypt": [{"CiphertextBlob": blob, "EncryptionContext": load.CONTEXT} for blob in blobs],
        # Of different keys on each node, so that what is measured is not how they contend for one.
        "UpdateKeyDescription": [
            {"KeyId": keys[number % CHANGED_KEYS], "Description": f"number {number}"} for number in range(load.REQUESTS)
        ],
    }  # fmt: skip


def processor_seconds(host):
    """What all processes of a host have used; of one that ends, its parent keeps it."""
    ticks = 0
    for number in host.processes():
        try:
            fields = pathlib.Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(fields[index]) for index in (11, 12, 13, 14))
    return ticks / os.sysconf("SC_CLK_TCK")


def round_of(nodes, askers, name, asked, databases, directory):
    """One round in which these nodes are asked at the same time."""
    load.CONNECTIONS, load.THREADS = CONNECTIONS // len(nodes), 1

    def drive(number):
        node, asker = nodes[number], askers[number]
        place = directory / node.name
        place.mkdir(exist_ok=True)
        share = asked[number :: len(nodes)] if name == "UpdateKeyDescription" else asked
        requests = [asker.bytes_of(name, body) for body in share]
        return load.measure(f"{name} on {node.name}", node.endpoint, requests, place)

    before = [sum(map(processor_seconds, hosts)) for hosts in ([node.host for node in nodes], databases.hosts)]
    with concurrent.futures.ThreadPoolExecutor(len(nodes)) as pool:
        found = list(pool.map(drive, range(len(nodes))))
    after = [sum(map(processor_seconds, hosts)) for hosts in ([node.host for node in nodes], databases.hosts)]
    rate = sum(each.requests_per_second for each in found)
    count = rate * load.SECONDS
    used = [(late - soon) / count * 1e6 for soon, late in zip(before, after, strict=True)]
    return rate, *used, max(each.p99 for each in found)


def throughput(cluster, directory):
    askers = [Asker(node.endpoint, cluster.account) for node in cluster.nodes]
    asked = bodies(askers[0])
    # So that every node has all of it in memory.
    for asker in askers:
        asker.call("Decrypt", asked["Decrypt"][0])
        for body in asked["UpdateKeyDescription"][:CHANGED_KEYS]:
            asker.call("DescribeKey", {"KeyId": body["KeyId"]})
    rounds = {}
    for number in range(load.ROUNDS):
        for name, all_of_it in asked.items():
            for count in (1, 2, 3) if number % 2 == 0 else (3, 2, 1):
                found = round_of(cluster.nodes[:count], askers, name, all_of_it, cluster.databases, directory)
                rounds.setdefault((name, count), []).append(found)
                print(f"round {number + 1}: {name:>21} on {count} {found[0]:9,.0f}/s", flush=True)
    lines = [
        "| operation | nodes | requests/s | of one node | nodes, µs of a processor | databases, µs | p99 ms |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for (name, count), results in sorted(rounds.items()):
        rate, node, database, p99 = (statistics.median(values) for values in zip(*results, strict=True))
        ratio = statistics.median(many[0] / one[0] for many, one in zip(results, rounds[name, 1], strict=True))
        cells = name, count, f"{rate:,.0f}", f"{ratio:.2f}", f"{node:,.0f}", f"{database:,.0f}", f"{p99 / 1000:.1f}"
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def faults(cluster):
    """How soon others see a change, and for how long nobody can change anything after the loss of a primary."""
    checker = Checker(cluster.account, cluster.nodes, "bench")
    workload = Workload(checker)
    workload.prepare()
    workload.start(pace=4)
    time.sleep(PROPAGATION_SECONDS)
    samples = {what: list(found) for what, found in checker.propagation.items()}
    gaps = []
    for _ in range(FAILOVERS):
        begun = time.monotonic()
        scenarios.the_primary_is_lost(cluster, checker)
        gaps.append(checker.longest_gap(begun, time.monotonic()))
    checker.stop()
    lines = ["| until | p50 ms | p99 ms | most ms | times |", "| --- | ---: | ---: | ---: | ---: |"]
    for what, found in samples.items():
        values = (percentile(found, 0.5), percentile(found, 0.99), max(found))
        cells = (f"{what} on another node", *(f"{value * 1000:.0f}" for value in values), len(found))
        lines.append(f"| {' | '.join(map(str, cells))} |")
    gap = ", ".join(f"{gap:.1f}" for gap in sorted(gaps))
    return [*lines, "", f"Seconds without an acknowledged write when the primary's host is lost: {gap}"], checker.faults


def main():
    try:
        with Cluster(outages=(LONG_OUTAGE,) * 3) as cluster, load.work_directory() as directory:
            table = throughput(cluster, directory)
            more, found = faults(cluster)
    except (NotPermitted, Missing, load.Failure) as failure:
        sys.exit(str(failure))
    print("\n" + "\n".join([*table, "", *more]))
    if found:
        sys.exit(f"the checker found {len(found)} faults")


if __name__ == "__main__":
    main()
