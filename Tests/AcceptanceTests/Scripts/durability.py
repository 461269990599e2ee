"""What was acknowledged survives kill -9: writers go on while the server is killed, again and again.

Each writer owns its keys, so it knows of every one what the server must remember. A change whose answer never came may
be there or not, but whole.
"""

import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import sqlite3
import sys
import tempfile
import threading
import time

import boto3
import botocore.config
import botocore.exceptions

from harness import FIRST, REGION, SECOND, allow, equal, holds, policy
from server import Server

ROUNDS = int(os.environ.get("DURABILITY_ROUNDS", "10"))
WRITERS = 4
# So many of its keys a writer goes on changing, which are those that a kill can hurt.
RECENT = 8
SEED = int(os.environ.get("DURABILITY_SEED", str(time.time_ns() % 10**6)))
LOST = (
    botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectionClosedError,
    botocore.exceptions.ReadTimeoutError, botocore.exceptions.HTTPClientError,
)  # fmt: skip


def client(endpoint, service="kms"):
    return boto3.client(
        service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id=FIRST.access_key_id,
        aws_secret_access_key=FIRST.secret_access_key,
        config=botocore.config.Config(
            parameter_validation=False, retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=15
        ),
    )  # fmt: skip


class Uncertain:
    """A value of which the last change was never answered."""

    def __init__(self, old, new):
        self.either = (old, new)


class Key:
    """What the server must remember of one key: a name for each thing, and the value that was acknowledged."""

    def __init__(self, key_id):
        self.id = key_id
        self.facts = {"description": "", "state": "Enabled", "tags": (), "policy": None, "rotation": None}
        self.aliases = {}
        self.ciphertexts = []


def policy_named(name):
    return policy({**allow(FIRST.root), "Sid": name}, allow(SECOND.root, "kms:DescribeKey"))


class Writer:
    def __init__(self, number):
        self.random = random.Random(f"{SEED}/{number}")
        self.number = number
        self.counter = 0
        self.keys = []
        self.lost_creations = 0
        self.acknowledged = []

    def write(self, endpoint, stop):
        """Changes things until the server is gone."""
        kms = client(endpoint)
        try:
            while not stop.is_set():
                self.counter += 1
                if len(self.keys) < 3 or self.random.random() < 0.15:
                    self.create(kms)
                else:
                    self.change(kms, self.random.choice(self.keys[-RECENT:]))
        except LOST:
            return

    def done(self, answer):
        self.acknowledged.append(answer["ResponseMetadata"]["RequestId"])
        return answer

    def create(self, kms):
        name = f"{self.number}-{self.counter}"
        try:
            answer = self.done(
                kms.create_key(
                    Description=name, Policy=policy_named(name), Tags=[{"TagKey": "writer", "TagValue": name}]
                )
            )
        except LOST:
            self.lost_creations += 1
            raise
        key = Key(answer["KeyMetadata"]["KeyId"])
        key.facts.update(description=name, policy=name, tags=(("writer", name),))
        self.keys.append(key)
        self.encrypt(kms, key)

    def encrypt(self, kms, key):
        plaintext = f"{key.id} {self.counter}".encode()
        blob = kms.encrypt(KeyId=key.id, Plaintext=plaintext, EncryptionContext={"k": key.id})["CiphertextBlob"]
        key.ciphertexts.append((blob, plaintext))

    def change(self, kms, key):
        name = f"{self.number}-{self.counter}"
        alias = f"alias/{name}"
        kind = self.random.choice(["description", "policy", "tags", "state", "rotation", "alias", "encrypt", "unalias"])
        if key.facts["state"] == "Disabled" and kind in ("rotation", "encrypt"):
            kind = "state"
        if kind == "encrypt":
            return self.encrypt(kms, key)
        if kind == "alias":
            if len(key.aliases) > 20:
                return None
            return self.alter(key.aliases, alias, True, lambda: kms.create_alias(AliasName=alias, TargetKeyId=key.id))
        if kind == "unalias":
            standing = [name for name, there in key.aliases.items() if there is True]
            if not standing:
                return None
            return self.alter(key.aliases, standing[0], False, lambda: kms.delete_alias(AliasName=standing[0]))
        if kind == "description":
            value, call = name, lambda: kms.update_key_description(KeyId=key.id, Description=name)
        elif kind == "policy":
            value, call = name, lambda: kms.put_key_policy(KeyId=key.id, Policy=policy_named(name))
        elif kind == "tags":
            value = (("writer", name),)
            call = lambda: kms.tag_resource(KeyId=key.id, Tags=[{"TagKey": "writer", "TagValue": name}])  # noqa: E731
        elif kind == "state":
            enabled = key.facts["state"] == "Enabled"
            value, operation = ("Disabled", kms.disable_key) if enabled else ("Enabled", kms.enable_key)
            call = lambda: operation(KeyId=key.id)  # noqa: E731
        else:
            value = None if key.facts["rotation"] else self.random.randint(90, 2560)
            call = (
                (lambda: kms.disable_key_rotation(KeyId=key.id)) if value is None
                else (lambda: kms.enable_key_rotation(KeyId=key.id, RotationPeriodInDays=value))
            )  # fmt: skip
        return self.alter(key.facts, kind, value, call)

    def alter(self, facts, name, value, call):
        old = facts.get(name, False)
        facts[name] = Uncertain(old, value)
        self.done(call())
        facts[name] = value


def settle(facts, name, actual, what):
    """The value must be what was acknowledged; one of two where nothing was."""
    expected = facts.get(name)
    if isinstance(expected, Uncertain):
        holds(actual in expected.either, f"{what}: {name} is {actual!r}, which is neither of {expected.either}")
        facts[name] = actual
    else:
        equal(actual, expected, f"{what}: {name}")


def check_key(kms, key, aliases):
    what = f"key {key.id}"
    metadata = kms.describe_key(KeyId=key.id)["KeyMetadata"]
    settle(key.facts, "description", metadata["Description"], what)
    settle(key.facts, "state", metadata["KeyState"], what)
    document = json.loads(kms.get_key_policy(KeyId=key.id)["Policy"])
    settle(key.facts, "policy", document["Statement"][0]["Sid"], what)
    tags = kms.list_resource_tags(KeyId=key.id)["Tags"]
    settle(key.facts, "tags", tuple((tag["TagKey"], tag["TagValue"]) for tag in tags), what)
    settle(key.facts, "rotation", kms.get_key_rotation_status(KeyId=key.id).get("RotationPeriodInDays"), what)
    for name in key.aliases:
        settle(key.aliases, name, aliases.get(name) == key.id, what)
    if key.facts["state"] == "Enabled":
        for blob, plaintext in key.ciphertexts[:1] + key.ciphertexts[-1:]:
            opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext={"k": key.id})
            equal(opened["Plaintext"], plaintext, f"{what}: plaintext")


def check_all(endpoint, writers, recent):
    kms = client(endpoint)
    listed = [key["KeyId"] for page in kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 1000})
              for key in page["Keys"]]  # fmt: skip
    aliases = {alias["AliasName"]: alias["TargetKeyId"]
               for page in kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": 100})
               for alias in page["Aliases"] if "TargetKeyId" in alias}  # fmt: skip
    equal(len(listed), len(set(listed)), "keys are listed once")
    known = {key.id for writer in writers for key in writer.keys}
    holds(known <= set(listed), f"acknowledged keys are gone: {known - set(listed)}")
    extra = set(listed) - known
    lost = sum(writer.lost_creations for writer in writers)
    holds(len(extra) <= lost, f"{len(extra)} keys that nobody made, where {lost} creations were not answered")
    for key_id in extra:  # Each is whole, though nobody was told of it.
        opened = kms.decrypt(CiphertextBlob=kms.encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"])
        equal(opened["Plaintext"], b"x")
        name = kms.describe_key(KeyId=key_id)["KeyMetadata"]["Description"]
        equal(json.loads(kms.get_key_policy(KeyId=key_id)["Policy"])["Statement"][0]["Sid"], name)
        equal(kms.list_resource_tags(KeyId=key_id)["Tags"], [{"TagKey": "writer", "TagValue": name}])
    expected = {name for writer in writers for key in writer.keys for name, there in key.aliases.items() if there}
    holds(set(aliases) <= expected, f"aliases that nobody made: {set(aliases) - expected}")
    keys = [key for writer in writers for key in (writer.keys[-RECENT:] if recent else writer.keys)]
    if recent:
        older = [key for writer in writers for key in writer.keys[:-RECENT]]
        keys += random.Random(SEED).sample(older, min(10, len(older)))
    with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda key: check_key(kms, key, aliases), keys))
    return len(keys)


def check_database(data):
    """SQLite's own check, on a copy: opening the original would do the recovery that the server has to do."""
    with tempfile.TemporaryDirectory(prefix="integrity-") as copy:
        found = [path for path in data.iterdir() if path.suffix in (".sqlite", ".sqlite3", ".db")]
        holds(found, f"no database in {[path.name for path in data.iterdir()]}")
        for database in found:
            for path in data.glob(database.name + "*"):
                shutil.copy(path, copy)
            connection = sqlite3.connect(pathlib.Path(copy) / database.name)
            equal(connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)], "integrity_check")
            equal(connection.execute("PRAGMA foreign_key_check").fetchall(), [], "foreign_key_check")
            connection.close()


def check_audit(data, writers):
    """No change was acknowledged before its record was kept, and no line was torn."""
    recorded = set()
    for path in (data / "audit").glob("*.jsonl"):
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            recorded.add(json.loads(line).get("requestID"))
    missing = {identifier for writer in writers for identifier in writer.acknowledged} - recorded
    holds(not missing, f"{len(missing)} acknowledged changes have no audit record")


def main():
    print(f"seed {SEED}", flush=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="durability-"))
    data = directory / "data"
    server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(data))
    moments = random.Random(SEED)
    writers = [Writer(number) for number in range(WRITERS)]
    started = time.monotonic()
    try:
        server.start()
        for round_number in range(ROUNDS):
            stop = threading.Event()
            with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
                running = [pool.submit(writer.write, server.endpoint, stop) for writer in writers]
                time.sleep(moments.uniform(0.05, 1.2))
                server.kill()
                stop.set()
                for future in running:
                    future.result()
            check_database(data)
            server.start()
            checked = check_all(server.endpoint, writers, recent=round_number + 1 < ROUNDS)
            changes = sum(len(writer.acknowledged) for writer in writers)
            print(f"kill {round_number + 1}: {changes} changes acknowledged so far, {checked} keys checked", flush=True)
        check_audit(data, writers)
        server.stop()
        check_database(data)
        changes = sum(len(writer.acknowledged) for writer in writers)
        holds(changes >= 10 * ROUNDS, f"only {changes} changes: the test did not test much")
        print(f"{ROUNDS} kills and {changes} changes in {time.monotonic() - started:.0f} s: nothing lost", flush=True)
    except BaseException:
        print(f"the server's log:\n{server.log_text()}", file=sys.stderr)
        raise
    finally:
        if server.process and server.process.poll() is None:
            server.kill()
        server.forget_log()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
