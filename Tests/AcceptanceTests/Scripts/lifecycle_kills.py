"""A server that is killed while keys rotate, are replicated, change their primary and are deleted, and while many
rotations and deletions are due at once.

Each of these changes several records in several regions. After a restart each is done whole, or was not begun; and
the audit log says of each that it was done, and of none twice.
"""

import collections
import concurrent.futures
import contextlib
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

import boto3
import botocore.config
import botocore.exceptions

from harness import FIRST, OTHER_REGION, REGION, audit_lines, equal, eventually, holds, key_arn
from server import Server, binary

THIRD_REGION = "ap-northeast-1"
REGIONS = (REGION, OTHER_REGION, THIRD_REGION)
# How many keys rotate, and how many end, by themselves when a server is killed.
CROWD = 40
# So many families of each writer are changed again after the next kill; the others are looked at again in the end.
RECENT = 6
ROUNDS = int(os.environ.get("KILL_ROUNDS", "5"))
SEED = int(os.environ.get("KILL_SEED", str(time.time_ns() % 10**6)))
LOST = (
    botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectionClosedError,
    botocore.exceptions.ReadTimeoutError, botocore.exceptions.HTTPClientError,
)  # fmt: skip


def client(endpoint, region):
    return boto3.client(
        "kms", endpoint_url=endpoint, region_name=region, aws_access_key_id=FIRST.access_key_id,
        aws_secret_access_key=FIRST.secret_access_key,
        config=botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=15),
    )  # fmt: skip


class Crowd:
    """Single-Region keys for which the same is due at the same time."""

    def __init__(self, endpoint):
        kms = client(endpoint, REGION)

        def make(number):
            key = kms.create_key()["KeyMetadata"]["KeyId"]
            if number < CROWD:
                kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
            else:
                kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
            return key

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            keys = list(pool.map(make, range(2 * CROWD)))
        self.rotating, self.ending = keys[:CROWD], keys[CROWD:]

    def check(self, endpoint, log):
        kms = client(endpoint, REGION)
        for key in self.rotating:
            rotations = kms.list_key_rotations(KeyId=key)["Rotations"]
            equal(log.rotations[key], moments(rotations), f"records of the rotations of {key}")
        left = {key["KeyId"] for page in kms.get_paginator("list_keys").paginate() for key in page["Keys"]}
        for key in self.ending:
            equal(log.deletions[key_arn(key)], 0 if key in left else 1, f"records of the deletion of {key}")
        return sum(len(log.rotations[key]) for key in self.rotating), len(set(self.ending) - left)


class AuditLog:
    """What the log says of keys, records with one identifier taken for one."""

    def __init__(self, data):
        records = {}
        for line in audit_lines(data):
            # Each copy has a place of its own in the chain.
            line = line.rpartition(',"chatelaineChain":')[0] + "}"
            record = json.loads(line)
            equal(records.setdefault(record["eventID"], line), line, "two records of one identifier")
        self.rotations = collections.defaultdict(list)
        self.deletions, self.creations = collections.Counter(), collections.Counter()
        for record in map(json.loads, records.values()):
            if record["eventName"] == "RotateKey":
                details = record["serviceEventDetails"]
                self.rotations[details["keyId"]].append((record["eventTime"], details["rotationType"]))
            elif record["eventName"] == "DeleteKey":
                self.deletions[record["resources"][0]["ARN"]] += 1
            elif record["eventName"] == "CreateKey" and "errorCode" not in record:
                self.creations[record["resources"][0]["ARN"]] += 1
        for each in self.rotations.values():
            each.sort()


def moments(rotations):
    """When a key was rotated and why, as records tell it."""
    return sorted((f"{each['RotationDate']:%Y-%m-%dT%H:%M:%SZ}", each["RotationType"]) for each in rotations)


class Family:
    """A multi-Region key and what is known of it for certain."""

    def __init__(self, identifier):
        self.id = identifier
        self.alias = f"alias/{identifier}"
        self.sealed = []
        # At least so many rotations on demand, and these members, were acknowledged.
        self.rotations = 0
        self.regions = {REGION}
        self.is_ending = False


def work(endpoint, families, seed, stop):
    """Changes its families until the server is gone."""
    dice = random.Random(seed)
    clients = {region: client(endpoint, region) for region in REGIONS}
    here = clients[REGION]
    try:
        while not stop.is_set():
            family = dice.choice(families) if families and dice.random() < 0.85 else None
            if family is None:
                made = here.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
                families.append(Family(made))
                here.create_alias(AliasName=families[-1].alias, TargetKeyId=made)
                here.enable_key_rotation(KeyId=made, RotationPeriodInDays=dice.randrange(90, 300))
                continue
            step(dice, clients, family)
    except LOST:
        return


def step(dice, clients, family):
    """One random change of a family; what AWS would refuse at this moment is refused."""
    if family.is_ending:
        return
    primary = clients[REGION].describe_key(KeyId=family.id)["KeyMetadata"]["MultiRegionConfiguration"]["PrimaryKey"]
    kms = clients[primary["Region"]]
    try:
        match dice.randrange(6):
            case 0 | 1:
                kms.rotate_key_on_demand(KeyId=family.id)
                family.rotations += 1
            case 2 | 3:
                region = dice.choice(REGIONS)
                kms.replicate_key(KeyId=family.id, ReplicaRegion=region)
                family.regions.add(region)
            case 4:
                kms.update_primary_region(KeyId=family.id, PrimaryRegion=dice.choice(REGIONS))
            case 5:
                sealed = kms.encrypt(KeyId=family.id, Plaintext=family.id.encode())["CiphertextBlob"]
                family.sealed.append(sealed)
                if dice.random() < 0.1:
                    family.is_ending = True
                    for region in REGIONS:
                        clients[region].schedule_key_deletion(KeyId=family.id, PendingWindowInDays=7)
    except botocore.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        holds(code not in ("KMSInternalException", "InternalFailure"), f"{code} of {family.id}")


def members(clients, family):
    """The metadata of the family's keys by region, once none of them is in between."""
    found = {}

    def nobody_is_in_between():
        found.clear()
        for region, kms in clients.items():
            with contextlib.suppress(kms.exceptions.NotFoundException):
                found[region] = kms.describe_key(KeyId=family.id)["KeyMetadata"]
        return all(each["KeyState"] not in ("Creating", "Updating") for each in found.values())

    eventually(nobody_is_in_between, f"{family.id} leaves the states in between")
    return found


def check(clients, known, log):
    """`known`: of each family the metadata of its keys by region."""
    for family, found in known.items():
        if not family.is_ending:
            missing = family.regions - set(found)
            holds(not missing, f"{family.id} was acknowledged in {missing}")
        for region in REGIONS:
            arn = key_arn(family.id, region=region)
            made = region in found or region in family.regions
            holds(not made or log.creations[arn] == 1, f"{log.creations[arn]} records of the making of {arn}")
            gone = region in family.regions and region not in found
            holds(log.deletions[arn] == gone or not made, f"{log.deletions[arn]} records of the end of {arn}")
        if found:
            check_family(clients, family, found, log)
        elif not family.is_ending:
            raise AssertionError(f"{family.id} is gone")


def check_family(clients, family, found, log):
    primaries = [r for r, each in found.items() if each["MultiRegionConfiguration"]["MultiRegionKeyType"] == "PRIMARY"]
    equal(len(primaries), 1, f"primaries of {family.id}")
    relations = {
        (each["MultiRegionConfiguration"]["PrimaryKey"]["Region"],
         tuple(r["Region"] for r in each["MultiRegionConfiguration"]["ReplicaKeys"])) for each in found.values()
    }  # fmt: skip
    equal(relations, {(primaries[0], tuple(sorted(set(found) - set(primaries))))}, f"the relations of {family.id}")
    equal(len({each["CurrentKeyMaterialId"] for each in found.values()}), 1, f"current materials of {family.id}")
    histories, rotations = [], []
    for region in found:
        pages = clients[region].get_paginator("list_key_rotations").paginate(
            KeyId=family.id, IncludeKeyMaterial="ALL_KEY_MATERIAL"
        )
        materials = [material for page in pages for material in page["Rotations"]]
        histories.append([(r["KeyMaterialId"], r["KeyMaterialState"], r.get("RotationDate")) for r in materials])
        rotations = [material for material in materials if "RotationDate" in material]
    equal(histories, histories[:1] * len(histories), f"the materials of {family.id} in {list(found)}")
    on_demand = [each for each in rotations if each["RotationType"] == "ON_DEMAND"]
    holds(len(on_demand) >= family.rotations, f"{family.id} was rotated {family.rotations} times")
    equal(log.rotations[family.id], moments(rotations), f"records of the rotations of {family.id}")
    for region, each in found.items():
        if each["KeyState"] == "Enabled":
            for sealed in family.sealed:
                opened = clients[region].decrypt(CiphertextBlob=sealed)
                equal(opened["Plaintext"].decode(), family.id, "what was encrypted before")


def check_database(data):
    """No half of a change is in the file."""
    with sqlite3.connect(data / "chatelaine.sqlite") as database:
        equal(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)], "integrity")
        equal(database.execute("PRAGMA foreign_key_check").fetchall(), [], "records without their key")
        remains = """
            SELECT count(*) FROM secret WHERE wrapped <> zeroblob(length(wrapped))
            AND slot NOT IN (SELECT secret FROM material WHERE secret IS NOT NULL UNION ALL SELECT secret FROM access_key)
        """
        equal(database.execute(remains).fetchone(), (0,), "secrets of nothing")
    database.close()


def start_moving(server, data, dice):
    """Lets rotations and deletions become due, and returns while they are under way."""
    moving = subprocess.Popen(
        [binary(), "clock", "advance", "100d", "--endpoint", server.endpoint], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def count():
        return sum('"DeleteKey"' in line or '"AUTOMATIC"' in line for line in audit_lines(data))

    events = count() + dice.randrange(1, CROWD)
    while count() < events and moving.poll() is None:
        time.sleep(0.002)
    return moving


def main():
    print(f"seed {SEED}", flush=True)
    dice = random.Random(SEED)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="kills-"))
    server = Server("dev", "--listen", "127.0.0.1:0", "--clock", "controllable", "--data-dir", str(directory / "data"))
    shares, left = [[], [], []], []
    due = collections.Counter()
    # In two at least, so that enough becomes due whatever the dice say.
    moved = set(dice.sample(range(ROUNDS), max(2, round(0.7 * ROUNDS))))
    try:
        for number in range(ROUNDS):
            server.start()
            crowd = Crowd(server.endpoint)
            stop = threading.Event()
            with concurrent.futures.ThreadPoolExecutor(len(shares)) as pool:
                running = [pool.submit(work, server.endpoint, share, dice.random(), stop) for share in shares]
                time.sleep(0.3 + dice.random())
                moving = start_moving(server, directory / "data", dice) if number in moved else None
                server.kill()
                stop.set()
                if moving:
                    moving.wait()
                for each in running:
                    each.result()
            check_database(directory / "data")
            # What was due is done before the server answers, so the log has its records by then.
            server.start()
            families = [family for share in shares for family in share] + (left if number + 1 == ROUNDS else [])
            clients = {region: client(server.endpoint, region) for region in REGIONS}
            known = {family: members(clients, family) for family in families}
            log = AuditLog(directory / "data")
            check(clients, known, log)
            rotated, ended = crowd.check(server.endpoint, log)
            due.update(rotations=rotated, deletions=ended)
            server.kill()
            for share in shares:
                standing = [family for family in share if not family.is_ending]
                left += standing[:-RECENT]
                share[:] = standing[-RECENT:]
        standing = [family for share in (*shares, left) for family in share]
        rotations = sum(family.rotations for family in standing)
        replicas = sum(len(family.regions) - 1 for family in standing)
        holds(rotations > 10 and replicas > 5, f"too little happened: {rotations} rotations, {replicas} replicas")
        holds(due["rotations"] > CROWD and due["deletions"] > CROWD, f"too little became due: {due}")
        print(f"{ROUNDS} kills, {rotations} rotations and {replicas} replicas kept, {due['rotations']} rotations and "
              f"{due['deletions']} deletions that were due\n1 passed, 0 failed", flush=True)  # fmt: skip
    finally:
        if server.process.poll() is None:
            server.kill()
        server.forget_log()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
    sys.exit(0)
