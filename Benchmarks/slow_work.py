"""What Encrypt's latency is while another client has RSA_4096 keys made, one after the other.

Quiet and disturbed rounds alternate in one run; the ratio of their 99th percentiles must not be over 2.

Environment: as load.py, and BENCH_MAKERS (1), how many clients make keys.
"""

import os
import statistics
import sys
import threading

import load

MAKERS = int(os.environ.get("BENCH_MAKERS", "1"))
MOST = 2.0


class Makers:
    """Clients that ask for RSA_4096 keys as long as the block lasts."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.made = 0
        self.refused = []

    def __enter__(self):
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._make) for _ in range(MAKERS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def _make(self):
        wire = load.Wire(self.endpoint)
        while not self.over.is_set():
            answer = wire.call("CreateKey", {"KeySpec": "RSA_4096", "KeyUsage": "SIGN_VERIFY"})
            if answer.status != 200:
                self.refused.append(answer)
                return
            self.made += 1


def main():
    with load.work_directory() as directory, load.running(
        load.Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(directory / "data"))
    ) as (server,):
        wire = load.Wire(server.endpoint)
        body = load.bodies(wire)["Encrypt"]
        quiet, disturbed, made = [], [], 0
        for number in range(load.ROUNDS):
            requests = [load.http(wire, "Encrypt", each) for each in body]
            quiet.append(load.measure("quiet", server.endpoint, requests, directory))
            with Makers(server.endpoint) as makers:
                disturbed.append(load.measure("disturbed", server.endpoint, requests, directory))
            if makers.refused:
                raise load.Failure(f"a key was not made: {makers.refused[0]!r}")
            made += makers.made
            print(f"round {number + 1}: p99 {quiet[-1].p99:8,} us, disturbed {disturbed[-1].p99:8,} us", flush=True)
    ratio = statistics.median(busy.p99 / calm.p99 for busy, calm in zip(disturbed, quiet, strict=True))
    rate = statistics.median(
        busy.requests_per_second / calm.requests_per_second for busy, calm in zip(disturbed, quiet, strict=True)
    )
    print(f"\n{made} RSA_4096 keys were made; Encrypt kept {rate:.2f} of its rate and had {ratio:.2f} times its p99")
    if ratio > MOST:
        sys.exit(f"that is more than {MOST} times")


if __name__ == "__main__":
    main()
