"""GetKeyPolicy, PutKeyPolicy, ListKeyPolicies, and what a policy allows."""

import json

from harness import (
    FIRST, OTHER_REGION, REGION, SECOND, allow, deny, equal, members, policy, refused, run, scenario, shape_error,
)  # fmt: skip
from principals import make_user, may, may_not

LOCKOUT = "The new key policy will not allow you to update the key policy in the future."
PRINCIPALS = "Policy contains a statement with one or more invalid principals."
DEFAULT = """{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "%s"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}"""


def denied(action, arn, reason):
    return f"User: {FIRST.root} is not authorized to perform: kms:{action} on resource: {arn} {reason}"


@scenario
def a_key_without_a_policy_gets_the_default_one(world):
    kms, key = world.kms(), world.key()
    answer = kms.get_key_policy(KeyId=key["KeyId"])
    members(answer, "Policy", "PolicyName")
    equal(answer["PolicyName"], "default")
    equal(answer["Policy"], DEFAULT % FIRST.root)
    equal(kms.get_key_policy(KeyId=key["Arn"], PolicyName="default")["Policy"], answer["Policy"])
    listed = kms.list_key_policies(KeyId=key["KeyId"])
    members(listed, "PolicyNames", "Truncated")
    equal((listed["PolicyNames"], listed["Truncated"]), (["default"], False))


@scenario
def a_policy_is_returned_as_it_was_meant(world):
    kms = world.kms()
    text = json.dumps(
        {
            "Version": "2012-10-17",
            "Id": "mine",
            "Statement": [
                {**allow([FIRST.root, SECOND.root], ["kms:*"]), "Sid": "All of \u00fcs"},
                {"Effect": "Deny", "Principal": "*", "Action": "kms:ReplicateKey", "Resource": ["*"]},
            ],
        }
    )
    made = world.key(Policy=text)
    equal(json.loads(kms.get_key_policy(KeyId=made["KeyId"])["Policy"]), json.loads(text))
    key = world.key()
    members(kms.put_key_policy(KeyId=key["KeyId"], PolicyName="default", Policy=text))
    equal(json.loads(kms.get_key_policy(KeyId=key["KeyId"])["Policy"]), json.loads(text))


@scenario
def the_only_policy_is_called_default(world):
    kms, key = world.kms(), world.key()
    with refused("NotFoundException"):
        kms.get_key_policy(KeyId=key["KeyId"], PolicyName="other")
    with refused("NotFoundException"):
        kms.put_key_policy(KeyId=key["KeyId"], PolicyName="other", Policy=policy(allow(FIRST.root)))


def refused_policies():
    good = allow(FIRST.root)
    syntax = "Syntax errors in policy."
    without = {name: {k: v for k, v in good.items() if k != name} for name in ("Principal", "Effect")}
    cases = [
        ("not JSON", "{", syntax),
        ("a JSON string", '"policy"', syntax),
        ("an array", "[]", syntax),
        ("nothing in it", "{}", syntax),
        ("no statement", '{"Version":"2012-10-17"}', syntax),
        ("an empty list of statements", policy(), syntax),
        ("an unknown version", json.dumps({"Version": "2020-01-01", "Statement": [good]}), syntax),
        ("an unknown element", policy({**good, "Actions": "kms:*"}), syntax),
        ("an unknown element beside", json.dumps({"Statement": [good], "Extra": 1}), syntax),
        ("an unknown effect", policy({**good, "Effect": "allow"}), syntax),
        ("no effect", policy(without["Effect"]), syntax),
        ("a number for an action", policy({**good, "Action": 1}), syntax),
        ("both Action and NotAction", policy({**good, "NotAction": "kms:Encrypt"}), syntax),
        ("both Resource and NotResource", policy({**good, "NotResource": "*"}), syntax),
        ("a duplicate element", policy(good)[:-2] + ',"Effect":"Allow"}]}', syntax),
        ("an unknown operator", policy({**good, "Condition": {"StringIs": {"aws:username": "a"}}}), syntax),
        ("something after it", policy(good) + "x", syntax),
        ("no principal", policy(good, without["Principal"]), "Policy contains a statement with no principal."),
    ]
    for principal in (
        "arn:aws::1234:root", "arn:aws:iam::*:root", "arn:aws:iam::000000000000:user/*", "nobody", "",
        "arn:aws-cn:iam::000000000000:root", "arn:aws:iam::0000:root",
    ):  # fmt: skip
        cases.append((f"principal {principal!r}", policy(good, allow(principal)), PRINCIPALS))
    return cases


@scenario
def malformed_policies_are_refused_and_change_nothing(world):
    kms, key = world.kms(), world.key()
    before = kms.get_key_policy(KeyId=key["KeyId"])["Policy"]
    wrong = []
    for name, text, message in refused_policies():
        for write in (
            lambda text: kms.put_key_policy(KeyId=key["KeyId"], Policy=text),
            lambda text: kms.create_key(Policy=text),
        ):
            try:
                with refused("MalformedPolicyDocumentException", message):
                    write(text)
            except AssertionError as error:
                wrong.append(f"{name}: {error}")
    equal(kms.get_key_policy(KeyId=key["KeyId"])["Policy"], before)
    equal("\n".join(wrong), "", "policies with a wrong answer")
    with refused("InvalidArnException", "An ARN in the specified key policy is invalid."):
        kms.put_key_policy(
            KeyId=key["KeyId"], Policy=policy(allow(FIRST.root), allow(f"arn:aws:iam::{FIRST.number}:group/admins"))
        )


@scenario
def a_policy_is_at_most_32768_bytes(world):
    kms, key = world.kms(), world.key()

    def sized(count):
        short = policy({**allow(FIRST.root), "Sid": ""})
        return short.replace('"Sid": ""', '"Sid": "' + "s" * (count - len(short)) + '"')

    equal(len(sized(32768)), 32768)
    kms.put_key_policy(KeyId=key["KeyId"], Policy=sized(32768))
    with refused("LimitExceededException"):
        kms.put_key_policy(KeyId=key["KeyId"], Policy=sized(32769))
    with refused("LimitExceededException"):
        kms.create_key(Policy=sized(40000))
    broken = "\u0100"
    text = (
        f"Value '{broken}' at 'policy' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u00FF]+"
    )
    with refused("ValidationException", shape_error(text)):
        kms.put_key_policy(KeyId=key["KeyId"], Policy=broken)


@scenario
def a_policy_that_would_lock_its_writer_out_needs_the_bypass(world):
    kms, key = world.kms(), world.key()
    lockouts = [
        policy(allow(SECOND.root)),
        policy(allow(FIRST.root, ["kms:Encrypt", "kms:GetKeyPolicy"])),
        policy(allow(FIRST.root), deny(FIRST.root, "kms:Put*")),
        policy({k: v for k, v in allow(FIRST.root).items() if k != "Action"}),
        policy({k: v for k, v in allow(FIRST.root).items() if k != "Resource"}),
    ]
    for text in lockouts:
        with refused("MalformedPolicyDocumentException", LOCKOUT):
            kms.put_key_policy(KeyId=key["KeyId"], Policy=text)
        with refused("MalformedPolicyDocumentException", LOCKOUT):
            kms.put_key_policy(KeyId=key["KeyId"], Policy=text, BypassPolicyLockoutSafetyCheck=False)
        with refused("MalformedPolicyDocumentException", LOCKOUT):
            kms.create_key(Policy=text)
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"still allowed")
    for text in lockouts:
        made = world.key(Policy=text, BypassPolicyLockoutSafetyCheck=True)
        with refused("AccessDeniedException"):
            kms.put_key_policy(KeyId=made["KeyId"], Policy=policy(allow(FIRST.root)))


@scenario
def a_policy_without_the_root_locks_the_root_out(world):
    kms = world.kms()
    key = world.key(Policy=policy(allow(SECOND.root, "kms:Encrypt")), BypassPolicyLockoutSafetyCheck=True)
    attempts = {
        "Encrypt": lambda: kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x"),
        "DescribeKey": lambda: kms.describe_key(KeyId=key["KeyId"]),
        "GetKeyPolicy": lambda: kms.get_key_policy(KeyId=key["KeyId"]),
        "PutKeyPolicy": lambda: kms.put_key_policy(KeyId=key["KeyId"], Policy=policy(allow(FIRST.root))),
        "ScheduleKeyDeletion": lambda: kms.schedule_key_deletion(KeyId=key["KeyId"]),
        "DisableKey": lambda: kms.disable_key(KeyId=key["KeyId"]),
        "TagResource": lambda: kms.tag_resource(KeyId=key["KeyId"], Tags=[{"TagKey": "a", "TagValue": "b"}]),
    }
    for action, attempt in attempts.items():
        reason = f"because no resource-based policy allows the kms:{action} action"
        with refused("AccessDeniedException", denied(action, key["Arn"], reason)):
            attempt()


@scenario
def an_explicit_deny_wins(world):
    kms = world.kms()
    key = world.key(Policy=policy(allow(FIRST.root), deny("*", ["kms:encrypt", "kms:ReEncryptF*"])))
    other = world.key()
    with refused(
        "AccessDeniedException",
        denied("Encrypt", key["Arn"], "with an explicit deny in a resource-based policy"),
    ):
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    blob = kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256")["CiphertextBlob"]
    kms.decrypt(CiphertextBlob=blob)
    with refused(
        "AccessDeniedException",
        denied("ReEncryptFrom", key["Arn"], "with an explicit deny in a resource-based policy"),
    ):
        kms.re_encrypt(CiphertextBlob=blob, SourceKeyId=key["KeyId"], DestinationKeyId=other["KeyId"])
    foreign = kms.encrypt(KeyId=other["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    kms.re_encrypt(CiphertextBlob=foreign, DestinationKeyId=key["KeyId"])


@scenario
def actions_and_resources_match_with_wildcards(world):
    kms = world.kms()
    manage = ["kms:PutKeyPolicy", "kms:DescribeKey"]
    cases = [
        ({"Action": manage + ["KMS:ENCRYPT"]}, True),
        ({"Action": manage + ["kms:En*t"]}, True),
        ({"Action": manage + ["kms:Encryp?"]}, True),
        ({"Action": "*"}, True),
        ({"Action": manage + ["kms:Encryp"]}, False),
        ({"Action": manage + ["kms:Encrypt?"]}, False),
        ({"Action": manage + ["kms:Decrypt", "s3:*"]}, False),
    ]
    for change, allowed in cases:
        key = world.key(Policy=policy({**allow(FIRST.root), **change}))
        if allowed:
            kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
        else:
            with refused("AccessDeniedException"):
                kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    text = policy(
        {"Effect": "Allow", "Principal": {"AWS": FIRST.number}, "NotAction": "kms:Decrypt", "Resource": "*"}
    )
    key = world.key(Policy=text)
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    with refused("AccessDeniedException"):
        kms.decrypt(CiphertextBlob=blob, KeyId=key["KeyId"])
    elsewhere = {**allow(FIRST.root, "kms:Encrypt"), "Resource": "arn:aws:kms:us-east-1:000000000000:key/other"}
    key = world.key(Policy=policy(allow(FIRST.root, manage), elsewhere))
    with refused("AccessDeniedException"):
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")


@scenario
def a_condition_that_does_not_hold_never_allows(world):
    kms = world.kms()
    manage = allow(FIRST.root, ["kms:PutKeyPolicy"])
    conditional = allow(
        FIRST.root, "kms:Encrypt", Condition={"StringEquals": {"kms:EncryptionContext:purpose": "payroll"}}
    )
    key = world.key(Policy=policy(manage, conditional))
    with refused("AccessDeniedException"):
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"purpose": "other"})
    with refused("AccessDeniedException"):
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    forbidding = deny("*", "kms:Encrypt", Condition={"StringEquals": {"kms:EncryptionContext:purpose": "payroll"}})
    key = world.key(Policy=policy(allow(FIRST.root), forbidding))
    with refused("AccessDeniedException"):
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"purpose": "payroll"})



@scenario
def the_first_policy_is_checked_as_its_replacement_would_be(world):
    kms, own = world.kms(), {"StringEquals": {"kms:CallerAccount": FIRST.number}}
    elsewhere = {"StringNotEquals": {"kms:CallerAccount": FIRST.number}}
    tagged = {"StringEquals": {"aws:ResourceTag/a": "b"}}
    root = allow(FIRST.root)
    for statements, parameters, isAccepted in (
        ([allow(FIRST.root, Condition=own)], {}, True),
        ([allow(FIRST.root, Condition={"StringEquals": {"aws:ResourceAccount": FIRST.number}})], {}, True),
        ([root, deny(FIRST.root, "*", Condition=elsewhere)], {}, True),
        ([root, deny(FIRST.root, "kms:*", Condition=own)], {}, False),
        ([root, deny("*", "kms:*", Condition={"Null": {"aws:RequestTag/a": "false"}})],
         {"Tags": [{"TagKey": "a", "TagValue": "b"}]}, True),
        ([root, deny("*", "kms:*", Condition={"StringNotEquals": {"aws:RequestedRegion": REGION}})], {}, True),
    ):  # fmt: skip
        text = policy(*statements)
        made = world.key(Tags=parameters.get("Tags", []))["KeyId"]
        if isAccepted:
            world.key(Policy=text, **parameters)
            kms.put_key_policy(KeyId=made, PolicyName="default", Policy=text)
            continue
        for attempt in (
            lambda: kms.create_key(Policy=text, **parameters),
            lambda: kms.put_key_policy(KeyId=made, PolicyName="default", Policy=text),
        ):  # fmt: skip
            with refused("MalformedPolicyDocumentException"):
                attempt()
    primary = world.key(MultiRegion=True)["KeyId"]
    there = policy(allow(FIRST.root, Condition={"StringEquals": {"aws:RequestedRegion": OTHER_REGION}}))
    kms.replicate_key(KeyId=primary, ReplicaRegion=OTHER_REGION, Policy=there)


@scenario
def a_key_that_is_to_be_made_is_asked_about_as_a_key(world):
    tags = [{"TagKey": "a", "TagValue": "b"}]
    for condition in ({"StringEquals": {"kms:CallerAccount": FIRST.number}}, {"StringEquals": {"aws:ResourceTag/a": "b"}},
                      {"StringEquals": {"aws:ResourceAccount": FIRST.number}}, {"StringEquals": {"kms:KeySpec": "SYMMETRIC_DEFAULT"}}):  # fmt: skip
        user = make_user(world, may("kms:*", Condition=condition))
        world.kms(user).create_key(Tags=tags)
    guarded = make_user(world, may("kms:*"), may_not("kms:*", Condition={"StringNotEquals": {"kms:CallerAccount": FIRST.number}}))
    world.kms(guarded).create_key(Tags=tags)


if __name__ == "__main__":
    run()
