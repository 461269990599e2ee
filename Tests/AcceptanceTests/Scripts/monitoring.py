"""What those see who watch over a server: health, metrics that Prometheus can read, and a log for machines."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import uuid

import boto3
import botocore.exceptions

from certificates import Root
from harness import FIRST, REGION, SECOND, equal, eventually, holds, run, scenario
from raw import Wire, fetch
from server import REPOSITORY, Server, binary
from wrapping import bring

DEPLOY = REPOSITORY / "deploy"
PROMTOOL = shutil.which("promtool") or str(REPOSITORY / ".build" / "tools" / "promtool")
DAY = 86_400
SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class Watched:
    """A server with a monitoring listener, whose log is JSON."""

    def __init__(self, world, name, *flags, directory=None):
        self.directory = directory or world.directory / name
        self.server = Server(
            "dev", "--listen", "127.0.0.1:0", "--monitor-listen", "127.0.0.1:0", "--log-format", "json",
            "--data-dir", str(self.directory / "data"), "--clock", "controllable", *flags,
        )  # fmt: skip
        self.directory.mkdir(exist_ok=True)

    def __enter__(self):
        self.server.start()
        eventually(lambda: self.monitor, "the log tells where health and metrics are")
        return self

    def __exit__(self, *error):
        if self.server.process.poll() is None:
            self.server.kill()
        self.server.forget_log()

    @property
    def log(self):
        return [json.loads(line) for line in self.server.log_text().splitlines()]

    @property
    def monitor(self):
        urls = [entry["metadata"]["url"] for entry in self.log if "Health and metrics" in entry["message"]]
        return urls[0] if urls else None

    def ask(self, path):
        status, text, _ = fetch(self.monitor + path)
        return status, json.loads(text)

    def text(self):
        status, text, headers = fetch(self.monitor + "/metrics")
        equal(status, 200, "status of /metrics")
        equal(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8", "type of /metrics")
        return text

    def samples(self):
        return samples(self.text())


def samples(text):
    """The values by name and labels."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = SAMPLE.match(line)
        holds(match, f"a line that is no sample: {line!r}")
        key = (match[1], frozenset(LABEL.findall(match[2] or "")))
        holds(key not in found, f"twice: {line!r}")
        found[key] = float(match[3])
    return found


def value(found, name, **labels):
    return found.get((name, frozenset(labels.items())))


@scenario
def requests_are_counted_by_operation_and_outcome(world):
    with Watched(world, "counted") as watched:
        wire = Wire(watched.server.endpoint)
        before = watched.samples()
        key = wire.call("CreateKey", {}).json["KeyMetadata"]["KeyId"]
        for _ in range(3):
            wire.call("Encrypt", {"KeyId": key, "Plaintext": "AAAA"})
        wire.call("Encrypt", {"KeyId": str(uuid.uuid4()), "Plaintext": "AAAA"})
        wire.call("Encrypt", {"KeyId": key, "Plaintext": "AAAA"}, **{"X-Amz-Date": "20200101T000000Z"})
        wire.call("NoOperation", {})
        world_of = client(watched, "sts")
        world_of.get_caller_identity()
        iam = client(watched, "iam")
        iam.create_user(UserName="watched")
        try:
            iam.create_user(UserName="watched")
        except botocore.exceptions.ClientError:
            pass
        after = watched.samples()

        def count(api, operation, outcome):
            return value(after, "chatelaine_requests_total", api=api, operation=operation, outcome=outcome)

        equal(count("kms", "CreateKey", "Success"), 1, "CreateKey")
        equal(count("kms", "Encrypt", "Success"), 3, "Encrypt")
        equal(count("kms", "Encrypt", "NotFoundException"), 1, "Encrypt with an unknown key")
        refusals = {dict(labels)["outcome"]: n for (name, labels), n in after.items()
                    if name == "chatelaine_requests_total" and dict(labels)["operation"] == "Encrypt"}  # fmt: skip
        equal(sum(refusals.values()), 5, f"all of Encrypt: {refusals}")
        equal(count("sts", "GetCallerIdentity", "Success"), 1, "STS")
        equal(count("iam", "CreateUser", "Success"), 1, "IAM")
        equal(count("iam", "CreateUser", "EntityAlreadyExists"), 1, "IAM refusing")
        holds("NoOperation" not in watched.text(), "a name that a client chose is no label")
        labels = {"api": "kms", "operation": "Encrypt"}
        equal(value(after, "chatelaine_request_duration_seconds_count", **labels), 5, "the histogram's count")
        equal(value(after, "chatelaine_request_duration_seconds_bucket", le="+Inf", **labels), 5, "the last bucket")
        buckets = [n for (name, found), n in after.items() if name.endswith("request_duration_seconds_bucket")
                   and labels.items() <= dict(found).items()]  # fmt: skip
        equal(buckets, sorted(buckets), "buckets only grow")
        holds(0 < value(after, "chatelaine_request_duration_seconds_sum", **labels) < 5, "the time it took")
        equal(value(after, "chatelaine_http_responses_total", code="200"), 6, "answers with 200")
        holds(value(after, "chatelaine_store_commit_duration_seconds_count") > 1, "commits")
        holds(value(after, "chatelaine_audit_append_duration_seconds_count") > 5, "records")
        holds(value(after, "chatelaine_audit_sync_duration_seconds_count") > 0, "syncs")
        holds(value(after, "chatelaine_connections") >= 1, "open connections")
        equal(value(after, "chatelaine_requests_in_flight"), 0, "requests in flight")
        equal(value(after, "chatelaine_sealed"), 0, "sealed")
        labels = {"api": "kms", "operation": "Encrypt", "outcome": "Success"}
        equal(value(before, "chatelaine_requests_total", **labels), None, "before")
        holds(value(after, "process_resident_memory_bytes") > 1 << 20, "memory")
        holds(abs(value(after, "process_start_time_seconds") - time.time()) < 60, "the start")
        holds(0 < value(after, "process_open_fds") < value(after, "process_max_fds"), "descriptors")


def client(watched, service, account=FIRST):
    return boto3.client(
        service, endpoint_url=watched.server.endpoint, region_name=REGION, aws_access_key_id=account.access_key_id,
        aws_secret_access_key=account.secret_access_key,
    )  # fmt: skip


@scenario
def answers_to_what_is_no_request_are_counted(world):
    with Watched(world, "refused") as watched:
        host, port = watched.server.endpoint.removeprefix("http://").split(":")
        for text in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                connection.sendall(text)
                holds(connection.recv(1000).startswith(b"HTTP/1.1 400"), f"{text} is refused")
        found = watched.samples()
        equal(value(found, "chatelaine_http_responses_total", code="400"), 2, "answers with 400")
        equal(value(found, "chatelaine_requests_in_flight"), 0, "requests in flight")


@scenario
def idle_connections_do_not_shut_out_probes(world):
    with Watched(world, "crowded") as watched:
        host, port = watched.monitor.removeprefix("http://").split(":")
        crowd = [socket.create_connection((host, int(port)), timeout=10) for _ in range(64)]
        for connection in crowd[:32]:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n")
        time.sleep(0.2)
        start = time.monotonic()
        equal(watched.ask("/health/live")[0], 200, "a probe")
        holds(time.monotonic() - start < 6, "it does not wait for long")
        for connection in crowd:
            connection.close()


@scenario
def a_listener_that_cannot_be_had_is_named_before_anything_is_said(world):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for flags, text in (
            (("--listen", "127.0.0.1:0", "--monitor-listen", address), f"cannot watch on {address}: "),
            (("--listen", address, "--monitor-listen", "127.0.0.1:0"), f"cannot serve on {address}: "),
        ):
            done = subprocess.run(
                [binary(), "serve", *flags, "--data-dir", str(world.directory / "taken")],
                capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            equal(done.returncode, 1, f"{flags}: {done.stderr}")
            equal(done.stdout, "", "nothing is made yet")
            holds(text in done.stderr and "in use" in done.stderr, f"{flags}: {done.stderr}")


@scenario
def keys_and_what_time_brings_are_shown(world):
    with Watched(world, "keys") as watched:
        kms = client(watched, "kms")
        none = watched.samples()
        equal([name for name, _ in none if "next_" in name or "expiration" in name], [], "what time brings to no key")
        rotating = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.enable_key_rotation(KeyId=rotating, RotationPeriodInDays=90)
        ending = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        kms.schedule_key_deletion(KeyId=ending, PendingWindowInDays=7)
        found = watched.samples()

        def keys(**labels):
            return value(found, "chatelaine_keys", **{"origin": "AWS_KMS", "manager": "CUSTOMER"} | labels)

        equal(keys(state="Enabled", spec="SYMMETRIC_DEFAULT"), 1, "enabled keys")
        equal(keys(state="PendingDeletion", spec="ECC_NIST_P256"), 1, "keys that end")
        equal(keys(state="Enabled", spec="ECC_NIST_P256"), None, "a state that it has left")
        holds(0 <= 90 * DAY - value(found, "chatelaine_next_rotation_seconds") < 60, "the next rotation")
        holds(0 <= 7 * DAY - value(found, "chatelaine_next_deletion_seconds") < 60, "the next deletion")
        kms.cancel_key_deletion(KeyId=ending)
        found = watched.samples()
        equal(value(found, "chatelaine_next_deletion_seconds"), None, "no deletion any more")
        equal(keys(state="Disabled", spec="ECC_NIST_P256"), 1, "a key that is kept")
        last = value(found, "chatelaine_housekeeping_last_run_timestamp_seconds")
        holds(abs(last - time.time()) < 30, "housekeeping")


@scenario
def imported_material_that_ends_is_shown_by_key(world):
    with Watched(world, "imported") as watched:
        kms = client(watched, "kms")
        key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
        bring(kms, key, os.urandom(32), ValidTo=time.time() + 10 * DAY)
        found = watched.samples()
        labels = {"key_id": key, "region": REGION, "account": FIRST.number}
        shown = value(found, "chatelaine_key_material_expiration_seconds", **labels)
        holds(shown and abs(shown - 10 * DAY) < 60, f"{shown} seconds")
        equal(value(found, "chatelaine_keys_with_ending_material"), 1, "keys whose material ends")
        first = value(found, "chatelaine_next_key_material_expiration_seconds")
        holds(abs(first - 10 * DAY) < 60, f"{first} seconds until the first ends")


@scenario
def the_keys_of_one_account_hide_no_others(world):
    accounts = world.directory / "accounts.json"
    accounts.write_text(json.dumps({"accounts": [{
        "account": SECOND.number, "accessKeyId": SECOND.access_key_id, "secretAccessKey": SECOND.secret_access_key,
    }]}))  # fmt: skip
    accounts.chmod(0o600)
    with Watched(world, "accounts", "--credentials", str(accounts)) as watched:
        for account, days in [(FIRST, 5)] * 12 + [(SECOND, 20)]:
            kms = client(watched, "kms", account)
            key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
            bring(kms, key, os.urandom(32), ValidTo=time.time() + days * DAY)
        found = watched.samples()
        shown = [dict(labels)["account"] for name, labels in found if name == "chatelaine_key_material_expiration_seconds"]
        equal((shown.count(FIRST.number), shown.count(SECOND.number)), (10, 1), "the keys that are shown by name")
        equal(value(found, "chatelaine_keys_with_ending_material"), 13, "keys whose material ends")
        first = value(found, "chatelaine_next_key_material_expiration_seconds")
        holds(abs(first - 5 * DAY) < 60, f"{first} seconds until the first ends")


def promtool(*arguments, text=None):
    return subprocess.run([PROMTOOL, *arguments], input=text, capture_output=True, text=True, timeout=30)


@scenario
def prometheus_reads_the_metrics_and_the_rules(world):
    if not os.path.exists(PROMTOOL) and os.environ.get("CI") != "true":
        print("skipped: promtool is not on this machine")
        return
    root_directory = world.directory / "prometheus"
    root_directory.mkdir()
    pair = Root(root_directory).make("server")
    with Watched(world, "prometheus", *pair.flags, directory=root_directory) as watched:
        text = watched.text()
        done = promtool("check", "metrics", text=text)
        equal((done.returncode, done.stdout + done.stderr), (0, ""), "promtool check metrics")
        end = pair.certificate.not_valid_after_utc.timestamp()
        shown = value(samples(text), "chatelaine_tls_certificate_not_after_timestamp_seconds")
        equal(shown, end, "the certificate's end")
        for arguments in (
            ("check", "rules", str(DEPLOY / "prometheus" / "alerts.yaml")),
            ("test", "rules", str(DEPLOY / "prometheus" / "alerts.test.yaml")),
            ("check", "config", str(DEPLOY / "prometheus" / "prometheus.yaml")),
        ):
            done = promtool(*arguments)
            equal(done.returncode, 0, f"promtool {arguments}: {done.stdout}{done.stderr}")


# Shown only where there is something to show; the other scenarios find each of them.
SOMETIMES = {
    "chatelaine_next_rotation_seconds", "chatelaine_next_deletion_seconds",
    "chatelaine_next_key_material_expiration_seconds",
    "chatelaine_tls_certificate_not_after_timestamp_seconds", "chatelaine_tls_certificate_reloads_total",
    "chatelaine_tls_certificate_last_reload_failed", "chatelaine_tls_handshakes_total",
}  # fmt: skip


@scenario
def dashboard_and_alerts_name_metrics_that_there_are(world):
    with Watched(world, "named") as watched:
        families = dict(re.findall(r"^# TYPE (\S+) (\S+)$", watched.text(), re.MULTILINE))
    known = {
        name + suffix
        for name, kind in families.items()
        for suffix in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))
    } | SOMETIMES
    dashboard = json.loads((DEPLOY / "grafana" / "chatelaine.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    holds(len(expressions) > 20, "the dashboard has panels")
    rules = (DEPLOY / "prometheus" / "alerts.yaml").read_text()
    for text in (*expressions, rules):
        for name in re.findall(r"\b(?:chatelaine|process)_[a-z_0-9]+", text):
            holds(name in known, f"{name} is no metric, in {text[:100]!r}")


@scenario
def health_says_why_not(world):
    directory = world.directory / "full"
    directory.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(directory)], capture_output=True)
    if mounted.returncode:
        print("skipped: a small disk cannot be mounted here")
        return
    try:
        with Watched(world, "full", directory=directory) as watched:
            equal(watched.ask("/health/live"), (200, {"status": "live"}), "alive")
            equal(watched.ask("/health/ready"), (200, {"status": "ready"}), "ready")
            wire = Wire(watched.server.endpoint)
            filler = directory / "filler"
            with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))
            eventually(lambda: wire.call("CreateKey", {}).status >= 500, "a full disk refuses changes")
            eventually(lambda: wire.call("ListKeys", {}).status >= 500, "a full disk refuses records")
            status, answer = watched.ask("/health/ready")
            equal((status, answer["status"]), (503, "unavailable"), "not ready")
            holds(any(reason.startswith("the audit log: ") for reason in answer["reasons"]), f"the reasons: {answer}")
            equal(watched.ask("/health/live")[0], 200, "alive, for all that")
            found = watched.samples()
            holds(value(found, "chatelaine_audit_append_failures_total") > 0, "failures of the audit log are counted")
            about = [entry for entry in watched.log if "The audit log cannot be written" in entry["message"]]
            holds(about and uuid.UUID(about[0]["requestId"]), f"the log names the request: {about[:1]}")
            filler.unlink()
            # Nobody asks it anything meanwhile: it finds out by itself.
            eventually(lambda: watched.ask("/health/ready")[0] == 200, "ready again", 10)
            equal(wire.call("CreateKey", {}).status, 200, "a change after it")
            holds(not (directory / "data" / "audit" / ".probe").exists(), "nothing is left behind")
    finally:
        subprocess.run(["umount", str(directory)], check=True)


@scenario
def the_listener_answers_nothing_else(world):
    with Watched(world, "else") as watched:
        equal(fetch(watched.monitor + "/")[0], 404, "another path")
        equal(fetch(watched.server.endpoint + "/metrics")[0], 404, "metrics where requests are answered")
        equal(fetch(watched.server.endpoint + "/health/live")[0], 404, "health where requests are answered")
        wire = Wire(watched.monitor)
        equal(wire.call("ListKeys", {}).status, 405, "a call of the API")
        equal(wire.send({"Host": wire.host}, method="HEAD", path="/health/live").status, 200, "HEAD")
    server = Server("dev", "--listen", "127.0.0.1:0").start()
    equal(listeners(server.process.pid), 1, "listeners of a server that is not asked for one")
    equal(server.stop(), 0, "exit code")
    server.forget_log()


def listeners(pid):
    """How many sockets of the process listen (proc(5))."""
    descriptors = pathlib.Path(f"/proc/{pid}/fd").iterdir()
    own = {os.readlink(each).removeprefix("socket:[").rstrip("]") for each in descriptors}
    text = "".join(pathlib.Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6"))
    return sum(fields[3] == "0A" and fields[9] in own for fields in map(str.split, text.splitlines()))


@scenario
def a_server_that_ends_is_not_ready(world):
    with Watched(world, "ends") as watched:
        wire = Wire(watched.server.endpoint)
        wire.call("ListKeys", {})
        # A request whose body does not come keeps it for a while.
        wire.connection.sock.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
        time.sleep(0.3)
        watched.server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        equal(watched.ask("/health/ready"), (503, {"status": "unavailable", "reasons": ["ending"]}), "at the end")
        wire.close()
        equal(watched.server.process.wait(timeout=15), 0, "exit code")


@scenario
def the_log_is_json_and_tells_no_secret(world):
    with Watched(world, "log", "--log-level", "debug") as watched:
        wire = Wire(watched.server.endpoint)
        answer = wire.call("GenerateRandom", {"NumberOfBytes": 32})
        identifier = answer.headers["x-amzn-requestid"]
        eventually(lambda: any(e.get("requestId") == identifier for e in watched.log), "the request is in the log", 5)
        for entry in watched.log:
            always = {"time", "level", "message"}
            holds(always <= entry.keys() <= always | {"requestId", "metadata"}, entry)
            holds(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["time"]), entry["time"])
        text = watched.server.log_text()
        for secret in (answer.json["Plaintext"], FIRST.secret_access_key, "Signature="):
            holds(secret not in text, "the log tells a secret")


if __name__ == "__main__":
    run()
