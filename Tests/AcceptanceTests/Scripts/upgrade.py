"""A data directory that an older version left is brought up to date, and nothing in it is lost."""

import base64
import json
import pathlib
import sqlite3
import subprocess

import boto3

from harness import FIRST, OTHER_REGION, equal, run, scenario
from sealing import done, refused, untouched
from server import REPOSITORY, Server, binary

VECTORS = REPOSITORY / "Tests" / "Vectors" / "chatelaine"


def old_data(directory, version):
    """A data directory of that format, and what is known of it."""
    directory.mkdir()
    known = json.loads((VECTORS / f"store-{version}.json").read_text())
    root_key = directory / "root.key"
    root_key.touch(mode=0o600)
    root_key.write_text(known["rootKey"])
    with sqlite3.connect(directory / "chatelaine.sqlite") as database:
        database.executescript((VECTORS / f"store-{version}.sql").read_text())
    database.close()
    (directory / "chatelaine.sqlite").chmod(0o600)
    return known


@scenario
def a_store_of_format_1_is_read(world):
    data = world.directory / "format-1"
    known = old_data(data, 1)
    for _ in range(2):
        server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(data)).start()
        try:
            kms = boto3.client(
                "kms", endpoint_url=server.endpoint, region_name=OTHER_REGION, aws_access_key_id=FIRST.access_key_id,
                aws_secret_access_key=FIRST.secret_access_key,
            )  # fmt: skip
            for each in known["ciphertexts"]:
                plain = kms.decrypt(CiphertextBlob=base64.b64decode(each["ciphertext"]))["Plaintext"]
                equal(plain.decode(), each["plaintext"], "what was encrypted before")
            rotations = kms.list_key_rotations(KeyId=known["rotated"], IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
            equal([r.get("RotationType") for r in rotations], [None, "AUTOMATIC", "AUTOMATIC"], "the rotations")
            states = ["NON_CURRENT", "NON_CURRENT", "CURRENT"]
            equal([r["KeyMaterialState"] for r in rotations], states, "the states of the materials")
            equal(kms.list_key_rotations(KeyId=known["unrotated"])["Rotations"], [], "no rotations")
            metadata = kms.describe_key(KeyId="alias/rotated")["KeyMetadata"]
            equal(metadata["MultiRegion"], False, "no key was multi-Region")
            equal(metadata["CurrentKeyMaterialId"], rotations[-1]["KeyMaterialId"], "the current material")
        finally:
            equal(server.stop(), 0, "the exit code")
            server.forget_log()


@scenario
def an_account_whose_keys_are_all_in_china_is_in_china(world):
    for name, regions, partition in (("china", ("cn-north-1",), "aws-cn"), ("both", ("cn-north-1", OTHER_REGION), "aws")):
        data = world.directory / f"in-{name}"
        old_data(data, 1)
        with sqlite3.connect(data / "chatelaine.sqlite") as database:
            keys = [key for (key,) in database.execute("SELECT key_id FROM kms_key ORDER BY key_id")]
            for table, column in (("kms_key", "key_id"), ("material", "key_id"), ("key_tag", "key_id"), ("alias", "target")):
                for number, key in enumerate(keys):
                    region = regions[number % len(regions)]
                    database.execute(f"UPDATE {table} SET region = ? WHERE {column} = ?", (region, key))
            database.execute(
                "UPDATE kms_key SET policy = CAST(replace(CAST(policy AS TEXT), 'arn:aws:', 'arn:aws-cn:') AS BLOB) "
                "WHERE region LIKE 'cn-%'"
            )
        database.close()
        done = subprocess.run(
            [binary(), "account", "list", "--data-dir", str(data)], capture_output=True, text=True, timeout=30,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        equal((done.returncode, done.stdout), (0, f"{FIRST.number} {partition}\n"), done.stderr)


@scenario
def another_root_key_leaves_an_old_store_as_it_is(world):
    data, other = world.directory / "of-another", world.directory / "another"
    known = old_data(data, 1)
    connection = sqlite3.connect(data / "chatelaine.sqlite")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    done("init", "--data-dir", other)
    (data / "root.key").write_text((other / "root.key").read_text())
    for command in (["account", "list"], ["verify"], ["audit", "verify"], ["serve", "--listen", "127.0.0.1:0"],
                    ["seal", "migrate", "--to", "file"]):  # fmt: skip
        with untouched(data):
            refused(1, "is not the one that the store", *command, "--data-dir", data)
    (data / "root.key").write_text(known["rootKey"])
    done("account", "list", "--data-dir", data)


if __name__ == "__main__":
    run()
