"""A full disk, and one that cannot be written: requests are refused in plain words, nothing that was answered is lost, and
all works again as soon as there is room, without a restart.

Needs the right to mount a small file system, and is skipped without it.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

import boto3
import botocore.config
import botocore.exceptions

from audit_chain import records, whole
from harness import FIRST, REGION, equal, eventually, holds
from server import Server, binary
from visitor import Visitor

_scenarios = []


def scenario(function):
    _scenarios.append(function)
    return function


@contextlib.contextmanager
def small_disk(path, size):
    path.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


def fill(disk):
    """Takes every page that is left."""
    with contextlib.suppress(OSError), open(disk / "filler", "ab", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))


def free(disk):
    (disk / "filler").unlink()


def client(server, service="kms"):
    return boto3.client(
        service, endpoint_url=server.endpoint, region_name=REGION, aws_access_key_id=FIRST.access_key_id,
        aws_secret_access_key=FIRST.secret_access_key,
        config=botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20),
    )  # fmt: skip


def refusal(call):
    """The code and the status of the refusal, or nothing."""
    try:
        call()
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return None


def until_refused(call, most=5000):
    """What there is room for is answered, or refused for a reason of its own."""
    for count in range(most):
        found = refusal(call)
        if found and found[1] >= 500:
            return count, found
    raise AssertionError(f"{most} calls were answered on a full disk")


@scenario
def a_full_disk_refuses_everything_and_passes(directory):
    with small_disk(directory / "disk", "8m") as disk:
        data = disk / "data"
        server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(data)).start()
        kms, iam, sts, trail = (client(server, name) for name in ("kms", "iam", "sts", "cloudtrail"))
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
        for _ in range(2):
            fill(disk)
            count, (code, status) = until_refused(lambda: kms.encrypt(KeyId=key, Plaintext=b"x"))
            equal((code, status), ("KMSInternalException", 500), "a read")
            for call, code in (
                (lambda: kms.create_key(), "KMSInternalException"),
                (lambda: kms.describe_key(KeyId=key), "KMSInternalException"),
                (lambda: iam.list_users(), "ServiceFailure"),
                (lambda: iam.delete_user(UserName="nobody"), "ServiceFailure"),
                (lambda: sts.get_caller_identity(), "ServiceFailure"),
                (lambda: trail.lookup_events(), "KMSInternalException"),
            ):
                # A short record may still have room in the last page.
                equal(until_refused(call)[1], (code, 500))
            Visitor(server).sign_in(status=500)
            holds((data / "audit" / "audit.jsonl").read_bytes().endswith(b"}\n"), "whole lines only")
            holds("The audit log cannot be written" in server.log_text(), server.log_text())
            rotated = subprocess.run(
                [binary(), "rotate-root", "--end-sessions", "--data-dir", data], capture_output=True, text=True, timeout=60)
            equal((rotated.returncode, "the rotation did not begin" in rotated.stderr), (1, True), rotated.stderr)
            whole(data)
            free(disk)
            equal(kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"kept")
            kms.enable_key_rotation(KeyId=key)
            kms.create_key()
            sts.get_caller_identity()
            iam.list_users()
            Visitor(server).sign_in()
            whole(data)
        server.stop()
        whole(data)
        server.start()
        equal(client(server).decrypt(CiphertextBlob=blob)["Plaintext"], b"kept")
        server.stop()


@scenario
def nothing_that_was_answered_is_lost(directory):
    with small_disk(directory / "disk", "8m") as disk:
        data = disk / "data"
        server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(data), "--audit-file-size", "64KiB").start()
        kms = client(server)
        made, requests = [], []
        for _ in range(3):
            fill(disk)

            def create():
                answer = kms.create_key(Description="x" * 500)
                made.append(answer["KeyMetadata"]["KeyId"])
                requests.append(answer["ResponseMetadata"]["RequestId"])

            until_refused(create)
            free(disk)
            create()
        listed = {k["KeyId"] for page in kms.get_paginator("list_keys").paginate() for k in page["Keys"]}
        holds(set(made) <= listed, "every key that was answered is there")
        for key in listed:
            kms.decrypt(CiphertextBlob=kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"])
        server.kill()
        whole(data)
        server.start()
        created = [r for r in records(data) if r["eventName"] == "CreateKey" and "errorCode" not in r]
        holds(set(requests) <= {r["requestID"] for r in created}, "every answered change has its record")
        recorded = {r["responseElements"]["keyMetadata"]["keyId"] for r in created}
        equal(recorded, listed, "keys that are there, and keys whose creation is recorded")
        server.stop()
        whole(data)


@scenario
def a_full_disk_of_the_log_alone_stops_changes_too(directory):
    data = directory / "data"
    server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(data))
    server.start()
    server.stop()
    with small_disk(directory / "audit", "256k") as disk:
        shutil.copy(data / "audit" / "audit.jsonl", disk / "audit.jsonl")
        shutil.rmtree(data / "audit")
        (data / "audit").symlink_to(disk)
        server.start()
        kms = client(server)
        fill(disk)
        until_refused(lambda: kms.list_keys())
        # One change is in the store by the time at which its record cannot be written, and keeps it there.
        first = refusal(lambda: kms.create_key(Description="first"))
        equal(first, ("KMSInternalException", 500))
        # No other one is made before that record is written.
        for _ in range(3):
            equal(refusal(lambda: kms.create_key(Description="later")), ("KMSInternalException", 500))
        free(disk)
        eventually(lambda: any(r["eventName"] == "CreateKey" for r in records(data)), "the first change is recorded", 10)
        keys = [kms.describe_key(KeyId=k["KeyId"])["KeyMetadata"]["Description"] for k in kms.list_keys()["Keys"]]
        equal(keys, ["first"])
        kms.create_key(Description="again")
        whole(data)
        server.stop()
        whole(data)


@scenario
def a_disk_that_cannot_be_written_is_one_clear_error(directory):
    with small_disk(directory / "disk", "8m") as disk:
        data = disk / "data"
        server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(data)).start()
        key = client(server).create_key()["KeyMetadata"]["KeyId"]
        server.stop()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        done = subprocess.run(
            [binary(), "serve", "--listen", "127.0.0.1:0", "--data-dir", str(data)], capture_output=True, text=True,
            timeout=20, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        equal(done.returncode, 1, done.stderr)
        holds(len(done.stderr.splitlines()) == 1 and "chatelaine: cannot" in done.stderr, done.stderr)
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        server.start()
        equal(client(server).describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Enabled")
        server.stop()
        whole(data)


@scenario
def a_log_that_cannot_be_written_ends_nothing(directory):
    for format in ("json", "text"):
        with small_disk(directory / format, "8m") as disk:
            server = Server(
                "dev", "--listen", "127.0.0.1:0", "--data-dir", str(directory / f"{format}-data"), "--log-format", format,
                "--log-level", "debug",
            )  # fmt: skip
            server.forget_log()
            server.log = open(disk / "server.log", "wb")
            server.start()
            kms = client(server)
            fill(disk)
            # More than there is room for in the last page.
            for _ in range(100):
                kms.list_keys()
            free(disk)
            log = disk / "server.log"
            before = log.stat().st_size
            kms.list_keys()
            eventually(lambda: log.stat().st_size > before, f"{format}: the log goes on when there is room", 5)
            equal(server.stop(), 0, f"{format}: exit code")
            server.forget_log()


def can_mount():
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "probe"
        try:
            with small_disk(path, "64k"):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


def main():
    if not can_mount():
        print("skipped: only root can mount a small file system", flush=True)
        return
    failures = passed = 0
    for function in _scenarios:
        if sys.argv[1:] and function.__name__ not in sys.argv[1:]:
            continue
        directory = pathlib.Path(tempfile.mkdtemp(prefix="disk-"))
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
    main()
