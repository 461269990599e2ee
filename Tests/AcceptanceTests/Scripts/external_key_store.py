"""Two servers, the keys of one being behind the other: making external key stores, and what their keys can."""

import base64
import json
import time

import botocore.exceptions

from far_side import DIRECT, INSIDE, MEDDLED, SERVICE, STRANGE, changed, error, path
from harness import FIRST, REGION, SECOND, advance, audit_lines, equal, eventually, holds, scenario
from key_store_proxy import credential, rule
from near_side import (
    CONTEXT, FAR, SLOW, connected, entry, go, key_in, one_key, parameters, reaches, refused, secret, sure, take_away,
)  # fmt: skip
from visitor import signed_in


# Stores


@scenario
def a_store_is_made_shown_changed_and_taken_away(world):
    kms = world.kms()
    FAR.offer("/made")
    FAR.offer("/moved")
    for missing in ("XksProxyUriEndpoint", "XksProxyUriPath", "XksProxyAuthenticationCredential", "XksProxyConnectivity"):
        wanted = parameters("made", "/made")
        del wanted[missing]
        refused("ValidationException", kms.create_custom_key_store, **wanted)
    refused("ValidationException", kms.create_custom_key_store, **parameters("made", "/made", KeyStorePassword="1234567"))
    store = sure(kms.create_custom_key_store, **parameters("made", "/made"))["CustomKeyStoreId"]
    equal(sure(kms.create_custom_key_store, **parameters("made", "/made"))["CustomKeyStoreId"], store, "the same again")
    shown = entry(kms, store)
    equal({name: value for name, value in shown.items() if name != "CreationDate"}, {
        "CustomKeyStoreId": store, "CustomKeyStoreName": "made", "ConnectionState": "DISCONNECTED",
        "CustomKeyStoreType": "EXTERNAL_KEY_STORE", "XksProxyConfiguration": {
            "Connectivity": "PUBLIC_ENDPOINT", "AccessKeyId": FAR.credential("/made").access_key_id,
            "UriEndpoint": f"https://{DIRECT}", "UriPath": path("/made"),
        },
    }, "entry")  # fmt: skip
    sure(kms.update_custom_key_store, CustomKeyStoreId=store, NewCustomKeyStoreName="named",
         XksProxyUriPath=path("/moved"), XksProxyAuthenticationCredential=secret("/moved"))  # fmt: skip
    shown = entry(kms, store)
    equal((shown["CustomKeyStoreName"], shown["XksProxyConfiguration"]["UriPath"]), ("named", path("/moved")), "entry")
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    reaches(kms, store, "CONNECTED")
    # Of a connected store: the name, the path and the credential.
    sure(kms.update_custom_key_store, CustomKeyStoreId=store, NewCustomKeyStoreName="again",
         XksProxyUriPath=path("/made"), XksProxyAuthenticationCredential=secret("/made"))  # fmt: skip
    refused("CustomKeyStoreInvalidStateException", kms.update_custom_key_store, CustomKeyStoreId=store,
            XksProxyUriEndpoint=f"https://{MEDDLED}")  # fmt: skip
    refused("ValidationException", kms.update_custom_key_store, CustomKeyStoreId=store, KeyStorePassword="1234567")
    refused("UnsupportedOperationException", kms.generate_random, CustomKeyStoreId=store, NumberOfBytes=8)
    refused("CustomKeyStoreInvalidStateException", kms.delete_custom_key_store, CustomKeyStoreId=store)
    take_away(world, kms, store)
    equal(kms.describe_custom_key_stores()["CustomKeyStores"], [], "stores")


@scenario
def a_proxy_is_asked_before_a_store_is_made(world):
    kms = world.kms()
    FAR.offer("/asked")
    wrong = credential("C")
    for code, wanted in (
        ("XksProxyUriUnreachableException", parameters("asked", "/asked", host="unknown.example")),
        ("XksProxyInvalidConfigurationException", parameters("asked", "/asked", host=STRANGE)),
        ("XksProxyInvalidConfigurationException", parameters("asked", "/nowhere")),
        ("XksProxyIncorrectAuthenticationCredentialException", parameters("asked", "/asked", account=wrong)),
    ):  # fmt: skip
        refused(code, kms.create_custom_key_store, **wanted)
    meddled = parameters("asked", "/asked", host=MEDDLED)
    unavailable = [{"id": "1", "model": "m", "healthStatus": "UNAVAILABLE"}]
    for code, answer in (
        ("XksProxyUriUnreachableException", changed(ekmFleetDetails=unavailable)),
        ("XksProxyUriUnreachableException", error("ThrottlingException", 429)),
        ("XksProxyUriUnreachableException", error("DependencyTimeoutException", 503)),
        ("XksProxyInvalidResponseException", error("InternalException", 500)),
        ("XksProxyInvalidResponseException", error("ValidationException", 400)),
        ("XksProxyUriUnreachableException", lambda *_: (502, b"<html>")),
        ("XksProxyInvalidResponseException", changed(ekmFleetDetails=[])),
        ("XksProxyInvalidResponseException", changed(ekmVendor=None)),
        ("XksProxyInvalidResponseException", lambda *_: (200, b"hello")),
        ("XksProxyInvalidResponseException", lambda *_: (200, b'{"xksProxyFleetSize":1,"xksProxyFleetSize":1}')),
        ("XksProxyInvalidResponseException", lambda *_: (418, b"{}")),
        ("XksProxyInvalidConfigurationException", lambda *_: (404, b"{}")),
        ("XksProxyInvalidResponseException", lambda *_: (200, b" " * 100_000)),
        ("XksProxyInvalidConfigurationException", error("AccessDeniedException", 403)),
        ("XksProxyIncorrectAuthenticationCredentialException", error("AuthenticationFailedException", 401)),
    ):  # fmt: skip
        with FAR.meddler.meddling(answer=answer):
            failure = None
            for _ in range(20):
                failure = refused((code, "XksProxyUriUnreachableException"), kms.create_custom_key_store, **meddled)
                if SLOW not in failure["Message"]:
                    break
            equal(failure["Code"], code, f"{failure}")
    with FAR.meddler.meddling(delay=0.6):
        failure = refused("XksProxyUriUnreachableException", kms.create_custom_key_store, **meddled)
        holds(SLOW in failure["Message"], f"{failure}")
    equal(kms.describe_custom_key_stores()["CustomKeyStores"], [], "stores")


@scenario
def what_a_store_must_have_for_itself(world):
    kms = world.kms()
    for name in ("/one", "/two"):
        FAR.offer(name)
    inside = {
        "XksProxyConnectivity": "VPC_ENDPOINT_SERVICE", "XksProxyVpcEndpointServiceName": SERVICE,
    }  # fmt: skip
    one = sure(kms.create_custom_key_store, **parameters("one", "/one"))["CustomKeyStoreId"]
    refused("CustomKeyStoreNameInUseException", kms.create_custom_key_store, **parameters("one", "/two"))
    refused("XksProxyUriInUseException", kms.create_custom_key_store, **parameters("two", "/one"))
    refused("XksProxyUriEndpointInUseException", kms.create_custom_key_store, **parameters("two", "/two", **inside))
    refused("ValidationException", kms.create_custom_key_store, **parameters(
        "two", "/two", XksProxyConnectivity="VPC_ENDPOINT_SERVICE"))  # fmt: skip
    unknown = inside | {"XksProxyVpcEndpointServiceName": SERVICE[:-1] + "1"}
    refused("XksProxyVpcEndpointServiceNotFoundException", kms.create_custom_key_store,
            **parameters("two", "/two", host=INSIDE, **unknown))  # fmt: skip
    refused("XksProxyVpcEndpointServiceInvalidConfigurationException", kms.create_custom_key_store,
            **parameters("two", "/two", host=MEDDLED, **inside))  # fmt: skip
    # One in a network is not asked before it is connected.
    two = kms.create_custom_key_store(**parameters("two", "/nowhere", host=INSIDE, **inside))["CustomKeyStoreId"]
    refused("XksProxyVpcEndpointServiceInUseException", kms.create_custom_key_store,
            **parameters("three", "/two", host=INSIDE, **inside))  # fmt: skip
    equal(entry(kms, two)["XksProxyConfiguration"]["VpcEndpointServiceOwner"], FIRST.number, "owner")
    kms.connect_custom_key_store(CustomKeyStoreId=two)
    equal(reaches(kms, two, "FAILED")["ConnectionErrorCode"], "XKS_PROXY_INVALID_CONFIGURATION", "why")
    refused("CustomKeyStoreInvalidStateException", kms.connect_custom_key_store, CustomKeyStoreId=two)
    kms.disconnect_custom_key_store(CustomKeyStoreId=two)
    kms.update_custom_key_store(
        CustomKeyStoreId=two, XksProxyUriPath=path("/two"), XksProxyAuthenticationCredential=secret("/two"))
    kms.connect_custom_key_store(CustomKeyStoreId=two)
    reaches(kms, two, "CONNECTED")
    kms.disconnect_custom_key_store(CustomKeyStoreId=two)
    refused("ValidationException", kms.update_custom_key_store, CustomKeyStoreId=two,
            XksProxyConnectivity="PUBLIC_ENDPOINT")  # fmt: skip
    sure(kms.update_custom_key_store, CustomKeyStoreId=two, XksProxyConnectivity="PUBLIC_ENDPOINT",
         XksProxyUriEndpoint=f"https://{MEDDLED}")  # fmt: skip
    holds("VpcEndpointServiceName" not in entry(kms, two)["XksProxyConfiguration"], "no service any more")
    # Another account is another matter.
    theirs = sure(world.kms(SECOND).create_custom_key_store, **parameters("one", "/one"))["CustomKeyStoreId"]
    take_away(world, world.kms(SECOND), theirs)
    for store in (one, two):
        take_away(world, kms, store)


@scenario
def a_failed_connection_says_why(world):
    kms = world.kms()
    FAR.offer("/why")
    store = sure(kms.create_custom_key_store, **parameters("why", "/why", host=MEDDLED))["CustomKeyStoreId"]
    for code, meddling in (
        ("XKS_PROXY_ACCESS_DENIED", {"answer": error("AccessDeniedException", 403)}),
        ("INVALID_CREDENTIALS", {"answer": error("AuthenticationFailedException", 401)}),
        ("XKS_PROXY_INVALID_RESPONSE", {"answer": lambda *_: (200, b"[]")}),
        ("XKS_PROXY_INVALID_CONFIGURATION", {"answer": error("InvalidUriPathException", 404)}),
        ("XKS_PROXY_TIMED_OUT", {"delay": 0.6}),
        ("XKS_PROXY_NOT_REACHABLE", {"cuts": True}),
    ):  # fmt: skip
        with FAR.meddler.meddling(**meddling):
            for _ in range(10):
                kms.connect_custom_key_store(CustomKeyStoreId=store)
                said = reaches(kms, store, "FAILED")["ConnectionErrorCode"]
                kms.disconnect_custom_key_store(CustomKeyStoreId=store)
                if said == code or said != "XKS_PROXY_TIMED_OUT":
                    break
            equal(said, code, "why")
    # What may come back by itself is tried again by itself.
    with FAR.meddler.meddling(cuts=True):
        kms.connect_custom_key_store(CustomKeyStoreId=store)
        reaches(kms, store, "FAILED")
    reaches(kms, store, "CONNECTED")
    take_away(world, kms, store)


# Keys


@scenario
def a_key_is_made_with_an_external_one(world):
    kms = world.kms()
    off = FAR.key()
    FAR.kms.disable_key(KeyId=off)
    FAR.offer(
        "/keys", good=FAR.key(), other=FAR.key(), off=off, pair=FAR.key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT"),
        hidden=(FAR.key(), rule(operations=("encrypt",))),
    )  # fmt: skip
    store = sure(kms.create_custom_key_store, **parameters("keys", "/keys"))["CustomKeyStoreId"]
    wanted = {"CustomKeyStoreId": store, "Origin": "EXTERNAL_KEY_STORE"}
    refused("CustomKeyStoreInvalidStateException", kms.create_key, XksKeyId="good", **wanted)
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    reaches(kms, store, "CONNECTED")
    for code, more in (
        ("XksKeyNotFoundException", {"XksKeyId": "absent"}), ("XksKeyNotFoundException", {"XksKeyId": ".."}),
        ("XksKeyInvalidConfigurationException", {"XksKeyId": "off"}),
        ("XksKeyInvalidConfigurationException", {"XksKeyId": "pair"}),
        ("CustomKeyStoreInvalidStateException", {"XksKeyId": "hidden"}), ("ValidationException", {}),
        ("ValidationException", {"XksKeyId": "a/b"}),
        ("UnsupportedOperationException", {"XksKeyId": "good", "MultiRegion": True}),
        ("ValidationException", {"Origin": "AWS_CLOUDHSM", "XksKeyId": "good"}),
        ("ValidationException", {"Origin": "AWS_CLOUDHSM"}),
    ):  # fmt: skip
        for _ in range(20):
            failure = refused((code, "CustomKeyStoreInvalidStateException"), kms.create_key, **(wanted | more))
            if SLOW not in failure["Message"]:
                break
        equal(failure["Code"], code, f"{more}: {failure}")
    made = key_in(kms, store, "good")
    equal((made["Origin"], made["CustomKeyStoreId"], made["XksKeyConfiguration"], made["KeyState"]),
          ("EXTERNAL_KEY_STORE", store, {"Id": "good"}, "Enabled"), "metadata")  # fmt: skip
    holds("CurrentKeyMaterialId" not in made and "CloudHsmClusterId" not in made, f"{made}")
    described = kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"]
    equal(described, made, "DescribeKey")
    refused("XksKeyAlreadyInUseException", kms.create_key, XksKeyId="good", **wanted)
    # A key whose deletion is pending still has it; afterwards it is free, and untouched.
    kms.schedule_key_deletion(KeyId=made["KeyId"], PendingWindowInDays=7)
    refused("XksKeyAlreadyInUseException", kms.create_key, XksKeyId="good", **wanted)
    refused("CustomKeyStoreInvalidStateException", kms.delete_custom_key_store, CustomKeyStoreId=store)
    advance(world, "8d")
    again = key_in(kms, store, "good")
    holds(again["KeyId"] != made["KeyId"], "another key")
    for call, more in (
        (kms.enable_key_rotation, {}), (kms.rotate_key_on_demand, {}), (kms.get_key_rotation_status, {}),
        (kms.generate_data_key_pair, {"KeyPairSpec": "ECC_NIST_P256"}),
        (kms.get_parameters_for_import, {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}),
    ):  # fmt: skip
        refused("UnsupportedOperationException", call, KeyId=again["KeyId"], **more)
    kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    refused("CustomKeyStoreHasCMKsException", kms.delete_custom_key_store, CustomKeyStoreId=store)
    take_away(world, kms, store, again["KeyId"])


@scenario
def the_console_makes_one_and_shows_it(world):
    FAR.offer("/console", key=FAR.key())
    kms = world.kms()
    store = connected(kms, "console")
    visitor = signed_in(world)
    where = f"/console/{REGION}/create"
    page = visitor.get(where)
    holds('value="EXTERNAL_KEY_STORE"' in page.text and store in page.text, page.text)
    holds('value="AWS_CLOUDHSM"' not in page.text, "there are no stores of that type")
    answers = {
        "token": page.token, "step": "5", "go": "create", "usage": "ENCRYPT_DECRYPT", "spec": "SYMMETRIC_DEFAULT",
        "origin": "EXTERNAL_KEY_STORE", "key-store": store,
    }  # fmt: skip
    wrong = visitor.post(where, answers, status=400)
    holds("1 to 128 letters" in wrong.text, wrong.text)
    for _ in range(20):
        made = visitor.send("POST", where, answers | {"external-key": "key"})
        if made.status == 303:
            break
    key = made.location.split("/keys/")[1].split("/")[0]
    equal(kms.describe_key(KeyId=key)["KeyMetadata"]["XksKeyConfiguration"], {"Id": "key"}, "what is behind it")
    shown = visitor.get(f"/console/{REGION}/keys/{key}/cryptography").text
    holds(store in shown and "External key store" in shown, shown)
    take_away(world, kms, store, key)


@scenario
def it_takes_both_to_decrypt(world):
    with one_key(world, "both", host=MEDDLED) as (kms, store, key):
        FAR.meddler.restore()
        for size in (1, 32, 4096):
            plaintext = bytes(index % 251 + 1 for index in range(size)) if size > 1 else b"x"
            made = sure(kms.encrypt, KeyId=key, Plaintext=plaintext, EncryptionContext=CONTEXT)
            answer = sure(kms.decrypt, CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
            equal((answer["Plaintext"], answer["KeyId"]), (plaintext, key), "decrypted")
            holds("KeyMaterialId" not in answer, "no material is named")
        # The other side sees neither what was encrypted nor the encryption context, and AWS's names of both.
        seen = [(where, told) for where, told in FAR.meddler.requests if where.endswith("crypt")]
        holds(len(seen) >= 6, f"{len(seen)} requests")
        for where, told in seen:
            given = base64.b64decode(told.get("plaintext") or told["ciphertext"])
            holds(plaintext[:16] not in given and "4711" not in json.dumps(told), f"{where}: {told}")
            metadata = told["requestMetadata"]
            equal((metadata["kmsKeyArn"], metadata["awsPrincipalArn"]), (key, FIRST.root), "metadata")
        equal({metadata["kmsOperation"] for metadata in (told["requestMetadata"] for _, told in seen)},
              {"Encrypt", "Decrypt"}, "operations")  # fmt: skip
        data_key = sure(kms.generate_data_key, KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
        opened = sure(kms.decrypt, CiphertextBlob=data_key["CiphertextBlob"], EncryptionContext=CONTEXT)
        equal(opened["Plaintext"], data_key["Plaintext"], "data key")
        sure(kms.generate_data_key_without_plaintext, KeyId=key, NumberOfBytes=64)
        ordinary = world.key()["Arn"]
        there = sure(kms.re_encrypt, CiphertextBlob=made["CiphertextBlob"], SourceEncryptionContext=CONTEXT,
                     DestinationKeyId=ordinary)  # fmt: skip
        back = sure(kms.re_encrypt, CiphertextBlob=there["CiphertextBlob"], DestinationKeyId=key)
        equal(sure(kms.decrypt, CiphertextBlob=back["CiphertextBlob"])["Plaintext"], plaintext, "there and back")
        # What is not whole, or of another context, does not open.
        failure = refused("KMSInvalidStateException", kms.decrypt, CiphertextBlob=made["CiphertextBlob"])
        holds("rejected the ciphertext" in failure["Message"] or SLOW in failure["Message"], f"{failure}")
        blob = made["CiphertextBlob"]
        for position in [3, 4, 20, 40, *range(50, 120, 7), len(blob) - 1]:
            broken = blob[:position] + bytes([blob[position] ^ 1]) + blob[position + 1 :]
            refused(("InvalidCiphertextException", "IncorrectKeyException", "KMSInvalidStateException"), kms.decrypt,
                    CiphertextBlob=broken, KeyId=key, EncryptionContext=CONTEXT)  # fmt: skip
        for length in (0, 10, 53, 60, 97, len(blob) - 1):
            refused(("InvalidCiphertextException", "KMSInvalidStateException", "ValidationException"), kms.decrypt,
                    CiphertextBlob=blob[:length] or b"x", KeyId=key, EncryptionContext=CONTEXT)  # fmt: skip
        # One of the ways of making a key does not pass for another.
        crossed = sure(kms.encrypt, KeyId=ordinary, Plaintext=b"x")["CiphertextBlob"]
        for version in (2, 3):
            refused("InvalidCiphertextException", kms.decrypt, CiphertextBlob=crossed[:3] + bytes([version]) + crossed[4:])
        # Nobody is asked for the sake of a question.
        FAR.meddler.restore()
        refused("DryRunOperationException", kms.encrypt, KeyId=key, Plaintext=b"x", DryRun=True)
        refused("DryRunOperationException", kms.decrypt, CiphertextBlob=blob, EncryptionContext=CONTEXT, DryRun=True)
        refused("DryRunOperationException", kms.generate_data_key, KeyId=key, KeySpec="AES_256", DryRun=True)
        equal(FAR.meddler.requests, [], "requests")


@scenario
def each_request_is_recorded_on_both_sides(world):
    with one_key(world, "records") as (kms, store, key):
        request = sure(kms.encrypt, KeyId=key, Plaintext=b"x")["ResponseMetadata"]["RequestId"]

        def mine():
            found = [each for each in map(json.loads, audit_lines(world.data)) if each.get("requestID") == request]
            return found[0] if found else None

        eventually(mine, "the record here")
        equal(mine()["additionalEventData"], {"customKeyStoreId": store, "xksKeyId": "key"}, "data")
        theirs = [each for each in FAR.records() if request in json.dumps(each)]
        equal(len(theirs), 1, "records there")
        text = "".join(audit_lines(world.data))
        holds(FAR.credential("/records").secret_access_key not in text, "no secret in the audit log")
    made = [each for each in map(json.loads, audit_lines(world.data)) if each["eventName"] == "CreateCustomKeyStore"]
    holds(all("resources" not in each for each in made), "no resources")


@scenario
def a_store_has_a_quota_of_its_own(world):
    """Two uses a second, of all keys of the store together, for the second account alone."""
    with one_key(world, "quota", account=SECOND) as (kms, store, key):
        codes = []
        for _ in range(8):
            try:
                kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256")
                codes.append(None)
            except botocore.exceptions.ClientError as failure:
                codes.append(failure.response["Error"]["Code"])
        holds("ThrottlingException" in codes, f"{codes}")
        # Other keys are not counted.
        ordinary = world.key(SECOND)["KeyId"]
        for _ in range(8):
            kms.generate_data_key_without_plaintext(KeyId=ordinary, KeySpec="AES_256")
        time.sleep(1.1)
        sure(kms.generate_data_key_without_plaintext, KeyId=key, KeySpec="AES_256")


if __name__ == "__main__":
    go()
