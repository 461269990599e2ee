"""Request quotas: the rates that are admitted, whose they are, what a refusal is, and clients that get through it."""

import concurrent.futures
import contextlib
import dataclasses
import json
import os
import subprocess
import time
import uuid

import boto3
import botocore.config

from harness import FIRST, REGION, SECOND, Account, advance, equal, holds, patient, refused, run, scenario
from principals import ask, element
from raw import Wire, sign
from server import Server, binary

SENTENCE = "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."
# What is measured must not be bounded by the client: Python signs and sends some hundreds of requests a second.
RATES = {"symmetric": 100, "CreateAlias": 5, "GetKeyLastUsage": 0.5, "ListKeys": 2}
RANDOM = ("GenerateRandom", {"NumberOfBytes": 8})


@contextlib.contextmanager
def limited(world, overrides, *flags):
    """Another server with these quotas for everybody, and its data directory."""
    directory = world.directory / uuid.uuid4().hex
    directory.mkdir()
    file = directory / "quotas.json"
    file.write_text(json.dumps(overrides))
    server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(directory / "data"), "--credentials",
                    str(world.directory / "credentials.json"), "--quota-overrides", str(file), *flags)  # fmt: skip
    try:
        yield Limited(server.start(), directory / "data")
    finally:
        if server.process.poll() is None:
            server.stop()
        server.forget_log()


@dataclasses.dataclass
class Limited:
    server: Server
    data: object

    @property
    def endpoint(self):
        return self.server.endpoint

    def wire(self):
        return Wire(self.endpoint)

    def client(self, retry_mode=None, attempts=1, region=REGION, account=FIRST):
        return boto3.client(
            "kms", endpoint_url=self.endpoint, region_name=region,
            aws_access_key_id=account.access_key_id, aws_secret_access_key=account.secret_access_key,
            config=botocore.config.Config(retries={"mode": retry_mode or "standard", "total_max_attempts": attempts}),
        )  # fmt: skip

    def records(self, name):
        lines = (self.data / "audit" / "audit.jsonl").read_text().splitlines()
        return [record for record in map(json.loads, lines) if record["eventName"] == name]


def everybody(**requests):
    return {"*": {"requests": requests}}


def call(wire, operation, body, region=REGION, account=FIRST):
    text = json.dumps(body).encode()
    headers = wire.headers(operation)
    headers["Authorization"] = sign("POST", "/", headers, text, account=account, region=region)
    return wire.send(headers, text)


def admitted(limits, seconds, pause, operation, body):
    """When requests were admitted, of one that follows the other for some time; all others must be throttled."""
    wire, times, end = limits.wire(), [], time.monotonic() + seconds
    while time.monotonic() < end:
        answer = wire.call(operation, body)
        if answer.status == 200 or answer.code in ("NotFoundException", "AlreadyExistsException"):
            times.append(time.monotonic())
        else:
            equal(answer.code, "ThrottlingException", operation)
        time.sleep(pause)
    return times


def measured(times, burst):
    """The rate at which requests were admitted once the bucket was empty."""
    steady = times[burst:]
    return (len(steady) - 1) / (steady[-1] - steady[0])


@scenario
def admitted_rates_are_those_that_are_configured(world):
    with limited(world, everybody(**RATES)) as limits, concurrent.futures.ThreadPoolExecutor(4) as pool:
        key = limits.client().create_key()["KeyMetadata"]["KeyId"]
        alias = {"AliasName": "alias/a", "TargetKeyId": key}
        slow = pool.submit(admitted, limits, 6, 0.004, "CreateAlias", alias)
        fractional = pool.submit(admitted, limits, 6.3, 0.01, "GetKeyLastUsage", {"KeyId": key})
        listing = pool.submit(admitted, limits, 6, 0.01, "ListKeys", {})
        slow, fractional, listing = slow.result(), fractional.result(), listing.result()
        # Alone, because it takes all that Python can send.
        fast = admitted(limits, 3, 0, *RANDOM)
        holds(len(fast) > 2 * RATES["symmetric"], f"only {len(fast)} requests were admitted: were so many sent?")
        # Whoever takes the burst needs a while, in which it is filled again.
        found = {
            "symmetric": measured(fast, 2 * RATES["symmetric"]),
            "CreateAlias": measured(slow, 8),
            "GetKeyLastUsage": measured(fractional, 1),
            "ListKeys": measured(listing, 4),
        }
        print("   admitted a second: " + ", ".join(f"{name} {rate:.3f} of {RATES[name]}" for name, rate in found.items()))
        for name, rate in found.items():
            holds(abs(rate / RATES[name] - 1) <= 0.05, f"{name}: {rate:.3f} a second, not {RATES[name]}")
        equal(len(fractional), 4, "requests of GetKeyLastUsage that are admitted in 6.3 seconds")


@scenario
def accounts_and_regions_have_quotas_of_their_own(world):
    with limited(world, everybody(ListGrants=0.001, ListKeys=0.001)) as limits:
        wire = limits.wire()
        for region, account in ((REGION, FIRST), ("eu-west-3", FIRST), ("own-site-1", FIRST), (REGION, SECOND)):
            codes = [call(wire, "ListKeys", {}, region, account).status for _ in range(3)]
            equal(codes, [200, 400, 400], f"{account.number} in {region}")
        # The caller's account pays, also for a key of somebody else, and another quota is untouched.
        foreign = {"KeyId": f"arn:aws:kms:{REGION}:{SECOND.number}:key/12345678-1234-1234-1234-123456789012"}
        equal(call(wire, "ListGrants", foreign).code, "AccessDeniedException")
        equal(call(wire, "ListGrants", foreign).code, "ThrottlingException")
        equal(call(wire, "ListGrants", foreign, account=SECOND).code, "NotFoundException")


@scenario
def a_refusal_is_awss_own_and_leaves_nothing_but_its_record(world):
    with limited(world, everybody(CreateKey=0.001)) as limits:
        wire = limits.wire()
        equal(wire.call("CreateKey", {}).status, 200)
        answer = wire.call("CreateKey", {"Description": "throttled"})
        equal(answer.status, 400)
        equal(answer.json, {"__type": "ThrottlingException", "message": SENTENCE})
        equal(answer.headers["content-type"], "application/x-amz-json-1.1")
        uuid.UUID(answer.headers["x-amzn-requestid"])
        holds("retry-after" not in answer.headers, f"{answer.headers}")
        equal(len(wire.call("ListKeys", {}).json["Keys"]), 1, "keys")
        (record,) = [record for record in limits.records("CreateKey") if "errorCode" in record]
        equal((record["errorCode"], record["errorMessage"]), ("ThrottlingException", SENTENCE))
        equal(record["requestID"], answer.headers["x-amzn-requestid"])
        equal((record["readOnly"], record["responseElements"]), (False, None))


@scenario
def calls_of_iam_and_sts_are_counted_too(world):
    with limited(world, everybody(IAM=0.001, STS=0.001)) as limits:
        long = "x" * 5000
        for service, action, name, wanted in (("iam", "GetUser", "UserName", "GetUser"),
                                              ("sts", "AssumeRole", "RoleSessionName", "AssumeRole")):  # fmt: skip
            first = ask(limits, action, {name: "someone"}, service=service, region="eu-west-1")
            holds(element(first, "Code") != "Throttling", repr(first))
            # IAM is one service: the region that a request is signed for makes no difference.
            again = ask(limits, action, {name: long}, service=service, region="us-east-1" if service == "iam" else "eu-west-1")
            equal((again.status, element(again, "Code"), element(again, "Message")), (400, "Throttling", "Rate exceeded"))
            *_, record = limits.records(wanted)
            equal((record["errorCode"], record["errorMessage"], record["requestParameters"]),
                  ("Throttling", "Rate exceeded", None))  # fmt: skip
        equal(element(ask(limits, "GetCallerIdentity", service="sts", account=SECOND), "Account"), SECOND.number)


@scenario
def no_request_is_free(world):
    rates = {"symmetric": 0.001, "DescribeCustomKeyStores": 0.001, "CreateCustomKeyStore": 0.001}
    pair = {"KeyId": "alias/none"}
    cases = (("GenerateDataKeyPair", pair), ("GenerateDataKeyPairWithoutPlaintext", {**pair, "KeyPairSpec": "X"}),
             ("GenerateDataKeyPair", {**pair, "KeyPairSpec": "SM2"}), ("DescribeCustomKeyStores", {}),
             ("CreateCustomKeyStore", {"CustomKeyStoreName": "a"}))  # fmt: skip
    with limited(world, everybody(**rates)) as limits:
        wire = limits.wire()
        for number, (operation, body) in enumerate(cases):
            region = f"own-site-{number}"
            codes = [call(wire, operation, body, region).code for _ in range(2)]
            holds(codes[0] != "ThrottlingException" and codes[1] == "ThrottlingException", f"{operation} {body}: {codes}")


@scenario
def made_up_regions_close_none_that_is_used(world):
    with limited(world, everybody(GetParametersForImport=0.001, symmetric=1000)) as limits:
        wire = limits.wire()
        equal(call(wire, "CreateKey", {}, "own-site-1").status, 200)
        asked = {"KeyId": "x", "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
        codes = [call(wire, "GetParametersForImport", asked, f"made-up-{number}").code for number in range(300)]
        equal((codes.count("NotFoundException"), codes.count("ThrottlingException")), (256, 44))
        for region in (REGION, "eu-west-3", "own-site-1"):
            equal(call(wire, *RANDOM, region).status, 200, region)
        equal(call(wire, *RANDOM, "made-up-299").code, "ThrottlingException")
        equal(call(wire, *RANDOM, "made-up-299", SECOND).status, 200, "another account")


@patient
def boto3_gets_through_by_itself(world):
    def calls(mode, region):
        """More calls than the bucket holds, each of which has to succeed in the end."""
        client = limits.client(mode, attempts=10, region=region)
        answers = [client.list_keys() for _ in range(6)]
        return sum(answer["ResponseMetadata"]["RetryAttempts"] for answer in answers)

    with limited(world, everybody(ListKeys=2)) as limits, concurrent.futures.ThreadPoolExecutor(3) as pool:
        modes = {"legacy": "us-east-1", "standard": "us-west-2", "adaptive": "eu-west-1"}
        retries = {mode: pool.submit(calls, mode, region) for mode, region in modes.items()}
        for mode, count in retries.items():
            holds(count.result() > 0, f"{mode}: nothing was throttled")
        client = limits.client(attempts=1, region="eu-west-2")
        with refused("ThrottlingException", SENTENCE):
            for _ in range(4):
                client.list_keys()


@patient
def the_aws_command_gets_through_by_itself(world):
    def aws(account, attempts):
        environment = {
            **os.environ, "AWS_ACCESS_KEY_ID": account.access_key_id,
            "AWS_SECRET_ACCESS_KEY": account.secret_access_key, "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION,
            "AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": str(attempts), "AWS_PAGER": "",
            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip
        return subprocess.run(
            ["aws", "kms", "create-key", "--endpoint-url", limits.endpoint], env=environment,
            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    overrides = {FIRST.number: {"requests": {"CreateKey": 0.001}}, SECOND.number: {"requests": {"CreateKey": 0.15}}}
    with limited(world, overrides) as limits:
        for account in (FIRST, SECOND):
            equal(call(limits.wire(), "CreateKey", {}, account=account).status, 200)
        equal(aws(SECOND, 12).returncode, 0, "exit code with retries")
        throttled = aws(FIRST, 1)
        holds(throttled.returncode > 0, "nothing was throttled")
        holds("(ThrottlingException) when calling the CreateKey operation" in throttled.stderr, throttled.stderr)
        holds(SENTENCE in throttled.stderr, throttled.stderr)


@scenario
def a_clock_that_jumps_fills_no_bucket(world):
    with limited(world, everybody(ListKeys=0.001), "--clock", "controllable") as limits:
        wire = limits.wire()
        equal(wire.call("ListKeys", {}).status, 200)
        advance(limits, "3650d")
        equal(wire.call("ListKeys", {}).code, "ThrottlingException")


def created(world, *command):
    """How many of forty keys are made at once, and the most that AWS's quota can let through in that time."""
    data = world.directory / uuid.uuid4().hex
    account = FIRST
    if command[0] == "serve":
        # The access key is shown only when the directory is made.
        made = subprocess.run([binary(), "init", "--data-dir", str(data)], capture_output=True, text=True, timeout=30)
        lines = [line.removeprefix("export ") for line in made.stdout.splitlines() if line.startswith("export ")]
        exports = dict(line.split("=", 1) for line in lines)
        account = Account("", exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"])
    server = Server(*command, "--listen", "127.0.0.1:0", "--data-dir", str(data)).start()
    try:
        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            wires = [Wire(server.endpoint) for _ in range(8)]
            several = [pool.submit(lambda wire: [call(wire, "CreateKey", {}, account=account) for _ in range(5)], wire)
                       for wire in wires]  # fmt: skip
            answers = [answer for each in several for answer in each.result()]
        most = 5 + 5 * (time.monotonic() - start)
        codes = {answer.code for answer in answers if answer.status != 200}
        holds(codes <= {"ThrottlingException"}, f"{codes}")
        return sum(answer.status == 200 for answer in answers), most
    finally:
        server.stop()
        server.forget_log()


@scenario
def profiles_are_what_they_say(world):
    file = world.directory / "profile.json"
    file.write_text(json.dumps({"quotas": "aws"}))
    cases = [(("serve",), True), (("serve", "--quotas", "unlimited"), False), (("dev",), False),
             (("dev", "--quotas", "aws"), True), (("dev", "--config", str(file)), True)]  # fmt: skip
    for command, limits in cases:
        count, most = created(world, *command)
        holds(5 <= count <= most and count < 40 if limits else count == 40, f"{command}: {count} keys, {most} at the most")


@scenario
def what_cannot_be_a_quota_is_refused_in_one_line(world):
    cases = [
        (None, ("--quotas", "none"), '"none" is not a profile of quotas: aws or unlimited'),
        ({"*": {"requests": {"createkey": 1}}}, (), 'unknown quota "createkey"'),
        ({"*": {"requests": {"CreateKey": 0}}}, (), "from 0.001"),
        ({"1": {}}, (), "not an account"),
        ({"*": {"resources": {"tagsPerKey": 60}}}, (), "there are: keys, aliasesPerKey"),
    ]
    for number, (overrides, flags, reason) in enumerate(cases):
        file = world.directory / f"wrong-quotas-{number}.json"
        if overrides is not None:
            file.write_text(json.dumps(overrides))
            flags = ("--quota-overrides", str(file))
        command = ["dev", "--listen", "127.0.0.1:0", "--data-dir", str(world.directory / "wrong-quotas"), *flags]
        done = subprocess.run([binary(), *command], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
        equal((done.returncode, done.stdout), (2, ""), f"{overrides} {flags}")
        equal(len(done.stderr.strip().splitlines()), 1, f"lines of {done.stderr!r}")
        holds(reason in done.stderr, done.stderr)


if __name__ == "__main__":
    run()
