"""What the acceptance scripts share: accounts, clients, expectations, and a runner that says what failed.

A script is a list of scenarios: functions with a sentence for a name, each on keys of its own, all of them against one
fresh server with two accounts, a third in China, and a clock that can be moved.
"""

import concurrent.futures
import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid

import boto3
import botocore.config
import botocore.exceptions

from server import Server, binary

REGION = "us-east-1"
OTHER_REGION = "eu-central-1"
ABSENT = object()


@dataclasses.dataclass(frozen=True)
class Account:
    """An account as its root user sees it, or as whoever else has these credentials."""

    number: str
    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    @property
    def root(self):
        return f"arn:aws:iam::{self.number}:root"


# The development account, and one more; AWS's documentation uses these keys as examples.
FIRST = Account("000000000000", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SECOND = Account("111122223333", "AKIAI44QH8DHBEXAMPLE", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY")
# An account of another partition: credentials of the two above do not work in China.
CHINESE = Account("222233334444", "AKIAIOSFODNN8EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCZEXAMPLEKEY")


def first(region):
    """The first account of a region's partition."""
    return CHINESE if region.startswith("cn-") else FIRST


class World:
    """A running server and the clients that talk to it."""

    def __init__(self, server, directory):
        self.server = server
        self.directory = directory
        self.data = directory / "data"
        self._clients = {}
        # Clients may be used by several threads, and made by one at a time.
        self._making = threading.Lock()

    @property
    def endpoint(self):
        return self.server.endpoint

    def client(self, service, account=None, region=REGION, retries=0):
        """A client that shows every answer as it is: it checks nothing itself, and tries again only if told to."""
        account = account or first(region)
        key = (self.endpoint, service, account, region, retries)
        with self._making:
            if key not in self._clients:
                self._clients[key] = boto3.client(
                    service,
                    endpoint_url=self.endpoint,
                    region_name=region,
                    aws_access_key_id=account.access_key_id,
                    aws_secret_access_key=account.secret_access_key,
                    aws_session_token=account.session_token,
                    config=botocore.config.Config(
                        parameter_validation=False,
                        retries={"total_max_attempts": retries + 1},
                        connect_timeout=5,
                        # A busy machine takes its time, and RSA keys are made when nothing else is to be done.
                    read_timeout=60,
                    ),
                )
            return self._clients[key]

    def kms(self, account=None, region=REGION):
        return self.client("kms", account, region)

    def key(self, account=None, region=REGION, **parameters):
        """A new key's metadata."""
        return self.kms(account, region).create_key(**parameters)["KeyMetadata"]


def key_arn(key_id, account=FIRST, region=REGION):
    return f"arn:aws:kms:{region}:{account.number}:key/{key_id}"


def alias_arn(name, account=FIRST, region=REGION):
    return f"arn:aws:kms:{region}:{account.number}:{name}"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(principal, action="kms:*", **more):
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": "*", **more}


def deny(principal, action, **more):
    return {"Effect": "Deny", "Principal": {"AWS": principal}, "Action": action, "Resource": "*", **more}


def audit_lines(data):
    """The whole lines of the audit log, the oldest first, from all of its files."""
    while True:
        paths = sorted((data / "audit").glob("*.jsonl"))
        with contextlib.suppress(FileNotFoundError):
            lines = [line for path in paths for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
            # Otherwise the server began another file meanwhile.
            if paths == sorted((data / "audit").glob("*.jsonl")):
                return lines


# Expectations


def equal(actual, expected, what="value"):
    if actual != expected:
        raise AssertionError(f"{what}:\n  expected {expected!r}\n  got      {actual!r}")


def holds(condition, what):
    if not condition:
        raise AssertionError(what)


def members(answer, *expected):
    """Exactly these members, besides what boto3 adds."""
    equal(sorted(set(answer) - {"ResponseMetadata"}), sorted(expected), "members of the answer")


def status(error):
    return error.response["ResponseMetadata"]["HTTPStatusCode"]


@contextlib.contextmanager
def refused(code, message=None, http=400):
    """The block must be answered with this error.

    `message`: the exact text, a compiled expression for all of it, ABSENT, or None for any. `http`: its status.
    """
    try:
        yield
    except botocore.exceptions.ClientError as error:
        got = error.response["Error"]
        equal(got["Code"], code, f"error code (its message: {got.get('Message')!r})")
        if message is ABSENT:
            equal(got.get("Message", ""), "", f"message of {code}")
        elif isinstance(message, re.Pattern):
            holds(message.fullmatch(got["Message"]), f"message of {code} {got['Message']!r} is not {message.pattern!r}")
        elif message is not None:
            equal(got["Message"], message, f"message of {code}")
        equal(status(error), http, f"HTTP status of {code}")
        uuid.UUID(error.response["ResponseMetadata"]["RequestId"])
        return
    raise AssertionError(f"it was answered, and not refused with {code}")


def shape_error(*items):
    """AWS's text for broken shape constraints."""
    noun = "error" if len(items) == 1 else "errors"
    return f"{len(items)} validation {noun} detected: " + "; ".join(items)


# Time


def advance(world, amount):
    done = subprocess.run(
        [binary(), "clock", "advance", amount, "--endpoint", world.endpoint],
        capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    equal(done.returncode, 0, f"exit code of clock advance {amount}: {done.stdout}{done.stderr}")


def eventually(condition, what, seconds=60, pause=0.1):
    deadline = time.monotonic() + seconds
    while not condition():
        holds(time.monotonic() < deadline, f"{what}: not within {seconds} s")
        time.sleep(pause)


def describe(world, key, region):
    return world.kms(region=region).describe_key(KeyId=key)["KeyMetadata"]


def settled(world, key, region, state="Enabled"):
    """The metadata of a key that has left Creating or Updating."""
    eventually(lambda: describe(world, key, region)["KeyState"] not in ("Creating", "Updating"), f"{key} in {region}")
    known = describe(world, key, region)
    equal(known["KeyState"], state, f"the state of {known['Arn']}")
    return known


# Running

_scenarios = []
_patient = set()


def scenario(function):
    _scenarios.append(function)
    return function


def patient(function):
    """A scenario that mostly waits, and moves no clock: it runs at the same time as the patient ones next to it."""
    _patient.add(function)
    return scenario(function)


def _passes(function, world):
    try:
        function(world)
    except Exception:
        print(f"FAILED: {function.__name__}\n{traceback.format_exc()}", flush=True)
        return False
    print(f"passed: {function.__name__}", flush=True)
    return True


def _results(functions, world):
    """Whether each scenario passes, in order."""
    for together, group in itertools.groupby(functions, lambda function: function in _patient):
        if not together:
            yield from (_passes(function, world) for function in group)
            continue
        group = list(group)
        with concurrent.futures.ThreadPoolExecutor(len(group)) as pool:
            yield from pool.map(_passes, group, itertools.repeat(world))


def run(*flags):
    """Runs the scenarios of the script and ends the process with their result."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="acceptance-"))
    credentials = directory / "credentials.json"
    credentials.write_text(
        json.dumps(
            {
                "accounts": [
                    {
                        "account": SECOND.number,
                        "accessKeyId": SECOND.access_key_id,
                        "secretAccessKey": SECOND.secret_access_key,
                    },
                    {
                        "account": CHINESE.number,
                        "partition": "aws-cn",
                        "accessKeyId": CHINESE.access_key_id,
                        "secretAccessKey": CHINESE.secret_access_key,
                    },
                ]
            }
        )
    )
    credentials.chmod(0o600)
    server = Server(
        "dev", "--listen", "127.0.0.1:0", "--data-dir", str(directory / "data"),
        "--credentials", str(credentials), "--clock", "controllable", *flags,
    )  # fmt: skip
    only = sys.argv[1:]
    failures = passed = 0
    try:
        world = World(server.start(), directory)
        results = list(_results([each for each in _scenarios if not only or each.__name__ in only], world))
        passed, failures = results.count(True), results.count(False)
        holds(server.process.poll() is None, f"the server ended by itself; its log:\n{server.log_text()}")
        server.stop()
        if failures and os.environ.get("SHOW_SERVER_LOG"):
            print(server.log_text())
    finally:
        if server.process and server.process.poll() is None:
            server.kill()
        server.forget_log()
        shutil.rmtree(directory, ignore_errors=True)
    print(f"{passed} passed, {failures} failed", flush=True)
    sys.exit(1 if failures or not passed else 0)
