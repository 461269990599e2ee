"""AssumeRole: who may, for how long, and with what."""

import datetime
import re

from harness import FIRST, SECOND, equal, holds, policy, refused, run, scenario, shape_error
from principals import (
    assume, delete_role, denied_by, denied_text, make_role, make_user, managed_policy, may, may_not,
    no_session_policy, permit, role_arn, trust, user_session, when,
)  # fmt: skip

ASSUME = "sts:AssumeRole"
WITH_TAGS = [ASSUME, "sts:TagSession"]
INPUT = "InvalidParameterValue"


def try_assume(world, caller, arn, **parameters):
    return world.client("sts", caller).assume_role(
        **{"RoleArn": getattr(arn, "arn", arn), "RoleSessionName": "work", **parameters})


def no_role(who, role, action=ASSUME):
    """The refusal of AssumeRole, which gives no reason."""
    return refused("AccessDenied", denied_text(who, action, f"resource: {getattr(role, 'arn', role)}"), 403)


def lasts(answer, seconds):
    left = answer["Credentials"]["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    holds(seconds - 60 < left.total_seconds() <= seconds + 1, f"{left} left, and not {seconds} s")
    equal(answer["Credentials"]["Expiration"].microsecond, 0)


def tags(**values):
    return [{"Key": key, "Value": value} for key, value in values.items()]


@scenario
def a_session_is_of_the_role_that_trusts(world):
    user = make_user(world)
    role = make_role(world, user, may("kms:GenerateRandom"), Path="/service/")
    answer = try_assume(world, user, role, RoleSessionName="a+=,.@_-Z")
    known = {"Arn": role.session_arn("a+=,.@_-Z"), "AssumedRoleId": f"{role.identifier}:a+=,.@_-Z"}
    equal(answer["AssumedRoleUser"], known)
    holds("/service/" not in known["Arn"], "a session's ARN is without the path")
    equal(set(answer) - {"ResponseMetadata"}, {"Credentials", "AssumedRoleUser"})
    lasts(answer, 3600)
    session, other = assume(world, user, role), assume(world, user, role)
    holds(session.access_key_id != other.access_key_id, "each session has its own credentials")
    for one in (session, other):
        world.kms(one).generate_random(NumberOfBytes=1)
        with refused("AccessDeniedException"):
            world.kms(one).list_keys()
    with refused("AccessDeniedException"):
        world.kms(user).generate_random(NumberOfBytes=1)


@scenario
def who_is_named_needs_no_policy_and_who_is_of_the_account_does(world):
    named, other = make_user(world), make_user(world)
    role = make_role(world, named)
    assume(world, named, role)
    with no_role(other, role):
        try_assume(world, other, role)
    # A permission alone is nothing to a role that does not trust.
    permit(world, other, may(ASSUME))
    with no_role(other, role):
        try_assume(world, other, role)
    for account_name in (FIRST.root, FIRST.number):
        role = make_role(world, account_name)
        with no_role(named, role):
            try_assume(world, named, role)
        assume(world, other, role)
        for statement, allowed in (
            (may(ASSUME, role.arn), True), (may("sts:*", role_arn("*")), True), (may("*"), True),
            (may(ASSUME, role_arn("another")), False), (may("sts:GetSessionToken"), False), (may("iam:*"), False),
        ):  # fmt: skip
            permit(world, named, statement)
            if allowed:
                assume(world, named, role)
            else:
                with no_role(named, role):
                    try_assume(world, named, role)
        permit(world, named)
    everybody = make_role(world, "*")
    assume(world, make_user(world), everybody)


@scenario
def roles_and_sessions_can_be_trusted(world):
    user = make_user(world)
    first, second = make_role(world, user), make_role(world, user)
    one, two, other = assume(world, user, first, "one"), assume(world, user, first, "two"), assume(world, user, second)
    of_role, of_session = make_role(world, first), make_role(world, one)
    assume(world, one, of_role)
    assume(world, two, of_role)
    assume(world, one, of_session)
    for who, role in ((two, of_session), (other, of_role), (other, of_session), (user, of_role), (user, of_session)):
        with no_role(who, role):
            try_assume(world, who, role)
    of_account = make_role(world, FIRST)
    with no_role(one, of_account):
        try_assume(world, one, of_account)
    permit(world, first, may(ASSUME, of_account.arn))
    assume(world, one, of_account)


@scenario
def explicit_denials_boundaries_and_session_policies_apply_to_the_caller(world):
    user = make_user(world, may("*"))
    role = make_role(world, user)
    permit(world, user, may("*"), may_not(ASSUME, role.arn))
    with refused("AccessDenied", re.compile(re.escape(denied_text(user, ASSUME, f"resource: {role.arn}")) + "( .*)?"), 403):
        try_assume(world, user, role)
    permit(world, user)
    denying = make_role(world, [trust("*"), {**trust(user.arn), "Effect": "Deny"}])
    with refused("AccessDenied", http=403):
        try_assume(world, user, denying)
    of_account, boundary = make_role(world, FIRST), managed_policy(world, may("kms:*"))
    bounded = make_user(world, may("*"), PermissionsBoundary=boundary)
    with refused("AccessDenied", http=403):
        try_assume(world, bounded, of_account)
    world.client("iam").delete_user_permissions_boundary(UserName=bounded.name)
    assume(world, bounded, of_account)
    caller = make_role(world, user, may("*"))
    narrow = assume(world, user, caller, Policy=policy(may("kms:*")))
    with refused("AccessDenied", http=403):
        try_assume(world, narrow, of_account)
    assume(world, assume(world, user, caller), of_account)


@scenario
def unknown_roles_are_refused_like_any(world):
    user = make_user(world, may("*"))
    role = make_role(world, user, Path="/service/")
    unknown = [role_arn("nobody"), role_arn("nobody", SECOND), role.arn + "x", role_arn("nobody").replace("0", "9")]
    for arn in [*unknown, role_arn(role.name), role.arn.replace("arn:aws:", "arn:aws-cn:")]:
        with no_role(user, arn):
            try_assume(world, user, arn)
    delete_role(world, role)
    with no_role(user, role):
        try_assume(world, user, role)
    for account in (FIRST, SECOND):
        role = make_role(world, "*", account=account)
        for arn in (role.arn, role_arn("nobody")):
            with refused("AccessDenied", "Roles may not be assumed by root accounts.", 403):
                try_assume(world, account, arn)


@scenario
def another_account_has_to_allow_it_too(world):
    theirs = make_user(world, account=SECOND)
    for trusted in (SECOND.root, theirs.arn, "*"):
        role = make_role(world, trusted, may("kms:GenerateRandom"))
        permit(world, theirs, account=SECOND)
        with no_role(theirs, role):
            try_assume(world, theirs, role)
        permit(world, theirs, may(ASSUME, role.arn), account=SECOND)
        session = assume(world, theirs, role)
        equal(world.client("sts", session).get_caller_identity()["Account"], FIRST.number)
        made = world.kms(session).generate_random(NumberOfBytes=1)
        equal(len(made["Plaintext"]), 1)
    closed = make_role(world, FIRST)
    permit(world, theirs, may("*"), account=SECOND)
    with no_role(theirs, closed):
        try_assume(world, theirs, closed)


@scenario
def an_external_id_is_what_a_stranger_has_to_say(world):
    user = make_user(world)
    role = make_role(world, [trust(user.arn, **when("StringEquals", "sts:ExternalId", "a:/b=12"))])
    assume(world, user, role, ExternalId="a:/b=12")
    for wrong in ({}, {"ExternalId": "a:/b=1"}, {"ExternalId": "A:/b=12"}):
        with no_role(user, role):
            try_assume(world, user, role, **wrong)
    for bad in ("x", "", "a b", "\u00e9\u00e9", "x" * 1225):
        with refused("ValidationError"):
            try_assume(world, user, role, ExternalId=bad)
    unsaid = make_role(world, [trust(user.arn, **when("Null", "sts:ExternalId", "true"))])
    assume(world, user, unsaid)
    with no_role(user, unsaid):
        try_assume(world, user, unsaid, ExternalId="something")
    by_name = make_role(world, [trust(FIRST.root, **when("StringEquals", "aws:username", user.name))])
    permit(world, user, may(ASSUME))
    assume(world, user, by_name)
    other = make_user(world, may(ASSUME))
    with no_role(other, by_name):
        try_assume(world, other, by_name)


@scenario
def a_session_has_a_length(world):
    user = make_user(world)
    role, long = make_role(world, user), make_role(world, user, MaxSessionDuration=43200)
    for duration in (900, 3600):
        lasts(try_assume(world, user, role, DurationSeconds=duration), duration)
    lasts(try_assume(world, user, long, DurationSeconds=43200), 43200)
    lasts(try_assume(world, user, long), 3600)
    too_long = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    for duration in (3601, 43200):
        with refused("ValidationError", too_long):
            try_assume(world, user, role, DurationSeconds=duration)
    for duration, bound in ((899, "greater than or equal to 900"), (43201, "less than or equal to 43200")):
        text = f"Value '{duration}' at 'durationSeconds' failed to satisfy constraint: Member must have value {bound}"
        with refused("ValidationError", shape_error(text)):
            try_assume(world, user, long, DurationSeconds=duration)


@scenario
def a_role_assumed_by_a_role_lasts_an_hour(world):
    user = make_user(world)
    first = make_role(world, user, MaxSessionDuration=43200)
    second = make_role(world, [trust([first.arn, user.arn])], MaxSessionDuration=43200)
    session = assume(world, user, first, DurationSeconds=43200)
    lasts(try_assume(world, session, second, DurationSeconds=3600), 3600)
    lasts(try_assume(world, session, second), 3600)
    text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
    for duration in (3601, 43200):
        with refused("ValidationError", text):
            try_assume(world, session, second, DurationSeconds=duration)
    lasts(try_assume(world, user_session(world, user), second, DurationSeconds=7200), 7200)


@scenario
def what_a_session_is_called_and_named_by(world):
    user = make_user(world)
    role = make_role(world, user)
    for name in ("ab", "x" * 64):
        assume(world, user, role, name)
    text = "Value 'x:2' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: "
    with refused("ValidationError", shape_error(text + r"[\w+=,.@-]*")):
        try_assume(world, user, role, RoleSessionName="x:2")
    for bad in ("x", "", "x" * 65, "a b", "\u00e9\u00e9", "a/b", "a\n"):
        with refused("ValidationError"):
            try_assume(world, user, role, RoleSessionName=bad)
    for bad in ("not-an-arn-but-long-enough", "arn:aws:iam::12:role/short-account", "arn:aws:s3:::bucket/long/enough"):
        with refused("ValidationError", f"{bad} is invalid"):
            try_assume(world, user, bad)
    for bad in ("short", "x" * 2049):
        with refused("ValidationError"):
            try_assume(world, user, bad)
    full = {"RoleArn": role.arn, "RoleSessionName": "work"}
    for missing in full:
        with refused("ValidationError"):
            world.client("sts", user).assume_role(**{name: value for name, value in full.items() if name != missing})


@scenario
def session_policies_narrow_and_never_widen(world):
    user, key, other = make_user(world), world.key(), world.key()
    role = make_role(world, user, may(["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"]))
    managed = managed_policy(world, may(["kms:Decrypt", "kms:DescribeKey"]))
    inline = policy(may(["kms:Encrypt", "kms:ListKeys"], key["Arn"]))
    blob = world.kms().encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]

    def can(session):
        kms, able = world.kms(session), set()
        for name, call in {
            "Encrypt": lambda: kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x"),
            "Encrypt other": lambda: kms.encrypt(KeyId=other["KeyId"], Plaintext=b"x"),
            "Decrypt": lambda: kms.decrypt(CiphertextBlob=blob, KeyId=key["KeyId"]),
            "GenerateDataKey": lambda: kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256"),
            "DescribeKey": lambda: kms.describe_key(KeyId=key["KeyId"]), "ListKeys": kms.list_keys,
        }.items():  # fmt: skip
            try:
                call()
                able.add(name)
            except kms.exceptions.ClientError as error:
                equal(error.response["Error"]["Code"], "AccessDeniedException")
        return able

    by_role = {"Encrypt", "Encrypt other", "Decrypt", "GenerateDataKey"}
    equal(can(assume(world, user, role)), by_role)
    equal(can(assume(world, user, role, Policy=inline)), {"Encrypt"})
    equal(can(assume(world, user, role, PolicyArns=[{"arn": managed}])), {"Decrypt"})
    both = {"Policy": inline, "PolicyArns": [{"arn": managed}]}
    equal(can(assume(world, user, role, **both)), {"Encrypt", "Decrypt"})
    equal(can(assume(world, user, role, Policy=policy(may("*"), may_not("kms:Decrypt")))), by_role - {"Decrypt"})
    narrow = assume(world, user, role, Policy=inline)
    with refused(
        "AccessDeniedException", denied_text(
            narrow, "kms:GenerateDataKey", f"resource: {key['Arn']}", no_session_policy("kms:GenerateDataKey")),
    ):  # fmt: skip
        world.kms(narrow).generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256")
    denying = assume(world, user, role, Policy=policy(may("*"), may_not("kms:Encrypt")))
    with refused("AccessDeniedException", denied_by(denying, "kms:Encrypt", f"resource: {key['Arn']}", "a session policy")):
        world.kms(denying).encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    answer = try_assume(world, user, role, **both)
    holds(0 < answer["PackedPolicySize"] <= 100, "how much of the room is used, in percent")


@scenario
def session_policies_that_are_none(world):
    user, arn = make_user(world), managed_policy(world, may("kms:*"))
    role = make_role(world, user, may("kms:*"))
    for bad in ("{", "[]", policy(), policy({**may("kms:*"), "Principal": "*"}), policy({"Effect": "Allow", "Action": "*"}),
                policy(may("Encrypt"))):  # fmt: skip
        with refused("MalformedPolicyDocument"):
            try_assume(world, user, role, Policy=bad)
    with refused("ValidationError"):
        try_assume(world, user, role, Policy=policy({**may("kms:*"), "Sid": "s" * 2048}))
    with refused("ValidationError"):
        try_assume(world, user, role, PolicyArns=[{"arn": arn}] * 11)
    for bad in (arn + "x", "nonsense that is long enough", managed_policy(world, may("kms:*"), account=SECOND)):
        try:
            try_assume(world, user, role, PolicyArns=[{"arn": bad}])
        except world.client("sts").exceptions.ClientError as error:
            equal(error.response["ResponseMetadata"]["HTTPStatusCode"] // 100, 4)
            continue
        raise AssertionError(f"the session policy {bad} is accepted")


@scenario
def session_tags_need_to_be_permitted_and_override_those_of_the_role(world):
    user, key = make_user(world), world.key()
    closed = make_role(world, user)
    text = re.escape(denied_text(user, "sts:TagSession", f"resource: {closed.arn}")) + "( .*)?"
    with refused("AccessDenied", re.compile(text), 403):
        try_assume(world, user, closed, Tags=tags(team="blue"))
    needs_blue = may("kms:Encrypt", **when("StringEquals", "aws:PrincipalTag/team", "blue"))
    role = make_role(world, [trust(user.arn, WITH_TAGS)], needs_blue, Tags=tags(Team="red", other="kept"))

    def encrypts(**parameters):
        session = assume(world, user, role, **parameters)
        try:
            world.kms(session).encrypt(KeyId=key["KeyId"], Plaintext=b"x")
        except world.kms().exceptions.ClientError as error:
            equal(error.response["Error"]["Code"], "AccessDeniedException")
            return False
        return True

    equal([encrypts(), encrypts(Tags=tags(team="blue")), encrypts(Tags=tags(team="green")), encrypts(Tags=tags(x="blue"))],
          [False, True, False, False])  # fmt: skip
    holds(try_assume(world, user, role, Tags=tags(team="blue"))["PackedPolicySize"] > 0, "tags take room")
    world.client("iam").tag_role(RoleName=role.name, Tags=tags(Team="blue"))
    equal([encrypts(), encrypts(Tags=tags(team="red"))], [True, False])
    permit(world, role, may("kms:Encrypt", **when("StringEquals", "aws:PrincipalTag/other", "kept")))
    equal(encrypts(Tags=tags(team="red")), True, "a tag of the role that the session does not give again")
    duplicates = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
    with refused(INPUT, duplicates):
        try_assume(world, user, role, Tags=tags(a="1", A="2"))
    with refused(INPUT, "The specified transitive tag key must be included in the requested tags."):
        try_assume(world, user, role, Tags=tags(a="1"), TransitiveTagKeys=["b"])
    for bad in ([{"Key": f"k{number}", "Value": ""} for number in range(51)], tags(**{"k" * 129: ""}), tags(a="v" * 257)):
        with refused("ValidationError"):
            try_assume(world, user, role, Tags=bad)


@scenario
def transitive_tags_go_along(world):
    user, key = make_user(world), world.key()
    first = make_role(world, [trust(user.arn, WITH_TAGS)])
    needs_blue = may("kms:Encrypt", **when("StringEquals", "aws:PrincipalTag/team", "blue"))
    second = make_role(world, [trust(first.arn, WITH_TAGS)], needs_blue, Tags=tags(team="red"))
    going = assume(world, user, first, Tags=tags(team="blue", cost="7"), TransitiveTagKeys=["team"])
    staying = assume(world, user, first, Tags=tags(team="blue"))
    world.kms(assume(world, going, second)).encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    with refused("AccessDeniedException"):
        world.kms(assume(world, staying, second)).encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    conflict = (
        "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the "
        "calling session."
    )
    with refused(INPUT, conflict):
        try_assume(world, going, second, Tags=tags(Team="red"), TransitiveTagKeys=["Team"])
    world.kms(assume(world, going, second, Tags=tags(cost="8"))).encrypt(KeyId=key["KeyId"], Plaintext=b"x")


@scenario
def a_session_says_who_is_behind_it(world):
    user, key = make_user(world), world.key()
    known = may("kms:Encrypt", **when("StringEquals", "aws:SourceIdentity", "somebody"))
    role = make_role(world, [trust(user.arn, [ASSUME, "sts:SetSourceIdentity"])], known)
    answer = try_assume(world, user, role, SourceIdentity="somebody")
    equal(answer["SourceIdentity"], "somebody")
    world.kms(assume(world, user, role, SourceIdentity="somebody")).encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    for terms in ({}, {"SourceIdentity": "another"}):
        with refused("AccessDeniedException"):
            world.kms(assume(world, user, role, **terms)).encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    for bad in ("x", "a b", "x" * 65):
        with refused("ValidationError"):
            try_assume(world, user, role, SourceIdentity=bad)


if __name__ == "__main__":
    run()
