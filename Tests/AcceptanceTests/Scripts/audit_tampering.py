"""The audit log against somebody who can write its directory, but has no key: what the server removes because it is old
enough, what it takes for the end of the log, and what it shows of it.
"""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import threading
import time

import botocore.exceptions

from audit_chain import development, edit, files, records, run, scenario, use, verify, whole, world
from durability import client
from harness import advance, audit_lines, equal, eventually, holds
from server import binary

RETENTION = ("--audit-retention-days", "90")


def said(data, *flags):
    """What a verification says that ends with 1."""
    code, lines = verify(data, *flags)
    equal(code, 1, f"the verification says {lines}")
    return lines


def events(data, name):
    return [record for record in records(data) if record["eventName"] == name]


def events_among(data, name):
    """The same, of a log with lines in it that are no JSON."""
    found = []
    for line in audit_lines(data):
        with contextlib.suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return [record for record in found if record["eventName"] == name]


@scenario
def an_old_name_signs_nothing_away(directory):
    data = directory / "data"
    server = development(data, *RETENTION).start()
    kms = client(server.endpoint)
    use(kms, 10)
    kms.create_key()
    use(kms, 5)
    lines = (data / "audit" / "audit.jsonl").read_text().splitlines(keepends=True)
    cut = next(place for place, line in enumerate(lines) if '"CreateKey"' in line)
    forged = data / "audit" / "audit-2020-01-01-00000000000000000001.jsonl"
    forged.write_text(lines[cut])
    advance(world(server), "1d")
    use(kms, 1)
    eventually(lambda: events(data, "AuditLogDiscrepancy"), "the forged file is reported", 20)
    time.sleep(2)
    holds(forged.exists(), "the forged file is still there")
    equal(events(data, "RemoveAuditFile"), [])
    equal(server.log_text().count("is still kept"), 1, "it is said once")
    forged.unlink()
    whole(data)
    # What would be left of it, had it been signed.
    (closed,) = [path for path in files(data) if path.name != "audit.jsonl"]
    edit(data, lambda rest: rest.__delitem__(slice(0, cut + 1)), closed)
    holds(any(f"records 1 to {cut + 1} are missing" in line for line in said(data)), "the cut is found")
    server.stop()


@scenario
def what_is_removed_is_known_to_the_store(directory):
    data = directory / "data"
    server = development(data, *RETENTION).start()
    kms = client(server.endpoint)
    for days in ("1d", "89d", "1d", "1d"):
        use(kms, 3)
        advance(world(server), days)
    eventually(lambda: len(files(data)) == 3, "the oldest file goes", 30)
    whole(data)
    backup, restored = directory / "backup", directory / "restored"
    for arguments in (
        ("backup", "--data-dir", data, "--to", backup),
        ("restore", "--from", backup, "--data-dir", restored, "--root-key", data / "root.key"),
    ):
        subprocess.run([binary(), *map(str, arguments)], check=True, timeout=60, stdin=subprocess.DEVNULL)
    whole(restored)
    server.kill()
    whole(data)
    # Also when nothing in the log says so any more, it begins where the store knows.
    first = files(data)[0]
    number = int(first.stem.rpartition("-")[2])
    first.unlink()
    holds(any(f"records {number} to " in line and "missing in front" in line for line in said(data)), verify(data))


@scenario
def files_that_claim_to_be_older_than_the_chain_are_found_and_not_shown(directory):
    data = directory / "data"
    (data / "audit").mkdir(parents=True, mode=0o700)
    data.chmod(0o700)
    (data / "audit" / "audit.jsonl").write_text('{"eventName":"Old","eventTime":"2026-11-01T00:00:00Z"}\n')
    server = development(data).start()
    use(client(server.endpoint), 3)
    genuine = files(data)[0]
    line = json.dumps({**records(data)[-1], "eventName": "Forged"}, separators=(",", ":"))
    forged = data / "audit" / "audit-2199-01-01-00000000000000000000.jsonl"
    forged.write_text(f"{line}\n" * 5)
    expected = f"{forged.name}, lines 1 to 5: lines are no part of the chain: inserted, or changed beyond recognition"
    holds(expected in said(data), verify(data))
    holds(not any(genuine.name in line for line in said(data)), "the genuine one is not complained of")
    for _ in range(2):
        trail = client(server.endpoint, "cloudtrail")
        asked = {"AttributeKey": "EventName", "AttributeValue": "Forged"}
        equal(trail.lookup_events(LookupAttributes=[asked])["Events"], [])
        server.stop()
        server.start()
    server.stop()
    forged.unlink()
    whole(data)


def with_code(text):
    place = {"sequence": 9007199254740991, "mac": base64.b64encode(b"A" * 32).decode()}
    return text[: text.rindex(',"chatelaineChain"')] + f',"chatelaineChain":{json.dumps(place, separators=(",", ":"))}}}'


@scenario
def a_forged_end_is_not_gone_on_with(directory):
    data = directory / "data"
    server = development(data).start()
    use(client(server.endpoint), 12)
    server.stop()
    for round, forgery in enumerate((with_code, lambda line: '{"eventName":"Forged"}', lambda line: line)):
        before = len(records(data))
        edit(data, lambda lines, forgery=forgery: lines.append(forgery(lines[-1])))
        said(data)
        server.start()
        use(client(server.endpoint), 2)
        whole(data)
        server.stop()
        whole(data)
        event = records(data)[before]
        equal((event["eventName"], event["chatelaineChain"]["sequence"]), ("AuditLogDiscrepancy", before + 1))
        aside = data / "audit" / f"audit.jsonl.set-aside-{round + 1}"
        equal(len(aside.read_text().splitlines()), 1, "what was set aside")
        holds(aside.name in event["serviceEventDetails"]["reason"], event)
    server.start()
    equal(len(events(data, "AuditLogDiscrepancy")), 3, "each is recorded once")
    server.stop()


@scenario
def copies_of_older_lines_do_not_move_the_end(directory):
    data = directory / "data"
    server = development(data).start()
    use(client(server.endpoint), 6)
    server.kill()
    count = len(records(data))
    edit(data, lambda lines: lines.extend(lines[1:3]))
    server.start()
    use(client(server.endpoint), 2)
    server.stop()
    whole(data)
    numbers = [record["chatelaineChain"]["sequence"] for record in records(data)]
    equal(numbers, list(range(1, len(numbers) + 1)), "each number is given once")
    equal(len((data / "audit" / "audit.jsonl.set-aside-1").read_text().splitlines()), 2, "what was set aside")
    equal(records(data)[count]["eventName"], "AuditLogDiscrepancy")


@scenario
def lost_records_are_missed_also_after_a_kill(directory):
    """The store does not know yet that the server went on behind them."""
    data = directory / "data"
    server = development(data).start()
    use(client(server.endpoint), 8)
    os.truncate(log_of(data), len("".join(log_of(data).read_text().splitlines(keepends=True)[:4])))
    eventually(lambda: "audit log is not whole" in server.log_text(), "it is noticed", 10)
    eventually(lambda: events(data, "AuditLogDiscrepancy"), "it is recorded", 10)
    server.kill()
    before = said(data)
    holds(any("missing" in line for line in before), before)
    server.start()
    use(client(server.endpoint), 1)
    server.stop()
    after = said(data)
    holds(any("missing" in line for line in after), after)
    holds(not list((data / "audit").glob("*.set-aside-*")), "nothing of it was set aside")


@scenario
def what_was_left_behind_goes_when_it_is_old(directory):
    data = directory / "data"
    server = development(data, *RETENTION).start()
    use(client(server.endpoint), 3)
    with log_of(data).open("a") as log:
        log.write("\n")
    eventually(lambda: events_among(data, "AuditLogDiscrepancy"), "it is noticed", 10)
    left = [file.name for file in files(data) if file.name != "audit.jsonl"]
    equal(len(left), 1, "the file that was left")
    for _ in range(3):
        advance(world(server), "60d")
        use(client(server.endpoint), 1)
    eventually(lambda: not (data / "audit" / left[0]).exists(), "it is removed", 20)
    server.stop()
    equal(verify(data)[0], 0)


@scenario
def half_a_line_at_the_end_is_told(directory):
    data = directory / "data"
    server = development(data).start()
    use(client(server.endpoint), 3)
    server.stop()
    with (data / "audit" / "audit.jsonl").open("a") as log:
        log.write('{"forged":')
    holds(any("the last line is half a record" in line for line in whole(data)), verify(data))


@scenario
def copies_elsewhere_and_accepted_losses(directory):
    data, vault = directory / "data", directory / "vault"
    server = development(data, "--audit-file-size", "4KiB").start()
    use(client(server.endpoint), 30)
    vault.mkdir()
    closed = files(data)[:-1]
    for path in closed[:3]:
        path.rename(vault / path.name)
    number = int(closed[3].stem.rpartition("-")[2])
    for stop in (lambda: None, server.stop):
        stop()
        said(data)
        equal(verify(data, "--also", str(vault))[0], 0)
        code, lines = verify(data, "--from", str(number))
        equal(code, 0, f"the verification says {lines}")
        holds(f"record {number} itself cannot be checked: the one in front of it is not there" in lines, lines)
        code, lines = verify(data, "--from", str(number + 1))
        equal((code, [line for line in lines if "cannot be checked" in line]), (0, []))
        said(data, "--from", str(number - 1))
        equal(verify(data, "--also", str(directory / "nowhere"))[0], 1)
    equal(verify(data, "--from", "0")[0], 2)


@scenario
def a_search_loses_and_repeats_nothing_while_files_end(directory):
    server = development(directory / "data", "--audit-file-size", "4KiB").start()
    use(client(server.endpoint), 100)
    stop = threading.Event()

    def work():
        kms = client(server.endpoint)
        while not stop.is_set():
            kms.list_keys()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        trail, end, rounds = client(server.endpoint, "cloudtrail"), time.monotonic() + 12, 0
        while time.monotonic() < end:
            pages, token = [], {}
            for _ in range(2):
                answer = trail.lookup_events(MaxResults=3, **token)
                holds("NextToken" in answer, f"there is more than {len(pages)} pages")
                token = {"NextToken": answer["NextToken"]}
                pages.append(answer["Events"])
            equal([len(page) for page in pages], [3, 3])
            numbers = [json.loads(event["CloudTrailEvent"]) for page in pages for event in page]
            equal(len({event["eventID"] for event in numbers}), 6, "no event is there twice")
            rounds += 1
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    print(f"{rounds} searches", flush=True)
    server.stop()


# While the server runs


def log_of(data):
    return data / "audit" / "audit.jsonl"


@scenario
def a_file_that_is_taken_away_is_written_anew(directory):
    data = directory / "data"
    server = development(data).start()
    kms, log, answered = client(server.endpoint), log_of(data), []

    def replace():
        log.unlink()
        log.write_text("forged\n")

    def is_back():
        with contextlib.suppress(FileNotFoundError):
            return log.read_text() != "forged\n"
        return False

    for take in (log.unlink, lambda: log.rename(directory / "moved"), replace):
        use(kms, 3)
        take()
        answered.append(kms.create_key()["ResponseMetadata"]["RequestId"])
        eventually(is_back, "a second after the change it is there again", 10)
        whole(data)
        log.unlink()
        use(kms, 3)
        eventually(log.exists, "a second later it is there again", 10)
        whole(data)
    equal((data / "audit" / "audit.jsonl.set-aside-1").read_text(), "forged\n")
    equal(len(events(data, "AuditLogDiscrepancy")), 6)
    server.kill()
    whole(data)
    holds(set(answered) <= {record.get("requestID") for record in records(data)}, "each change has its record")
    server.start()
    server.stop()
    whole(data)
    kms = client(server.start().endpoint)
    log.unlink()
    last = kms.create_key()["ResponseMetadata"]["RequestId"]
    server.kill()
    server.start()
    server.stop()
    holds(last in {record.get("requestID") for record in records(data)}, "the store had the last change's")


@scenario
def a_file_that_was_cut_or_written_into_is_left(directory):
    data = directory / "data"
    server = development(data).start()
    kms, log = client(server.endpoint), log_of(data)

    def append():
        with log.open("a") as half:
            half.write('{"half":')

    for round, change in enumerate((append, lambda: os.truncate(log, 0), lambda: os.truncate(log, 700))):
        use(kms, 3)
        before = {key["KeyId"] for key in kms.list_keys()["Keys"]}
        change()
        # The record of the first one may be lost with what stands in front of it; it is refused then, and recorded later.
        with contextlib.suppress(botocore.exceptions.ClientError):
            kms.create_key()
        eventually(lambda: server.log_text().count("audit log is not whole") > round, "it is noticed", 10)
        kms.create_key()
        added = {key["KeyId"] for key in kms.list_keys()["Keys"]} - before
        equal(len(added), 2)
        eventually(lambda keys=added: all(key in str(audit_lines(data)) for key in keys), "each key has its record", 10)
    said(data)
    server.stop()
    number = events_among(data, "AuditLogDiscrepancy")[-1]["chatelaineChain"]["sequence"]
    equal(verify(data, "--from", str(number))[0], 0)


@scenario
def after_a_sync_that_failed_the_file_is_written_anew(directory):
    if not shutil.which("strace"):
        print("skipped: strace is not here", flush=True)
        return
    data = directory / "data"
    server = development(data).start()
    kms, log = client(server.endpoint), log_of(data)
    use(kms, 3)
    time.sleep(2)
    inode = log.stat().st_ino
    tracer = subprocess.Popen(
        [
            "strace", "-f", "-P", str(log), "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=1",
            "-o", str(directory / "trace"), "-p", str(server.process.pid),
        ],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        time.sleep(2)
        use(kms, 2)
        eventually(lambda: log.stat().st_ino != inode, "the file is written anew", 15)
    finally:
        tracer.terminate()
        tracer.wait()
    holds("The audit log cannot be synced" in server.log_text(), server.log_text())
    request = kms.create_key()["ResponseMetadata"]["RequestId"]
    whole(data)
    server.kill()
    whole(data)
    holds(any(record.get("requestID") == request for record in records(data)), "the change has its record")


if __name__ == "__main__":
    run(__name__)
