"""The Kubernetes plugin, asked over its socket as the API server asks: `chatelaine kubernetes-plugin`."""

import hashlib
import json
import re
import shlex
import signal
import socket
import subprocess
import time

import grpc

from harness import (
    OTHER_REGION, REGION, SECOND, allow, audit_lines, equal, eventually, holds, key_arn, policy, run, scenario, settled,
)  # fmt: skip
from plugin import (
    FRESHNESS, MODULE, PATIENCE, SEED, Credentials, Plugin, Relay, chatelaine, denied, messages, refusal,
)  # fmt: skip
from principals import make_user, permit
from secure import Secure
from server import REPOSITORY

SHIPPED = REPOSITORY / "deploy" / "kubernetes"
INVALID = grpc.StatusCode.INVALID_ARGUMENT


def events(world, name):
    return [record for record in map(json.loads, audit_lines(world.data)) if record["eventName"] == name]


def questions(world, key):
    """The records of what was asked to be decrypted under a key."""
    return [event for event in events(world, "Decrypt") if key["Arn"] in json.dumps(event["resources"])]


def material(key_id):
    return key_id.split("#")[1]


# Keys


@scenario
def what_it_encrypts_it_decrypts(world):
    key = world.key()
    with Plugin(world, key["KeyId"]) as plugin:
        key_id = plugin.key_id()
        equal(key_id, f"{key['Arn']}#{key['CurrentKeyMaterialId']}", "key_id")
        encrypted = plugin.encrypt()
        equal(encrypted.key_id, key_id, "key_id of what was encrypted")
        holds(0 < len(encrypted.ciphertext) <= 1024 and SEED not in encrypted.ciphertext, "a ciphertext")
        equal(dict(encrypted.annotations), {}, "annotations")
        plugin.opens(encrypted)
        holds(encrypted.ciphertext != plugin.encrypt().ciphertext, "no two ciphertexts are alike")
        log = plugin.program.log_text()
        holds("7b0b04a6-0d04-4e69-9e3a-0b2e1d1c4b3f" in log, "the uid is logged")
        # Another plugin, as on another machine of the control plane, and the same one after its end.
        with Plugin(world, key["Arn"]) as other:
            equal(other.key_id(), key_id, "key_id of another plugin")
            other.opens(encrypted)


@scenario
def a_rotation_changes_the_key_id_and_no_data_is_lost(world):
    kms, key = world.kms(), world.key()
    with Plugin(world, key["KeyId"]) as plugin:
        encrypted = [plugin.encrypt()]
        for _ in range(2):
            kms.rotate_key_on_demand(KeyId=key["KeyId"])
            eventually(lambda: plugin.key_id() != encrypted[-1].key_id, "another key_id", seconds=10)
            encrypted.append(plugin.encrypt())
            equal(encrypted[-1].key_id, plugin.key_id(), "the key_id of both")
        equal(len({each.key_id for each in encrypted}), 3, "different key_ids")
        for each in encrypted:
            plugin.opens(each)
        with denied(INVALID, "key material"):
            plugin.decrypt(encrypted[0].ciphertext, encrypted[1].key_id)


@scenario
def encrypt_says_which_material_did_it_before_status_knows(world):
    kms, key = world.kms(), world.key()
    with Plugin(world, key["KeyId"]) as plugin:
        before = plugin.key_id()
        kms.rotate_key_on_demand(KeyId=key["KeyId"])
        encrypted = plugin.encrypt()
        current = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["CurrentKeyMaterialId"]
        equal(material(encrypted.key_id), current, "the material that encrypted")
        holds(encrypted.key_id != before, "another key_id")
        equal(plugin.key_id(), encrypted.key_id, "what Status says from then on")
        equal(plugin.encrypt().key_id, encrypted.key_id, "what Encrypt says from then on")


@scenario
def an_alias_can_be_pointed_to_another_key(world):
    kms, old, new = world.kms(), world.key(), world.key()
    kms.create_alias(AliasName="alias/cluster", TargetKeyId=old["KeyId"])
    with Plugin(world, "alias/cluster") as plugin:
        encrypted = plugin.encrypt()
        kms.update_alias(AliasName="alias/cluster", TargetKeyId=new["KeyId"])
        eventually(lambda: plugin.key_id().startswith(new["Arn"]), "the other key", seconds=10)
        holds(plugin.encrypt().key_id.startswith(new["Arn"]), "new data is under the new key")
        plugin.opens(encrypted)
    # Also by a plugin that never saw it point to the old one; one that is given a key has to be told of others.
    with Plugin(world, "alias/cluster") as plugin:
        plugin.opens(encrypted)
    with Plugin(world, new["KeyId"]) as plugin, denied(INVALID, "not a key of this plugin"):
        plugin.opens(encrypted)
    with Plugin(world, new["KeyId"], "--previous-key-id", old["Arn"]) as plugin:
        plugin.opens(encrypted)


@scenario
def status_and_encrypt_agree_when_an_alias_is_pointed_back(world):
    """Kubernetes throws away what was encrypted with another key than the one that Status says."""
    kms, first, second, unfit = world.kms(), world.key(), world.key(), world.key()

    def point(key):
        kms.update_alias(AliasName="alias/returning", TargetKeyId=key["KeyId"])

    def agree(plugin, key):
        for _ in range(3):
            holds(plugin.key_id().startswith(key["Arn"]), "the key that Status says")
            holds(plugin.encrypt().key_id.startswith(key["Arn"]), "the key that Encrypt says")

    kms.create_alias(AliasName="alias/returning", TargetKeyId=first["KeyId"])
    with Plugin(world, "alias/returning") as plugin:
        encrypted = plugin.encrypt()
        agree(plugin, first)
        point(second)
        eventually(lambda: plugin.key_id().startswith(second["Arn"]), "the other key", seconds=10)
        agree(plugin, second)
        point(first)
        time.sleep(FRESHNESS)
        agree(plugin, second)
        # It is not held on to when it does not serve.
        kms.disable_key(KeyId=second["KeyId"])
        with denied(grpc.StatusCode.FAILED_PRECONDITION, "disabled"):
            plugin.encrypt()
        holds("DisabledException" in plugin.status().healthz, "Status says so")
        eventually(lambda: plugin.status().healthz == "ok", "the first key is back", seconds=10)
        agree(plugin, first)
        plugin.opens(encrypted)
        # Nor is one that never served.
        kms.disable_key(KeyId=unfit["KeyId"])
        point(unfit)
        eventually(lambda: "not enabled" in plugin.status().healthz, "Status sees the other key", seconds=10)
        point(first)
        eventually(lambda: plugin.status().healthz == "ok", "the first key is back", seconds=10)
        agree(plugin, first)


@scenario
def a_replica_serves_a_cluster_that_has_moved(world):
    key = world.key(MultiRegion=True)
    with Plugin(world, key["KeyId"]) as plugin:
        encrypted = plugin.encrypt()
    world.kms().replicate_key(KeyId=key["KeyId"], ReplicaRegion=OTHER_REGION)
    replica = settled(world, key["KeyId"], OTHER_REGION)
    with Plugin(world, key["KeyId"], region=OTHER_REGION) as plugin:
        plugin.opens(encrypted)
        equal(plugin.key_id(), f"{replica['Arn']}#{material(encrypted.key_id)}", "the key_id of the other region")
        plugin.opens(plugin.encrypt())


@scenario
def what_it_did_not_make_is_refused_without_a_question(world):
    key, other = world.key(), world.key()
    with Plugin(world, key["KeyId"]) as plugin:
        plugin.key_id()
        encrypted = plugin.encrypt()
        good, key_id = encrypted.ciphertext, encrypted.key_id
        for ciphertext, wrong, annotations in (
            (good, "", None), (good, "nonsense", None), (good, key_id + "0", None), (good, " " + key_id, None),
            (good, other["Arn"] + "#" + material(key_id), None), (good, key["KeyId"], None), (good, "x" * 4000, None),
            (b"", key_id, None), (bytes(1025), key_id, None), (good, key_id, {"version.example.com": b"1"}),
        ):  # fmt: skip
            with denied(INVALID):
                plugin.decrypt(ciphertext, wrong, annotations)
        for plaintext in (b"", bytes(513), bytes(5000)):
            with denied(INVALID):
                plugin.encrypt(plaintext)
        # It ends the stream before it has read all of it.
        with denied((grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED)):
            plugin.encrypt(bytes(100_000))
        # One to prove the key at the start, one with what was encrypted, and this one.
        plugin.opens(encrypted)
        eventually(lambda: len(questions(world, key)) >= 3, "the records of the questions")
        equal(len(questions(world, key)), 3, "questions to the KMS")
        for position in range(0, len(good), 13):
            with denied(INVALID):
                plugin.decrypt(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :], key_id)
        with denied(INVALID):
            plugin.decrypt(good[:-1], key_id)
        plugin.encrypt(uid="two\nlines " + "x" * 5000)
        holds("two?lines" in plugin.program.log_text(), "a uid makes no lines of its own")
        plugin.opens(encrypted)


@scenario
def a_key_of_somebody_else_is_not_used(world):
    """Who can write to etcd, and lets the plugin use a key of theirs, gets it to decrypt nothing."""
    key = world.key()
    theirs = world.key(SECOND, Policy=policy(allow(SECOND.root), allow("*", "kms:Decrypt")))
    made = world.kms(SECOND).encrypt(KeyId=theirs["KeyId"], Plaintext=SEED)["CiphertextBlob"]
    equal(world.kms().decrypt(CiphertextBlob=made)["Plaintext"], SEED, "the plugin's principal may")
    with Plugin(world, key["KeyId"]) as plugin:
        key_id = plugin.key_id()
        for claimed in (f"{theirs['Arn']}#{theirs['CurrentKeyMaterialId']}", theirs["Arn"], key_id, key["Arn"]):
            with denied(INVALID):
                plugin.decrypt(made, claimed)


# Health


@scenario
def a_key_that_is_disabled_is_not_well(world):
    kms, key = world.kms(), world.key()
    with Plugin(world, key["KeyId"]) as plugin:
        encrypted = plugin.encrypt()
        kms.disable_key(KeyId=key["KeyId"])
        for call in (plugin.encrypt, lambda: plugin.opens(encrypted)):
            with denied(grpc.StatusCode.FAILED_PRECONDITION, "disabled"):
                call()
        status = plugin.status()
        holds("not enabled" in status.healthz, f"healthz is {status.healthz!r}")
        equal(status.key_id, encrypted.key_id, "the key_id stays")
        holds("not enabled" in chatelaine("check", "--socket", plugin.path, wanted=1), "check says so")
        kms.enable_key(KeyId=key["KeyId"])
        eventually(lambda: plugin.status().healthz == "ok", "it recovers", seconds=10)
        plugin.opens(encrypted)
        equal(chatelaine("check", "--socket", plugin.path, wanted=0), f"ok {encrypted.key_id}\n")


@scenario
def a_key_of_another_kind_is_not_well(world):
    key = world.key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    with Plugin(world, key["KeyId"]) as plugin:
        holds("RSA_2048" in plugin.status().healthz, "it says why")
    with Plugin(world, "alias/nothing") as plugin:
        holds("NotFoundException" in plugin.status().healthz, "it says why")
        equal(plugin.status().key_id, "", "key_id")


@scenario
def health_costs_little(world):
    key = world.key()
    with Plugin(world, key["KeyId"]) as plugin:
        plugin.key_id()
        # The proof at the start has been recorded.
        eventually(lambda: questions(world, key), "the record of a question")
        before = [len(events(world, name)) for name in ("DescribeKey", "Encrypt", "Decrypt")]
        start = time.monotonic()
        for _ in range(200):
            plugin.key_id()
        holds(time.monotonic() - start < FRESHNESS / 2, "two hundred answers in no time")
        after = [len(events(world, name)) for name in ("DescribeKey", "Encrypt", "Decrypt")]
        holds(after[0] - before[0] <= 1 and after[1:] == before[1:], f"questions to the KMS: {before}, {after}")


@scenario
def the_policy_is_enough_and_no_more(world):
    key = world.key()
    document = (SHIPPED / "policy.json").read_text()
    document = re.sub(r"arn:aws:kms:[^\"]+", key["Arn"], document)
    user = make_user(world, *json.loads(document)["Statement"])
    credentials = Credentials(world.directory, user)
    with Plugin(world, key["KeyId"], "--encryption-context", "cluster=production", credentials=credentials) as plugin:
        encrypted = plugin.encrypt()
        plugin.key_id()
        plugin.opens(encrypted)
    context = json.dumps([record["requestParameters"] for record in events(world, "Encrypt")][-1])
    holds('"cluster": "production"' in context, "the context is in the audit log")
    with Plugin(world, key["KeyId"], "--encryption-context", "cluster=other", credentials=credentials) as plugin:
        with denied(grpc.StatusCode.PERMISSION_DENIED, "AccessDeniedException"):
            plugin.encrypt()
        holds("AccessDeniedException" in plugin.status().healthz, "it is not well")
    with Plugin(world, key["KeyId"], "--encryption-context", "cluster=other") as plugin, denied(INVALID):
        plugin.opens(encrypted)


@scenario
def an_access_key_is_replaced_while_it_runs(world):
    key = world.key()
    user = make_user(world, {"Effect": "Allow", "Action": "kms:*", "Resource": "*"})
    credentials = Credentials(world.directory, user)
    iam = world.client("iam")
    with Plugin(world, key["KeyId"], credentials=credentials) as plugin:
        encrypted = plugin.encrypt()
        made = iam.create_access_key(UserName=user.name)["AccessKey"]
        iam.delete_access_key(UserName=user.name, AccessKeyId=user.access_key_id)
        with denied(grpc.StatusCode.UNAUTHENTICATED):
            plugin.encrypt()
        holds("UnrecognizedClientException" in plugin.status().healthz, "it is not well")
        credentials.file.unlink()
        with denied(grpc.StatusCode.UNAUTHENTICATED, "cannot read"):
            plugin.encrypt()
        credentials.write(type(user)(user.number, made["AccessKeyId"], made["SecretAccessKey"]))
        plugin.opens(encrypted)
        plugin.key_id()
        permit(world, user)
        with denied(grpc.StatusCode.PERMISSION_DENIED):
            plugin.opens(encrypted)
        holds(made["SecretAccessKey"] not in plugin.program.log_text(), "no secret in the log")


# The way to the KMS


@scenario
def a_server_that_is_away_is_said_to_be_in_time_and_comes_back(world):
    key = world.key()
    with Relay(world.endpoint) as relay, Plugin(world, key["KeyId"], endpoint=relay.endpoint) as plugin:
        encrypted = plugin.encrypt()
        # It takes what is sent, and does not answer.
        relay.is_open.clear()
        for call in (plugin.encrypt, lambda: plugin.opens(encrypted)):
            start = time.monotonic()
            with denied(grpc.StatusCode.UNAVAILABLE, "cannot be reached"):
                call()
            holds(time.monotonic() - start < PATIENCE, "in time")
        status = plugin.status()
        holds("cannot be reached" in status.healthz, f"healthz is {status.healthz!r}")
        equal(status.key_id, encrypted.key_id, "the key_id stays")
        relay.is_open.set()
        plugin.opens(encrypted)
        eventually(lambda: plugin.status().healthz == "ok", "it recovers", seconds=10)
        # A server that starts again ends its connections.
        relay.drop()
        plugin.opens(encrypted)


@scenario
def a_server_that_is_down_is_unavailable(world):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Plugin(world, "alias/any", endpoint=f"http://127.0.0.1:{port}") as plugin:
        start = time.monotonic()
        with denied(grpc.StatusCode.UNAVAILABLE):
            plugin.encrypt()
        with denied(grpc.StatusCode.UNAVAILABLE):
            plugin.decrypt(b"x" * 100, key_arn("1234abcd-12ab-34cd-56ef-1234567890ab"))
        status = plugin.status()
        equal(status.key_id, "", "nothing is known")
        holds(time.monotonic() - start < 3 * PATIENCE, "in time")
        holds("cannot be reached" in chatelaine("check", "--socket", plugin.path, wanted=1), "check says so")


@scenario
def throttling_is_tried_again_and_refusals_are_not(world):
    key = world.key()
    with Relay(world.endpoint) as relay, Plugin(world, key["KeyId"], endpoint=relay.endpoint) as plugin:
        plugin.key_id()
        encrypted = plugin.encrypt()

        def meets(*answers):
            relay.drop()
            relay.answers = list(answers)

        meets(refusal("ThrottlingException"), refusal("ThrottlingException"))
        plugin.opens(encrypted)
        meets(*[refusal("ThrottlingException")] * 50)
        with denied(grpc.StatusCode.UNAVAILABLE, "ThrottlingException"):
            plugin.opens(encrypted)
        holds(40 < len(relay.answers) < 48, f"attempts: {50 - len(relay.answers)}")
        meets(refusal("AccessDeniedException"), refusal("ThrottlingException"))
        with denied(grpc.StatusCode.PERMISSION_DENIED):
            plugin.opens(encrypted)
        equal(len(relay.answers), 1, "attempts that were not made")
        meets(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        with denied(grpc.StatusCode.INTERNAL):
            plugin.opens(encrypted)
        meets(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\nConnection: close\r\n\r\n" + b"x" * 200_000)
        with denied(grpc.StatusCode.INTERNAL):
            plugin.opens(encrypted)
        meets(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
        start = time.monotonic()
        with denied(grpc.StatusCode.UNAVAILABLE, "no answer in time"):
            plugin.opens(encrypted)
        holds(time.monotonic() - start < PATIENCE, "in time")
        meets()
        plugin.opens(encrypted)


@scenario
def the_server_is_told_by_its_certificate(world):
    with Secure(world, "kubernetes-tls") as secure:
        key = secure.kms().create_key()["KeyMetadata"]
        roots = ("--ca-bundle", str(secure.root.file))
        with Plugin(world, key["KeyId"], *roots, endpoint=secure.endpoint) as plugin:
            plugin.opens(plugin.encrypt())
        with Plugin(world, key["KeyId"], endpoint=secure.endpoint) as plugin, denied(grpc.StatusCode.UNAVAILABLE):
            plugin.encrypt()


# The program


@scenario
def calls_in_flight_are_finished_at_the_end(world):
    key = world.key()
    with Relay(world.endpoint) as relay, Plugin(world, key["KeyId"], endpoint=relay.endpoint) as plugin:
        plugin.key_id()
        relay.is_open.clear()
        call = plugin.stub.Encrypt.future(messages.EncryptRequest(plaintext=SEED), timeout=PATIENCE)
        time.sleep(0.5)
        plugin.program.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        relay.is_open.set()
        holds(call.result().ciphertext, "the call is answered")
        equal(plugin.program.process.wait(timeout=10), 0, "exit code after SIGTERM")


@scenario
def wrong_command_lines_are_refused(world):
    needed = ("--socket", world.directory / "no.sock", "--key-id", "alias/a")
    where = ("--endpoint-url", world.endpoint)
    region = ("--region", REGION)
    for arguments, part in (
        (needed[:2] + region + where, "--key-id"), (needed[2:] + region + where, "--socket"),
        (needed + where, "--region is missing"), (needed + where + ("--region", "nowhere"), "region"),
        (needed + region + ("--endpoint-url", "kms.example"), "URL"),
        (needed + region + ("--endpoint-url", "http://kms.example"), "--without-tls"),
        (needed + region + where + ("--ca-bundle", "/nothing"), "certificates"),
        (needed + region + where + ("--encryption-context", "cluster"), "NAME=VALUE"),
        (needed + region + where + ("--encryption-context", "a=1", "--encryption-context", "a=2"), "twice"),
        (needed + region + where + ("--previous-key-id", "alias/b"), "not the ARN of a key"),
        (("--socket", "unix://") + needed[2:] + region + where, "not the path"),
    ):  # fmt: skip
        said = chatelaine(*arguments, wanted=2)
        holds(part in said, f"{arguments}: {part!r} is in {said!r}")
    long = ("--socket", world.directory / ("x" * 120)) + needed[2:] + region + where
    holds("too long" in chatelaine(*long, wanted=1), "a long name")
    lost = ("--socket", world.directory / "nowhere" / "kms.sock") + needed[2:] + region + where
    holds("cannot open" in chatelaine(*lost, wanted=1), "a directory that is not there")


# What is shipped


@scenario
def the_generated_code_is_of_the_definition(world):
    digest = hashlib.sha256((MODULE / "api.proto").read_bytes()).hexdigest()
    for file in (MODULE / "Generated").iterdir():
        holds(digest in file.read_text().splitlines()[0], f"{file.name} is of api.proto; otherwise `make generate-kubernetes`")


@scenario
def what_is_shipped_is_of_this_program(world):
    unit = (SHIPPED / "chatelaine-kubernetes.service").read_text().replace("\\\n", " ")
    arguments = shlex.split(re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)[1])
    equal(arguments[:2], ["/usr/bin/chatelaine", "kubernetes-plugin"], "the program")
    path = arguments[arguments.index("--socket") + 1]
    configuration = (SHIPPED / "encryption-configuration.yaml").read_text()
    holds(f"endpoint: unix://{path}\n" in configuration, "the API server's end of the socket")
    # Each option is known: what is wrong is the file that this machine lacks.
    holds("/etc/chatelaine-kubernetes/ca.pem" in chatelaine(*arguments[2:], wanted=2), "its options")
    file = str(SHIPPED / "chatelaine-kubernetes.service")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", file], capture_output=True, text=True, timeout=30)
    equal([line for line in done.stderr.splitlines() if file in line or "Unknown" in line], [], "what systemd says")


run()
