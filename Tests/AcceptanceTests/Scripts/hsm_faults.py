"""A PKCS#11 module that fails in the middle of what it does: no key is left in the token, and nobody waits for it."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import botocore.exceptions
import hsm_key_store
from harness import FIRST, REGION, equal, eventually
from hsm_key_store import (
    CLUSTER, PIN, TOKEN, Tokens, advance, client, create, delete, module, refused, state, wait_for,
)  # fmt: skip
from server import Server

#: What the log says of a key that it does not say the end of.
LEFT = "A key that no KMS key has may still be in its token|A key could not be destroyed in its token"
#: Seconds after which what failed is tried again, twice.
PATIENCE = 25


class Device:
    """A server, a key store that is connected, and a key in its token."""

    def __init__(self, directory):
        self.directory = directory = pathlib.Path(directory)
        self.tokens = Tokens(directory)
        self.tokens.make(TOKEN)
        self.faults = directory / "faults"
        os.environ.update(FAULTS=str(self.faults), MODULE=module())
        library = directory / "failing_module.so"
        source = pathlib.Path(__file__).with_name("failing_module.c")
        compiler = shutil.which("clang") or shutil.which("cc")
        assert compiler, "a compiler of C, which comes with Swift, is needed"
        subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
        self.clusters = f"{CLUSTER}/{FIRST.number}/{REGION}={TOKEN}@{library}"
        self.server = Server(
            "dev", "--listen", "127.0.0.1:0", "--data-dir", str(directory / "data"), "--clock", "controllable",
            "--hsm-clusters", self.clusters)  # fmt: skip
        self.server.start()
        self.kms = client(self.server)
        self.store = create(self.kms, "failing")
        self.connect()
        self.key = self.create_key()

    def fail(self, fault):
        self.faults.write_text(fault)

    def work(self):
        self.fail("")

    def connect(self):
        self.kms.connect_custom_key_store(CustomKeyStoreId=self.store)
        wait_for(self.kms, self.store, "CONNECTED")

    def create_key(self):
        return self.kms.create_key(CustomKeyStoreId=self.store, Origin="AWS_CLOUDHSM")["KeyMetadata"]["KeyId"]

    def identifiers(self):
        """What the keys in the token are found by, which pkcs11-tool asks the token itself."""
        return set(re.findall(r"ID: +([0-9a-f]{64})", self.tokens.keys()))

    def has_keys(self, count, message):
        """Until there are no more keys in the token than these."""
        eventually(lambda: len(self.identifiers()) <= count, f"{message}: {count}", seconds=PATIENCE)
        equal(len(self.identifiers()), self.tokens.count(), "keys of one identifier")
        equal(len(self.identifiers()), count, message)

    def works(self):
        sealed = self.kms.encrypt(KeyId=self.key, Plaintext=b"x")["CiphertextBlob"]
        assert self.kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"

    def is_told(self, text, identifier):
        """Until the log says this of a key in the token."""
        lines = lambda: [line for line in self.server.log_text().splitlines() if f"backing-key={identifier}" in line]  # noqa: E731
        eventually(lambda: any(re.search(text, line) for line in lines()), f"the log says: {text}", seconds=5)


def an_answer_that_is_lost_makes_no_second_key(device):
    device.fail("lose the answer")
    device.create_key()
    device.has_keys(2, "keys after an answer was lost")
    device.fail("lose the answer and trip")
    try:
        made = {device.create_key()}
    except botocore.exceptions.ClientError:
        made = set()
    device.has_keys(2 + len(made), "keys after an answer was lost and a search failed")
    for key in made | {device.key}:
        device.kms.encrypt(KeyId=key, Plaintext=b"x")


def a_key_that_was_made_and_not_given_is_destroyed(device):
    for fault in "vanish", "fall silent":
        before = device.identifiers()
        device.fail(fault)
        refused("CustomKeyStoreInvalidStateException", device.create_key)
        (left,) = device.identifiers() - before
        device.is_told("A key could not be destroyed in its token", left)
        device.work()
        device.has_keys(1, f"keys when the token is back after {fault}")
        device.works()


def a_key_whose_end_comes_while_the_token_fails_is_destroyed(device):
    before = device.identifiers()
    other = device.create_key()
    (identifier,) = device.identifiers() - before
    device.fail("keep")
    delete(device.kms, device.server, other)
    device.is_told("A key could not be destroyed in its token", identifier)
    device.work()
    device.has_keys(1, "keys when the token works again")
    equal(state(device.kms, device.store)["ConnectionState"], "CONNECTED", "without a new connection")
    device.works()


def a_password_that_is_wrong_meanwhile_leaves_no_key(device):
    keys = [device.create_key() for _ in range(8)]
    device.fail("crawl")
    delete(device.kms, device.server, *keys)
    eventually(lambda: device.tokens.count() < 9, "the first is destroyed", pause=0)
    device.kms.disconnect_custom_key_store(CustomKeyStoreId=device.store)
    # Whoever tries another password logs out who is still at work.
    device.kms.update_custom_key_store(CustomKeyStoreId=device.store, KeyStorePassword="wrong-password")
    device.kms.connect_custom_key_store(CustomKeyStoreId=device.store)
    wait_for(device.kms, device.store, "FAILED")
    # As long as they would be looked for in vain.
    time.sleep(3)
    assert device.tokens.count() > 1, "the token was too fast for this test"
    device.work()
    device.kms.disconnect_custom_key_store(CustomKeyStoreId=device.store)
    device.kms.update_custom_key_store(CustomKeyStoreId=device.store, KeyStorePassword=PIN)
    device.connect()
    device.has_keys(1, "keys once the password is right")
    device.works()


def what_is_not_destroyed_at_the_end_is_told(device):
    before = device.identifiers()
    keys = [device.create_key() for _ in range(3)]
    left = device.identifiers() - before
    device.fail("keep")
    delete(device.kms, device.server, *keys)
    device.server.stop()
    equal(len(device.identifiers()), 4, "keys in the token")
    for identifier in left:
        device.is_told(LEFT, identifier)
    device.server.start()


def what_goes_with_its_key_store_is_told(device):
    before = device.identifiers()
    keys = [device.create_key() for _ in range(3)] + [device.key]
    left = device.identifiers() - before
    device.fail("keep")
    delete(device.kms, device.server, *keys)
    device.kms.disconnect_custom_key_store(CustomKeyStoreId=device.store)
    device.kms.delete_custom_key_store(CustomKeyStoreId=device.store)
    device.server.stop()
    equal(len(device.identifiers()), 4, "keys in the token")
    for identifier in left:
        device.is_told(LEFT, identifier)
    device.server.start()


def what_a_token_is_still_making_at_the_end_is_told(device):
    before = device.identifiers()
    device.fail("hang after it is made")
    refused("CustomKeyStoreInvalidStateException", device.create_key)
    device.server.stop()
    (left,) = device.identifiers() - before
    device.is_told("A key that no KMS key has may still be in its token", left)
    device.work()
    device.server.start()


def a_copy_without_clusters_touches_no_token(device):
    device.kms.schedule_key_deletion(KeyId=device.key, PendingWindowInDays=7)
    device.server.stop()
    copy = device.directory / "copy"
    shutil.copytree(device.directory / "data", copy)
    device.server.start()
    device.kms = client(device.server)
    device.kms.cancel_key_deletion(KeyId=device.key)
    device.kms.enable_key(KeyId=device.key)
    # As a configuration file may name them.
    os.environ["CHATELAINE_HSM_CLUSTERS"] = device.clusters
    drill = Server(
        "dev", "--listen", "127.0.0.1:0", "--data-dir", str(copy), "--clock", "controllable", "--hsm-clusters", "")  # fmt: skip
    try:
        drill.start()
        advance(drill, "8d")
        refused("NotFoundException", client(drill).describe_key, KeyId=device.key)
        drill.stop()
    finally:
        del os.environ["CHATELAINE_HSM_CLUSTERS"]
        drill.forget_log()
    wait_for(device.kms, device.store, "CONNECTED")
    device.works()


def nobody_waits_for_a_session_that_does_not_end(device):
    ordinary = device.kms.create_key()["KeyMetadata"]["KeyId"]
    device.works()
    device.fail("hang at the end")
    device.kms.disconnect_custom_key_store(CustomKeyStoreId=device.store)
    with in_no_time(device, ordinary):
        refused("KMSInvalidStateException", device.kms.encrypt, KeyId=device.key, Plaintext=b"x")
        device.kms.describe_custom_key_stores()
    device.work()
    device.connect()
    device.works()


def nobody_waits_for_a_module_that_does_not_start(device):
    ordinary = device.kms.create_key()["KeyMetadata"]["KeyId"]
    device.kms.disconnect_custom_key_store(CustomKeyStoreId=device.store)
    time.sleep(1)
    device.fail("hang at the start")
    device.kms.connect_custom_key_store(CustomKeyStoreId=device.store)
    with in_no_time(device, ordinary):
        assert state(device.kms, device.store)["ConnectionState"] == "CONNECTING"
    # Nor does it keep the server from ending in time.
    device.server.stop()
    device.work()
    device.server.start()
    device.kms = client(device.server)
    wait_for(device.kms, device.store, "CONNECTED")
    device.works()


@contextlib.contextmanager
def in_no_time(device, ordinary):
    """Somebody else's calls go on while the block runs."""
    yield
    for _ in range(20):
        begun = time.monotonic()
        device.kms.encrypt(KeyId=ordinary, Plaintext=b"x")
        took = time.monotonic() - begun
        assert took < 0.8, f"who does not use the token waited {took} s"
        time.sleep(0.02)


SCENARIOS = [
    an_answer_that_is_lost_makes_no_second_key,
    a_key_that_was_made_and_not_given_is_destroyed,
    a_key_whose_end_comes_while_the_token_fails_is_destroyed,
    a_password_that_is_wrong_meanwhile_leaves_no_key,
    what_is_not_destroyed_at_the_end_is_told,
    what_goes_with_its_key_store_is_told,
    what_a_token_is_still_making_at_the_end_is_told,
    a_copy_without_clusters_touches_no_token,
    nobody_waits_for_a_session_that_does_not_end,
    nobody_waits_for_a_module_that_does_not_start,
]


def main():
    hsm_key_store.ANCHOR = hsm_key_store.certificate()
    chosen = [each for each in SCENARIOS if len(sys.argv) < 2 or each.__name__ in sys.argv]
    for scenario in chosen:
        with tempfile.TemporaryDirectory() as directory:
            device = Device(directory)
            try:
                scenario(device)
                device.server.stop()
                print(f"passed: {scenario.__name__}", flush=True)
            except BaseException:
                print(device.server.log_text(), file=sys.stderr)
                raise
            finally:
                device.server.forget_log()
                if device.server.process and device.server.process.poll() is None:
                    device.server.kill()
    print(f"{len(chosen)} passed, 0 failed")


if __name__ == "__main__":
    main()
