"""The chain of the audit log: `chatelaine audit verify` finds each kind of tampering and says where; a server that is killed
at any moment leaves a log that is whole; and the chain is what docs/formats.md says, without this program's code.
"""

import base64
import concurrent.futures
import hashlib
import hmac
import json
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from durability import LOST, client
from harness import advance, audit_lines, equal, eventually, holds
from server import Server, binary

ROUNDS = int(os.environ.get("CHAIN_ROUNDS", "12"))
SEED = int(os.environ.get("CHAIN_SEED", str(time.time_ns() % 10**6)))
_scenarios = {}


def scenario(function):
    _scenarios.setdefault(function.__module__, []).append(function)
    return function


def development(data, *more):
    return Server("dev", "--listen", "127.0.0.1:0", "--clock", "controllable", "--data-dir", str(data), *more)


def verify(data, *flags):
    """The exit code, and the lines."""
    done = subprocess.run(
        [binary(), "audit", "verify", "--data-dir", str(data), *flags], capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, (done.stdout + done.stderr).splitlines()


def whole(data):
    code, lines = verify(data)
    equal((code, lines[-1:]), (0, ["the audit log is whole"]), f"the verification says {lines}")
    return lines


def files(data):
    return sorted((data / "audit").iterdir())


def records(data):
    return [json.loads(line) for line in audit_lines(data)]


def use(kms, count):
    for _ in range(count):
        kms.list_keys()


# The chain as documented


def field(value):
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(4, "big") + data


def audit_key(data):
    root_key = base64.b64decode((data / "root.key").read_text().split(" ")[2])
    extracted = hmac.new(bytes(32), root_key, hashlib.sha256).digest()
    info = field("chatelaine domain key") + field(b"\x01") + field("audit") + field("")
    domain_key = hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()
    with sqlite3.connect(data / "chatelaine.sqlite") as store:
        settings = {bytes(name): value for name, value in store.execute("SELECT name, value FROM setting")}
    store.close()
    wrapped = settings[b"audit.key"]
    key = AESGCM(domain_key).decrypt(wrapped[1:13], wrapped[13:], field("chatelaine audit key") + field(b"\x01"))
    return key, settings[b"audit.anchor"]


def code(key, label, *fields):
    return hmac.new(key, b"".join([field(label), field(b"\x01"), *map(field, fields)]), hashlib.sha256).digest()


@scenario
def the_chain_is_what_the_documentation_says(directory):
    server = development(directory / "data", "--audit-file-size", "4KiB").start()
    use(client(server.endpoint), 30)
    server.stop()
    key, note = audit_key(directory / "data")
    previous, number = bytes(32), 0
    for path in files(directory / "data"):
        for line in path.read_bytes().split(b"\n")[:-1]:
            record, _, place = line.rpartition(b',"chatelaineChain":')
            place, number = json.loads(place[:-1]), number + 1
            equal(place["sequence"], number)
            expected = code(
                key, "chatelaine audit record", previous, number.to_bytes(8, "big"), hashlib.sha256(record + b"}").digest()
            )
            equal(place["mac"], base64.b64encode(expected).decode(), f"the code of {number}")
            previous = expected
    equal(number, 30)
    known = number.to_bytes(8, "big") + previous
    equal(note, b"\x01" + known + code(key, "chatelaine audit anchor", known[:8], known[8:]), "the store's note")
    holds(len(files(directory / "data")) > 3, "the log is in several files")


# Verification


@scenario
def a_running_and_a_stopped_server_have_a_log_that_is_whole(directory):
    data = directory / "data"
    server = development(data, "--audit-file-size", "8KiB").start()
    kms = client(server.endpoint)
    equal(whole(data)[0], "0 records in 1 files")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        running = [pool.submit(use, client(server.endpoint), 100) for _ in range(3)]
        for _ in range(5):
            whole(data)
        for each in running:
            each.result()
    kms.create_key()
    holds(whole(data)[0].startswith("301 records in "), whole(data))
    server.stop()
    lines = whole(data)
    holds(lines[0].startswith("301 records in ") and ", from 1 (" in lines[0] and " to 301 (" in lines[0], lines)
    equal(verify(directory / "nowhere")[0], 1)


def edit(data, change, path=None):
    path = path or data / "audit" / "audit.jsonl"
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    change(lines)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def forge(lines):
    lines[6] = lines[6].replace('"ListKeys"', '"Forged"')


TAMPERING = {
    "a changed record": (forge, "audit.jsonl, line 7: record 7 is not what was written"),
    "a removed record": (lambda lines: lines.pop(6), "audit.jsonl, line 7: record 7 is missing in front of this line, so record 8 itself cannot be checked"),
    "several removed records": (lambda lines: lines.__delitem__(slice(6, 9)), "line 7: records 7 to 9 are missing"),
    "the first record removed": (lambda lines: lines.pop(0), "audit.jsonl, line 1: record 1 is missing"),
    "a cut end": (lambda lines: lines.__delitem__(slice(10, None)), "end of the log: records 11 to 12 are missing"),
    "everything removed": (lambda lines: lines.clear(), "at the end of the log: records 1 to 12 are missing"),
    "a swap": (lambda lines: lines.insert(6, lines.pop(7)), "line 8: record 7 is not in place"),
    "a repetition": (lambda lines: lines.insert(9, lines[6]), "line 10: record 7 is there again"),
    "an insertion": (lambda lines: lines.insert(6, '{"eventName":"Forged"}'), "line 7: a line is no part of the chain"),
}


@scenario
def each_kind_of_tampering_is_found(directory):
    data = directory / "data"
    server = development(data).start()
    use(client(server.endpoint), 12)
    server.stop()
    whole(data)
    for name, (change, expected) in TAMPERING.items():
        copy = directory / "copy"
        shutil.copytree(data, copy)
        edit(copy, change)
        status, lines = verify(copy)
        equal(status, 1, f"{name}: {lines}")
        equal(sum(expected in line for line in lines), 1, f"{name}: {lines}")
        equal(lines[-1], f"chatelaine: the audit log in {copy} is not whole")
        shutil.rmtree(copy)
    whole(data)


@scenario
def a_missing_file_is_found(directory):
    data = directory / "data"
    server = development(data, "--audit-file-size", "4KiB").start()
    use(client(server.endpoint), 40)
    server.stop()
    closed = files(data)[:-1]
    holds(len(closed) > 4, closed)
    numbers = [int(path.stem.rpartition("-")[2]) for path in closed]
    closed[2].rename(directory / "taken")
    lines = verify(data)[1]
    expected = f"{closed[3].name}, line 1: records {numbers[2]} to {numbers[3] - 1} are missing in front of this line, so record {numbers[3]} itself cannot be checked"
    holds(expected in lines, lines)
    (directory / "taken").rename(closed[2])
    whole(data)


@scenario
def a_cut_end_is_noticed_at_the_start(directory):
    data = directory / "data"
    server = development(data).start()
    use(client(server.endpoint), 12)
    server.stop()
    original = (data / "audit" / "audit.jsonl").read_text()
    edit(data, lambda lines: lines.__delitem__(slice(8, None)))
    server.start()
    holds("It ends with the record 8, but had 12." in server.log_text(), server.log_text())
    use(client(server.endpoint), 2)
    code, lines = verify(data)
    equal((code, lines[0]), (1, "audit.jsonl, line 9: records 9 to 12 are missing in front of this line, so record 13 itself cannot be checked"), lines)
    server.stop()
    event = records(data)[8]
    equal((event["eventName"], event["chatelaineChain"]["sequence"]), ("AuditLogDiscrepancy", 13))
    # Whoever has the lines puts them back.
    (data / "audit" / "audit.jsonl").write_text(
        original + "".join((data / "audit" / "audit.jsonl").read_text().splitlines(keepends=True)[8:])
    )
    whole(data)
    server.start()
    holds(server.log_text().count("It ends with") == 1, "noticed once")
    server.stop()


@scenario
def files_end_with_their_day_and_old_ones_go(directory):
    data = directory / "data"
    server = development(data, "--audit-retention-days", "90").start()
    kms = client(server.endpoint)
    for days in ("1d", "1d", "88d"):
        use(kms, 3)
        advance(world(server), days)
    use(kms, 1)
    holds(len(files(data)) >= 3, files(data))
    first = files(data)[0]
    advance(world(server), "2d")
    eventually(lambda: not first.exists(), f"{first.name} goes", 20)
    gone = [record for record in records(data) if record["eventName"] == "RemoveAuditFile"]
    equal(gone[0]["serviceEventDetails"]["file"], first.name)
    whole(data)
    server.kill()
    whole(data)
    server.start()
    server.stop()
    whole(data)


class world:  # noqa: N801 - what advance() needs to know
    def __init__(self, server):
        self.endpoint = server.endpoint


# Kills


def work(endpoint, stop, acknowledged):
    kms = client(endpoint)
    try:
        while not stop.is_set():
            acknowledged.append(kms.create_key()["ResponseMetadata"]["RequestId"])
            use(kms, 5)
    except LOST:
        return


@scenario
def a_kill_during_rotation_leaves_a_whole_log(directory):
    data, dice, acknowledged = directory / "data", random.Random(SEED), []
    server = development(data, "--audit-file-size", "4KiB")
    for _ in range(ROUNDS):
        server.start()
        stop = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            running = [pool.submit(work, server.endpoint, stop, acknowledged) for _ in range(3)]
            time.sleep(dice.uniform(0.05, 0.6))
            server.kill()
            stop.set()
            for each in running:
                each.result()
        holds(len(whole(data)) >= 2, "the log of a killed server")
    server.start()
    whole(data)
    server.stop()
    whole(data)
    missing = set(acknowledged) - {record.get("requestID") for record in records(data)}
    holds(not missing, f"{len(missing)} acknowledged changes have no record")
    holds(len(files(data)) > 3 * ROUNDS, f"only {len(files(data))} files")
    print(f"{ROUNDS} kills, {len(files(data))} files, {len(acknowledged)} changes", flush=True)


# Options


@scenario
def options_that_make_no_sense_are_refused(directory):
    for flag in (
        "--audit-file-size=1KiB", "--audit-file-size=x", "--audit-file-size=99999999999GiB",
        "--audit-file-size=-5MiB", "--audit-retention-days=89", "--audit-sync=never",
    ):  # fmt: skip
        done = subprocess.run(
            [binary(), "dev", "--data-dir", str(directory / "data"), flag], capture_output=True, text=True, timeout=20,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        equal(done.returncode, 2, f"{flag}: {done.stderr}")
        holds(flag.partition("=")[2] in done.stderr, done.stderr)


@scenario
def every_group_is_on_the_disk_before_its_answer(directory):
    """What strace sees: a sync of the log between a read's request and its answer."""
    if not shutil.which("strace"):
        print("skipped: strace is not here", flush=True)
        return
    for policy, synced in (("every-group", True), ("each-second", False)):
        data = directory / policy
        server = development(data, "--audit-sync", policy).start()
        kms = client(server.endpoint)
        kms.list_keys()
        time.sleep(1.5)
        trace = directory / f"{policy}.trace"
        tracer = subprocess.Popen(
            ["strace", "-f", "-y", "-e", "trace=fdatasync", "-o", str(trace), "-p", str(server.process.pid)],
            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            time.sleep(1)
            before = trace.read_text().count("audit.jsonl")
            for _ in range(10):
                kms.list_keys()
            count = trace.read_text().count("audit.jsonl") - before
        finally:
            tracer.terminate()
            tracer.wait()
        holds(count >= 10 if synced else count <= 3, f"{count} syncs for ten reads with {policy}")
        server.stop()


def run(module):
    """Runs the scenarios of a module, or those that the command line names."""
    print(f"seed {SEED}", flush=True)
    failures = passed = 0
    for function in _scenarios[module]:
        if sys.argv[1:] and function.__name__ not in sys.argv[1:]:
            continue
        directory = pathlib.Path(tempfile.mkdtemp(prefix="chain-"))
        try:
            function(directory)
            passed += 1
            print(f"passed: {function.__name__}", flush=True)
        except Exception:
            failures += 1
            print(f"FAILED: {function.__name__}\n{traceback.format_exc()}", flush=True)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
    print(f"{passed} passed, {failures} failed", flush=True)
    sys.exit(1 if failures or not passed else 0)


if __name__ == "__main__":
    run(__name__)
