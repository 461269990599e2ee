"""The audit log: one CloudTrail-shaped line for every authenticated call, and no secret in any of them."""

import base64
import json
import re
import uuid

import botocore.exceptions

from harness import FIRST, REGION, SECOND, alias_arn, allow, equal, holds, key_arn, policy, run, scenario
from principals import ask, make_user
from raw import Wire, sign

ORDER = [
    "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress",
    "userAgent", "errorCode", "errorMessage", "requestParameters", "responseElements", "additionalEventData",
    "requestID", "eventID", "readOnly", "resources", "eventType", "managementEvent", "recipientAccountId",
    "sharedEventID", "eventCategory",
]  # fmt: skip
ALWAYS = set(ORDER) - {"errorCode", "errorMessage", "additionalEventData", "resources", "sharedEventID"}


def records(world):
    paths = sorted((world.data / "audit").glob("*.jsonl"))
    holds(paths, f"no audit file in {world.data}/audit")
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def record_of(world, answer, count=1):
    """The records of one call, by the request id that its answer carries."""
    wanted = answer["ResponseMetadata"]["RequestId"]
    found = [record for record in records(world) if record.get("requestID") == wanted]
    equal(len(found), count, f"records of request {wanted}")
    return found[0] if count == 1 else found


def failure(call):
    try:
        call()
    except botocore.exceptions.ClientError as error:
        return error.response
    raise AssertionError("the call did not fail")


def well_formed(record, account=FIRST):
    equal([name for name in ORDER if name in record], [name for name in record if name in ORDER], "order of members")
    holds(ALWAYS <= set(record), f"missing: {ALWAYS - set(record)}")
    equal(record["eventVersion"], "1.11")
    equal((record["eventSource"], record["awsRegion"]), ("kms.amazonaws.com", REGION))
    holds(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["eventTime"]), record["eventTime"])
    equal(record["sourceIPAddress"], "127.0.0.1")
    holds("Boto3" in record["userAgent"], record["userAgent"])
    uuid.UUID(record["eventID"])
    equal((record["eventType"], record["managementEvent"], record["eventCategory"]), ("AwsApiCall", True, "Management"))
    equal(record["recipientAccountId"], account.number)
    identity = {
        "type": "Root", "principalId": account.number, "arn": account.root, "accountId": account.number,
        "accessKeyId": account.access_key_id,
    }  # fmt: skip
    equal({name: record["userIdentity"].get(name) for name in identity}, identity, "userIdentity")


def resources(record):
    return [(entry["type"], entry["ARN"]) for entry in record["resources"]]


@scenario
def every_operation_leaves_one_record(world):
    kms = world.kms()
    made = kms.create_key(Description="audited", Tags=[{"TagKey": "a", "TagValue": "b"}])
    key = made["KeyMetadata"]
    arn = key["Arn"]
    record = record_of(world, made)
    well_formed(record)
    equal((record["eventName"], record["readOnly"]), ("CreateKey", False))
    equal(resources(record), [("AWS::KMS::Key", arn)])
    sent = record["requestParameters"]
    equal((sent["description"], sent["keySpec"], sent["keyUsage"]), ("audited", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"))
    equal(record["responseElements"]["keyMetadata"]["keyId"], key["KeyId"])

    encrypted = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"a": "1"})
    blob = encrypted["CiphertextBlob"]
    calls = [
        ("Encrypt", encrypted, True,
         {"keyId": key["KeyId"], "encryptionContext": {"a": "1"}, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}),
        ("Decrypt", kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "1"}), True,
         {"encryptionContext": {"a": "1"}, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}),
        ("GenerateDataKey", kms.generate_data_key(KeyId=arn, KeySpec="AES_256"), True,
         {"keyId": arn, "keySpec": "AES_256"}),
        ("DescribeKey", kms.describe_key(KeyId=arn), True, {"keyId": arn}),
        ("GetKeyPolicy", kms.get_key_policy(KeyId=arn), True, {"keyId": arn, "policyName": "default"}),
        ("GetKeyRotationStatus", kms.get_key_rotation_status(KeyId=arn), True, {"keyId": arn}),
        ("EnableKeyRotation", kms.enable_key_rotation(KeyId=arn, RotationPeriodInDays=90), False,
         {"keyId": arn, "rotationPeriodInDays": 90}),
        ("DisableKeyRotation", kms.disable_key_rotation(KeyId=arn), False, {"keyId": arn}),
        ("TagResource", kms.tag_resource(KeyId=arn, Tags=[{"TagKey": "c", "TagValue": "d"}]), False,
         {"keyId": arn, "tags": [{"tagKey": "c", "tagValue": "d"}]}),
        ("UntagResource", kms.untag_resource(KeyId=arn, TagKeys=["c"]), False, {"keyId": arn, "tagKeys": ["c"]}),
        ("ListResourceTags", kms.list_resource_tags(KeyId=arn), True, {"keyId": arn}),
        ("UpdateKeyDescription", kms.update_key_description(KeyId=arn, Description="new"), False,
         {"keyId": arn, "description": "new"}),
        ("DisableKey", kms.disable_key(KeyId=arn), False, {"keyId": arn}),
        ("EnableKey", kms.enable_key(KeyId=arn), False, {"keyId": arn}),
    ]  # fmt: skip
    for name, answer, read_only, parameters in calls:
        record = record_of(world, answer)
        well_formed(record)
        equal((record["eventName"], record["readOnly"]), (name, read_only))
        equal(record["requestParameters"], parameters, f"requestParameters of {name}")
        equal(resources(record), [("AWS::KMS::Key", arn)], f"resources of {name}")
        holds("errorCode" not in record, f"{name} has an error code")
        if read_only:
            equal(record["responseElements"], None, f"responseElements of {name}")
    for name, answer in (
        ("ListKeys", kms.list_keys()),
        ("ListAliases", kms.list_aliases()),
        ("GenerateRandom", kms.generate_random(NumberOfBytes=8)),
    ):
        record = record_of(world, answer)
        equal((record["eventName"], record["readOnly"], record["resources"]), (name, True, []))
    record = record_of(world, kms.create_alias(AliasName="alias/audited", TargetKeyId=key["KeyId"]))
    equal(record["requestParameters"], {"aliasName": "alias/audited", "targetKeyId": key["KeyId"]})
    equal(len(record["resources"]), 2)
    scheduled = kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
    record = record_of(world, scheduled)
    equal(record["requestParameters"], {"keyId": arn, "pendingWindowInDays": 7})
    answered = record["responseElements"]
    equal((answered["keyId"], answered["keyState"], answered["pendingWindowInDays"]), (arn, "PendingDeletion", 7))


@scenario
def failures_are_recorded_with_their_reason(world):
    kms, key = world.kms(), world.key()
    denied = world.key(Policy=policy(allow(SECOND.root)), BypassPolicyLockoutSafetyCheck=True)
    answer = failure(lambda: kms.encrypt(KeyId=denied["Arn"], Plaintext=b"x"))
    record = record_of(world, answer)
    well_formed(record)
    equal((record["eventName"], record["errorCode"]), ("Encrypt", "AccessDenied"))
    equal(record["errorMessage"], answer["Error"]["Message"])
    equal(resources(record), [("AWS::KMS::Key", denied["Arn"])])
    equal(record["responseElements"], None)
    record = record_of(world, failure(lambda: kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", DryRun=True)))
    equal(record["errorCode"], "DryRunOperationException")
    answer = failure(lambda: kms.describe_key(KeyId="1234abcd-12ab-34cd-56ef-1234567890ab"))
    record = record_of(world, answer)
    equal((record["errorCode"], record["errorMessage"]), ("NotFoundException", answer["Error"]["Message"]))
    record = record_of(world, failure(lambda: kms.decrypt(CiphertextBlob=b"x" * 100)))
    equal(record["errorCode"], "InvalidCiphertextException")
    holds("errorMessage" not in record, "an error without a text has one in the log")


@scenario
def both_accounts_learn_of_a_shared_key_that_is_used(world):
    key = world.key(Policy=policy(allow(FIRST.root), allow(SECOND.root, "kms:Encrypt")))
    used = world.kms(SECOND).encrypt(KeyId=key["Arn"], Plaintext=b"x")
    copies = record_of(world, used, count=2)
    equal({copy["recipientAccountId"] for copy in copies}, {FIRST.number, SECOND.number})
    equal(len({copy["sharedEventID"] for copy in copies}), 1)
    equal(len({copy["eventID"] for copy in copies}), 2)
    denied = failure(lambda: world.kms(SECOND).decrypt(KeyId=key["Arn"], CiphertextBlob=used["CiphertextBlob"]))
    equal(record_of(world, denied)["recipientAccountId"], SECOND.number)
    # What fails for another reason than permission is the owner's business too.
    theirs = world.kms(SECOND)
    failed = [failure(lambda: theirs.encrypt(KeyId=key["Arn"], Plaintext=b"x", DryRun=True))]
    world.kms().disable_key(KeyId=key["KeyId"])
    failed.append(failure(lambda: theirs.encrypt(KeyId=key["Arn"], Plaintext=b"x")))
    for answer, code in zip(failed, ("DryRunOperationException", "DisabledException")):
        copies = record_of(world, answer, count=2)
        equal([copy["errorCode"] for copy in copies], [code] * 2)
        equal({copy["recipientAccountId"] for copy in copies}, {FIRST.number, SECOND.number})
        owners = next(copy for copy in copies if copy["recipientAccountId"] == FIRST.number)
        equal(owners["userIdentity"], {"type": "AWSAccount", "principalId": SECOND.number, "accountId": SECOND.number})


@scenario
def a_denied_caller_does_not_learn_which_keys_of_others_there_are(world):
    ours, theirs, key = world.kms(), world.kms(SECOND), world.key()
    ours.create_alias(AliasName="alias/not-theirs", TargetKeyId=key["KeyId"])
    blob = ours.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    there = [key["Arn"], alias_arn("alias/not-theirs")]
    nowhere = [key_arn(str(uuid.uuid4())), alias_arn("alias/none")]
    grant = {"GranteePrincipal": SECOND.root, "Operations": ["Decrypt"]}
    for call in (
        lambda name: theirs.describe_key(KeyId=name),
        lambda name: theirs.encrypt(KeyId=name, Plaintext=b"x"),
        lambda name: theirs.decrypt(KeyId=name, CiphertextBlob=blob),
        lambda name: theirs.generate_data_key_pair(KeyId=name, KeyPairSpec="ECC_NIST_P256"),
        lambda name: theirs.re_encrypt(CiphertextBlob=blob, DestinationKeyId=name),
        lambda name: theirs.create_grant(KeyId=name, **grant) if ":key/" in name else theirs.describe_key(KeyId=name),
    ):
        shown = []
        for name in (*there, *nowhere):
            answer = failure(lambda: call(name))
            record = record_of(world, answer)
            equal((answer["Error"]["Code"], record["recipientAccountId"]), ("AccessDeniedException", SECOND.number))
            equal(record["resources"], [], f"{record['eventName']} of {name}")
            shown.append({name for name in record})
        equal(shown, [shown[0]] * 4, "members of the records")
    equal(record_of(world, failure(lambda: theirs.decrypt(CiphertextBlob=blob)))["resources"], [])
    # What is their own is named as ever.
    own = world.key(SECOND)
    own_blob = theirs.encrypt(KeyId=own["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    record = record_of(world, failure(lambda: theirs.re_encrypt(CiphertextBlob=own_blob, DestinationKeyId=key["Arn"])))
    equal(resources(record), [("AWS::KMS::Key", own["Arn"])])


LONGEST = 256 * 1024


@scenario
def no_record_is_longer_than_cloudtrails(world):
    wire, user = Wire(world.endpoint), make_user(world)
    long = "\x01" * 170_000

    def last(event):
        lines = [line for path in sorted((world.data / "audit").glob("*.jsonl")) for line in path.read_bytes().splitlines()]
        found = [line for line in lines if json.loads(line)["eventName"] == event][-1]
        holds(len(found) < LONGEST + 512, f"a record of {event} has {len(found)} bytes")
        return json.loads(found)

    context = {"KeyId": "alias/none", "Plaintext": "YQ==", "EncryptionContext": {"a": "\x01" * 60_000}}
    equal(wire.call("Encrypt", context).code, "NotFoundException")
    omitted = last("Encrypt")["requestParameters"]
    holds(omitted["omitted"] and omitted["originalSize"] > 360_000 and omitted["reason"], f"{omitted}")
    equal(wire.call("DescribeKey", {"KeyId": long}).code, "ValidationException")
    record = last("DescribeKey")
    holds(record["errorMessage"].startswith("1 validation error detected: Value '"), "what was wrong is told")
    holds(len(record["errorMessage"].encode()) <= 1024, "the text is cut")
    equal((record["errorCode"], record["resources"]), ("ValidationException", []))
    for name, session, role in (("RoleSessionName", long, "arn:aws:iam::000000000000:role/x"), ("RoleArn", "abcd", long)):
        answer = ask(world, "AssumeRole", {"RoleArn": role, "RoleSessionName": session}, user, "sts")
        equal(answer.status, 400, name)
        equal(last("AssumeRole")["requestParameters"]["omitted"], True)
    equal(ask(world, "CreateUser", {"UserName": long}, user).status, 400)
    equal(last("CreateUser")["requestParameters"]["omitted"], True)
    # What is shorter is shown whole.
    policy_text = " " * 200_000
    equal(ask(world, "PutUserPolicy", {"UserName": "none", "PolicyName": "p", "PolicyDocument": policy_text}, user).status, 403)
    equal(last("PutUserPolicy")["requestParameters"]["policyDocument"], policy_text)


@scenario
def a_refused_grant_token_is_not_recorded(world):
    kms, key = world.kms(), world.key()
    token = kms.create_grant(KeyId=key["KeyId"], GranteePrincipal=FIRST.root, Operations=["Decrypt"])["GrantToken"]
    wire = Wire(world.endpoint)
    answers = [
        wire.call("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "YQ==", "GrantTokens": [token] * 11}),
        wire.call("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "YQ==", "GrantTokens": [token, ""]}),
        wire.call("RetireGrant", {"GrantToken": token * 100}),
    ]
    for answer in answers:
        equal(answer.code, "ValidationException")
        holds(token not in answer.message and "Value at 'grantToken" in answer.message, answer.message)
    holds(all(token not in json.dumps(record) for record in records(world)), "the token is in the log")


@scenario
def custom_key_stores_are_recorded_as_what_they_are(world):
    wire = Wire(world.endpoint)
    one, none = {"CustomKeyStoreId": "cks-1"}, "CustomKeyStoreNotFoundException"
    for operation, body, code, read_only in (
        ("CreateCustomKeyStore", {"CustomKeyStoreName": "a"}, "ValidationException", False),
        ("DescribeCustomKeyStores", {}, None, True), ("DescribeCustomKeyStores", one, none, True),
        ("ConnectCustomKeyStore", one, none, False), ("DisconnectCustomKeyStore", one, none, False),
        ("UpdateCustomKeyStore", one, none, False), ("DeleteCustomKeyStore", one, none, False),
    ):  # fmt: skip
        answer = wire.call(operation, body)
        equal(answer.code, code, operation)
        record = record_of(world, {"ResponseMetadata": {"RequestId": answer.headers["x-amzn-requestid"]}})
        equal((record["eventName"], record["readOnly"], "resources" in record), (operation, read_only, False))


@scenario
def resources_are_in_cloudtrails_order_and_named_once(world):
    kms, key, other = world.kms(), world.key(), world.key()
    alias = alias_arn("alias/in-order")
    for answer, expected in (
        (kms.create_alias(AliasName="alias/in-order", TargetKeyId=key["KeyId"]), [key["Arn"], alias]),
        (kms.update_alias(AliasName="alias/in-order", TargetKeyId=key["KeyId"]), [alias, key["Arn"]]),
        (kms.update_alias(AliasName="alias/in-order", TargetKeyId=other["KeyId"]), [alias, key["Arn"], other["Arn"]]),
        (kms.delete_alias(AliasName="alias/in-order"), [alias, other["Arn"]]),
    ):
        equal([arn for _, arn in resources(record_of(world, answer))], expected)
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    moved = kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other["KeyId"])
    record = record_of(world, moved)
    equal([arn for _, arn in resources(record)], [key["Arn"], other["Arn"]])
    equal(record["additionalEventData"], {
        "sourceKeyMaterialId": key["CurrentKeyMaterialId"], "destinationKeyMaterialId": other["CurrentKeyMaterialId"],
    })  # fmt: skip
    again = record_of(world, kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key["KeyId"]))
    equal([arn for _, arn in resources(again)], [key["Arn"]])


@scenario
def no_text_of_a_client_breaks_a_line(world):
    kms, before = world.kms(), len(records(world))
    text = "one\ntwo\r\u2028\u2029\u0085\u0000\"}{\"eventName\":\"Forged\"\x7f\U0001f511"
    answer = kms.create_key(Description=text)
    record = record_of(world, answer)
    equal(record["requestParameters"]["description"], text)
    key = answer["KeyMetadata"]["KeyId"]
    answer = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={text: text})
    equal(record_of(world, answer)["requestParameters"]["encryptionContext"], {text: text})
    failure(lambda: kms.describe_key(KeyId="\n{}\n"))
    equal(len(records(world)), before + 3)


@scenario
def strangers_leave_no_record(world):
    before = len(records(world))
    wire = Wire(world.endpoint)
    headers = wire.headers("ListKeys")
    equal(wire.send(headers, b"{}").status, 400)
    headers["Authorization"] = sign("POST", "/", headers, b"other body")
    equal(wire.send(headers, b"{}").status, 400)
    equal(len(records(world)), before)


@scenario
def no_secret_is_in_any_file_of_the_log(world):
    kms, key = world.kms(), world.key()
    plaintext = b"The plaintext that must not be seen anywhere."
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=plaintext)["CiphertextBlob"]
    kms.decrypt(CiphertextBlob=blob)
    data_key = kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256")
    random = kms.generate_random(NumberOfBytes=32)["Plaintext"]
    failure(lambda: kms.encrypt(KeyId=key["KeyId"], Plaintext=plaintext, DryRun=True))
    failure(lambda: kms.decrypt(CiphertextBlob=plaintext + blob))
    secrets = [plaintext, blob, data_key["Plaintext"], data_key["CiphertextBlob"], random]
    secrets = [form for secret in secrets for form in (secret, secret.hex().encode(), base64.b64encode(secret))]
    secrets += [account.secret_access_key.encode() for account in (FIRST, SECOND)]
    files = [path for path in world.data.rglob("*") if path.is_file()]
    holds(any(path.suffix == ".jsonl" for path in files), "no audit file")
    texts = [path.read_bytes() for path in files if path.suffix == ".jsonl"]
    texts.append(world.server.log_text().encode())
    for text in texts:
        holds(b"Authorization" not in text and b"Signature=" not in text, "a signature was logged")
        for secret in secrets:
            holds(secret not in text, f"{secret[:20]!r}... was logged")
    # Plaintext is nowhere at all; the account's own secrets have to be kept somewhere.
    for path in files:
        content = path.read_bytes()
        for secret in secrets[:3]:
            holds(secret not in content, f"the plaintext is in {path.name}")


@scenario
def operations_on_other_kinds_of_keys_leave_their_records(world):
    kms = world.kms()
    signer = world.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    agreeing = world.key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
    mac = world.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    ordinary = world.key()
    secret, peer = b"a secret message", kms.get_public_key(KeyId=agreeing["KeyId"])["PublicKey"]
    signing = dict(KeyId=signer["KeyId"], Message=secret, SigningAlgorithm="ECDSA_SHA_256")
    signed = kms.sign(**signing)
    coding = dict(KeyId=mac["KeyId"], Message=secret, MacAlgorithm="HMAC_SHA_256")
    coded = kms.generate_mac(**coding)
    derived = kms.derive_shared_secret(KeyId=agreeing["KeyId"], KeyAgreementAlgorithm="ECDH", PublicKey=peer)
    pair = dict(KeyId=ordinary["KeyId"], KeyPairSpec="ECC_NIST_P256", EncryptionContext={"a": "1"})
    made = kms.generate_data_key_pair(**pair)
    signed_as = {"keyId": signer["KeyId"], "messageType": "RAW", "signingAlgorithm": "ECDSA_SHA_256"}
    coded_as = {"keyId": mac["KeyId"], "macAlgorithm": "HMAC_SHA_256"}
    paired_as = {"keyId": ordinary["KeyId"], "keyPairSpec": "ECC_NIST_P256", "encryptionContext": {"a": "1"}}
    for answer, name, key, sent in (
        (signed, "Sign", signer, signed_as), (kms.verify(Signature=signed["Signature"], **signing), "Verify", signer, signed_as),
        (kms.get_public_key(KeyId=signer["Arn"]), "GetPublicKey", signer, {"keyId": signer["Arn"]}),
        (coded, "GenerateMac", mac, coded_as), (kms.verify_mac(Mac=coded["Mac"], **coding), "VerifyMac", mac, coded_as),
        (derived, "DeriveSharedSecret", agreeing, {"keyId": agreeing["KeyId"], "keyAgreementAlgorithm": "ECDH"}),
        (made, "GenerateDataKeyPair", ordinary, paired_as),
        (kms.generate_data_key_pair_without_plaintext(**pair), "GenerateDataKeyPairWithoutPlaintext", ordinary, paired_as),
    ):  # fmt: skip
        record = record_of(world, answer)
        well_formed(record)
        equal((record["eventName"], record["readOnly"]), (name, True))
        equal((record["requestParameters"], record["responseElements"]), (sent, None), name)
        equal(resources(record), [("AWS::KMS::Key", key["Arn"])])
        material = {"keyMaterialId": key["CurrentKeyMaterialId"]} if key is ordinary else None
        equal(record.get("additionalEventData"), material, f"additional data of {name}")
    text = "".join(json.dumps(record) for record in records(world))
    for value in (secret, signed["Signature"], coded["Mac"], derived["SharedSecret"], made["PrivateKeyPlaintext"], peer):
        holds(base64.b64encode(value).decode() not in text, "nothing of a message, a code or a key is recorded")
    refusal = failure(lambda: kms.verify(Signature=b"none", **signing))
    record = record_of(world, refusal)
    equal((record["errorCode"], "errorMessage" in record), ("KMSInvalidSignatureException", False))


@scenario
def keys_of_other_kinds_are_used_across_accounts(world):
    theirs = world.kms(SECOND)
    shared = policy(allow(FIRST.root), allow(SECOND.root, ["kms:Sign", "kms:Verify", "kms:GetPublicKey"]))
    key = world.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Policy=shared)
    signing = dict(KeyId=key["Arn"], Message=b"m", SigningAlgorithm="ECDSA_SHA_256")
    signed = theirs.sign(**signing)
    equal(len(theirs.get_public_key(KeyId=key["Arn"])["PublicKey"]), 91)
    equal(sorted(record["recipientAccountId"] for record in record_of(world, signed, 2)), sorted([FIRST.number, SECOND.number]))
    closed = world.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    denied = failure(lambda: theirs.generate_mac(KeyId=closed["Arn"], Message=b"m", MacAlgorithm="HMAC_SHA_256"))
    equal(denied["Error"]["Code"], "AccessDeniedException")


@scenario
def grants_leave_records_without_their_tokens(world):
    ours, theirs, key = world.kms(), world.kms(SECOND), world.key()
    made = ours.create_grant(
        KeyId=key["KeyId"], GranteePrincipal=SECOND.root, Operations=["Encrypt", "RetireGrant"], Name="named",
        Constraints={"EncryptionContextSubset": {"Aws:Upper": "Value"}},
    )  # fmt: skip
    record = record_of(world, made)
    equal(record["requestParameters"], {
        "keyId": key["KeyId"], "granteePrincipal": SECOND.root, "operations": ["Encrypt", "RetireGrant"],
        "constraints": {"encryptionContextSubset": {"Aws:Upper": "Value"}}, "name": "named",
    })  # fmt: skip
    equal(record["responseElements"], {"grantId": made["GrantId"], "keyId": key["Arn"]})
    equal(record["readOnly"], False)
    used = theirs.encrypt(
        KeyId=key["Arn"], Plaintext=b"x", EncryptionContext={"Aws:Upper": "Value"}, GrantTokens=[made["GrantToken"]])
    equal(len(record_of(world, used, count=2)), 2)
    record = record_of(world, ours.list_grants(KeyId=key["KeyId"], Limit=3))
    equal((record["requestParameters"], record["readOnly"]), ({"keyId": key["KeyId"], "limit": 3}, True))
    record = record_of(world, ours.list_retirable_grants(RetiringPrincipal=FIRST.root))
    equal((record["requestParameters"], record["resources"]), ({"retiringPrincipal": FIRST.root}, []))
    for record in record_of(world, theirs.retire_grant(GrantToken=made["GrantToken"]), count=2):
        equal((record.get("requestParameters"), record["responseElements"]), (None, {"keyId": key["Arn"]}))
        equal(record["additionalEventData"], {"grantId": made["GrantId"]})
        equal([resource["ARN"] for resource in record["resources"]], [key["Arn"]])
    other = ours.create_grant(KeyId=key["KeyId"], GranteePrincipal=SECOND.root, Operations=["Encrypt"])
    by_name = {"KeyId": key["Arn"], "GrantId": other["GrantId"]}
    record = record_of(world, ours.revoke_grant(**by_name))
    equal(record["requestParameters"], {"keyId": key["Arn"], "grantId": other["GrantId"]})
    equal(record["responseElements"], {"keyId": key["Arn"]})
    text = "".join(json.dumps(record) for record in records(world))
    holds(not any(token in text for token in (made["GrantToken"], other["GrantToken"])), "no token is in any record")


if __name__ == "__main__":
    run()
