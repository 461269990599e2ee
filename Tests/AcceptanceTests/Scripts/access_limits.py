"""What becomes of access when principals come and go, boundaries, locking oneself out, and IAM's own permissions."""

import json
import re

from harness import (
    FIRST, OTHER_REGION, SECOND, allow, deny, equal, key_arn, policy, refused, run, scenario, settled,
)  # fmt: skip
from principals import (
    assume, delete_role, delete_user, denied_by, denied_text, fresh, make_role, make_user, managed_policy, may, may_not,
    no_boundary, no_identity_policy, permit, role_arn, trust, user_arn, user_session, when, working,
)  # fmt: skip

DENIED = "AccessDeniedException"
MALFORMED = "MalformedPolicyDocumentException"
LOCKOUT = "The new key policy will not allow you to update the key policy in the future."
PRINCIPALS = "Policy contains a statement with one or more invalid principals."
CHECKED = {"BypassPolicyLockoutSafetyCheck": False}


def on(key):
    return f"resource: {key['Arn']}"


def encrypt(world, who, key):
    return world.kms(who).encrypt(KeyId=key["Arn"], Plaintext=b"x")["CiphertextBlob"]


def principals(world, key):
    """Whom the statements of the key's policy name."""
    statements = json.loads(world.kms().get_key_policy(KeyId=key["KeyId"])["Policy"])["Statement"]
    return [statement["Principal"]["AWS"] for statement in statements]


@scenario
def a_key_policy_cannot_name_who_is_not_there(world):
    kms, key, user = world.kms(), world.key(), make_user(world)
    role, own = make_role(world, user), principals(world, key)
    gone = make_user(world)
    delete_user(world, gone)
    unknown = [
        user_arn("nobody"), role_arn("nobody"), user_arn(user.name + "x"), user_arn(f"path/{user.name}"),
        role_arn(user.name), user_arn(role.name), f"arn:aws:sts::{FIRST.number}:assumed-role/nobody/work", gone.arn,
        gone.identifier, user.identifier, role.identifier, user_arn("nobody", SECOND), user_arn(user.name, SECOND),
        user_arn("*"), user.arn[:-1] + "*", user.access_key_id,
    ]  # fmt: skip
    wrong = []
    for principal in unknown:
        for given in (principal, [FIRST.root, principal]):
            for write in (
                lambda text: kms.put_key_policy(KeyId=key["KeyId"], Policy=text), lambda text: kms.create_key(Policy=text),
            ):  # fmt: skip
                try:
                    with refused(MALFORMED, PRINCIPALS):
                        write(policy(allow(FIRST.root), allow(given)))
                except AssertionError as error:
                    wrong.append(f"{principal}: {error}")
    equal("\n".join(wrong), "", "policies with a wrong answer")
    world.client("iam").create_group(GroupName=(group := fresh("group")))
    with refused("InvalidArnException", "An ARN in the specified key policy is invalid."):
        kms.put_key_policy(KeyId=key["KeyId"], Policy=policy(allow(FIRST.root), allow(f"arn:aws:iam::{FIRST.number}:group/{group}")))
    equal(principals(world, key), own)
    foreign = ["arn:aws:iam::999999999999:user/somebody", "arn:aws:iam::999999999999:root"]
    kms.put_key_policy(KeyId=key["KeyId"], Policy=policy(allow(FIRST.root), allow(foreign)))


@scenario
def new_principals_can_be_named_at_once(world):
    user, theirs = make_user(world, Path="/a/b/"), make_user(world, account=SECOND)
    role = make_role(world, user, Path="/service/")
    names = [user.arn, role.arn, role.session_arn("not-yet"), theirs.arn, theirs.root]
    key = world.key(Policy=policy(allow(FIRST.root), allow(names)))
    equal(principals(world, key), [FIRST.root, names])
    world.kms(user).describe_key(KeyId=key["KeyId"])
    world.kms(assume(world, user, role, "whatever")).describe_key(KeyId=key["KeyId"])


@scenario
def who_comes_back_under_the_same_name_is_somebody_else(world):
    user, caller = make_user(world), make_user(world)
    role = make_role(world, caller)
    key = world.key(Policy=policy(allow(FIRST.root), allow(user.arn), allow([role.arn, caller.arn])))
    session = assume(world, caller, role)
    for who in (user, session):
        encrypt(world, who, key)
    delete_user(world, user)
    delete_role(world, role)
    shown = [FIRST.root, user.identifier, [role.identifier, caller.arn]]
    equal(principals(world, key), shown, "who is gone is shown by its id")
    again = make_user(world, name=user.name)
    of_role = assume(world, caller, make_role(world, caller, name=role.name))
    for who in (again, of_role):
        with refused(DENIED):
            encrypt(world, who, key)
    equal(principals(world, key), shown)
    text = world.kms().get_key_policy(KeyId=key["KeyId"])["Policy"]
    with refused(MALFORMED, PRINCIPALS):
        world.kms().put_key_policy(KeyId=key["KeyId"], Policy=text)
    # A policy that is copied with its key names who is gone no better.
    permit(world, again, may("kms:*"))
    encrypt(world, again, key)
    world.server.stop()
    world.server.start()
    equal(principals(world, key), shown)
    permit(world, again)
    with refused(DENIED):
        encrypt(world, again, key)


@scenario
def a_session_that_is_named_dies_with_its_role(world):
    caller = make_user(world)
    role = make_role(world, caller)
    key = world.key(Policy=policy(allow(FIRST.root), allow(role.session_arn("work"))))
    encrypt(world, assume(world, caller, role), key)
    delete_role(world, role)
    again = make_role(world, caller, name=role.name)
    with refused(DENIED):
        encrypt(world, assume(world, caller, again), key)
    equal(principals(world, key)[1], f"{role.identifier}:work")


@scenario
def who_is_renamed_keeps_its_access(world):
    user, new = make_user(world), fresh("renamed")
    key = world.key(Policy=policy(allow(FIRST.root), allow(user.arn, "kms:Encrypt")))
    world.client("iam").update_user(UserName=user.name, NewUserName=new, NewPath="/x/")
    encrypt(world, user, key)
    equal(principals(world, key), [FIRST.root, user_arn(f"x/{new}")])
    other = make_user(world, name=user.name)
    with refused(DENIED, denied_text(other, "kms:Encrypt", on(key), no_identity_policy("kms:Encrypt"))):
        encrypt(world, other, key)
    world.server.stop()
    world.server.start()
    encrypt(world, user, key)
    equal(principals(world, key), [FIRST.root, user_arn(f"x/{new}")])


@scenario
def a_boundary_limits_what_policies_of_identities_give(world):
    iam, key, caller = world.client("iam"), world.key(), make_user(world)
    boundary = managed_policy(world, may(["kms:Encrypt", "kms:ListKeys"]), may_not("kms:Decrypt"))
    user = make_user(world, may("kms:*"), PermissionsBoundary=boundary)
    role = make_role(world, caller, may("kms:*"), PermissionsBoundary=boundary)
    session = assume(world, caller, role)
    blob = encrypt(world, FIRST, key)
    for who in (user, user_session(world, user), session):
        encrypt(world, who, key)
        world.kms(who).list_keys()
        with refused(DENIED, denied_text(who, "kms:DescribeKey", on(key), no_boundary("kms:DescribeKey"))):
            world.kms(who).describe_key(KeyId=key["KeyId"])
        with refused(DENIED, denied_text(who, "kms:ListAliases", "resource: *", no_boundary("kms:ListAliases"))):
            world.kms(who).list_aliases()
        with refused(DENIED, denied_by(who, "kms:Decrypt", on(key), "a permissions boundary")):
            world.kms(who).decrypt(CiphertextBlob=blob, KeyId=key["KeyId"])
    # A key policy that names the user, or the session, is not limited by what the boundary leaves out.
    named = world.key(Policy=policy(allow(FIRST.root), allow([user.arn, role.session_arn("work")], "kms:*")))
    of_role = world.key(Policy=policy(allow(FIRST.root), allow(role.arn, "kms:*")))
    blob = encrypt(world, FIRST, named)
    for who in (user, session):
        world.kms(who).describe_key(KeyId=named["KeyId"])
        with refused(DENIED, denied_by(who, "kms:Decrypt", on(named), "a permissions boundary")):
            world.kms(who).decrypt(CiphertextBlob=blob, KeyId=named["KeyId"])
    encrypt(world, session, of_role)
    with refused(DENIED):
        world.kms(session).describe_key(KeyId=of_role["KeyId"])
    # A boundary gives nothing, and what it says can change.
    with refused(DENIED):
        encrypt(world, make_user(world, PermissionsBoundary=boundary), key)
    iam.create_policy_version(PolicyArn=boundary, PolicyDocument=policy(may("kms:DescribeKey")), SetAsDefault=True)
    for who in (user, session):
        world.kms(who).describe_key(KeyId=key["KeyId"])
        with refused(DENIED):
            encrypt(world, who, key)
    iam.delete_user_permissions_boundary(UserName=user.name)
    iam.delete_role_permissions_boundary(RoleName=role.name)
    for who in (user, session):
        encrypt(world, who, key)


@scenario
def session_policies_limit_what_a_role_is_given(world):
    caller = make_user(world)
    role = make_role(world, caller, may("kms:*"))
    narrow = {"Policy": policy(may("kms:Encrypt"), may_not("kms:Decrypt"))}
    session = assume(world, caller, role, **narrow)
    of_role = world.key(Policy=policy(allow(FIRST.root), allow(role.arn, "kms:*")))
    of_session = world.key(Policy=policy(allow(FIRST.root), allow(role.session_arn("work"), "kms:*")))
    for key in (of_role, of_session):
        blob = encrypt(world, session, key)
        with refused(DENIED, denied_by(session, "kms:Decrypt", on(key), "a session policy")):
            world.kms(session).decrypt(CiphertextBlob=blob, KeyId=key["KeyId"])
    world.kms(session).describe_key(KeyId=of_session["KeyId"])
    with refused(DENIED):
        world.kms(session).describe_key(KeyId=of_role["KeyId"])


@scenario
def nobody_locks_itself_out_unawares(world):
    manager = make_user(world, may(["kms:CreateKey", "kms:PutKeyPolicy", "kms:GetKeyPolicy"]))
    maker = make_user(world, may("kms:CreateKey"))
    by_account, by_name = policy(allow(FIRST.root)), policy(allow(manager.arn), allow(maker.arn))
    other = make_user(world)
    for text, lockouts in (
        (by_account, [maker]), (by_name, []), (policy(allow(other.arn)), [manager, maker]),
        (policy(allow(FIRST.root), deny([manager.arn, maker.arn], "kms:PutKeyPolicy")), [manager, maker]),
        (policy(allow(FIRST.root, ["kms:Encrypt"])), [manager, maker]),
    ):  # fmt: skip
        for who in (manager, maker):
            kms = world.kms(who)
            if who not in lockouts:
                kms.create_key(Policy=text, **CHECKED)
                continue
            with refused(MALFORMED, LOCKOUT):
                kms.create_key(Policy=text)
            with refused(MALFORMED, LOCKOUT):
                kms.create_key(Policy=text, **CHECKED)
            kms.create_key(Policy=text, BypassPolicyLockoutSafetyCheck=True)
    # Nothing is asked of who gives no policy.
    world.kms(maker).create_key()
    key = world.key()
    world.kms(manager).put_key_policy(KeyId=key["KeyId"], Policy=by_account)
    with refused(MALFORMED, LOCKOUT):
        world.kms(manager).put_key_policy(KeyId=key["KeyId"], Policy=policy(allow(other.arn)))
    permit(world, manager, may("kms:*"), may_not("kms:PutKeyPolicy", "*", **when("Null", "kms:CallerAccount", "true")))
    world.kms(manager).put_key_policy(KeyId=key["KeyId"], Policy=by_account)
    with refused(DENIED, denied_text(maker, "kms:PutKeyPolicy", on(key), no_identity_policy("kms:PutKeyPolicy"))):
        world.kms(maker).put_key_policy(KeyId=key["KeyId"], Policy=by_name)
    of_role = working(world, may(["kms:CreateKey", "kms:PutKeyPolicy"]))
    world.kms(of_role).create_key(Policy=by_account)
    world.kms(of_role).create_key(Policy=policy(allow(of_role.arn)))
    with refused(MALFORMED, LOCKOUT):
        world.kms(of_role).create_key(Policy=policy(allow(other.arn)))


@scenario
def a_replica_is_a_matter_of_both_regions(world):
    key = world.key(MultiRegion=True)
    for statements, allowed in (
        ([may("kms:ReplicateKey", key["Arn"]), may("kms:CreateKey")], True),
        ([may("kms:ReplicateKey", key["Arn"])], False), ([may("kms:CreateKey")], False),
        ([may("kms:*"), may_not("kms:CreateKey", "*", **when("StringEquals", "aws:RequestedRegion", OTHER_REGION))], False),
    ):  # fmt: skip
        kms = world.kms(make_user(world, *statements))
        if allowed:
            kms.replicate_key(KeyId=key["Arn"], ReplicaRegion="eu-west-1")
            settled(world, key["KeyId"], "eu-west-1")
        else:
            with refused(DENIED):
                kms.replicate_key(KeyId=key["Arn"], ReplicaRegion=OTHER_REGION)
    # The policy of a key does not say anything about its replica.
    user = make_user(world, may("kms:Encrypt", key["Arn"]))
    encrypt(world, user, key)
    with refused(DENIED):
        world.kms(user, "eu-west-1").encrypt(KeyId=key_arn(key["KeyId"], region="eu-west-1"), Plaintext=b"x")


@scenario
def iam_obeys_policies_itself(world):
    user, other = make_user(world), make_user(world)
    role = make_role(world, other)
    arn = managed_policy(world, may("kms:*"))
    group = world.client("iam").create_group(GroupName=fresh("group"))["Group"]
    iam = world.client("iam", user)
    calls = [
        ("iam:GetUser", other.arn, lambda: iam.get_user(UserName=other.name)),
        ("iam:CreateUser", user_arn("new/made"), lambda: iam.create_user(UserName="made", Path="/new/")),
        ("iam:DeleteUser", user_arn("new/made"), lambda: iam.delete_user(UserName="made")),
        ("iam:PutUserPolicy", other.arn, lambda: iam.put_user_policy(
            UserName=other.name, PolicyName="a", PolicyDocument=policy(may("kms:*")))),
        ("iam:DeleteUserPolicy", other.arn, lambda: iam.delete_user_policy(UserName=other.name, PolicyName="a")),
        ("iam:CreateAccessKey", other.arn, lambda: iam.create_access_key(UserName=other.name)),
        ("iam:ListAccessKeys", other.arn, lambda: iam.list_access_keys(UserName=other.name)),
        ("iam:GetRole", role.arn, lambda: iam.get_role(RoleName=role.name)),
        ("iam:UpdateAssumeRolePolicy", role.arn, lambda: iam.update_assume_role_policy(
            RoleName=role.name, PolicyDocument=policy(trust(other.arn)))),
        ("iam:AttachRolePolicy", role.arn, lambda: iam.attach_role_policy(RoleName=role.name, PolicyArn=arn)),
        ("iam:DetachRolePolicy", role.arn, lambda: iam.detach_role_policy(RoleName=role.name, PolicyArn=arn)),
        ("iam:GetPolicy", arn, lambda: iam.get_policy(PolicyArn=arn)),
        ("iam:CreatePolicyVersion", arn, lambda: iam.create_policy_version(
            PolicyArn=arn, PolicyDocument=policy(may("kms:*")))),
        ("iam:GetGroup", group["Arn"], lambda: iam.get_group(GroupName=group["GroupName"])),
        ("iam:AddUserToGroup", group["Arn"], lambda: iam.add_user_to_group(
            GroupName=group["GroupName"], UserName=other.name)),
        ("iam:RemoveUserFromGroup", group["Arn"], lambda: iam.remove_user_from_group(
            GroupName=group["GroupName"], UserName=other.name)),
    ]  # fmt: skip
    for action, resource, call in calls:
        for statements in ((), [may("iam:*", user_arn("elsewhere"))], [may("kms:*")]):
            permit(world, user, *statements)
            text = denied_text(user, action, f"resource: {resource}", no_identity_policy(action))
            with refused("AccessDenied", text, 403):
                call()
        permit(world, user, may("iam:*"), may_not(action, resource))
        with refused("AccessDenied", denied_by(user, action, f"resource: {resource}", "an identity-based policy"), 403):
            call()
        permit(world, user, may(action, resource))
        call()
    permit(world, user)
    pattern = re.escape(denied_text(user, "iam:ListUsers", "resource: ")) + "arn:aws:iam::.* because .*"
    with refused("AccessDenied", re.compile(pattern), 403):
        iam.list_users()
    permit(world, user, may("iam:ListUsers"))
    iam.list_users()
    bounded = make_user(world, may("*"), PermissionsBoundary=managed_policy(world, may("kms:*")))
    with refused("AccessDenied", denied_text(bounded, "iam:GetUser", f"resource: {bounded.arn}", no_boundary("iam:GetUser")), 403):
        world.client("iam", bounded).get_user()


@scenario
def an_administrator_is_whom_a_policy_makes_one(world):
    administrator = make_user(world, may("*"))
    iam = world.client("iam", administrator)
    name = fresh("user")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    iam.put_user_policy(UserName=name, PolicyName="a", PolicyDocument=policy(may("kms:*")))
    iam.delete_user_policy(UserName=name, PolicyName="a")
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)
    # There is nothing that it may not, but what a key's policy withholds.
    with refused(DENIED):
        encrypt(world, administrator, world.key(Policy=policy(allow(make_user(world).arn)), BypassPolicyLockoutSafetyCheck=True))


if __name__ == "__main__":
    run()
