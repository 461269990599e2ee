"""Holds a server against its targets, all in one run on one machine: the table, a plot and a JSON of it.

SigV4, quotas and the audit log are on. A target that is missed is said to be missed; the run does not fail for it. With `--keep` the result replaces the one in docs/, which others
are compared with.

Environment: as load.py; BENCH_KEYS (10000), BENCH_START_KEYS (100000), BENCH_MOST_KEYS (1000000), OTHERS (1 to compare
with OpenBao and moto).
"""

import argparse
import contextlib
import dataclasses
import json
import os
import platform
import subprocess
import sys
import time

import durable
import growth
import load
import plot
import table
import worlds
from others import others
from raw import Wire
from rates import BARE, FRAMEWORK, OURS, Rates, Signed, asked, at_half_load
from server import Server, binary

KEYS = int(os.environ.get("BENCH_KEYS", "10000"))
START_KEYS = int(os.environ.get("BENCH_START_KEYS", "100000"))
MOST_KEYS = int(os.environ.get("BENCH_MOST_KEYS", "1000000"))
DOCS = load.REPOSITORY / "docs"
PAGE = DOCS / "performance.md"


def of_rates(data, directory):
    """Throughput and latency, beside those who do less."""
    echoes = [Server("--listen", "127.0.0.1:0", *flags, program=binary("echo-server")) for flags in ((), ("--bare",))]
    with contextlib.ExitStack() as stack:
        server, *echoes = stack.enter_context(load.running(worlds.server(data), *echoes))
        bodies = asked(Wire(server.endpoint))
        contestants = [
            Signed(name, each.endpoint, bodies)
            for name, each in zip((OURS, FRAMEWORK, BARE), (server, *echoes), strict=True)
        ]
        if os.environ.get("OTHERS", "0") not in ("", "0"):
            contestants += others(stack, directory)
        rates = Rates(contestants, list(bodies), directory)
        rates.measure()
        return rates, rates.rows() + at_half_load(rates)


def run(directory):
    # What others did here before: ratios of a busy machine are not those of a quiet one.
    busy = round(os.getloadavg()[0], 1)
    data = worlds.data_directory(directory / "many", KEYS)
    rates, rows = of_rates(data, directory)
    rows += durable.creation(directory, KEYS)
    crowded = worlds.data_directory(directory / "start", START_KEYS)
    rows += durable.starts(directory, crowded, START_KEYS)
    layers = worlds.figures("layers", "--json", "--rounds", 33 * load.ROUNDS)
    most = worlds.data_directory(directory / "most", MOST_KEYS) if MOST_KEYS > START_KEYS else crowded
    more, scaling = growth.rows(layers, {KEYS: data, max(MOST_KEYS, START_KEYS): most}, 150 * load.ROUNDS)
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": f"{os.cpu_count()} processors, {platform.machine()}",
        "load": busy,
        "commit": commit(),
        "settings": {"rounds": load.ROUNDS, "seconds": load.SECONDS, "connections": load.CONNECTIONS, "keys": KEYS},
        "targets": [dataclasses.asdict(row) for row in rows + more],
        "rates": rates.medians(),
        "primitives": rates.primitives(),
        "layers": layers,
        "scaling": scaling,
    }


def commit():
    """The commit of what is measured."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=load.REPOSITORY, stdin=subprocess.DEVNULL)
    return done.stdout.strip() or "unknown"


def targets(result):
    return [table.Row(**row) for row in result["targets"]]


def tables(result):
    """What the documentation says of a run."""
    settings = result["settings"]
    return "\n\n".join([
        f"{result['machine']}, which servers and wrk share; {settings['connections']} connections, medians of "
        f"{settings['rounds']} rounds of {settings['seconds']} s; {result['time'][:10]}, commit {result['commit']}, "
        f"with a load average of {result['load']} before it began.",
        table.of_targets(targets(result)),
        table.of_rates(result["rates"]),
        table.of_layers(result["layers"]),
    ])  # fmt: skip


def save(result, directory, name):
    directory.mkdir(exist_ok=True)
    (directory / f"{name}.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    (directory / f"{name}.svg").write_text(plot.of_rates(result["rates"]))


def keep(result):
    """Puts the result where the documentation shows it."""
    save(result, DOCS, "performance")
    table.put(tables(result), PAGE, "<!-- what `make bench KEEP=1` measured -->\n")


def main():
    parser = argparse.ArgumentParser(description="Hold a server against its targets.")
    parser.add_argument("--keep", action="store_true", help="put the result into docs/")
    arguments = parser.parse_args()
    if arguments.keep and os.environ.get("OTHERS", "0") in ("", "0"):
        sys.exit("what is kept has OpenBao and moto in it: OTHERS=1")
    with load.work_directory() as directory:
        result = run(directory)
    save(result, load.REPOSITORY / "artifacts", f"bench-{result['time'].replace(':', '')}")
    print("\n" + tables(result))
    kept = DOCS / "performance.json"
    if kept.exists():
        before = json.loads(kept.read_text())
        print(f"\nbeside the run of {before['time']}:\n{table.changes(targets(result), targets(before))}")
    if arguments.keep:
        keep(result)


if __name__ == "__main__":
    main()
