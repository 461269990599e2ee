"""Custom key stores whose keys are in a token of SoftHSM2, through boto3: the states, what keys can, and a token that fails."""

import base64
import concurrent.futures
import contextlib
import fcntl
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import boto3
import botocore.exceptions
from botocore.config import Config
from harness import FIRST, REGION, eventually
from server import Server, binary

CLUSTER = "cluster-2abcdefghij"
OTHER = "cluster-3abcdefghij"
TOKEN = "chatelaine keys"
PIN = "7654321"
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
CONTEXT = {"tenant": "4711"}
ANCHOR = None


def client(server):
    return boto3.client(
        "kms", endpoint_url=server.endpoint, region_name=REGION, aws_access_key_id=FIRST.access_key_id,
        aws_secret_access_key=FIRST.secret_access_key, config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip


def module():
    found = [path for path in MODULES if os.path.exists(path)]
    assert found, "SoftHSM2's module is not where Debian has it"
    return found[0]


class Tokens:
    """Tokens in a directory of their own."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        (self.directory / "tokens").mkdir()
        config = self.directory / "softhsm2.conf"
        config.write_text(f"directories.tokendir = {self.directory / 'tokens'}\nlog.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = str(config)

    def make(self, label, pin=PIN):
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", "123456"],
            check=True, capture_output=True)  # fmt: skip

    @contextlib.contextmanager
    def held(self):
        """As if somebody else had got stuck in the middle of what they do: whoever uses a token waits."""
        with contextlib.ExitStack() as stack:
            for path in (self.directory / "tokens").rglob("*"):
                if path.is_file():
                    file = stack.enter_context(open(path, "r+b"))
                    fcntl.lockf(file, fcntl.LOCK_EX)
            yield

    def keys(self, label=TOKEN, pin=PIN):
        done = subprocess.run(
            ["pkcs11-tool", "--module", module(), "--token-label", label, "--login", "--pin", pin, "--list-objects",
             "--type", "secrkey"], check=True, capture_output=True, text=True)  # fmt: skip
        return done.stdout

    def count(self):
        return self.keys().count("Secret Key Object")

    def wait_for(self, count):
        """Until there are so many keys."""
        eventually(lambda: self.count() == count, f"{count} keys in the token", seconds=15)

    def change_pin(self, old, new, label=TOKEN):
        subprocess.run(
            ["pkcs11-tool", "--module", module(), "--token-label", label, "--login", "--pin", old, "--change-pin",
             "--new-pin", new], check=True, capture_output=True)  # fmt: skip

    def hide(self):
        (self.directory / "tokens").rename(self.directory / "elsewhere")
        (self.directory / "tokens").mkdir()

    def show(self):
        (self.directory / "tokens").rmdir()
        (self.directory / "elsewhere").rename(self.directory / "tokens")


def certificate():
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=customerCA",
         "-days", "1"], check=True, capture_output=True, text=True)  # fmt: skip
    return done.stdout


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] in ((code,) if isinstance(code, str) else code), error
        return error
    raise AssertionError(f"{code} was expected of {arguments}")


def state(kms, store):
    (entry,) = kms.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"]
    return entry


def wait_for(kms, store, wanted):
    for _ in range(200):
        entry = state(kms, store)
        if entry["ConnectionState"] == wanted:
            return entry
        time.sleep(0.05)
    raise AssertionError(f"{entry} is not {wanted}")


def create(kms, name, cluster=CLUSTER, pin=PIN):
    return kms.create_custom_key_store(
        CustomKeyStoreName=name, CloudHsmClusterId=cluster, KeyStorePassword=pin, TrustAnchorCertificate=ANCHOR
    )["CustomKeyStoreId"]


def creation(kms):
    assert kms.describe_custom_key_stores()["CustomKeyStores"] == []
    refused("CloudHsmClusterNotFoundException", lambda: create(kms, "a", "cluster-7abcdefghij"))
    refused("ValidationException", kms.create_custom_key_store, CustomKeyStoreName="a", CloudHsmClusterId=CLUSTER)
    refused("IncorrectTrustAnchorException", kms.create_custom_key_store, CustomKeyStoreName="a",
            CloudHsmClusterId=CLUSTER, KeyStorePassword=PIN, TrustAnchorCertificate="none")  # fmt: skip
    store = create(kms, "first")
    assert store.startswith("cks-") and len(store) == 21
    assert create(kms, "first") == store, "the same again is the same"
    refused("CustomKeyStoreNameInUseException", lambda: create(kms, "first", OTHER))
    refused("CloudHsmClusterInUseException", lambda: create(kms, "second"))
    entry = state(kms, store)
    assert entry["ConnectionState"] == "DISCONNECTED" and entry["CloudHsmClusterId"] == CLUSTER, entry
    assert entry["CustomKeyStoreType"] == "AWS_CLOUDHSM" and entry["TrustAnchorCertificate"] == ANCHOR
    assert PIN not in json.dumps(entry, default=str)
    refused("CustomKeyStoreNotFoundException", kms.describe_custom_key_stores, CustomKeyStoreName="nobody")
    refused("CustomKeyStoreNotFoundException", kms.connect_custom_key_store, CustomKeyStoreId="cks-" + "0" * 17)
    return store


def wrong_pin(kms, store):
    kms.update_custom_key_store(CustomKeyStoreId=store, KeyStorePassword="0000000")
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    entry = wait_for(kms, store, "FAILED")
    assert entry["ConnectionErrorCode"] == "INVALID_CREDENTIALS", entry
    for call in (kms.connect_custom_key_store, kms.update_custom_key_store, kms.delete_custom_key_store):
        refused("CustomKeyStoreInvalidStateException", call, CustomKeyStoreId=store)
    kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    refused("CustomKeyStoreInvalidStateException", kms.disconnect_custom_key_store, CustomKeyStoreId=store)
    kms.update_custom_key_store(CustomKeyStoreId=store, KeyStorePassword=PIN, NewCustomKeyStoreName="named anew")


def make_key(kms, store):
    refused("CustomKeyStoreInvalidStateException", kms.create_key, CustomKeyStoreId=store, Origin="AWS_CLOUDHSM")
    refused("CustomKeyStoreInvalidStateException", kms.generate_random, NumberOfBytes=8, CustomKeyStoreId=store)
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    wait_for(kms, store, "CONNECTED")
    refused("CustomKeyStoreInvalidStateException", kms.delete_custom_key_store, CustomKeyStoreId=store)
    refused("ValidationException", kms.create_key, CustomKeyStoreId=store)
    refused("UnsupportedOperationException", kms.create_key, CustomKeyStoreId=store, Origin="AWS_CLOUDHSM",
            KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")  # fmt: skip
    metadata = kms.create_key(CustomKeyStoreId=store, Origin="AWS_CLOUDHSM")["KeyMetadata"]
    assert metadata["Origin"] == "AWS_CLOUDHSM" and metadata["CustomKeyStoreId"] == store, metadata
    assert metadata["CloudHsmClusterId"] == CLUSTER and "CurrentKeyMaterialId" not in metadata, metadata
    assert len(kms.generate_random(NumberOfBytes=64, CustomKeyStoreId=store)["Plaintext"]) == 64
    return metadata["KeyId"]


def key_is_in_the_token(tokens, key):
    listing = tokens.keys()
    assert key in listing and "AES length 32" in listing, listing
    assert "sensitive" in listing and "never extractable" in listing, listing


def use(kms, key):
    plain = os.urandom(4096)
    sealed = kms.encrypt(KeyId=key, Plaintext=plain, EncryptionContext=CONTEXT)["CiphertextBlob"]
    answer = kms.decrypt(CiphertextBlob=sealed, EncryptionContext=CONTEXT)
    assert answer["Plaintext"] == plain and "KeyMaterialId" not in answer
    refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=sealed)
    for place in (3, 20, 40, len(sealed) // 2, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[place] ^= 1
        try:
            kms.decrypt(CiphertextBlob=bytes(changed), KeyId=key, EncryptionContext=CONTEXT)
            raise AssertionError(f"changed at {place}, and it opens")
        except botocore.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            assert code in ("InvalidCiphertextException", "IncorrectKeyException"), error
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == made["Plaintext"] and len(made["Plaintext"]) == 32
    kms.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=64)
    ordinary = kms.create_key()["KeyMetadata"]["KeyId"]
    there = kms.re_encrypt(CiphertextBlob=sealed, SourceEncryptionContext=CONTEXT, DestinationKeyId=ordinary)
    back = kms.re_encrypt(CiphertextBlob=there["CiphertextBlob"], DestinationKeyId=key)
    assert kms.decrypt(CiphertextBlob=back["CiphertextBlob"])["Plaintext"] == plain
    assert "SourceKeyMaterialId" not in there and "DestinationKeyMaterialId" in there
    # A ciphertext of a key that is here does not pass for one of the token, nor the other way round.
    crossed = bytearray(kms.encrypt(KeyId=ordinary, Plaintext=b"x")["CiphertextBlob"])
    crossed[3] = 2
    refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=bytes(crossed))
    for call, more in (
        (kms.enable_key_rotation, {}), (kms.rotate_key_on_demand, {}), (kms.get_key_rotation_status, {}),
        (kms.generate_data_key_pair, {"KeyPairSpec": "ECC_NIST_P256"}),
        (kms.get_parameters_for_import, {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}),
    ):  # fmt: skip
        refused("UnsupportedOperationException", call, KeyId=key, **more)
    return sealed, plain


def disconnection(kms, store, key, sealed, plain):
    kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    wait_for(kms, store, "DISCONNECTED")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Unavailable"
    refused("KMSInvalidStateException", kms.encrypt, KeyId=key, Plaintext=b"x")
    refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=sealed, EncryptionContext=CONTEXT)
    refused("CustomKeyStoreHasCMKsException", kms.delete_custom_key_store, CustomKeyStoreId=store)
    kms.disable_key(KeyId=key)
    kms.enable_key(KeyId=key)
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    wait_for(kms, store, "CONNECTED")
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext=CONTEXT)["Plaintext"] == plain


def token_taken_out(kms, tokens, key, sealed, plain):
    """Nobody has to do anything for it to be used again."""
    tokens.hide()
    for _ in range(3):
        refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=sealed, EncryptionContext=CONTEXT)
        refused("KMSInvalidStateException", kms.generate_data_key, KeyId=key, KeySpec="AES_256")
    tokens.show()
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext=CONTEXT)["Plaintext"] == plain


def pin_changed(kms, tokens, store, key, sealed, plain):
    """Whatever call it is that has to log in again, the PIN is tried once."""
    tokens.hide()
    refused("KMSInvalidStateException", kms.encrypt, KeyId=key, Plaintext=b"x")
    tokens.show()
    tokens.change_pin(PIN, "1234567")
    refused("CustomKeyStoreInvalidStateException", kms.create_key, CustomKeyStoreId=store, Origin="AWS_CLOUDHSM")
    shown = state(kms, store)
    assert (shown["ConnectionState"], shown["ConnectionErrorCode"]) == ("FAILED", "INVALID_CREDENTIALS"), shown
    kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    tokens.change_pin("1234567", PIN)
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    wait_for(kms, store, "CONNECTED")
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext=CONTEXT)["Plaintext"] == plain


def lost_token(server, tokens, key, sealed, plain):
    """The token is away when the server starts, and comes back."""
    server.stop()
    tokens.hide()
    server.start()
    kms = client(server)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Unavailable"
    refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=sealed, EncryptionContext=CONTEXT)
    tokens.show()
    for _ in range(400):
        if kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled":
            break
        time.sleep(0.05)
    assert kms.decrypt(CiphertextBlob=sealed, EncryptionContext=CONTEXT)["Plaintext"] == plain


def hanging_token(server, tokens, store, key, sealed, plain):
    """A token that does not answer holds up nobody else, and its own callers for some seconds only."""
    kms, before = client(server), tokens.count()
    signer = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]

    def decrypt():
        return client(server).decrypt(CiphertextBlob=sealed, EncryptionContext=CONTEXT)

    with concurrent.futures.ThreadPoolExecutor(12) as pool, tokens.held():
        begun = time.monotonic()
        making = pool.submit(client(server).create_key, CustomKeyStoreId=store, Origin="AWS_CLOUDHSM")
        time.sleep(0.2)
        waiting = [pool.submit(decrypt) for _ in range(11)]
        time.sleep(1)
        assert not any(each.done() for each in waiting), "the token answered"
        for _ in range(5):
            signing = time.monotonic()
            kms.sign(KeyId=signer, Message=b"x", SigningAlgorithm="RSASSA_PSS_SHA_256")
            assert time.monotonic() - signing < 0.8, "the token held up who does not use it"
        for each in waiting:
            refused("KMSInvalidStateException", each.result)
        refused("CustomKeyStoreInvalidStateException", making.result)
        assert 10 <= time.monotonic() - begun < 20, time.monotonic() - begun
        shown = state(kms, store)
        assert (shown["ConnectionState"], shown["ConnectionErrorCode"]) == ("FAILED", "NETWORK_ERRORS"), shown
        refused("KMSInvalidStateException", decrypt)
    # Nobody has to do anything for it to be used again.
    for _ in range(400):
        if state(kms, store)["ConnectionState"] == "CONNECTED":
            break
        time.sleep(0.05)
    assert decrypt()["Plaintext"] == plain
    # The key that the token made after all, when nobody waited for it any more, is not left there.
    time.sleep(1)
    tokens.wait_for(before)
    # Nor does it keep the server from ending in time.
    with concurrent.futures.ThreadPoolExecutor(12) as pool, tokens.held():
        waiting = [pool.submit(decrypt) for _ in range(12)]
        time.sleep(1)
        assert not any(each.done() for each in waiting), "the token answered"
        server.stop()
        for each in waiting:
            refused(("KMSInvalidStateException", "DependencyTimeoutException"), each.result)
    server.start()


def advance(server, duration):
    subprocess.run([binary(), "clock", "advance", duration, "--endpoint", server.endpoint], check=True, capture_output=True)


def delete(kms, server, *keys):
    for key in keys:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    advance(server, "8d")
    for key in keys:
        refused("NotFoundException", kms.describe_key, KeyId=key)


def end(kms, server, tokens, store, key):
    other = kms.create_key(CustomKeyStoreId=store, Origin="AWS_CLOUDHSM")["KeyMetadata"]["KeyId"]
    before = tokens.count()
    kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    wait_for(kms, store, "DISCONNECTED")
    delete(kms, server, other)
    assert other in tokens.keys(), "nobody could destroy it"
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    wait_for(kms, store, "CONNECTED")
    tokens.wait_for(before - 1)
    assert other not in tokens.keys() and key in tokens.keys()
    delete(kms, server, key)
    tokens.wait_for(before - 2)
    assert key not in tokens.keys(), "the key is still in the token"
    kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    kms.delete_custom_key_store(CustomKeyStoreId=store)
    assert kms.describe_custom_key_stores()["CustomKeyStores"] == []


def audit(data):
    text = "".join(path.read_text() for path in sorted((data / "audit").glob("audit*.jsonl")))
    records = [json.loads(line) for line in text.splitlines()]
    made = [record for record in records if record["eventName"] == "CreateCustomKeyStore" and "errorCode" not in record]
    assert made and made[0]["requestParameters"]["clusterId"] == CLUSTER, made
    assert all("resources" not in record for record in records if "CustomKeyStore" in record["eventName"])
    assert PIN not in text and base64.b64encode(PIN.encode()).decode() not in text
    used = [record for record in records if record["eventName"] == "Encrypt" and "errorCode" not in record]
    for name, member in (("CreateKey", "backingKey"), ("ScheduleKeyDeletion", "backingKeys")):
        told = [(record.get("additionalEventData") or {}).get(member) for record in records if record["eventName"] == name]
        assert any(told) and "backingKeyId" in [each for each in told if each][0], (name, told)
    deleted = [record for record in records if record["eventName"] == "DeleteKey"]
    assert len(deleted) == 2 and all("backingKeyId" in record["serviceEventDetails"]["backingKeys"] for record in deleted), deleted
    assert any("customKeyStoreId" in (record.get("additionalEventData") or {}) for record in used)


def main():
    global ANCHOR
    ANCHOR = certificate()
    with tempfile.TemporaryDirectory() as directory:
        tokens = Tokens(directory)
        tokens.make(TOKEN)
        tokens.make("other")
        data = pathlib.Path(directory) / "data"
        place = f"{FIRST.number}/{REGION}"
        clusters = f"{CLUSTER}/{place}={TOKEN}@{module()},{OTHER}/{place}=other@{module()}"
        server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(data), "--hsm-clusters", clusters,
            "--clock", "controllable")  # fmt: skip
        server.start()
        try:
            kms = client(server)
            store = creation(kms)
            wrong_pin(kms, store)
            key = make_key(kms, store)
            key_is_in_the_token(tokens, key)
            sealed, plain = use(kms, key)
            disconnection(kms, store, key, sealed, plain)
            token_taken_out(kms, tokens, key, sealed, plain)
            pin_changed(kms, tokens, store, key, sealed, plain)
            lost_token(server, tokens, key, sealed, plain)
            hanging_token(server, tokens, store, key, sealed, plain)
            end(client(server), server, tokens, store, key)
            server.stop()
            audit(data)
        except BaseException:
            print(server.log_text(), file=sys.stderr)
            raise
        finally:
            if server.process and server.process.poll() is None:
                server.kill()
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
