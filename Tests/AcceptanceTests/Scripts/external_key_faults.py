"""Two servers, the keys of one being behind the other, and what becomes of them when something between them fails."""

import base64
import contextlib
import time

import botocore.exceptions

from far_side import MEDDLED, changed, error
from harness import FIRST, equal, eventually, holds, scenario
from key_store_proxy import credential, rule
from near_side import (
    FAR, SLOW, connected, entry, go, key_in, one_key, parameters, reaches, refused, secret, sure, take_away,
)  # fmt: skip


# The other side


@scenario
def what_the_other_side_decides_holds(world):
    """Its key can be disabled, its rules changed and its credential replaced, while the store stays connected."""
    arn = FAR.key()
    FAR.offer("/decides", key=arn)
    kms = world.kms()
    store = connected(kms, "decides")
    key = key_in(kms, store, "key")["Arn"]
    blob = sure(kms.encrypt, KeyId=key, Plaintext=b"x")["CiphertextBlob"]

    def cannot(part):
        for _ in range(20):
            failure = refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=blob)
            if SLOW not in failure["Message"]:
                break
        holds(part in failure["Message"], f"{part!r} is in {failure}")
        equal(entry(kms, store)["ConnectionState"], "CONNECTED", "state")
        equal(kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Enabled", "key state")

    FAR.kms.disable_key(KeyId=arn)
    cannot("is not enabled")
    FAR.kms.enable_key(KeyId=arn)
    equal(sure(kms.decrypt, CiphertextBlob=blob)["Plaintext"], b"x", "plaintext")
    FAR.offer("/decides", key=(arn, rule(operations=("encrypt", "metadata"))))
    cannot("denied access")
    FAR.offer("/decides", key=(arn, rule(keys=(key,), principals=(FIRST.root,))))
    equal(sure(kms.decrypt, CiphertextBlob=blob)["Plaintext"], b"x", "plaintext")
    FAR.offer("/decides")
    cannot("does not find the external key")
    FAR.offer("/decides", rate=0.001, key=arn)
    with contextlib.suppress(botocore.exceptions.ClientError):
        kms.decrypt(CiphertextBlob=blob)
    cannot("more requests than it admits")
    FAR.offer("/decides", key=arn)
    FAR.credentials["/decides"] = FAR.other
    FAR.offer("/decides", key=arn)
    cannot("rejected the access key")
    new = secret("/decides")
    wrong = new | {"RawSecretAccessKey": "x" * 43}
    refused(("XksProxyIncorrectAuthenticationCredentialException", "XksProxyUriUnreachableException"),
            kms.update_custom_key_store, CustomKeyStoreId=store, XksProxyAuthenticationCredential=wrong)  # fmt: skip
    cannot("rejected the access key")
    sure(kms.update_custom_key_store, CustomKeyStoreId=store, XksProxyAuthenticationCredential=new)
    equal(sure(kms.decrypt, CiphertextBlob=blob)["Plaintext"], b"x", "plaintext")
    # A rotation there changes nothing here.
    FAR.kms.rotate_key_on_demand(KeyId=arn)
    equal(sure(kms.decrypt, CiphertextBlob=blob)["Plaintext"], b"x", "plaintext")
    take_away(world, kms, store, key)


# Faults between the two


@scenario
def an_answer_that_is_late_is_not_waited_for(world):
    with one_key(world, "late", host=MEDDLED) as (kms, store, key):
        blob = sure(kms.encrypt, KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        for delay in (0.5, 2):
            with FAR.meddler.meddling(delay=delay):
                for call, more in (
                    (kms.encrypt, {"KeyId": key, "Plaintext": b"x"}), (kms.decrypt, {"CiphertextBlob": blob}),
                    (kms.generate_data_key, {"KeyId": key, "KeySpec": "AES_256"}),
                ):  # fmt: skip
                    start = time.monotonic()
                    failure = refused("KMSInvalidStateException", call, **more)
                    took = time.monotonic() - start
                    holds(SLOW in failure["Message"], f"{failure}")
                    holds(0.2 < took < 1.5, f"it took {took} s")
        with FAR.meddler.meddling(delay=0.05):
            equal(sure(kms.decrypt, CiphertextBlob=blob)["Plaintext"], b"x", "plaintext")
        equal(entry(kms, store)["ConnectionState"], "CONNECTED", "state")


@scenario
def a_connection_that_is_cut_is_made_anew(world):
    with one_key(world, "cut", host=MEDDLED) as (kms, store, key):
        blob = sure(kms.encrypt, KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        with FAR.meddler.meddling(cuts=True):
            for _ in range(3):
                failure = refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=blob)
                holds("cannot be reached" in failure["Message"] or SLOW in failure["Message"], f"{failure}")
        equal(sure(kms.decrypt, CiphertextBlob=blob)["Plaintext"], b"x", "plaintext")


@scenario
def wrong_answers_are_refused(world):
    with one_key(world, "wrong", host=MEDDLED) as (kms, store, key):
        blob = sure(kms.encrypt, KeyId=key, Plaintext=b"x" * 32)["CiphertextBlob"]

        def text(count):
            return base64.b64encode(bytes(count)).decode()

        unclear = "cannot be interpreted"
        of_encrypt = [(unclear, answer) for answer in (
            changed(ciphertext=None), changed(ciphertext=text(4)), changed(ciphertext="%"), changed(ciphertext=7),
            changed(initializationVector=text(13)), changed(initializationVector=text(12)),
            changed(authenticationTag=text(15)), changed(authenticationTag=text(16)),
            changed(ciphertextMetadata=text(21)), changed(ciphertextMetadata=text(20)),
            changed(ciphertextDataIntegrityValue=None), changed(ciphertextDataIntegrityValue=text(32)),
        )]  # fmt: skip
        of_decrypt = [(unclear, answer) for answer in (
            changed(plaintext=None), changed(plaintext=text(8)), changed(plaintext=text(129)), changed(plaintext="%"),
            changed(plaintext=base64.b64encode(b"y" * 129).decode()),
        )]  # fmt: skip
        of_both = [
            (unclear, lambda *_: (200, b"")), (unclear, lambda *_: (200, b"null")),
            (unclear, lambda *_: (200, b"[" * 10_000)), (unclear, lambda *_: (204, b"")), (unclear, lambda *_: (302, b"{}")),
            (unclear, lambda *_: (200, b"{" + b" " * 100_000 + b"}")), ("cannot be reached", lambda *_: (500, b"no JSON")),
            ("cannot be reached", lambda *_: b"SSH-2.0-OpenSSH\r\n"),
            ("cannot be reached", lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
            ("denied access", error("AccessDeniedException", 403)), ("more requests", error("ThrottlingException", 429)),
            (unclear, error("NoSuchException", 418)), ("is not one for", error("InvalidKeyUsageException", 400)),
            ("does not support", error("UnsupportedOperationException", 501)),
            ("as invalid", error("ValidationException", 400)),
            ("manager did not answer", error("DependencyTimeoutException", 503)),
            ("is not enabled", lambda *_: (400, b'{"errorName":"InvalidStateException"}')),
        ]  # fmt: skip
        for answers, call, more in (
            (of_encrypt + of_both, kms.encrypt, {"KeyId": key, "Plaintext": b"x" * 32}),
            (of_decrypt + of_both, kms.decrypt, {"CiphertextBlob": blob}),
        ):  # fmt: skip
            for number, (part, answer) in enumerate(answers):
                with FAR.meddler.meddling(answer=answer):
                    for _ in range(20):
                        failure = refused("KMSInvalidStateException", call, **more)
                        if SLOW not in failure["Message"] or part in failure["Message"]:
                            break
                    holds(part in failure["Message"], f"{number}: {part!r} is in {failure}")
                    holds("because" not in failure["Message"], f"the other side's words: {failure}")
        equal(sure(kms.decrypt, CiphertextBlob=blob)["Plaintext"], b"x" * 32, "plaintext")
        equal(entry(kms, store)["ConnectionState"], "CONNECTED", "state")


@scenario
def the_answer_to_one_request_is_none_to_another(world):
    with one_key(world, "another", host=MEDDLED) as (kms, store, key):
        kept = []

        def keep(status, body):
            kept.append((status, body))
            return status, body

        with FAR.meddler.meddling(answer=keep):
            first = sure(kms.generate_data_key, KeyId=key, KeySpec="AES_256")
            sure(kms.decrypt, CiphertextBlob=first["CiphertextBlob"])
        encrypted, decrypted = kept[0], kept[-1]
        second = sure(kms.encrypt, KeyId=key, Plaintext=b"z" * 32)["CiphertextBlob"]
        for answer, call, more in (
            (encrypted, kms.generate_data_key, {"KeyId": key, "KeySpec": "AES_256"}),
            (encrypted, kms.encrypt, {"KeyId": key, "Plaintext": b"z" * 32}),
            (decrypted, kms.decrypt, {"CiphertextBlob": second}),
        ):  # fmt: skip
            with FAR.meddler.meddling(answer=lambda *_, answer=answer: answer):
                for _ in range(20):
                    failure = refused("KMSInvalidStateException", call, **more)
                    if SLOW not in failure["Message"]:
                        break
                holds("cannot be interpreted" in failure["Message"], f"{failure}")
        equal(sure(kms.decrypt, CiphertextBlob=second)["Plaintext"], b"z" * 32, "plaintext")


@scenario
def either_side_starts_again(world):
    with one_key(world, "again") as (kms, store, key):
        blob = sure(kms.encrypt, KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        FAR.server.stop()
        failure = refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=blob)
        holds("cannot be reached" in failure["Message"], f"{failure}")
        failure = refused("CustomKeyStoreInvalidStateException", kms.create_key, CustomKeyStoreId=store,
                          Origin="EXTERNAL_KEY_STORE", XksKeyId="other")  # fmt: skip
        holds("cannot be reached" in failure["Message"], f"{failure}")
        # This side starts while the other is away: the store stays connected.
        world.server.stop()
        world.server.start()
        kms = world.kms()
        eventually(lambda: entry(kms, store)["ConnectionState"] == "CONNECTED", "connected")
        equal(kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Enabled", "key state")
        refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=blob)
        FAR.start()
        equal(sure(kms.decrypt, CiphertextBlob=blob)["Plaintext"], b"x", "plaintext")
        FAR.server.kill()
        FAR.start()
        equal(sure(kms.decrypt, CiphertextBlob=blob)["Plaintext"], b"x", "a connection of before")
        kms.disconnect_custom_key_store(CustomKeyStoreId=store)
        equal(kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Unavailable", "key state")
        refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=blob)
        kms.connect_custom_key_store(CustomKeyStoreId=store)
        reaches(kms, store, "CONNECTED")
        equal(sure(kms.decrypt, CiphertextBlob=blob)["Plaintext"], b"x", "plaintext")


@scenario
def a_start_connects_what_was_connected_and_nothing_else(world):
    def starts_again(wanted, code=None):
        world.server.stop()
        world.server.start()
        kms = world.kms()
        eventually(lambda: entry(kms, store).get("ConnectionErrorCode") == code, f"the code {code}")
        equal(entry(kms, store)["ConnectionState"], wanted, "state")
        return kms

    right, wrong = FAR.credential("/started"), credential("Y")
    FAR.offer("/started", key=FAR.key())
    kms = world.kms()
    store = sure(kms.create_custom_key_store, **parameters("started", "/started"))["CustomKeyStoreId"]
    FAR.credentials["/started"] = wrong
    FAR.offer("/started", key=FAR.key())
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    eventually(lambda: entry(kms, store).get("ConnectionErrorCode") == "INVALID_CREDENTIALS", "refused")
    kms = starts_again("FAILED", "INVALID_CREDENTIALS")
    kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    FAR.credentials["/started"] = right
    FAR.offer("/started", key=FAR.key())
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    reaches(kms, store, "CONNECTED")
    FAR.credentials["/started"] = wrong
    FAR.offer("/started", key=FAR.key())
    take_away(world, starts_again("CONNECTED"), store)


if __name__ == "__main__":
    go()
