"""What is measured: servers with many keys and policies of ten statements, and programs that say figures as JSON."""

import json
import os
import subprocess

import load
from many_keys_store import key_id
from server import Server, binary

ACCOUNT = "111122223333"
REGION = "us-east-1"
# More than is ever asked: the quotas are held, and nobody is refused.
PLENTY = {
    "requests": dict.fromkeys(("symmetric", "RSA", "ECC", "CreateKey"), 1_000_000), "resources": {"keys": 1_000_000}
}  # fmt: skip


def server(data, *flags):
    """A server of the account, with quotas, and an audit log whose syncs are shared."""
    quotas = data.parent / "quotas.json"
    quotas.write_text(json.dumps({"*": PLENTY}))
    return Server(
        "dev", "--account", ACCOUNT, "--listen", "127.0.0.1:0", "--data-dir", str(data), "--quotas", "aws",
        "--quota-overrides", str(quotas), *flags,
    )  # fmt: skip


def data_directory(path, keys):
    """A data directory with so many keys, as a server would have made them."""
    with load.running(server(path)) as (maker,):
        maker.stop()
    command = [
        binary("many-keys"), "fill-directory", "--data-dir", str(path), "--account", ACCOUNT, "--regions", REGION,
        "--keys", str(keys),
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=600)
    return path


def figures(*arguments):
    """What hot-path says as JSON."""
    with load.work_directory() as directory:
        done = subprocess.run(
            [binary("hot-path"), *map(str, arguments)], capture_output=True, text=True, timeout=1800,
            env=os.environ | {"TMPDIR": str(directory)},
        )  # fmt: skip
    if done.returncode:
        raise load.Failure(f"hot-path {arguments[0]} failed: {done.stderr}")
    return json.loads(done.stdout)


def policy():
    """Ten statements of which the last one decides."""
    others = [
        {
            "Sid": f"s{number}", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::99998888777{number}:root"},
            "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": "*",
        } for number in range(1, 10)
    ]  # fmt: skip
    last = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [*others, last]}, separators=(",", ":"))


def make_key(wire, **more):
    return load.answered(wire.call("CreateKey", {"Policy": policy(), **more}))["KeyMetadata"]["KeyId"]


def numbered_key(number=0):
    """The identifier of a key of `data_directory`."""
    return key_id(number)
