"""What a key costs that is elsewhere: in a token, or behind the proxy of an external key store, beside an ordinary key.

All three are keys of one server, so that nothing but the key differs. The token is SoftHSM2's, in the server's own process; the
proxy is a second server, by TLS. Their rounds take turns, as in load.py, and each counts as a ratio to the ordinary key's
beside it: requests a second with all connections, and the latency of one connection, where nothing waits for anything else.
Every answer has to be a 200, but what the proxy did not answer in time is counted, and its round done again. With `--keep` the
table replaces the one in docs/key-stores.md.

Environment: BENCH_ROUNDS (15), BENCH_SECONDS (1), BENCH_REQUESTS (200), BENCH_CONNECTIONS (16).
"""

import argparse
import collections
import contextlib
import dataclasses
import json
import os
import platform
import statistics
import time

os.environ.setdefault("BENCH_ROUNDS", "15")
os.environ.setdefault("BENCH_SECONDS", "1")

# It makes the acceptance tests' scripts known, some of which come next.
import load  # noqa: E402

import hsm_key_store  # noqa: E402
import near_side  # noqa: E402
import table  # noqa: E402
from bench import commit  # noqa: E402
from harness import FIRST, REGION  # noqa: E402
from rates import Signed  # noqa: E402
from raw import Wire  # noqa: E402
from server import Server  # noqa: E402

KINDS = ORDINARY, IN_TOKEN, EXTERNAL = "ordinary", "`AWS_CLOUDHSM`", "`EXTERNAL_KEY_STORE`"
# Of load.py, for as many connections as are asked.
THREADS, CONNECTIONS = load.THREADS, load.CONNECTIONS
OPERATIONS = ("Encrypt", "Decrypt", "GenerateDataKey")
# Far above what is ever asked: quotas are held, and nobody is refused.
PLENTY = {"requests": dict.fromkeys(("symmetric", "customKeyStore"), 1_000_000)}
MOST_ADMITTED = 1_000_000
# What the server logs of a proxy that failed, and of one that did not answer within the 250 ms that AWS gives it.
FAILED, TOO_LATE = "The proxy of an external key store does not do what was asked", "no answer in time"
MOST_REPEATS = 20
PAGE = load.REPOSITORY / "docs" / "key-stores.md"
BEGIN = "<!-- what `make bench-key-places KEEP=1` measured -->\n"


class Patient(Wire):
    """Asks again when a proxy took too long: what is prepared is not what is measured."""

    def call(self, operation, body, **headers):
        for _ in range(MOST_REPEATS):
            answer = super().call(operation, body, **headers)
            if near_side.SLOW.encode() not in answer.body:
                break
        return answer


# The three keys


def near(directory):
    """The server that is asked."""
    quotas = directory / "quotas.json"
    quotas.write_text(json.dumps({"*": PLENTY}))
    token = f"{hsm_key_store.CLUSTER}/{FIRST.number}/{REGION}={hsm_key_store.TOKEN}@{hsm_key_store.module()}"
    return Server(
        "dev", "--listen", "127.0.0.1:0", "--data-dir", str(directory / "data"), "--quotas", "aws",
        "--quota-overrides", str(quotas), "--hsm-clusters", token, *near_side.FAR.flags,
    )  # fmt: skip


def key_in_token(kms):
    store = kms.create_custom_key_store(
        CustomKeyStoreName="token", CloudHsmClusterId=hsm_key_store.CLUSTER, KeyStorePassword=hsm_key_store.PIN,
        TrustAnchorCertificate=hsm_key_store.certificate(),
    )["CustomKeyStoreId"]  # fmt: skip
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    hsm_key_store.wait_for(kms, store, "CONNECTED")
    return kms.create_key(CustomKeyStoreId=store, Origin="AWS_CLOUDHSM")["KeyMetadata"]["KeyId"]


def external_key(kms):
    far = near_side.FAR
    far.offer("/external", rate=MOST_ADMITTED, key=far.key())
    return near_side.key_in(kms, near_side.connected(kms, "external"), "key")["KeyId"]


def contestants(server):
    kms = hsm_key_store.client(server)
    keys = {
        ORDINARY: kms.create_key()["KeyMetadata"]["KeyId"],
        IN_TOKEN: key_in_token(kms),
        EXTERNAL: external_key(kms),
    }
    return [Signed(kind, server.endpoint, load.bodies(Patient(server.endpoint), key)) for kind, key in keys.items()]


# Rounds


class Rounds:
    """All rounds of all kinds of keys."""

    def __init__(self, server, directory):
        self.server, self.directory = server, directory
        # By operation, connections and kind.
        self.found = collections.defaultdict(list)
        # Requests that were refused because the proxy took too long, by operation.
        self.too_late = collections.Counter()

    def measure(self, kinds):
        for number in range(load.ROUNDS):
            for operation in OPERATIONS:
                for connections in (1, CONNECTIONS):
                    for kind in kinds if number % 2 == 0 else reversed(kinds):
                        found = self.round_of(kind, operation, connections)
                        self.found[operation, connections, kind.name].append(found)
                        what = f"{operation:>15} {kind.name:<20} {connections:>2} connections"
                        figures = f"{found.requests_per_second:9,.0f}/s, p50 {found.p50:6,} us, p99 {found.p99:7,} us"
                        print(f"round {number + 1}: {what} {figures}", flush=True)

    def round_of(self, kind, operation, connections):
        load.CONNECTIONS, load.THREADS = connections, min(connections, THREADS)
        for _ in range(MOST_REPEATS):
            position = self.server.log_size()
            try:
                return load.measure(f"{operation} {kind.name}", kind.endpoint, kind.wants(operation), self.directory)
            except load.Failure:
                failed = [line for line in self.server.log_since(position).splitlines() if FAILED in line]
                if not failed or any(TOO_LATE not in line for line in failed):
                    raise
                self.too_late[operation] += len(failed)
                print(f"{operation} {kind.name}: {len(failed)} answers took too long; once more", flush=True)
        raise load.Failure(f"{operation} {kind.name}: the proxy always takes too long")

    def ratio(self, field, operation, connections, kind):
        """To the ordinary key's in the same round, the median."""
        pairs = zip(*(self.found[operation, connections, each] for each in (kind, ORDINARY)), strict=True)
        return statistics.median(getattr(one, field) / getattr(other, field) for one, other in pairs)

    def row(self, operation, kind):
        many, one = (self.found[operation, connections, kind] for connections in (CONNECTIONS, 1))
        return {
            "operation": operation, "key": kind,
            "requestsPerSecond": load.middle(many, "requests_per_second"),
            "shareOfOrdinary": self.ratio("requests_per_second", operation, CONNECTIONS, kind),
            "p50Microseconds": load.middle(one, "p50"), "p99Microseconds": load.middle(one, "p99"),
            "timesOrdinary": self.ratio("p50", operation, 1, kind),
            "tooLate": self.too_late[operation] if kind == EXTERNAL else None,
        }  # fmt: skip

    def result(self, busy):
        return {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": f"{os.cpu_count()} processors, {platform.machine()}",
            "load": busy,
            "commit": commit(),
            "settings": {"rounds": load.ROUNDS, "seconds": load.SECONDS, "connections": CONNECTIONS},
            "keys": [self.row(operation, kind) for operation in OPERATIONS for kind in KINDS],
            "rounds": [
                {"operation": operation, "connections": connections, "key": kind,
                 "rounds": [dataclasses.asdict(each) for each in found]}
                for (operation, connections, kind), found in self.found.items()
            ],
        }  # fmt: skip


def text(result):
    """What the documentation says of a run."""
    settings = result["settings"]
    rows = [
        (
            row["operation"], row["key"], f"{row['requestsPerSecond']:,.0f}", f"{row['shareOfOrdinary']:.2f}",
            f"{row['p50Microseconds']:,.0f}", f"{row['timesOrdinary']:.1f}", f"{row['p99Microseconds']:,.0f}",
            "" if row["tooLate"] is None else row["tooLate"],
        ) for row in result["keys"]
    ]  # fmt: skip
    head = ("operation", "key", "requests/s", "of ordinary", "p50 µs", "times ordinary", "p99 µs", "too late")
    return (
        f"{result['machine']}, which both servers and wrk share; medians of {settings['rounds']} rounds of "
        f"{settings['seconds']} s; {result['time'][:10]}, commit {result['commit']}, with a load average of "
        f"{result['load']} before it began. Requests a second are with {settings['connections']} connections, "
        f"latencies with one.\n\n"
        f"{table.markdown(head, rows, ('---', '---', *['---:'] * 6))}"
    )


def keep(result):
    """Puts the result where the documentation shows it."""
    table.put(text(result), PAGE, BEGIN)


def main():
    # What others did here before: ratios of a busy machine are not those of a quiet one.
    busy = round(os.getloadavg()[0], 1)
    with load.work_directory() as directory, contextlib.ExitStack() as stack:
        stack.callback(near_side.FAR.end)
        parser = argparse.ArgumentParser(description="Measure what a key costs that is elsewhere.")
        parser.add_argument("--keep", action="store_true", help="put the table into docs/")
        arguments = parser.parse_args()
        hsm_key_store.Tokens(directory).make(hsm_key_store.TOKEN)
        near_side.FAR.start()
        (server,) = stack.enter_context(load.running(near(directory)))
        rounds = Rounds(server, directory)
        rounds.measure(contestants(server))
    result = rounds.result(busy)
    artifacts = load.REPOSITORY / "artifacts"
    artifacts.mkdir(exist_ok=True)
    file = artifacts / f"key-places-{result['time'].replace(':', '')}.json"
    file.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print(f"\n{text(result)}\n\nall rounds: {file}")
    if arguments.keep:
        keep(result)


if __name__ == "__main__":
    main()
