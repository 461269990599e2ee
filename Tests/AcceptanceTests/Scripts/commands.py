"""The command line: first start, second start, and configuration that is wrong."""

import concurrent.futures
import http.client
import json
import os
import re
import stat
import subprocess
import sys
import time

import boto3

from harness import equal, eventually, holds, run, scenario
from raw import Wire, sign
from server import READY, Server, binary


def say(*arguments, environment=None):
    return subprocess.run(
        [binary(), *arguments], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip


def exports(text):
    return dict(re.findall(r"export ([A-Z_]+)=['\"]?([^'\"\s]+)['\"]?", text))


@scenario
def help_is_everywhere(world):
    for command in ((), ("init",), ("serve",), ("dev",), ("clock",), ("clock", "advance")):
        done = say(*command, "--help")
        equal(done.returncode, 0, f"exit code of {command} --help")
        holds("USAGE" in done.stdout, f"{command} --help says {done.stdout!r}")


@scenario
def development_mode_prints_one_line(world):
    server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(world.directory / "one-line"))
    server.start()
    holds(re.fullmatch(r"http://127\.0\.0\.1:\d+", server.endpoint), server.endpoint)
    rest = server.process.stdout
    server.process.terminate()
    equal(server.process.wait(timeout=15), 0, "exit code after SIGTERM")
    equal(rest.read(), b"", "more on standard output")
    rest.close()
    server.forget_log()


@scenario
def wrong_configuration_is_one_line_and_exit_2(world):
    data = str(world.directory / "wrong")
    broken = world.directory / "broken.json"
    broken.write_text("{")
    cases = [
        ("dev", "--listen", "0.0.0.0:0"),
        ("dev", "--listen", "192.0.2.1:0"),
        ("dev", "--listen", "[::]:0"),
        ("dev", "--listen", "nonsense"),
        ("dev", "--listen", "127.0.0.1:99999"),
        ("dev", "--account", "12"),
        ("dev", "--regions", "no region"),
        ("dev", "--clock", "broken"),
        ("dev", "--credentials", str(broken)),
        ("dev", "--credentials", str(world.directory / "absent.json")),
        ("serve", "--listen", "127.0.0.1:99999"),
    ]
    problems = []
    for case in cases:
        flags = (*case, "--data-dir", data)
        flags = flags if "--listen" in flags else (*flags, "--listen", "127.0.0.1:0")
        try:
            done = say(*flags)
        except subprocess.TimeoutExpired:
            problems.append(f"{case} is accepted")
            continue
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        if done.returncode != 2 or done.stdout or len(lines) != 1:
            problems.append(f"{case}: exit {done.returncode}, {done.stdout!r}, {done.stderr!r}")
    equal(problems, [])


@scenario
def a_configuration_file_has_json_types(world):
    file = world.directory / "types.json"
    base = {"data-dir": str(world.directory / "types"), "listen": "127.0.0.1:0"}
    wrong = [{"listen": 5}, {"listen": None}, {"clock": True}, {"data-dir": 7}, {"data-dir": ["a"]}, {"account": 1},
             {"regions": [1]}, {"regions": {}}, {"regions": []}, {"regions": ["nowhere at all"]},
             {"regions": ["us-east-1", None]}, {"managed-key-rotation-days": True},
             {"managed-key-rotation-days": [365]}, {"managed-key-rotation-days": 1.5}, {"log-level": 3},
             {"quotas": 1}, {"quotas": "none"}, {"quota-overrides": {}}, {"quota-overrides": "absent.json"},
             {"config": "other.json"}]  # fmt: skip
    problems = []
    for members in wrong:
        file.write_text(json.dumps({**base, **members}))
        try:
            done = say("dev", "--config", str(file))
        except subprocess.TimeoutExpired:
            problems.append(f"{members} is accepted")
            continue
        lines = done.stderr.strip().splitlines()
        if done.returncode != 2 or done.stdout or len(lines) != 1:
            problems.append(f"{members}: exit {done.returncode}, {done.stdout!r}, {done.stderr!r}")
    equal(problems, [])

    # A number and a list do what the same text does.
    file.write_text(json.dumps({**base, "regions": ["us-east-1"], "managed-key-rotation-days": 365}))
    server = Server("dev", "--config", str(file), "--clock", "controllable").start()
    for region, status in (("us-east-1", 200), ("eu-central-1", 400)):
        equal(list_keys(server, region).status, status, region)
    wire = Wire(server.endpoint)
    key = wire.call("DescribeKey", {"KeyId": "alias/aws/s3"}).json["KeyMetadata"]["Arn"]
    equal(wire.call("GetKeyRotationStatus", {"KeyId": key}).json["RotationPeriodInDays"], 365)
    server.stop()
    server.forget_log()


@scenario
def what_is_in_use_or_impossible_is_told_in_one_line(world):
    taken = world.endpoint.removeprefix("http://")
    for flags in (("--listen", taken, "--data-dir", str(world.directory / "taken")),
                  ("--listen", "127.0.0.1:0", "--data-dir", "/dev/null/impossible"),
                  ("--listen", "127.0.0.1:0", "--data-dir", str(world.data))):  # fmt: skip
        done = say("dev", *flags)
        holds(done.returncode in (1, 2), f"{flags}: exit code {done.returncode}")
        equal(done.stdout, "", f"{flags}: standard output")
        equal(len(done.stderr.strip().splitlines()), 1, f"{flags}: lines of {done.stderr!r}")


@scenario
def the_first_start_says_how_to_use_it_and_the_second_finds_everything(world):
    data = world.directory / "production"
    command = ("serve", "--data-dir", str(data), "--listen", "127.0.0.1:0")
    server = first_start(command, data)
    settings = exports(first_text(server))
    holds({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= set(settings), f"no export lines: {first_text(server)!r}")
    whoever_pastes_the_lines_is_served(settings)
    kms = production_client(server, settings)
    key = kms.create_key(Description="production")["KeyMetadata"]
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"kept")["CiphertextBlob"]
    server.stop()
    server.forget_log()
    for path in [data, *data.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        equal(mode & 0o077, 0, f"permissions {oct(mode)} of {path.name}: others can read it")
    server = first_start(command, data)
    holds(settings["AWS_SECRET_ACCESS_KEY"] not in first_text(server), "the secret is printed at every start")
    kms = production_client(server, settings)
    equal(kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"], key)
    equal(kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"kept")
    server.stop()
    server.forget_log()


def whoever_pastes_the_lines_is_served(settings):
    """The lines alone are enough: for an SDK that asks the environment for everything, and no file."""
    question = "import boto3; boto3.client('sts').get_caller_identity(); boto3.client('kms').list_keys()"
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run([sys.executable, "-c", question], env={**own, **nowhere, **settings}, capture_output=True)
    equal(done.returncode, 0, f"exit code of a client with the lines only: {done.stderr.decode()}")


@scenario
def init_makes_what_serve_uses(world):
    data = world.directory / "initialised"
    done = say("init", "--data-dir", str(data))
    equal(done.returncode, 0, f"exit code of init: {done.stdout}{done.stderr}")
    settings = exports(done.stdout + done.stderr)
    holds({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= set(settings), f"{done.stdout}{done.stderr}")
    again = say("init", "--data-dir", str(data))
    holds(settings["AWS_SECRET_ACCESS_KEY"] not in again.stdout + again.stderr, "init tells the secret twice")
    server = first_start(("serve", "--data-dir", str(data), "--listen", "127.0.0.1:0"), data)
    production_client(server, settings).create_key()
    server.stop()
    server.forget_log()


def deaf(*command, stream="stdout", closed=False):
    """Runs a command whose output cannot be written: the disk is full, or whoever read it has gone."""
    if closed:
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open("/dev/full", os.O_WRONLY)
    other = "stderr" if stream == "stdout" else "stdout"
    try:
        return subprocess.run(
            [binary(), *map(str, command)], timeout=30, stdin=subprocess.DEVNULL, text=True,
            **{stream: writer, other: subprocess.PIPE})  # fmt: skip
    finally:
        os.close(writer)


@scenario
def what_nobody_can_read_is_told_and_can_be_asked_for_again(world):
    data = world.directory / "unheard"
    for closed in (False, True):
        done = deaf("init", "--data-dir", data, closed=closed)
        equal((done.returncode, len(done.stderr.splitlines())), (1, 1), f"init: {done.stderr}")
        holds("cannot write to standard output" in done.stderr, done.stderr)
    made = say("init", "--data-dir", str(data))
    equal(made.returncode, 0, made.stderr)
    account = re.search(r"account (\d{12})", made.stdout)[1]
    listed = say("account", "list", "--data-dir", str(data)).stdout
    equal(listed, f"{account} aws\n", "the accounts")
    for command in (
        ("account", "create"), ("account", "root-key", "--account", account), ("account", "list"), ("seal", "show"),
        ("verify",), ("status",),
    ):  # fmt: skip
        for closed in (False, True):
            done = deaf(*command, "--data-dir", data, closed=closed)
            equal((done.returncode, len(done.stderr.splitlines())), (1, 1), f"{command}: {done.stderr}")
    equal(say("account", "list", "--data-dir", str(data)).stdout, listed, "the accounts after that")
    shares = ("init", "--seal", "shares", "--shares", "3", "--threshold", "2", "--data-dir", world.directory / "unshared")
    done = deaf(*shares)
    equal((done.returncode, list((world.directory / "unshared").iterdir())), (1, []), f"shares: {done.stderr}")


@scenario
def what_is_done_is_done_whether_somebody_reads_that_or_not(world):
    for number, (stream, closed) in enumerate((("stdout", False), ("stdout", True), ("stderr", False), ("stderr", True))):
        to = world.directory / f"unheard-{number}.backup"
        done = deaf("backup", "--data-dir", world.data, "--to", to, stream=stream, closed=closed)
        equal((done.returncode, to.exists()), (0, True), f"a backup without {stream}")
        wrong = deaf("backup", "--data-dir", world.data, "--to", to, stream=stream, closed=closed)
        equal(wrong.returncode, 1, f"exit code without {stream}")
    data = world.directory / "unheard-server"
    equal(say("init", "--data-dir", str(data)).returncode, 0, "exit code of init")
    for stream in ("stdout", "stderr"):
        for format in ("text", "json"):
            full = open("/dev/full", "w")
            server = subprocess.Popen(
                [binary(), "serve", "--data-dir", str(data), "--listen", "127.0.0.1:0", "--log-level", "trace",
                 "--log-format", format], stdin=subprocess.DEVNULL,
                **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: full})  # fmt: skip
            full.close()
            try:
                eventually(
                    lambda: say("status", "--data-dir", str(data)).stdout.startswith("server: running"),
                    f"it serves without {stream}", 20)
                equal(server.poll(), None, "its exit code")
            finally:
                server.terminate()
                equal(server.wait(20), 0, f"exit code of a server without {stream}")


@scenario
def a_service_serves_only_what_init_made(world):
    data = world.directory / "service"
    serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", str(data), "--new-data-dir", "refuse"]
    for made in (False, True):
        if made:
            data.mkdir()
        done = say(*serve)
        equal((done.returncode, done.stdout), (2, ""), "exit code and output without a data directory")
        equal(
            done.stderr,
            f"chatelaine: {data} is not a data directory yet: `chatelaine init` makes it and shows its first access key\n",
            "what it says",
        )
    equal(list(data.iterdir()), [], "what it made")
    done = say("init", "--data-dir", str(data))
    equal(done.returncode, 0, f"exit code of init: {done.stderr}")
    server = Server(*serve).start()
    server.stop()
    server.forget_log()
    done = say(*serve[:-1], "perhaps")
    equal(done.returncode, 2, f"exit code of a word that is unknown: {done.stderr}")


@scenario
def only_the_listed_regions_are_served(world):
    server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(world.directory / "regions"),
                    "--regions", "us-east-1,eu-central-1").start()  # fmt: skip
    for region, status in (("us-east-1", 200), ("eu-central-1", 200), ("us-west-2", 400)):
        answer = list_keys(server, region)
        equal(answer.status, status, f"{region}: {answer!r}")
    equal(answer.message.rstrip(), "Credential should be scoped to a valid region.")
    server.stop()
    server.forget_log()


@scenario
def flags_come_before_the_environment_and_that_before_the_file(world):
    names = ("by-file", "by-environment", "by-flag")
    directories = {name: world.directory / name for name in names}
    file = world.directory / "configuration.json"
    file.write_text(json.dumps({"data-dir": str(directories["by-file"]), "listen": "127.0.0.1:0"}))
    settings = (
        ({}, ()),
        ({"CHATELAINE_DATA_DIR": str(directories["by-environment"])}, ()),
        (
            {"CHATELAINE_DATA_DIR": str(directories["by-environment"])},
            ("--data-dir", str(directories["by-flag"])),
        ),
    )
    for number, (environment, flags) in enumerate(settings):
        os.environ.update(environment)
        try:
            server = Server("dev", "--config", str(file), *flags).start()
        finally:
            for name in environment:
                del os.environ[name]
        holds(directories[names[number]].is_dir(), f"{names[number]} was not made")
        for later in names[number + 1 :]:
            holds(not directories[later].exists(), f"{later} was made too early")
        server.stop()
        server.forget_log()


@scenario
def a_server_under_load_ends_cleanly(world):
    data = world.directory / "load"
    server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(data)).start()
    key = Wire(server.endpoint).call("CreateKey", {}).json["KeyMetadata"]["KeyId"]
    acknowledged, strange = [], []

    def write(writer):
        wire = Wire(server.endpoint)
        for number in range(10_000):
            name = f"{writer}-{number}"
            try:
                answer = wire.call("UpdateKeyDescription", {"KeyId": key, "Description": name})
            except (OSError, http.client.HTTPException):
                return
            if answer.status == 200:
                acknowledged.append(name)
            elif answer.code != "ThrottlingException":
                strange.append(answer)
                return

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for writer in range(4):
            pool.submit(write, writer)
        try:
            time.sleep(0.5)
            eventually(lambda: len(acknowledged) > 20 or strange, "twenty changes are acknowledged")
        finally:
            # The writers end only when the server does.
            exit_code = server.stop()
    equal(exit_code, 0, "exit code")
    equal(strange, [], "answers while it ended")
    holds(len(acknowledged) > 20, f"only {len(acknowledged)} changes")
    server.start()
    metadata = Wire(server.endpoint).call("DescribeKey", {"KeyId": key}).json["KeyMetadata"]
    holds(metadata["Description"] in acknowledged[-8:], f"{metadata['Description']} is not of {acknowledged[-8:]}")
    server.stop()
    server.forget_log()


@scenario
def accounts_are_made_in_the_partition_that_is_asked_for(world):
    data = str(world.directory / "partitions")
    server = first_start(("serve", "--listen", "127.0.0.1:0", "--data-dir", data, "--regions", "cn-north-1,cn-northwest-1"), data)
    first = exports(first_text(server))
    server.stop()
    equal(first["AWS_REGION"], "cn-north-1")
    for partition, region, code in (("aws-us-gov", "us-gov-west-1", 0), ("aws", "eu-central-1", 0), ("mars", "", 2)):
        made = say("account", "create", "--partition", partition, "--data-dir", data)
        equal(made.returncode, code, f"account create --partition {partition}: {made.stdout}{made.stderr}")
        if code == 0:
            account = {**exports(made.stdout), "AWS_REGION": region}
            server = Server("serve", "--listen", "127.0.0.1:0", "--data-dir", data).start()
            for settings, name in ((account, partition), (first, "aws-cn")):
                arn = production_client(server, settings, "sts").get_caller_identity()["Arn"]
                equal(arn.split(":")[1], name, "the partition of " + arn)
                production_client(server, settings).list_keys()
            server.stop()
            server.forget_log()
    listed = say("account", "list", "--data-dir", data)
    equal(sorted(line.split()[1] for line in listed.stdout.splitlines()), ["aws", "aws-cn", "aws-us-gov"])


def list_keys(server, region):
    wire = Wire(server.endpoint)
    headers = wire.headers("ListKeys")
    headers["Authorization"] = sign("POST", "/", headers, b"{}", region=region)
    return wire.send(headers, b"{}")


def first_start(command, data):
    """Starts a server that may say more than one line before the one that it listens."""
    server = Server(*command)
    server.chatter = str(data) + ".out"
    with open(server.chatter, "wb") as out:
        server.process = subprocess.Popen(server.command, stdin=subprocess.DEVNULL, stdout=out, stderr=server.log)
    # Server.stop closes this.
    server.process.stdout = open(server.chatter, "rb")
    for _ in range(400):
        found = re.search(READY + r"(http://\S+)", first_text(server))
        if found:
            server.endpoint = found[1]
            return server
        try:
            server.process.wait(timeout=0.05)
            break
        except subprocess.TimeoutExpired:
            continue
    server.kill()
    raise AssertionError(f"it does not say that it listens: {first_text(server)!r}")


def first_text(server):
    with open(server.chatter, errors="replace") as out:
        return out.read() + server.log_text()


def production_client(server, settings, service="kms"):
    return boto3.client(
        service, endpoint_url=server.endpoint, region_name=settings.get("AWS_REGION", "us-east-1"),
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"], aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
    )  # fmt: skip


if __name__ == "__main__":
    run()
