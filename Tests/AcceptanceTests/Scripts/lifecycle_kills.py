"""A server that is killed while keys rotate, are replicated, change their primary and are deleted.

Each of these changes several records in several regions. After a restart each is done whole, or was not begun.
"""

import concurrent.futures
import contextlib
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

from harness import FIRST, OTHER_REGION, REGION, advance, equal, eventually, holds
from server import Server

THIRD_REGION = "ap-northeast-1"
REGIONS = (REGION, OTHER_REGION, THIRD_REGION)
ROUNDS = int(os.environ.get("KILL_ROUNDS", "10"))
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


def check(endpoint, families):
    clients = {region: client(endpoint, region) for region in REGIONS}
    for family in families:
        found = members(clients, family)
        if not family.is_ending:
            missing = family.regions - set(found)
            holds(not missing, f"{family.id} was acknowledged in {missing}")
        if found:
            check_family(clients, family, found)
        elif not family.is_ending:
            raise AssertionError(f"{family.id} is gone")


def check_family(clients, family, found):
    primaries = [r for r, each in found.items() if each["MultiRegionConfiguration"]["MultiRegionKeyType"] == "PRIMARY"]
    equal(len(primaries), 1, f"primaries of {family.id}")
    relations = {
        (each["MultiRegionConfiguration"]["PrimaryKey"]["Region"],
         tuple(r["Region"] for r in each["MultiRegionConfiguration"]["ReplicaKeys"])) for each in found.values()
    }  # fmt: skip
    equal(relations, {(primaries[0], tuple(sorted(set(found) - set(primaries))))}, f"the relations of {family.id}")
    equal(len({each["CurrentKeyMaterialId"] for each in found.values()}), 1, f"current materials of {family.id}")
    histories = []
    for region in found:
        pages = clients[region].get_paginator("list_key_rotations").paginate(
            KeyId=family.id, IncludeKeyMaterial="ALL_KEY_MATERIAL"
        )
        histories.append(
            [(r["KeyMaterialId"], r["KeyMaterialState"], r.get("RotationDate")) for p in pages for r in p["Rotations"]]
        )
    equal(histories, histories[:1] * len(histories), f"the materials of {family.id} in {list(found)}")
    holds(len(histories[0]) > family.rotations, f"{family.id} was rotated {family.rotations} times")
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


def main():
    print(f"seed {SEED}", flush=True)
    dice = random.Random(SEED)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="kills-"))
    server = Server("dev", "--listen", "127.0.0.1:0", "--clock", "controllable", "--data-dir", str(directory / "data"))
    shares = [[], [], []]
    try:
        for _ in range(ROUNDS):
            server.start()
            stop = threading.Event()
            with concurrent.futures.ThreadPoolExecutor(len(shares)) as pool:
                running = [pool.submit(work, server.endpoint, share, dice.random(), stop) for share in shares]
                time.sleep(0.3 + dice.random())
                if dice.random() < 0.5:
                    # Deletions become due, and are under way when the server dies.
                    advance(server, "8d")
                    time.sleep(dice.random() * 0.05)
                server.kill()
                stop.set()
                for each in running:
                    each.result()
            check_database(directory / "data")
            server.start()
            check(server.endpoint, [family for share in shares for family in share])
            server.kill()
            for share in shares:
                share[:] = [family for family in share if not family.is_ending]
        rotations = sum(family.rotations for share in shares for family in share)
        replicas = sum(len(family.regions) - 1 for share in shares for family in share)
        holds(rotations > 10 and replicas > 5, f"too little happened: {rotations} rotations, {replicas} replicas")
        print(f"{ROUNDS} kills, {rotations} rotations and {replicas} replicas kept\n1 passed, 0 failed", flush=True)
    finally:
        if server.process.poll() is None:
            server.kill()
        server.forget_log()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
    sys.exit(0)
