"""Grants give one principal some uses of one key, beside its policy."""

import datetime
import re

from granting import grant, listed
from harness import (
    FIRST, OTHER_REGION, SECOND, allow, deny, equal, holds, key_arn, members, policy, refused, run, scenario, settled,
)  # fmt: skip
from raw import Wire

THEIRS = {"GranteePrincipal": SECOND.root}
PAIR = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}


@scenario
def a_grant_lets_another_account_do_what_it_names_and_no_more(world):
    ours, theirs, key = world.kms(), world.kms(SECOND), world.key()
    with refused("AccessDeniedException"):
        theirs.encrypt(KeyId=key["Arn"], Plaintext=b"x")
    made = grant(world, key, ["Encrypt", "DescribeKey"])
    holds(re.fullmatch("[0-9a-f]{64}", made["GrantId"]), "an identifier of 64 digits")
    blob = theirs.encrypt(KeyId=key["Arn"], Plaintext=b"x")["CiphertextBlob"]
    equal(theirs.describe_key(KeyId=key["Arn"])["KeyMetadata"]["Arn"], key["Arn"])
    for attempt in (
        lambda: theirs.decrypt(CiphertextBlob=blob), lambda: theirs.decrypt(KeyId=key["Arn"], CiphertextBlob=blob),
        lambda: theirs.generate_data_key(KeyId=key["Arn"], KeySpec="AES_256"),
        lambda: theirs.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key["Arn"]),
        lambda: theirs.list_grants(KeyId=key["Arn"]), lambda: grant(world, key, ["Encrypt"], SECOND),
    ):  # fmt: skip
        with refused("AccessDeniedException"):
            attempt()
    other = world.key()
    with refused("AccessDeniedException"):
        theirs.encrypt(KeyId=other["Arn"], Plaintext=b"x")
    equal(ours.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")


@scenario
def an_explicit_denial_is_stronger_than_a_grant(world):
    theirs = world.kms(SECOND)
    key = world.key(Policy=policy(allow(FIRST.root), deny(SECOND.root, "kms:Encrypt")))
    grant(world, key, ["Encrypt", "DescribeKey"])
    theirs.describe_key(KeyId=key["Arn"])
    with refused("AccessDeniedException"):
        theirs.encrypt(KeyId=key["Arn"], Plaintext=b"x")


@scenario
def constraints_are_about_the_encryption_context(world):
    theirs = world.kms(SECOND)
    pair, both = {"Department": "it"}, {"Department": "it", "b": "2"}
    cases = (
        ("EncryptionContextEquals", pair, pair, True), ("EncryptionContextEquals", pair, both, False),
        ("EncryptionContextEquals", both, pair, False), ("EncryptionContextSubset", pair, both, True),
        ("EncryptionContextSubset", both, pair, False), ("EncryptionContextSubset", pair, {"Department": "IT"}, False),
        ("EncryptionContextSubset", pair, {"department": "it"}, True), ("EncryptionContextEquals", pair, {}, False),
    )  # fmt: skip
    cases += (
        ("EncryptionContextEquals", {"a": "1", "A": "1"}, {"a": "1", "B": "2"}, False),
        ("EncryptionContextEquals", {"a": "1", "b": "1"}, {"a": "1", "A": "1"}, False),
        ("EncryptionContextEquals", {"a": "1", "A": "1"}, {"a": "1", "A": "1"}, True),
    )  # fmt: skip
    for kind, constraint, context, admitted in cases:
        key = world.key()
        grant(world, key, ["Encrypt", "GenerateDataKey", "DescribeKey"], Constraints={kind: constraint})
        theirs.describe_key(KeyId=key["Arn"])
        for call in (
            lambda: theirs.encrypt(KeyId=key["Arn"], Plaintext=b"x", EncryptionContext=context),
            lambda: theirs.generate_data_key(KeyId=key["Arn"], KeySpec="AES_256", EncryptionContext=context),
        ):
            if admitted:
                call()
            else:
                with refused("AccessDeniedException"):
                    call()


@scenario
def each_side_of_a_re_encryption_needs_its_grant(world):
    ours, theirs, source, target = world.kms(), world.kms(SECOND), world.key(), world.key()
    blob = ours.encrypt(KeyId=source["KeyId"], Plaintext=b"x", EncryptionContext={"s": "1"})["CiphertextBlob"]

    def move(side="d"):
        return theirs.re_encrypt(
            CiphertextBlob=blob, SourceEncryptionContext={"s": "1"}, DestinationKeyId=target["Arn"],
            DestinationEncryptionContext={side: "1"},
        )  # fmt: skip

    grant(world, source, ["ReEncryptFrom"], Constraints={"EncryptionContextEquals": {"s": "1"}})
    with refused("AccessDeniedException"):
        move()
    grant(world, target, ["ReEncryptTo"], Constraints={"EncryptionContextEquals": {"d": "1"}})
    equal(move()["KeyId"], target["Arn"])
    with refused("AccessDeniedException"):
        move("other")


@scenario
def keys_of_every_class_can_be_granted(world):
    theirs = world.kms(SECOND)
    pair = world.key(**PAIR)
    signing = {"KeyId": pair["Arn"], "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
    grant(world, pair, ["Sign", "GetPublicKey"])
    signature = theirs.sign(**signing)["Signature"]
    theirs.get_public_key(KeyId=pair["Arn"])
    with refused("AccessDeniedException"):
        theirs.verify(**signing, Signature=signature)
    mac = world.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    grant(world, mac, ["GenerateMac"])
    made = theirs.generate_mac(KeyId=mac["Arn"], Message=b"m", MacAlgorithm="HMAC_SHA_256")["Mac"]
    with refused("AccessDeniedException"):
        theirs.verify_mac(KeyId=mac["Arn"], Message=b"m", MacAlgorithm="HMAC_SHA_256", Mac=made)


@scenario
def what_a_grant_cannot_say(world):
    kms, key, pair = world.kms(), world.key(), world.key(**PAIR)
    mac = world.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    with refused(
        "ValidationException",
        "Operations [Encrypt, Sign] are not supported when creating a grant for a symmetric KMS key with key usage "
        "GENERATE_VERIFY_MAC. Valid operations are [CreateGrant, RetireGrant, DescribeKey, GenerateMac, VerifyMac]",
    ):
        grant(world, mac, ["Encrypt", "GenerateMac", "Sign"])
    for wrong in ("Encrypt", "GenerateDataKey", "GenerateMac", "DeriveSharedSecret"):
        with refused("ValidationException"):
            grant(world, pair, [wrong])
    for wrong in ("Sign", "GenerateMac", "GetPublicKey", "DeriveSharedSecret"):
        with refused("ValidationException"):
            grant(world, key, [wrong])
    sentence = "EncryptionContext is supported only when creating a grant for a symmetric encryption KMS key."
    with refused("ValidationException", sentence):
        grant(world, pair, ["Sign"], Constraints={"EncryptionContextSubset": {"a": "1"}})
    grant(world, pair, ["Sign"], Constraints={"EncryptionContextSubset": {}})
    for constraint in ({str(number): "v" for number in range(9)}, {"k": "v" * 385}):
        with refused("ValidationException"):
            grant(world, key, ["Encrypt"], Constraints={"EncryptionContextEquals": constraint})
    grant(world, key, ["Encrypt"], Constraints={"EncryptionContextEquals": {str(n): "v" * 384 for n in range(8)}})
    kms.disable_key(KeyId=pair["KeyId"])
    for whatever in (key, pair):
        with refused("ValidationException"):
            grant(world, whatever, [])
    # A constraint that is not understood is not left out.
    for unknown in ({"SourceArn": "arn:aws:s3:::x"}, {"encryptionContextEquals": {"a": "1"}}):
        body = {"KeyId": key["KeyId"], **THEIRS, "Operations": ["Encrypt"], "Constraints": unknown}
        equal(Wire(world.endpoint).call("CreateGrant", body).code, "ValidationException")
    wrong_principals = {
        "AKIAIOSFODNN7EXAMPLE": "{} does not refer to a valid principal.",
        SECOND.number: "{} does not refer to a valid principal.",
        "arn:aws:iam::12:root": "ARN is not valid: arn:aws:iam::12:root",
        "arn:aws:iam::111122223333:user/nobody": "ARN does not refer to a valid principal: arn:aws:iam::111122223333:user/nobody",
        "arn:aws:iam::111122223333:group/all": None,
    }  # fmt: skip
    for principal, text in wrong_principals.items():
        for member in ("GranteePrincipal", "RetiringPrincipal"):
            with refused("InvalidArnException", text and text.format(member)):
                grant(world, key, ["Encrypt"], **{member: principal})
    kms.create_alias(AliasName="alias/granted", TargetKeyId=key["KeyId"])
    with refused("InvalidArnException", "Key Aliases are not supported for this operation."):
        grant(world, "alias/granted", ["Encrypt"])


@scenario
def the_name_makes_a_repeated_request_the_same_grant(world):
    key = world.key()
    shape = {"Name": "once", "RetiringPrincipal": FIRST.root, "Constraints": {"EncryptionContextSubset": {"a": "1"}}}
    first = grant(world, key, ["Encrypt", "Decrypt"], **shape)
    again = grant(world, key, ["Decrypt", "Encrypt", "Decrypt"], **shape)
    equal(again["GrantId"], first["GrantId"])
    holds(again["GrantToken"] != first["GrantToken"], "a new token for the same grant")
    others = [
        grant(world, key, ["Encrypt"], **shape), grant(world, key, ["Encrypt", "Decrypt"], **{**shape, "Name": "two"}),
        grant(world, key, ["Encrypt", "Decrypt"], **{**shape, "RetiringPrincipal": SECOND.root}),
        grant(world, key, ["Encrypt", "Decrypt"], **{**shape, "Constraints": {"EncryptionContextEquals": {"a": "1"}}}),
        grant(world, key, ["Encrypt", "Decrypt"], **{**shape, "GranteePrincipal": FIRST.root}),
    ]  # fmt: skip
    equal(len({made["GrantId"] for made in [first, *others]}), 6)
    nameless = {grant(world, key, ["Encrypt"])["GrantId"] for _ in range(2)}
    equal(len(nameless), 2)
    world.kms().revoke_grant(KeyId=key["KeyId"], GrantId=first["GrantId"])
    holds(grant(world, key, ["Encrypt", "Decrypt"], **shape)["GrantId"] != first["GrantId"], "a revoked grant is not it")


@scenario
def lists_give_what_was_asked_for_page_by_page(world):
    kms, key = world.kms(), world.key()
    full = grant(
        world, key, ["Encrypt", "RetireGrant"], Name="full", RetiringPrincipal=FIRST.root,
        Constraints={"EncryptionContextEquals": {"b": "2", "a": "1"}, "EncryptionContextSubset": {}},
    )  # fmt: skip
    plain = grant(world, key, ["Encrypt"], GranteePrincipal=FIRST.root)
    (entry,) = listed(kms, KeyId=key["KeyId"], GrantId=full["GrantId"])
    creation = entry.pop("CreationDate")
    holds(isinstance(creation, datetime.datetime) and creation.microsecond == 0, "a date in whole seconds")
    equal(entry, {
        "KeyId": key["Arn"], "GrantId": full["GrantId"], "Name": "full", "GranteePrincipal": SECOND.root,
        "RetiringPrincipal": FIRST.root, "IssuingAccount": FIRST.root, "Operations": ["Encrypt", "RetireGrant"],
        "Constraints": {"EncryptionContextEquals": {"b": "2", "a": "1"}},
    })  # fmt: skip
    (entry,) = listed(kms, KeyId=key["KeyId"], GranteePrincipal=FIRST.root)
    members(entry, "KeyId", "GrantId", "CreationDate", "GranteePrincipal", "IssuingAccount", "Operations")
    equal(entry["GrantId"], plain["GrantId"])
    equal(listed(kms, KeyId=key["KeyId"], GranteePrincipal=SECOND.root, GrantId=plain["GrantId"]), [])
    many = {grant(world, key, ["Encrypt"])["GrantId"] for _ in range(120)} | {full["GrantId"], plain["GrantId"]}
    for size in (1, 7, 50, 100):
        pages = list(kms.get_paginator("list_grants").paginate(
            KeyId=key["KeyId"], PaginationConfig={"PageSize": size}))
        identifiers = [entry["GrantId"] for page in pages for entry in page["Grants"]]
        equal((len(pages), len(identifiers)), (-(-len(many) // size), len(many)), f"pages of {size}")
        equal(set(identifiers), many)
        equal(identifiers, sorted(identifiers))
    equal(len(kms.list_grants(KeyId=key["KeyId"])["Grants"]), 50)
    equal(len(kms.list_grants(KeyId=key["KeyId"], Limit=1000)["Grants"]), 100)
    by_grantee = kms.get_paginator("list_grants").paginate(
        KeyId=key["KeyId"], GranteePrincipal=SECOND.root, PaginationConfig={"PageSize": 30})
    equal(sum(len(page["Grants"]) for page in by_grantee), len(many) - 1)
    marker = kms.list_grants(KeyId=key["KeyId"], Limit=1)["NextMarker"]
    with refused("InvalidMarkerException"):
        kms.list_grants(KeyId=world.key()["KeyId"], Marker=marker)
    with refused("InvalidGrantIdException"):
        kms.list_grants(KeyId=key["KeyId"], GrantId="nonsense")


@scenario
def a_grant_made_through_a_grant_is_not_wider(world):
    key = world.key()
    subset = {"EncryptionContextSubset": {"a": "1"}}
    grant(world, key, ["Encrypt", "CreateGrant"], Constraints=subset)
    for constraints in (subset, {"EncryptionContextSubset": {"a": "1", "b": "2"}},
                        {"EncryptionContextEquals": {"a": "1", "b": "2"}}):  # fmt: skip
        made = grant(world, key, ["Encrypt"], SECOND, Constraints=constraints)
        (entry,) = listed(world.kms(), KeyId=key["KeyId"], GrantId=made["GrantId"])
        equal(entry["IssuingAccount"], SECOND.root)
    for operations, constraints in (
        (["Decrypt"], subset), (["Encrypt", "Decrypt"], subset), (["Encrypt"], {}),
        (["Encrypt"], {"EncryptionContextSubset": {"b": "2"}}), (["Encrypt"], {"EncryptionContextEquals": {"a": "2"}}),
    ):
        with refused("AccessDeniedException"):
            grant(world, key, operations, SECOND, Constraints=constraints)
    exact = world.key()
    grant(world, exact, ["Encrypt", "CreateGrant"], Constraints={"EncryptionContextEquals": {"a": "1"}})
    grant(world, exact, ["Encrypt"], SECOND, Constraints={"EncryptionContextEquals": {"a": "1"}})
    for constraints in (subset, {"EncryptionContextEquals": {"a": "1", "b": "2"}}):
        with refused("AccessDeniedException"):
            grant(world, exact, ["Encrypt"], SECOND, Constraints=constraints)
    # Operations of one grant are not put together with those of another.
    grant(world, exact, ["Decrypt"])
    with refused("AccessDeniedException"):
        grant(world, exact, ["Decrypt"], SECOND)
    # A policy that permits it knows none of these bounds, and no grant takes away from it.
    free = world.key(Policy=policy(allow(FIRST.root), allow(SECOND.root, "kms:CreateGrant")))
    grant(world, free, ["Decrypt"], SECOND)
    for grantee in (FIRST, SECOND):
        grant(world, free, ["Encrypt", "CreateGrant"], GranteePrincipal=grantee.root)
        grant(world, free, ["Decrypt"], grantee)


@scenario
def a_grant_is_on_one_key_of_a_multi_region_pair(world):
    ours, key = world.kms(), world.key(MultiRegion=True)
    grant(world, key, ["Encrypt"])
    ours.replicate_key(KeyId=key["KeyId"], ReplicaRegion=OTHER_REGION)
    settled(world, key["KeyId"], OTHER_REGION)
    equal(listed(world.kms(region=OTHER_REGION), KeyId=key["KeyId"]), [])
    with refused("AccessDeniedException"):
        world.kms(SECOND, OTHER_REGION).encrypt(KeyId=key_arn(key["KeyId"], region=OTHER_REGION), Plaintext=b"x")
    world.kms(SECOND).encrypt(KeyId=key["Arn"], Plaintext=b"x")


@scenario
def a_dry_run_changes_nothing(world):
    ours, theirs, key = world.kms(), world.kms(SECOND), world.key()
    with refused("DryRunOperationException"):
        grant(world, key, ["Encrypt"], DryRun=True)
    equal(listed(ours, KeyId=key["KeyId"]), [])
    made = grant(world, key, ["Encrypt"])
    with refused("DryRunOperationException"):
        ours.revoke_grant(KeyId=key["KeyId"], GrantId=made["GrantId"], DryRun=True)
    with refused("DryRunOperationException"):
        ours.retire_grant(GrantToken=made["GrantToken"], DryRun=True)
    with refused("DryRunOperationException"):
        theirs.encrypt(KeyId=key["Arn"], Plaintext=b"x", DryRun=True)
    equal(len(listed(ours, KeyId=key["KeyId"])), 1)


@scenario
def policies_bound_what_may_be_granted(world):
    def decided(condition, allowed, **shape):
        rest = {"Effect": "Allow", "Principal": {"AWS": FIRST.root}, "NotAction": "kms:CreateGrant", "Resource": "*"}
        key = world.key(Policy=policy(rest, allow("*", "kms:CreateGrant", Condition=condition)))
        operations = shape.pop("Operations", ["Encrypt"])
        if allowed:
            grant(world, key, operations, SECOND, **shape)
        else:
            with refused("AccessDeniedException"):
                grant(world, key, operations, SECOND, **shape)

    within = {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]}}
    decided(within, True)
    decided(within, False, Operations=["Encrypt", "GenerateDataKey"])
    for name, member in (("kms:GranteePrincipal", "GranteePrincipal"), ("kms:RetiringPrincipal", "RetiringPrincipal")):
        condition = {"StringEquals": {name: FIRST.root}}
        decided(condition, True, **{member: FIRST.root})
        decided(condition, False, **{member: SECOND.root})
    decided({"Null": {"kms:RetiringPrincipal": "true"}}, True)
    kind = {"StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"}}
    decided(kind, True, Constraints={"EncryptionContextSubset": {"a": "1"}})
    decided(kind, False, Constraints={"EncryptionContextEquals": {"a": "1"}})
    decided(kind, False)
    context = {"StringEquals": {"kms:EncryptionContext:a": "1"}}
    decided(context, True, Constraints={"EncryptionContextEquals": {"a": "1"}})
    decided(context, False, Constraints={"EncryptionContextEquals": {"a": "2"}})
    decided({"Bool": {"kms:GrantIsForAWSResource": "true"}}, False)
    decided({"Bool": {"kms:GrantIsForAWSResource": "false"}}, True)


if __name__ == "__main__":
    run()
