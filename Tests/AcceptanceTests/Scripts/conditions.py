"""Every condition key that a key policy can ask for, over HTTP: once where the condition holds, once where it does not."""

import datetime
import os

import peers
from harness import FIRST, SECOND, advance, allow, deny, equal, policy, refused, run, scenario
from wrapping import FOREVER, parameters, wrap

PAIR = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}


def guarded(world, action, condition, account=FIRST, **parameters):
    """A key on which only this action is under a condition."""
    rest = {"Effect": "Allow", "Principal": {"AWS": FIRST.root}, "NotAction": action, "Resource": "*"}
    return world.key(account, Policy=policy(rest, allow("*", action, Condition=condition)), **parameters)


def decided(world, action, call, holding, failing, **parameters):
    """The call is allowed under the one condition and denied under the other; and the other way round as a denial."""
    for condition, allowed in ((holding, True), (failing, False)):
        key = guarded(world, action, condition, **parameters)
        denying = policy(allow(FIRST.root), deny("*", action, Condition=condition))
        for step in ("allow", "deny"):
            if step == "deny":
                # A key of its own: some calls can be made once.
                key = world.key(Policy=denying, **parameters)
            if (step == "allow") == allowed:
                call(key)
            else:
                with refused("AccessDeniedException"):
                    call(key)


def equals(name, value, other, operator="StringEquals"):
    return {operator: {name: value}}, {operator: {name: other}}


@scenario
def what_kind_of_key_it_is(world):
    kms = world.kms()
    kinds = {
        "kms:KeySpec": ("ECC_NIST_P256", "SYMMETRIC_DEFAULT"), "kms:CustomerMasterKeySpec": ("ECC_NIST_P256", "RSA_2048"),
        "kms:KeyUsage": ("SIGN_VERIFY", "ENCRYPT_DECRYPT"),
        "kms:CustomerMasterKeyUsage": ("SIGN_VERIFY", "KEY_AGREEMENT"), "kms:KeyOrigin": ("AWS_KMS", "EXTERNAL"),
        "kms:MultiRegionKeyType": ("PRIMARY", "REPLICA"),
    }  # fmt: skip
    for name, (value, other) in kinds.items():
        decided(
            world, "kms:DescribeKey", lambda key: kms.describe_key(KeyId=key["KeyId"]), *equals(name, value, other),
            MultiRegion=True, **PAIR,
        )  # fmt: skip
    decided(
        world, "kms:DescribeKey", lambda key: kms.describe_key(KeyId=key["KeyId"]),
        *equals("kms:MultiRegion", "true", "false", "Bool"), MultiRegion=True,
    )  # fmt: skip
    decided(
        world, "kms:DescribeKey", lambda key: kms.describe_key(KeyId=key["KeyId"]),
        *equals("kms:MultiRegionKeyType", "true", "false", "Null"),
    )  # fmt: skip


@scenario
def what_is_encrypted_and_how(world):
    kms = world.kms()

    def encrypt(key):
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"p", EncryptionContext={"Department": "payroll", "b": "2"})

    for holding, failing in (
        equals("kms:EncryptionContext:Department", "payroll", "sales"),
        equals("kms:encryptioncontext:DEPARTMENT", "payroll", "Payroll"),
        equals("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256"),
        equals("kms:EncryptionContextKeys", ["Department", "b"], ["b"], "ForAllValues:StringEquals"),
        equals("kms:EncryptionContextKeys", ["Department"], ["department"], "ForAnyValue:StringEquals"),
        equals("kms:EncryptionContext:missing", "true", "false", "Null"),
    ):
        decided(world, "kms:Encrypt", encrypt, holding, failing)
    decided(
        world, "kms:GenerateDataKeyPair",
        lambda key: kms.generate_data_key_pair(KeyId=key["KeyId"], KeyPairSpec="ECC_NIST_P256"),
        *equals("kms:DataKeyPairSpec", "ECC_NIST_P256", "RSA_2048"),
    )  # fmt: skip


@scenario
def both_sides_of_a_re_encryption(world):
    kms = world.kms()
    other = world.key()

    def move(key):
        sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"p", EncryptionContext={"side": "source"})["CiphertextBlob"]
        return lambda target: kms.re_encrypt(
            CiphertextBlob=sealed, SourceEncryptionContext={"side": "source"}, DestinationKeyId=target["KeyId"],
            DestinationEncryptionContext={"side": "destination"},
        )  # fmt: skip

    decided(
        world, "kms:ReEncryptFrom", lambda key: move(key)(other), *equals("kms:EncryptionContext:side", "source", "destination"))  # fmt: skip
    decided(
        world, "kms:ReEncryptTo", lambda key: move(other)(key), *equals("kms:EncryptionContext:side", "destination", "source"))  # fmt: skip
    decided(
        world, "kms:ReEncryptTo", lambda key: move(key)(key), *equals("kms:ReEncryptOnSameKey", "true", "false", "Bool"))  # fmt: skip
    decided(
        world, "kms:ReEncryptFrom", lambda key: move(key)(other),
        *equals("kms:ReEncryptOnSameKey", "false", "true", "Bool"),
    )  # fmt: skip


@scenario
def what_is_signed_authenticated_and_agreed(world):
    kms = world.kms()

    def sign(key):
        kms.sign(KeyId=key["KeyId"], Message=b"m" * 32, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256")

    decided(world, "kms:Sign", sign, *equals("kms:SigningAlgorithm", "ECDSA_SHA_256", "ECDSA_SHA_384"), **PAIR)
    decided(world, "kms:Sign", sign, *equals("kms:MessageType", "DIGEST", "RAW"), **PAIR)
    decided(
        world, "kms:Sign",
        lambda key: kms.sign(KeyId=key["KeyId"], Message=b"m", SigningAlgorithm="ECDSA_SHA_256"),
        *equals("kms:MessageType", "RAW", "DIGEST"), **PAIR,
    )  # fmt: skip
    decided(
        world, "kms:GenerateMac",
        lambda key: kms.generate_mac(KeyId=key["KeyId"], Message=b"m", MacAlgorithm="HMAC_SHA_256"),
        *equals("kms:MacAlgorithm", "HMAC_SHA_256", "HMAC_SHA_512"), KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC",
    )  # fmt: skip
    peer = peers.public_half(peers.new_private_key("ECC_NIST_P256"))
    decided(
        world, "kms:DeriveSharedSecret",
        lambda key: kms.derive_shared_secret(KeyId=key["KeyId"], KeyAgreementAlgorithm="ECDH", PublicKey=peer),
        *equals("kms:KeyAgreementAlgorithm", "ECDH", "X25519"), KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT",
    )  # fmt: skip


@scenario
def material_that_is_brought(world):
    kms = world.kms()
    for holding, failing in (
        equals("kms:WrappingAlgorithm", "RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1"),
        equals("kms:WrappingKeySpec", "RSA_2048", "RSA_4096"),
    ):
        decided(
            world, "kms:GetParametersForImport", lambda key: parameters(kms, key["KeyId"]), holding, failing,
            Origin="EXTERNAL",
        )  # fmt: skip
    now = world.key()["CreationDate"]

    def bring(key, **terms):
        given = parameters(kms, key["KeyId"])
        kms.import_key_material(
            KeyId=key["KeyId"], ImportToken=given["ImportToken"],
            EncryptedKeyMaterial=wrap(os.urandom(32), given["PublicKey"]), **terms,
        )  # fmt: skip

    decided(
        world, "kms:ImportKeyMaterial", lambda key: bring(key, **FOREVER),
        *equals("kms:ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE", "KEY_MATERIAL_EXPIRES"), Origin="EXTERNAL",
    )  # fmt: skip
    soon, late = now + datetime.timedelta(days=30), now + datetime.timedelta(days=20)
    decided(
        world, "kms:ImportKeyMaterial", lambda key: bring(key, ValidTo=soon),
        {"DateLessThan": {"kms:ValidTo": (soon + datetime.timedelta(days=1)).isoformat()}},
        {"NumericLessThan": {"kms:ValidTo": int(late.timestamp())}}, Origin="EXTERNAL",
    )  # fmt: skip


@scenario
def what_becomes_of_the_key(world):
    kms = world.kms()
    decided(
        world, "kms:EnableKeyRotation",
        lambda key: kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=180),
        *equals("kms:RotationPeriodInDays", "200", "100", "NumericLessThanEquals"),
    )  # fmt: skip
    decided(
        world, "kms:EnableKeyRotation", lambda key: kms.enable_key_rotation(KeyId=key["KeyId"]),
        *equals("kms:RotationPeriodInDays", 365, 366, "NumericEquals"),
    )  # fmt: skip
    for given, value, other in (({"PendingWindowInDays": 7}, "7", "30"), ({}, "30", "7")):
        decided(
            world, "kms:ScheduleKeyDeletion",
            lambda key, given=given: kms.schedule_key_deletion(KeyId=key["KeyId"], **given),
            *equals("kms:ScheduleKeyDeletionPendingWindowInDays", value, other, "NumericEquals"),
        )  # fmt: skip
    decided(
        world, "kms:ReplicateKey",
        lambda key: kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion="eu-west-3"),
        *equals("kms:ReplicaRegion", "eu-west-3", "eu-west-2"), MultiRegion=True,
    )  # fmt: skip

    def promote(key):
        kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion="eu-west-1")
        advance(world, "1m")
        kms.update_primary_region(KeyId=key["KeyId"], PrimaryRegion="eu-west-1")

    decided(
        world, "kms:UpdatePrimaryRegion", promote, *equals("kms:PrimaryRegion", "eu-west-1", "us-west-1"), MultiRegion=True)  # fmt: skip
    bypass = {"BypassPolicyLockoutSafetyCheck": True}
    decided(
        world, "kms:PutKeyPolicy",
        lambda key: kms.put_key_policy(KeyId=key["KeyId"], Policy=policy(allow(FIRST.root)), **bypass),
        *equals("kms:BypassPolicyLockoutSafetyCheck", "true", "false", "Bool"), **bypass,
    )  # fmt: skip

    def disable_after_a_month(key):
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"p")
        advance(world, "31d")
        kms.disable_key(KeyId=key["KeyId"])

    decided(
        world, "kms:DisableKey", disable_after_a_month,
        *equals("kms:TrailingDaysWithoutKeyUsage", "30", "32", "NumericGreaterThanEquals"),
    )  # fmt: skip


@scenario
def the_alias_that_a_request_uses(world):
    kms = world.kms()
    number = iter(range(100))

    def by_alias(key):
        name = f"alias/conditions-{next(number)}"
        kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
        kms.encrypt(KeyId=name, Plaintext=b"p")

    decided(
        world, "kms:Encrypt", by_alias, *equals("kms:RequestAlias", "alias/conditions-*", "alias/other-*", "StringLike"))  # fmt: skip
    decided(
        world, "kms:Encrypt", lambda key: kms.encrypt(KeyId=key["KeyId"], Plaintext=b"p"),
        *equals("kms:RequestAlias", "true", "false", "Null"),
    )  # fmt: skip


@scenario
def who_asks_and_from_where(world):
    kms = world.kms()
    now = world.key()["CreationDate"]
    day = datetime.timedelta(days=1)
    for holding, failing in (
        equals("kms:CallerAccount", FIRST.number, SECOND.number), equals("aws:PrincipalAccount", FIRST.number, SECOND.number),
        equals("aws:PrincipalArn", FIRST.root, SECOND.root, "ArnEquals"), equals("aws:PrincipalType", "Account", "User"),
        equals("aws:userid", FIRST.number, SECOND.number), equals("aws:username", "true", "false", "Null"),
        equals("aws:RequestedRegion", "us-east-1", "eu-west-1"), equals("aws:ResourceAccount", FIRST.number, SECOND.number),
        equals("aws:SourceIp", "127.0.0.0/8", "10.0.0.0/8", "IpAddress"),
        equals("aws:SourceIp", "10.0.0.0/8", "127.0.0.1", "NotIpAddress"),
        equals("aws:SecureTransport", "false", "true", "Bool"), equals("aws:ViaAWSService", "false", "true", "Bool"),
        equals("aws:PrincipalIsAWSService", "false", "true", "Bool"),
        equals("aws:UserAgent", "*Boto3*", "*Terraform*", "StringLike"),
        equals("aws:CurrentTime", (now + 400 * day).isoformat(), (now - day).isoformat(), "DateLessThan"),
        equals("aws:EpochTime", int((now - day).timestamp()), int((now + 400 * day).timestamp()), "NumericGreaterThan"),
        equals("kms:ViaService", "true", "false", "Null"), equals("aws:PrincipalOrgID", "true", "false", "Null"),
        # In a key policy there is nothing under these.
        equals("kms:ResourceAliases", "true", "false", "Null"), equals("aws:ResourceTag/team", "true", "false", "Null"),
    ):  # fmt: skip
        decided(
            world, "kms:Encrypt", lambda key: kms.encrypt(KeyId=key["KeyId"], Plaintext=b"p"), holding, failing,
            Tags=[{"TagKey": "team", "TagValue": "blue"}],
        )  # fmt: skip


@scenario
def tags_of_a_request(world):
    kms = world.kms()

    def tag(key):
        kms.tag_resource(KeyId=key["KeyId"], Tags=[{"TagKey": "Team", "TagValue": "blue"}])

    for holding, failing in (
        equals("aws:RequestTag/team", "blue", "red"), equals("aws:TagKeys", "Team", "Cost", "ForAllValues:StringEquals")
    ):  # fmt: skip
        decided(world, "kms:TagResource", tag, holding, failing)
    decided(
        world, "kms:UntagResource", lambda key: kms.untag_resource(KeyId=key["KeyId"], TagKeys=["Team", "Cost"]),
        *equals("aws:TagKeys", ["Cost", "Team"], ["Team"], "ForAllValues:StringEquals"),
    )  # fmt: skip


@scenario
def a_call_from_another_account(world):
    ours, theirs = world.kms(), world.kms(SECOND)
    shared = world.key(
        Policy=policy(
            allow(FIRST.root),
            allow(SECOND.root, "kms:Encrypt", Condition={"StringEquals": {"kms:EncryptionContext:tenant": "second"}}),
        )
    )
    theirs.encrypt(KeyId=shared["Arn"], Plaintext=b"p", EncryptionContext={"tenant": "second"})
    for context in ({}, {"tenant": "first"}, {"Tenant ": "second"}):
        with refused("AccessDeniedException"):
            theirs.encrypt(KeyId=shared["Arn"], Plaintext=b"p", EncryptionContext=context)
    ours.encrypt(KeyId=shared["Arn"], Plaintext=b"p")


@scenario
def a_policy_that_its_condition_makes_unchangeable_is_refused(world):
    kms, key = world.kms(), world.key()
    for condition, accepted in (
        ({"StringEquals": {"kms:CallerAccount": FIRST.number}}, True),
        ({"StringEquals": {"kms:CallerAccount": SECOND.number}}, False),
        ({"IpAddress": {"aws:SourceIp": "127.0.0.1"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
    ):
        document = policy(allow(FIRST.root, Condition=condition))
        if accepted:
            kms.put_key_policy(KeyId=key["KeyId"], Policy=document)
            equal(kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"], "Enabled")
        else:
            with refused("MalformedPolicyDocumentException"):
                kms.put_key_policy(KeyId=key["KeyId"], Policy=document)


if __name__ == "__main__":
    run()
