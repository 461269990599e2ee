"""CreateKey beside what the store alone commits; the start with many keys beside reading their rows; memory per key."""

import base64
import pathlib
import re
import statistics
import time

import load
import table
import worlds
from raw import Wire


def creation(directory, keys):
    """CreateKey by `load.CONNECTIONS` clients, beside the same rows in a store without a server."""
    data = worlds.data_directory(directory / "creation", keys)
    ratios = []
    with load.running(worlds.server(data)) as (server,):
        wire = Wire(server.endpoint)

        def created():
            requests = [load.http(wire, "CreateKey", {})] * load.REQUESTS
            return load.measure("CreateKey", server.endpoint, requests, directory).requests_per_second

        def committed():
            arguments = ("commits", "--clients", load.CONNECTIONS, "--seconds", load.SECONDS, "--keys", keys)
            return worlds.figures(*arguments)["keysPerSecond"]

        for number in range(load.ROUNDS):
            if number % 2 == 0:
                ours, alone = created(), committed()
            else:
                alone, ours = committed(), created()
            ratios.append(ours / alone)
            print(f"round {number + 1}: CreateKey {ours:9,.0f}/s, the store alone {alone:9,.0f}/s", flush=True)
    what = f"CreateKey, durable, {load.CONNECTIONS} clients"
    return [table.at_least(what, statistics.median(ratios), 0.7, "the store's own durable commits")]


def start(data, *call):
    """Seconds until the first answer, and the bytes that are resident then."""
    server = worlds.server(data)
    begun = time.monotonic()
    try:
        server.start(deadline=300)
        load.answered(Wire(server.endpoint).call(*call))
        took = time.monotonic() - begun
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        resident = int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)[1]) * 1024
        server.stop()
        return took, resident
    finally:
        if server.process.poll() is None:
            server.kill()
        server.forget_log()


def starts(directory, data, keys):
    """Starts with many keys and with none, beside SQLite reading the rows of the many."""
    empty = directory / "empty"
    encrypt = "Encrypt", {"KeyId": worlds.numbered_key(), "Plaintext": base64.b64encode(bytes(32)).decode()}
    listing = "ListKeys", {}
    ratios, memory, per_key = [], [], []
    start(empty, *listing)
    for number in range(load.ROUNDS):
        took, resident = start(data, *encrypt)
        alone = worlds.figures("rows", "--data-dir", data)["seconds"]
        _, base = start(empty, *listing)
        ratios.append(took / alone)
        memory.append(resident)
        per_key.append((resident - base) / keys)
        said = f"start {took:.2f} s, reading alone {alone:.2f} s, {resident / 1e6:.0f} MB"
        print(f"round {number + 1}: {said}", flush=True)
    many = f"with {keys:,} keys"
    return [
        table.at_most(f"start {many} to the first answer", statistics.median(ratios), 3, "times", "SQLite alone"),
        table.under(f"resident memory {many}", statistics.median(memory) / 1e6, 200, "MB", digits=0),
        table.under("memory per cached key", statistics.median(per_key) / 1000, 1.5, "KB"),
    ]
