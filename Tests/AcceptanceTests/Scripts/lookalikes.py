"""Requests that say one thing to a policy and another to whoever carries them out; each must be refused or denied.

The Kelvin sign is the usual suspect: Unicode has it equal a K, as do texts of many languages, while policies and ciphertexts
know bytes.
"""

import json
import time

from harness import (
    FIRST, OTHER_REGION, REGION, SECOND, allow, deny, equal, holds, key_arn, policy, refused, run, scenario,
)  # fmt: skip
from principals import (
    FORM, ask, assume, element, forbidden, fresh, kms_call, make_role, make_user, managed_policy, may, may_not, permit,
    trust, when,
)  # fmt: skip
from raw import Wire, amz_date, sign

KELVIN = "\u212a"


def raw(world, account, operation, text):
    return kms_call(world, account, operation, text.encode())


@scenario
def a_member_of_a_json_object_is_there_once(world):
    kms, key = world.kms(), world.key()["KeyId"]
    user = make_user(world, may("kms:Decrypt", **when("StringEquals", "kms:EncryptionContext:Kind", "ok")))
    blob = kms_call(
        world, FIRST, "Encrypt", json.dumps({"KeyId": key, "Plaintext": "eA==", "EncryptionContext": {"Kind": "bad"}}).encode()
    ).json["CiphertextBlob"]
    for context in ('{"Kind":"ok","Kind":"bad"}', '{"Kind":"bad","Kind":"ok"}', '{"Kind":"ok","\\u004bind":"bad"}'):
        answer = raw(world, user, "Decrypt", f'{{"CiphertextBlob":"{blob}","EncryptionContext":{context}}}')
        equal((answer.status, answer.code), (400, "SerializationException"), f"{answer!r}")
    answer = raw(world, user, "Decrypt", f'{{"CiphertextBlob":"{blob}","EncryptionContext":{{"Kind":"bad"}}}}')
    equal((answer.status, answer.code), (400, "AccessDeniedException"), f"{answer!r}")
    many = ",".join(f'"k{number}":"v"' for number in range(40))
    answer = raw(world, FIRST, "Encrypt", f'{{"KeyId":"{key}","Plaintext":"eA==","EncryptionContext":{{{many},"k7":"w"}}}}')
    equal(answer.code, "SerializationException", f"{answer!r}")
    kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={f"k{number}": "v" for number in range(40)})


@scenario
def names_that_differ_in_case_alone_allow_nothing_and_deny(world):
    key = world.key()["KeyId"]
    two = {"class": "x", "Class": "secret"}
    denied = make_user(world, may("kms:*"), may_not("kms:Encrypt", **when("StringEquals", "kms:EncryptionContext:Class", "secret")))
    allowed = make_user(world, may("kms:Encrypt", **when("StringEquals", "kms:EncryptionContext:Class", "x")))
    for user in (denied, allowed):
        for context in (two, dict(reversed(two.items()))):
            with refused("AccessDeniedException"):
                world.kms(user).encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context)
        world.kms(user).encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"Class": "x"})
    tagger = make_user(world, may("kms:TagResource", **when("StringEquals", "aws:RequestTag/Team", "blue")))
    for tags in ({"TEAM": "blue", "Team": "green"}, {"Team": "green", "TEAM": "blue"}):
        with refused("AccessDeniedException"):
            world.kms(tagger).tag_resource(
                KeyId=key, Tags=[{"TagKey": name, "TagValue": value} for name, value in tags.items()])  # fmt: skip
    world.kms(tagger).tag_resource(KeyId=key, Tags=[{"TagKey": "Team", "TagValue": "blue"}])


@scenario
def an_arn_is_compared_byte_for_byte(world):
    admin = managed_policy(world, may("*"), PolicyName=fresh("KMSAdmin"))
    user = make_user(
        world, may(["iam:*", "sts:*"]), may_not("iam:AttachUserPolicy", **when("ArnLike", "iam:PolicyARN", admin[:-1] + "*")),
        may_not("iam:CreatePolicyVersion", admin), may_not("sts:AssumeRole", "arn:aws:iam::*:role/Key*"),
    )  # fmt: skip
    iam = world.client("iam", user)
    role = make_role(world, user, name=fresh("KeyAdmin"))
    for arn, codes in ((admin, ("AccessDenied",)), (admin.replace("KMS", KELVIN + "MS"), ("AccessDenied", "ValidationError"))):
        sent = {"UserName": user.name, "PolicyArn": arn}
        answer = ask(world, "AttachUserPolicy", sent, user)
        holds(answer.status in (400, 403) and element(answer, "Code") in codes, f"{answer!r}")
        sent = {"PolicyArn": arn, "PolicyDocument": policy(may("*")), "SetAsDefault": "true"}
        answer = ask(world, "CreatePolicyVersion", sent, user)
        holds(answer.status in (400, 403) and element(answer, "Code") in codes, f"{answer!r}")
    for arn in (role.arn, role.arn.replace("Key", KELVIN + "ey")):
        answer = ask(world, "AssumeRole", {"RoleArn": arn, "RoleSessionName": "work"}, user, "sts")
        holds(answer.status in (400, 403), f"{answer!r}")
    equal(iam.list_attached_user_policies(UserName=user.name)["AttachedPolicies"], [])


@scenario
def a_choice_of_the_model_is_spelled_as_the_model_spells_it(world):
    kms, key = world.kms(), world.key()["KeyId"]
    pair = world.key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyId"]
    for operation, sent in (
        ("CreateKey", {"KeySpec": f"ECC_SECG_P256{KELVIN}1", "KeyUsage": "SIGN_VERIFY"}),
        ("CreateKey", {"KeySpec": "ECC_NIST_P256", "KeyUsage": f"{KELVIN}EY_AGREEMENT"}),
        ("CreateKey", {"Origin": f"AWS_{KELVIN}MS"}),
        ("CreateGrant", {"KeyId": key, "GranteePrincipal": SECOND.root, "Operations": [f"GenerateData{KELVIN}ey"]}),
        ("Sign", {"KeyId": pair, "Message": "eA==", "SigningAlgorithm": f"RSASSA_P{KELVIN}CS1_V1_5_SHA_256"}),
    ):  # fmt: skip
        answer = raw(world, FIRST, operation, json.dumps(sent, ensure_ascii=False))
        equal((answer.status, answer.code), (400, "ValidationException"), f"{operation}: {answer!r}")
        holds("Member must satisfy enum value set" in answer.message, answer.message)


@scenario
def a_tag_takes_no_place_but_its_own(world):
    caller = make_user(world)
    both = ["sts:AssumeRole", "sts:TagSession"]
    restricted = may_not("kms:ListKeys", **when("StringEquals", "aws:PrincipalTag/Kind", "restricted"))
    role = make_role(world, [trust(caller.arn, both)], may("kms:*"), restricted, Tags=[{"Key": "Kind", "Value": "restricted"}])
    for key in ("other", KELVIN + "ind"):
        session = assume(world, caller, role, Tags=[{"Key": key, "Value": "x"}])
        with refused("AccessDeniedException"):
            world.kms(session).list_keys()
    iam, user = world.client("iam"), make_user(world, may("kms:*"), restricted, Tags=[{"Key": "Kind", "Value": "restricted"}])
    iam.tag_user(UserName=user.name, Tags=[{"Key": KELVIN + "ind", "Value": "x"}])
    iam.untag_user(UserName=user.name, TagKeys=[KELVIN + "IND"])
    with refused("AccessDeniedException"):
        world.kms(user).list_keys()
    iam.untag_user(UserName=user.name, TagKeys=["kIND"])
    world.kms(user).list_keys()
    # Composed and decomposed letters are two tags, too.
    role = make_role(
        world, [trust(caller.arn, both)], may("kms:*"),
        may_not("kms:ListKeys", **when("StringEquals", "aws:PrincipalTag/\u00e9", "restricted")),
        Tags=[{"Key": "\u00e9", "Value": "restricted"}],
    )  # fmt: skip
    answer = ask(
        world, "AssumeRole", {"RoleArn": role.arn, "RoleSessionName": "work", "Tags.member.1.Key": "e\u0301",
                              "Tags.member.1.Value": "x"}, caller, "sts")  # fmt: skip
    equal((answer.status, element(answer, "Code")), (400, "ValidationError"), f"{answer!r}")


@scenario
def tags_at_creation_are_tags(world):
    clerk = make_user(world, may(["iam:Create*"]), may_not(["iam:TagUser", "iam:TagRole", "iam:TagPolicy"]))
    iam, tags = world.client("iam", clerk), [{"Key": "department", "Value": "finance"}]
    trusted = policy(trust(clerk.arn))
    for create, parameters in (
        (iam.create_user, lambda: {"UserName": fresh("user")}),
        (iam.create_role, lambda: {"RoleName": fresh("role"), "AssumeRolePolicyDocument": trusted}),
        (iam.create_policy, lambda: {"PolicyName": fresh("policy"), "PolicyDocument": policy(may("kms:*"))}),
    ):  # fmt: skip
        with forbidden("AccessDenied"):
            create(**parameters(), Tags=tags)
        create(**parameters())


@scenario
def an_algorithm_is_that_of_the_operation(world):
    key = world.key()["KeyId"]
    condition = when("StringEquals", "kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT")
    user = make_user(world, may("kms:*"), may_not("kms:GenerateDataKey*", **condition))
    for algorithm in ({}, {"EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}):
        sent = json.dumps({"KeyId": key, "KeySpec": "AES_256", **algorithm})
        answer = raw(world, user, "GenerateDataKey", sent)
        equal((answer.status, answer.code), (400, "AccessDeniedException"), f"{answer!r}")


@scenario
def the_key_of_a_service_is_made_for_whoever_may_use_it(world):
    for region in ("eu-west-3", "eu-south-2"):
        nobody = make_user(world)
        for operation, sent in (
            ("Encrypt", {"KeyId": "alias/aws/ebs", "Plaintext": "eA=="}), ("DescribeKey", {"KeyId": "alias/aws/ebs"}),
        ):  # fmt: skip
            with refused("AccessDeniedException"):
                client = world.kms(nobody, region)
                client.encrypt(KeyId="alias/aws/ebs", Plaintext=b"x") if operation == "Encrypt" else client.describe_key(**sent)
        equal(world.kms(region=region).list_keys()["Keys"], [], "keys that nobody may use")
        world.kms(region=region).describe_key(KeyId="alias/aws/ebs")
        equal(len(world.kms(region=region).list_keys()["Keys"]), 1)


@scenario
def what_takes_too_long_to_compare_allows_nothing_and_denies(world):
    key = world.key()["KeyId"]
    pattern = "*${kms:EncryptionContext:b}x*"
    like = when("StringLike", "kms:EncryptionContext:a", pattern)
    denied, allowed = make_user(world, may("kms:*"), may_not("kms:Encrypt", **like)), make_user(world, may("kms:Encrypt", **like))
    for size, isDecided in ((50, True), (20_000, False)):
        context = {"a": "a" * size * 2, "b": "a" * size}
        for user, isAllowed in ((denied, isDecided), (allowed, False)):
            began = time.monotonic()
            sent = json.dumps({"KeyId": key, "Plaintext": "eA==", "EncryptionContext": context})
            answer = raw(world, user, "Encrypt", sent)
            holds(time.monotonic() - began < 1, f"{time.monotonic() - began:.1f} s")
            equal(answer.status, 200 if isAllowed else 400, f"{size}: {answer!r}"[:300])
    many = policy(*[may("iam:*", **when("StringLike", "aws:RequestTag/a", "*${aws:RequestTag/b}" * 8 + "x*"))] * 6)
    session = assume(world, caller := make_user(world), make_role(world, caller, may("iam:*")), Policy=many)
    began = time.monotonic()
    tags = {"Tags.member.1.Key": "a", "Tags.member.1.Value": "a" * 200_000, "Tags.member.2.Key": "b",
            "Tags.member.2.Value": "a" * 100_000}  # fmt: skip
    answer = ask(world, "CreateUser", {"UserName": fresh("user"), **tags}, session)
    equal((answer.status, element(answer, "Code")), (403, "AccessDenied"), f"{answer!r}"[:300])
    holds(time.monotonic() - began < 1, f"{time.monotonic() - began:.1f} s")


@scenario
def many_long_comparisons_take_no_longer_than_one(world):
    key, user = world.key()["KeyId"], make_user(world)
    names = "acdefghij"
    conditions = {
        operator: {f"kms:EncryptionContext:{name}": "*${kms:EncryptionContext:b}x*" for name in names}
        for operator in ("StringLike", "StringNotLike", "ForAnyValue:StringLike", "StringLikeIfExists")
    }
    for _ in range(10):
        arn = managed_policy(world, *[may("kms:Encrypt", Condition=conditions)] * 2)
        world.client("iam").attach_user_policy(UserName=user.name, PolicyArn=arn)
    context = {**{name: "a" * 6000 for name in names}, "b": "a" * 3000}
    began = time.monotonic()
    sent = json.dumps({"KeyId": key, "Plaintext": "eA==", "EncryptionContext": context})
    equal(raw(world, user, "Encrypt", sent).code, "AccessDeniedException")
    holds(time.monotonic() - began < 0.2, f"{time.monotonic() - began:.2f} s")


@scenario
def the_order_of_conditions_does_not_matter(world):
    key = world.key()["KeyId"]
    dept, account = ("kms:EncryptionContext:dept", "x"), ("aws:PrincipalAccount", "999999999999")
    for pair in ((dept, account), (account, dept)):
        user = make_user(world, may("kms:*"), may_not("kms:Encrypt", Condition={"StringEquals": dict(pair)}))
        world.kms(user).encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"dept": "a", "DEPT": "b"})
    # Long texts are compared where that is one pass.
    prefix = when("StringLike", "kms:EncryptionContext:a", "a" * 200 + "*")
    user = make_user(world, may("kms:*"), may_not("kms:Encrypt", **prefix))
    world.kms(user).encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "b" * 60_000})
    with refused("AccessDeniedException"):
        world.kms(user).encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "a" * 60_000})


@scenario
def a_form_has_no_more_members_than_any_request_needs(world):
    wire = Wire(world.endpoint)
    body = "&".join(str(number) for number in range(140_000)).encode()
    began = time.monotonic()
    answer = wire.send({"Host": wire.host, "Content-Type": FORM}, body)
    equal((answer.status, element(answer, "Code")), (400, "MalformedQueryString"), f"{answer!r}"[:300])
    holds(time.monotonic() - began < 0.2, f"{time.monotonic() - began:.2f} s")
    wire.close()


@scenario
def an_access_key_has_one_name(world):
    world.kms().list_keys()
    alike = type(FIRST)(FIRST.number, FIRST.access_key_id.replace("K", KELVIN), FIRST.secret_access_key)
    wire = Wire(world.endpoint)
    sent = wire.headers("ListKeys")
    sent["Authorization"] = sign("POST", "/", sent, b"{}", FIRST).replace(FIRST.access_key_id, alike.access_key_id).encode()
    answer = wire.send(sent, b"{}")
    equal((answer.status, answer.code), (400, "UnrecognizedClientException"), f"{answer!r}")
    wire.close()


@scenario
def iam_is_in_one_region_for_conditions(world):
    user = make_user(world, may("iam:ListUsers", **when("StringEquals", "aws:RequestedRegion", OTHER_REGION)))
    for region in (REGION, OTHER_REGION):
        equal(ask(world, "ListUsers", account=user, region=region).status, 403)
    permit(world, user, may("iam:ListUsers", **when("StringEquals", "aws:RequestedRegion", "us-east-1")))
    for region in (REGION, OTHER_REGION):
        equal(ask(world, "ListUsers", account=user, region=region).status, 200)


@scenario
def a_role_is_of_its_own_account(world):
    user = make_user(
        world, may("sts:AssumeRole"), may_not("sts:AssumeRole", **when("StringNotEquals", "aws:ResourceAccount", FIRST.number))
    )
    assume(world, user, make_role(world, user))
    theirs = make_role(world, user, account=SECOND)
    with forbidden("AccessDenied"):
        assume(world, user, theirs)


run()
