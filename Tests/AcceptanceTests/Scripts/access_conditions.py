"""Conditions and variables that only identities give a value to, and those that only their policies know."""

import datetime
import json

from harness import FIRST, REGION, SECOND, advance, alias_arn, allow, deny, equal, key_arn, policy, refused, run, scenario
from principals import (
    assume, fresh, make_role, make_user, managed_policy, may, may_not, permit, trust, user_arn, user_session, when, working,
)  # fmt: skip

DENIED = "AccessDeniedException"


def tags(**values):
    return [{"Key": key, "Value": value} for key, value in values.items()]


def key_tags(**values):
    return [{"TagKey": key, "TagValue": value} for key, value in values.items()]


def allowed(world, who, key):
    """Whether the caller may encrypt with the key."""
    kms = world.kms(who)
    try:
        kms.encrypt(KeyId=key["Arn"], Plaintext=b"x")
    except kms.exceptions.ClientError as error:
        equal(error.response["Error"]["Code"], DENIED)
        return False
    return True


def in_key_policy(world, who, condition):
    """Whether the condition holds for the caller in a key policy, where it allows and where it denies."""
    everybody = allow("*", "kms:Encrypt")
    allowing = world.key(Policy=policy(allow(FIRST.root), {**everybody, **condition}))
    denying = world.key(Policy=policy(allow(FIRST.root), everybody, {**deny("*", "kms:Encrypt"), **condition}))
    holds_there, fails_there = allowed(world, who, allowing), allowed(world, who, denying)
    equal(holds_there, not fails_there, f"{condition} for {who.arn}, as permission and as denial")
    return holds_there


def in_identity_policy(world, user, key, condition):
    """The same in a policy of the user."""
    permit(world, user, may("kms:Encrypt", "*", **condition))
    holds_there = allowed(world, user, key)
    permit(world, user, may("kms:Encrypt"), may_not("kms:Encrypt", "*", **condition))
    equal(allowed(world, user, key), not holds_there, f"{condition} as a denial")
    return holds_there


@scenario
def who_somebody_is_can_be_asked_for(world):
    user, caller = make_user(world, Path="/staff/", Tags=tags(Team="blue")), make_user(world)
    role = make_role(world, caller, Path="/service/", Tags=tags(Team="red"))
    session, own = assume(world, caller, role, "work"), user_session(world, user)
    now = datetime.datetime.now(datetime.timezone.utc)
    hour = datetime.timedelta(hours=1)
    soon, before = (now + hour).isoformat(), (now - hour).isoformat()
    everybody = [user, own, session]
    for condition, expected in (
        (when("StringEquals", "aws:username", user.name), [user, own]),
        (when("StringEquals", "aws:username", user.name.upper()), []),
        (when("Null", "aws:username", "true"), [session]),
        (when("StringEquals", "aws:userid", user.identifier), [user, own]),
        (when("StringEquals", "aws:userid", f"{role.identifier}:work"), [session]),
        (when("StringLike", "aws:userid", f"{role.identifier}:*"), [session]),
        (when("StringEquals", "aws:PrincipalType", "User"), [user, own]),
        (when("StringEquals", "aws:PrincipalType", "AssumedRole"), [session]),
        (when("ArnEquals", "aws:PrincipalArn", user.arn), [user, own]),
        (when("ArnEquals", "aws:PrincipalArn", role.arn), [session]),
        (when("ArnEquals", "aws:PrincipalArn", session.arn), []),
        (when("ArnLike", "aws:PrincipalArn", user_arn("staff/*")), [user, own]),
        (when("StringEquals", "aws:PrincipalAccount", FIRST.number), everybody),
        (when("StringEquals", "kms:CallerAccount", FIRST.number), everybody),
        (when("StringEquals", "aws:PrincipalTag/Team", "blue"), [user, own]),
        (when("StringEquals", "aws:principaltag/TEAM", ["blue", "red"]), everybody),
        (when("StringNotEquals", "aws:PrincipalTag/team", "blue"), [session]),
        (when("Null", "aws:PrincipalTag/cost", "true"), everybody),
        (when("Null", "aws:TokenIssueTime", "true"), [user]),
        (when("DateGreaterThan", "aws:TokenIssueTime", before), [own, session]),
        (when("DateGreaterThan", "aws:TokenIssueTime", soon), []),
        (when("DateLessThan", "aws:TokenIssueTime", soon), [own, session]),
        (when("Null", "aws:MultiFactorAuthPresent", "true"), [user]),
        (when("Bool", "aws:MultiFactorAuthPresent", "false"), [own, session]),
        (when("BoolIfExists", "aws:MultiFactorAuthPresent", "false"), everybody),
        (when("Bool", "aws:MultiFactorAuthPresent", "true"), []),
        (when("Null", "aws:MultiFactorAuthAge", "false"), []),
        (when("Null", "aws:SourceIdentity", "false"), []),
        (when("Bool", "aws:PrincipalIsAWSService", "false"), everybody),
    ):
        for who in everybody:
            equal(in_key_policy(world, who, condition), who in expected, f"{condition} for {who.arn}")


@scenario
def a_principals_tags_count_as_they_are_now(world):
    iam, user, key = world.client("iam"), make_user(world), world.key()
    permit(world, user, may("kms:Encrypt", "*", **when("StringEquals", "aws:PrincipalTag/team", "blue")))
    equal(allowed(world, user, key), False)
    iam.tag_user(UserName=user.name, Tags=tags(Team="blue"))
    equal(allowed(world, user, key), True)
    iam.tag_user(UserName=user.name, Tags=tags(Team="red"))
    equal(allowed(world, user, key), False)
    iam.tag_user(UserName=user.name, Tags=tags(Team="blue"))
    equal(allowed(world, user, key), True)
    iam.untag_user(UserName=user.name, TagKeys=["Team"])
    equal(allowed(world, user, key), False)


@scenario
def tags_of_the_key_are_known_to_policies_of_identities(world):
    user, key, plain = make_user(world), world.key(Tags=key_tags(Team="blue")), world.key()
    for condition, on_key, on_plain in (
        (when("StringEquals", "aws:ResourceTag/Team", "blue"), True, False),
        (when("StringEquals", "aws:resourcetag/team", "blue"), True, False),
        (when("StringEquals", "aws:ResourceTag/Team", "red"), False, False),
        (when("StringNotEquals", "aws:ResourceTag/Team", "red"), True, True),
        (when("Null", "aws:ResourceTag/Team", "true"), False, True),
        (when("StringEqualsIfExists", "aws:ResourceTag/Team", "red"), False, True),
    ):
        equal(in_identity_policy(world, user, key, condition), on_key, f"{condition} for the key with a tag")
        equal(in_identity_policy(world, user, plain, condition), on_plain, f"{condition} for the key without")
    # A key policy sees none.
    missing = allow("*", "kms:Encrypt", **when("Null", "aws:ResourceTag/Team", "true"))
    tagged = world.key(Policy=policy(allow(FIRST.root), missing), Tags=key_tags(Team="blue"))
    equal(allowed(world, make_user(world), tagged), True)
    permit(world, user, may("kms:Encrypt", "*", **when("StringEquals", "aws:ResourceTag/Team", "blue")))
    world.kms().tag_resource(KeyId=plain["KeyId"], Tags=key_tags(Team="blue"))
    world.kms().untag_resource(KeyId=key["KeyId"], TagKeys=["Team"])
    equal([allowed(world, user, plain), allowed(world, user, key)], [True, False])


@scenario
def aliases_of_the_key_are_known_to_policies_of_identities(world):
    user, key, name = make_user(world), world.key(), "alias/known-" + fresh("a")
    any_of = {"Condition": {"ForAnyValue:StringLike": {"kms:ResourceAliases": ["alias/known-*"]}}}
    all_of = {"Condition": {"ForAllValues:StringEquals": {"kms:ResourceAliases": [name]}}}
    none = when("Null", "kms:ResourceAliases", "true")

    def decisions():
        return [in_identity_policy(world, user, key, condition) for condition in (any_of, all_of, none)]

    equal(decisions(), [False, True, True])
    world.kms().create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    equal(decisions(), [True, True, False])
    world.kms().create_alias(AliasName=name + "-too", TargetKeyId=key["KeyId"])
    equal(decisions(), [True, False, False])
    other = world.key()
    for each in (name, name + "-too"):
        world.kms().update_alias(AliasName=each, TargetKeyId=other["KeyId"])
    equal(decisions(), [False, True, True])
    named = world.key(Policy=policy(allow(FIRST.root), {**allow("*", "kms:Encrypt"), **none}))
    world.kms().create_alias(AliasName=name + "-unseen", TargetKeyId=named["KeyId"])
    equal(allowed(world, make_user(world), named), True, "a key policy sees none")


@scenario
def how_the_key_is_named_is_known_to_policies_of_identities(world):
    user, key, name = make_user(world), world.key(), "alias/" + fresh("named")
    world.kms().create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    permit(world, user, may("kms:Encrypt", "*", **when("StringEquals", "kms:RequestAlias", name)))
    kms = world.kms(user)
    for by in (name, alias_arn(name)):
        kms.encrypt(KeyId=by, Plaintext=b"x")
    for by in (key["KeyId"], key["Arn"]):
        with refused(DENIED):
            kms.encrypt(KeyId=by, Plaintext=b"x")
    permit(world, user, may("kms:Encrypt", "*", **when("StringEquals", "kms:EncryptionContext:user", "${aws:username}")))
    kms.encrypt(KeyId=name, Plaintext=b"x", EncryptionContext={"user": user.name})
    with refused(DENIED):
        kms.encrypt(KeyId=name, Plaintext=b"x", EncryptionContext={"user": "another"})
    permit(world, user, may("kms:CreateKey", "*", **when("StringEquals", "kms:KeySpec", "HMAC_256")))
    kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    with refused(DENIED):
        kms.create_key()
    asked = {"StringEquals": {"aws:RequestTag/Owner": "${aws:username}"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["Owner"]}}
    permit(world, user, may(["kms:CreateKey", "kms:TagResource"], "*", Condition=asked))
    kms.create_key(Tags=key_tags(Owner=user.name))
    for wrong in ({}, {"Tags": key_tags(Owner="another")}, {"Tags": key_tags(Owner=user.name, more="x")}):
        with refused(DENIED):
            kms.create_key(**wrong)
    permit(world, user, may("kms:ListKeys", "*", **when("StringEquals", "aws:RequestedRegion", "eu-west-1")))
    world.kms(user, "eu-west-1").list_keys()
    with refused(DENIED):
        kms.list_keys()


@scenario
def a_name_in_a_resource_is_the_callers(world):
    aliases = alias_arn("alias/${aws:username}-*").replace(REGION, "*")
    statement = may(["kms:CreateAlias", "kms:DeleteAlias"], [aliases, "arn:aws:kms:*:*:key/*"])
    group = fresh("group")
    iam = world.client("iam")
    iam.create_group(GroupName=group)
    iam.put_group_policy(GroupName=group, PolicyName="own", PolicyDocument=policy(statement))
    users, key = [make_user(world) for _ in range(2)], world.key()
    for user in users:
        iam.add_user_to_group(GroupName=group, UserName=user.name)
    for user, other in (users, users[::-1]):
        kms = world.kms(user)
        kms.create_alias(AliasName=f"alias/{user.name}-one", TargetKeyId=key["KeyId"])
        for name in (f"alias/{other.name}-two", f"alias/{user.name}", f"alias/x{user.name}-one"):
            with refused(DENIED):
                kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    # A session of a role has no user name, and so the statement is not about it.
    session = working(world, statement)
    with refused(DENIED):
        world.kms(session).create_alias(AliasName="alias/-one", TargetKeyId=key["KeyId"])
    denying = working(world, may("kms:*"), may_not("kms:CreateAlias", aliases))
    world.kms(denying).create_alias(AliasName="alias/-one", TargetKeyId=key["KeyId"])
    with_default = working(world, may("kms:CreateAlias", [alias_arn("alias/${aws:username, 'nobody'}-*"), key_arn("*")]))
    world.kms(with_default).create_alias(AliasName="alias/nobody-one", TargetKeyId=key["KeyId"])
    # An older policy knows no variables.
    old = {"Version": "2008-10-17", "Statement": [statement]}
    user = make_user(world)
    try:
        iam.put_user_policy(UserName=user.name, PolicyName="own", PolicyDocument=json.dumps(old))
    except iam.exceptions.MalformedPolicyDocumentException as error:
        equal(error.response["Error"]["Message"], "Policy document must be version 2012-10-17 or greater.")
    with refused(DENIED):
        world.kms(user).create_alias(AliasName=f"alias/{user.name}-one", TargetKeyId=key["KeyId"])


@scenario
def characters_that_mean_something_can_be_meant_literally(world):
    user, key = make_user(world), world.key()
    kms = world.kms(user)
    permit(world, user, may("kms:Encrypt", "*", **when("StringLike", "kms:EncryptionContext:k", "a${*}b${?}${$}")))
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"k": "a*b?$"})
    for value in ("axxbx$", "a${*}b${?}${$}"):
        with refused(DENIED):
            kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"k": value})
    # Nor does a value of the request become a pattern.
    permit(world, user, may("kms:Encrypt", "*", **when("StringLike", "kms:EncryptionContext:k", "x-${kms:EncryptionContext:p}")))
    with refused(DENIED):
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"k": "x-anything", "p": "*"})


@scenario
def the_tag_of_the_caller_has_to_be_that_of_the_key(world):
    same = when("StringEquals", "aws:ResourceTag/team", "${aws:PrincipalTag/team}")
    caller = make_user(world)
    blue, red = (world.key(Tags=key_tags(Team=team)) for team in ("blue", "red"))
    plain = world.key()
    role = make_role(world, [trust(caller.arn, ["sts:AssumeRole", "sts:TagSession"])], may("kms:Encrypt", "*", **same))
    user = make_user(world, may("kms:Encrypt", "*", **same), Tags=tags(team="blue"))
    for who, expected in (
        (user, [True, False, False]), (make_user(world, may("kms:Encrypt", "*", **same)), [False] * 3),
        (assume(world, caller, role), [False] * 3),
        (assume(world, caller, role, Tags=tags(team="red")), [False, True, False]),
    ):  # fmt: skip
        equal([allowed(world, who, key) for key in (blue, red, plain)], expected)


@scenario
def variables_work_in_key_policies_too(world):
    users = [make_user(world) for _ in range(2)]
    condition = when("StringEquals", "kms:EncryptionContext:user", "${aws:username}")
    key = world.key(Policy=policy(allow(FIRST.root), {**allow([user.arn for user in users], "kms:Encrypt"), **condition}))
    for user, other in (users, users[::-1]):
        kms = world.kms(user)
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"user": user.name})
        with refused(DENIED):
            kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"user": other.name})


@scenario
def conditions_hold_for_boundaries_session_policies_and_trust(world):
    key, caller = world.key(Tags=key_tags(Team="blue")), make_user(world, Tags=tags(team="blue"))
    blue = when("StringEquals", "aws:ResourceTag/Team", "blue")
    bounded = make_user(world, may("kms:*"), PermissionsBoundary=managed_policy(world, may("kms:*", "*", **blue)))
    equal([allowed(world, bounded, key), allowed(world, bounded, world.key())], [True, False])
    role = make_role(world, [trust(FIRST.root, **when("StringEquals", "aws:PrincipalTag/team", "blue"))], may("kms:*"))
    permit(world, caller, may("sts:AssumeRole"))
    session = assume(world, caller, role, Policy=policy(may("kms:*", "*", **blue)))
    equal([allowed(world, session, key), allowed(world, session, world.key())], [True, False])
    other = make_user(world, may("sts:AssumeRole"), Tags=tags(team="red"))
    with refused("AccessDenied", http=403):
        world.client("sts", other).assume_role(RoleArn=role.arn, RoleSessionName="work")
    theirs = make_user(world, may("kms:*", "*", **when("StringEquals", "aws:ResourceAccount", FIRST.number)), account=SECOND)
    shared, own = world.key(Policy=policy(allow(FIRST.root), allow(SECOND.root))), world.key(SECOND)
    equal([allowed(world, theirs, shared), allowed(world, theirs, own)], [True, False])


# The clock is ahead from here on.


@scenario
def sessions_of_before_a_moment_can_be_shut_out(world):
    caller = make_user(world)
    role = make_role(world, caller, may("kms:Encrypt"), MaxSessionDuration=43200)
    key, early = world.key(), assume(world, caller, role, DurationSeconds=43200)
    advance(world, "1h")
    late = assume(world, caller, role)
    moment = (world.key()["CreationDate"] - datetime.timedelta(minutes=30)).isoformat()
    permit(world, role, may("kms:Encrypt"), may_not("*", "*", **when("DateLessThan", "aws:TokenIssueTime", moment)))
    equal([allowed(world, early, key), allowed(world, late, key)], [False, True])


if __name__ == "__main__":
    run()
