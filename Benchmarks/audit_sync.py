"""What it costs to have every record on the disk before its answer: `--audit-sync every-group` beside `each-second`.

Two servers take turns, as in load.py. The cost is that of the disk's syncs, which all requests of a moment share: with more
connections more of them share each.

Environment: BENCH_ROUNDS (9), BENCH_SECONDS (2), BENCH_REQUESTS (200), BENCH_CONNECTIONS (16).
"""

import contextlib
import statistics

from load import CONNECTIONS, ROUNDS, Failure, bodies, http, measure, middle, work_directory
from raw import Wire
from server import Server

POLICIES = ("each-second", "every-group")


def main():
    with work_directory() as directory, contextlib.ExitStack() as stack:
        servers = {}
        for policy in POLICIES:
            server = Server(
                "dev", "--listen", "127.0.0.1:0", "--data-dir", str(directory / policy), "--audit-sync", policy
            )
            stack.callback(server.forget_log)
            server.start()
            stack.callback(server.kill)
            servers[policy] = server
        wires = {policy: Wire(server.endpoint) for policy, server in servers.items()}
        asked = {policy: bodies(wire)["Encrypt"] for policy, wire in wires.items()}
        rounds = {policy: [] for policy in POLICIES}
        for number in range(ROUNDS):
            for policy in POLICIES if number % 2 == 0 else POLICIES[::-1]:
                requests = [http(wires[policy], "Encrypt", body) for body in asked[policy]]
                rounds[policy].append(measure(policy, servers[policy].endpoint, requests, directory))
                print(f"round {number + 1}: {policy:>12} {rounds[policy][-1].requests_per_second:10,.0f}/s", flush=True)
    print(f"\n{'Encrypt':<14}{'requests/s':>12}{'p50 us':>10}{'p99 us':>10}")
    for policy in POLICIES:
        rate, p50, p99 = (middle(rounds[policy], name) for name in ("requests_per_second", "p50", "p99"))
        print(f"{policy:<14}{rate:>12,.0f}{p50:>10,.0f}{p99:>10,.0f}")
    pairs = zip(rounds["every-group"], rounds["each-second"], strict=True)
    share = statistics.median(late.requests_per_second / soon.requests_per_second for late, soon in pairs)
    print(f"every-group keeps {share:.2f} of the rate, with {CONNECTIONS} connections, median of {ROUNDS} rounds")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        raise SystemExit(str(failure)) from None
