"""Grants to users, roles and sessions, and who may end them."""

from granting import grant, listed
from harness import FIRST, SECOND, allow, deny, equal, policy, refused, run, scenario
from principals import (
    assume, delete_role, delete_user, denied_by, denied_text, fresh, make_role, make_user, managed_policy, may, may_not,
    no_identity_policy, permit, role_arn, user_arn, user_session, when, working,
)  # fmt: skip

DENIED = "AccessDeniedException"


def encrypt(world, who, key):
    return world.kms(who).encrypt(KeyId=key["Arn"], Plaintext=b"x")["CiphertextBlob"]


def given(world, key, principal, operations=("Encrypt",), **parameters):
    """A grant to a principal."""
    principal = getattr(principal, "arn", principal)
    return grant(world, key, list(operations), GranteePrincipal=principal, **parameters)


def closed_key(world):
    """A key whose policy gives the account nothing to pass on but grants."""
    return world.key(Policy=policy(allow(FIRST.root, ["kms:*Grant*", "kms:PutKeyPolicy", "kms:GetKeyPolicy"])))


@scenario
def a_grant_is_for_whom_it_names(world):
    user, other, caller = make_user(world), make_user(world), make_user(world)
    role = make_role(world, caller)
    one, two = assume(world, caller, role, "one"), assume(world, caller, role, "two")
    everybody = [user, other, caller, one, two]
    for principal, allowed in ((user, [user]), (role, [one, two]), (one, [one])):
        for key in (world.key(), closed_key(world)):
            made = given(world, key, principal)
            for who in everybody:
                if who in allowed:
                    encrypt(world, who, key)
                    world.kms(who).encrypt(KeyId=key["Arn"], Plaintext=b"x", GrantTokens=[made["GrantToken"]])
                    with refused(DENIED):
                        world.kms(who).describe_key(KeyId=key["KeyId"])
                else:
                    with refused(DENIED):
                        encrypt(world, who, key)
            (entry,) = listed(world.kms(), KeyId=key["KeyId"])
            equal((entry["GranteePrincipal"], entry["IssuingAccount"]), (principal.arn, FIRST.root))
    key = world.key()
    given(world, key, user)
    encrypt(world, user_session(world, user), key)


@scenario
def a_grant_to_an_account_is_passed_on_by_its_policies(world):
    for account in (FIRST, SECOND):
        key = closed_key(world)
        user = make_user(world, account=account)
        given(world, key, account.root, ["Encrypt", "DescribeKey"])
        encrypt(world, account, key)
        with refused(DENIED):
            encrypt(world, user, key)
        permit(world, user, may("kms:Encrypt", key["Arn"]), account=account)
        encrypt(world, user, key)
        with refused(DENIED):
            world.kms(user).describe_key(KeyId=key["Arn"])


@scenario
def a_grant_to_a_stranger_needs_no_policy_there(world):
    key, user, caller = world.key(), make_user(world, account=SECOND), make_user(world, account=SECOND)
    role = make_role(world, caller, account=SECOND)
    session = assume(world, caller, role)
    for who, principal in ((user, user), (session, role)):
        with refused(DENIED):
            encrypt(world, who, key)
        given(world, key, principal)
        encrypt(world, who, key)
    permit(world, user, may("*"), may_not("kms:Encrypt", key["Arn"]), account=SECOND)
    with refused(DENIED):
        encrypt(world, user, key)
    permit(world, user, account=SECOND)
    encrypt(world, user, key)


@scenario
def denials_boundaries_and_session_policies_are_felt(world):
    key, user, caller = world.key(), make_user(world, may_not("kms:Encrypt")), make_user(world)
    given(world, key, user, ["Encrypt", "DescribeKey"])
    with refused(DENIED, denied_by(user, "kms:Encrypt", f"resource: {key['Arn']}", "an identity-based policy")):
        encrypt(world, user, key)
    world.kms(user).describe_key(KeyId=key["KeyId"])
    boundary = managed_policy(world, may("kms:ListKeys"))
    role, bounded = make_role(world, caller), make_role(world, caller, PermissionsBoundary=boundary)
    narrow = {"Policy": policy(may("kms:ListKeys"))}
    of_role, of_session = world.key(), world.key()
    for whose in (role, bounded):
        given(world, of_role, whose)
        given(world, of_session, whose.session_arn("work"))
    free = assume(world, caller, role)
    for key in (of_role, of_session):
        encrypt(world, free, key)
    for limited in (assume(world, caller, role, **narrow), assume(world, caller, bounded)):
        encrypt(world, limited, of_session)
        with refused(DENIED):
            encrypt(world, limited, of_role)
    denying = assume(world, caller, role, Policy=policy(may_not("kms:Encrypt")))
    with refused(DENIED):
        encrypt(world, denying, of_session)


@scenario
def whom_a_grant_cannot_name(world):
    key, user = world.key(), make_user(world)
    group = world.client("iam").create_group(GroupName=fresh("group"))["Group"]["Arn"]
    gone = make_user(world)
    delete_user(world, gone)
    for principal in (user_arn("nobody"), role_arn("nobody"), user_arn("nobody", SECOND), user_arn(user.name, SECOND), gone.arn):
        for member in ("GranteePrincipal", "RetiringPrincipal"):
            with refused("InvalidArnException", f"ARN does not refer to a valid principal: {principal}"):
                grant(world, key, ["Encrypt"], **{member: principal})
    for principal in (group, user_arn("*"), user.access_key_id, user.name, "*"):
        with refused("InvalidArnException" if "*" not in principal else "ValidationException"):
            given(world, key, principal)
    equal(listed(world.kms(), KeyId=key["KeyId"]), [])


@scenario
def who_comes_back_under_the_same_name_has_no_grant(world):
    key, user, caller = world.key(), make_user(world), make_user(world)
    role = make_role(world, caller)
    of_user, of_role = given(world, key, user, RetiringPrincipal=caller.arn), given(world, key, role)
    of_session = given(world, key, role.session_arn("work"))
    delete_user(world, user)
    delete_role(world, role)

    def grantees():
        return {entry["GrantId"]: entry["GranteePrincipal"] for entry in listed(world.kms(), KeyId=key["KeyId"])}

    shown = {
        of_user["GrantId"]: user.identifier, of_role["GrantId"]: role.identifier,
        of_session["GrantId"]: f"{role.identifier}:work",
    }  # fmt: skip
    equal(grantees(), shown)
    again = make_user(world, name=user.name)
    session = assume(world, caller, make_role(world, caller, name=role.name))
    for who in (again, session):
        with refused(DENIED):
            encrypt(world, who, key)
    equal(grantees(), shown)
    equal(listed(world.kms(), KeyId=key["KeyId"], GranteePrincipal=again.arn), [])
    named = {"Name": "once"}
    first = given(world, key, again, **named)["GrantId"]
    equal(given(world, key, again, **named)["GrantId"], first)
    world.client("iam").update_user(UserName=again.name, NewUserName=(new := fresh("renamed")))
    encrypt(world, again, key)
    equal(grantees()[first], user_arn(new))
    equal(given(world, key, user_arn(new), **named)["GrantId"], first, "the same principal under its new name")
    for entry in grantees():
        world.kms().revoke_grant(KeyId=key["KeyId"], GrantId=entry)
    with refused(DENIED):
        encrypt(world, again, key)


@scenario
def lists_tell_grants_to_a_role_from_those_to_its_sessions(world):
    key, caller = world.key(), make_user(world)
    role = make_role(world, caller)
    of_role, of_session = given(world, key, role), given(world, key, role.session_arn("work"))
    for principal, made in ((role.arn, of_role), (role.session_arn("work"), of_session)):
        (entry,) = listed(world.kms(), KeyId=key["KeyId"], GranteePrincipal=principal)
        equal((entry["GrantId"], entry["GranteePrincipal"]), (made["GrantId"], principal))


@scenario
def whoever_may_create_grants_may_give_any(world):
    key, maker, friend = world.key(), make_user(world, may("kms:CreateGrant")), make_user(world)
    with refused(DENIED, denied_text(friend, "kms:CreateGrant", f"resource: {key['Arn']}", no_identity_policy("kms:CreateGrant"))):
        given(world, key, friend, account=friend)
    given(world, key, friend, ["Encrypt", "Decrypt"], account=maker)
    encrypt(world, friend, key)
    with refused(DENIED):
        encrypt(world, maker, key)
    # By a condition, only some; by a grant, only as much as that gives.
    some = {"Condition": {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "DescribeKey"]}}}
    permit(world, maker, may("kms:CreateGrant", "*", **some))
    given(world, key, friend, ["Encrypt"], account=maker)
    with refused(DENIED):
        given(world, key, friend, ["Decrypt"], account=maker)
    permit(world, maker, may("kms:CreateGrant", "*", **when("StringEquals", "kms:GranteePrincipal", friend.arn)))
    given(world, key, friend, account=maker)
    with refused(DENIED):
        given(world, key, maker, account=maker)
    permit(world, maker)
    given(world, key, maker, ["CreateGrant", "Encrypt"])
    given(world, key, friend, ["Encrypt"], account=maker)
    with refused(DENIED):
        given(world, key, friend, ["Decrypt"], account=maker)


def retire(world, who, key, made, by_token=False):
    name = {"GrantToken": made["GrantToken"]} if by_token else {"KeyId": key["Arn"], "GrantId": made["GrantId"]}
    world.kms(who).retire_grant(**name)


@scenario
def who_may_retire_a_grant(world):
    key, grantee, user, caller = world.key(), make_user(world), make_user(world), make_user(world)
    role = make_role(world, caller)
    one, two = assume(world, caller, role, "one"), assume(world, caller, role, "two")
    permitted, strange = make_user(world, may("kms:RetireGrant")), make_user(world, may("kms:RetireGrant"), account=SECOND)
    everybody = [grantee, user, one, two, caller, strange]

    def only(allowed, **shape):
        for who in everybody:
            for by_token in (False, True):
                made = given(world, key, grantee, **shape)
                if who in allowed:
                    retire(world, who, key, made, by_token)
                    equal(listed(world.kms(), KeyId=key["KeyId"], GrantId=made["GrantId"]), [])
                else:
                    with refused(DENIED):
                        retire(world, who, key, made, by_token)
        made = given(world, key, grantee, **shape)
        retire(world, permitted, key, made)  # of the account that issued it, with permission

    only([])
    only([user], RetiringPrincipal=user.arn)
    only([one, two], RetiringPrincipal=role.arn)
    only([one], RetiringPrincipal=one.arn)
    only([grantee], operations=["Encrypt", "RetireGrant"])
    only([grantee, user], operations=["RetireGrant", "Encrypt"], RetiringPrincipal=user.arn)
    only([strange], RetiringPrincipal=SECOND.root)
    elsewhere = make_user(world, account=SECOND)
    made = given(world, key, grantee, RetiringPrincipal=SECOND.root)
    with refused(DENIED):
        retire(world, elsewhere, key, made)
    # Constraints are about uses of the key, and this is none.
    made = given(world, key, grantee, ["Encrypt", "RetireGrant"], Constraints={"EncryptionContextEquals": {"a": "1"}})
    retire(world, grantee, key, made)


@scenario
def a_grant_that_a_stranger_issued_is_retired_by_either_account(world):
    key = world.key(Policy=policy(allow(FIRST.root), allow(SECOND.root, "kms:CreateGrant")))
    issuer = make_user(world, may("kms:CreateGrant"), account=SECOND)
    retires = may("kms:RetireGrant")
    for who in (make_user(world, retires), make_user(world, retires, account=SECOND), SECOND):
        made = given(world, key, FIRST.root, account=issuer)
        (entry,) = listed(world.kms(), KeyId=key["KeyId"], GrantId=made["GrantId"])
        equal(entry["IssuingAccount"], SECOND.root)
        for other in (make_user(world), issuer):
            with refused(DENIED):
                retire(world, other, key, made)
        retire(world, who, key, made)


@scenario
def policies_can_forbid_to_retire_but_that_of_the_key_cannot(world):
    iam, user, caller = world.client("iam"), make_user(world), make_user(world)
    key = world.key(Policy=policy(allow(FIRST.root), deny("*", "kms:RetireGrant"), allow(caller.arn, "kms:RetireGrant")))
    made = given(world, key, caller, RetiringPrincipal=user.arn)
    with refused(DENIED):
        retire(world, caller, key, made)
    permit(world, user, may_not("kms:RetireGrant"))
    with refused(DENIED):
        retire(world, user, key, made)
    permit(world, user)
    forbids = managed_policy(world, may("*"), may_not("kms:RetireGrant"))
    iam.put_user_permissions_boundary(UserName=user.name, PermissionsBoundary=forbids)
    with refused(DENIED):
        retire(world, user, key, made)
    iam.delete_user_permissions_boundary(UserName=user.name)
    retire(world, user, key, made)
    role = make_role(world, caller)
    made = given(world, key, caller, RetiringPrincipal=role.arn)
    denying = assume(world, caller, role, Policy=policy(may("*"), may_not("kms:RetireGrant")))
    with refused(DENIED):
        retire(world, denying, key, made)
    retire(world, assume(world, caller, role), key, made)
    manager = make_user(world, may("kms:RevokeGrant"))
    made = given(world, key, caller)
    with refused(DENIED):
        retire(world, manager, key, made)
    world.kms(manager).revoke_grant(KeyId=key["KeyId"], GrantId=made["GrantId"])
    # A grant lets nobody revoke.
    made = given(world, key, caller, ["Encrypt", "RetireGrant"])
    with refused(DENIED):
        world.kms(caller).revoke_grant(KeyId=key["KeyId"], GrantId=made["GrantId"])


@scenario
def permission_to_retire_can_be_conditional(world):
    key, grantee = world.key(Tags=[{"TagKey": "team", "TagValue": "blue"}]), make_user(world)
    context = {"EncryptionContextSubset": {"purpose": "payroll"}}
    for condition, allowed in (
        (when("StringEquals", "kms:EncryptionContext:purpose", "payroll"), True),
        (when("StringEquals", "kms:EncryptionContext:purpose", "other"), False),
        (when("StringEquals", "kms:GrantConstraintType", "EncryptionContextSubset"), True),
        (when("StringEquals", "kms:GrantConstraintType", "EncryptionContextEquals"), False),
        (when("StringEquals", "aws:ResourceTag/team", "blue"), True),
        (when("StringEquals", "aws:ResourceTag/team", "red"), False),
        (when("StringEquals", "kms:CallerAccount", FIRST.number), True),
    ):
        user, made = make_user(world, may("kms:RetireGrant", "*", **condition)), given(world, key, grantee, Constraints=context)
        if allowed:
            retire(world, user, key, made)
        else:
            with refused(DENIED):
                retire(world, user, key, made)


@scenario
def what_can_be_retired_is_listed_for_who_may_ask(world):
    key, user = world.key(), make_user(world)
    made = given(world, key, FIRST.root, RetiringPrincipal=user.arn)
    asking = {"RetiringPrincipal": user.arn}
    with refused(DENIED):
        world.kms(user).list_retirable_grants(**asking)
    for who in (make_user(world, may("kms:ListRetirableGrants")), working(world, may("kms:ListRetirableGrants"))):
        entries = world.kms(who).list_retirable_grants(**asking)["Grants"]
        equal([(entry["GrantId"], entry["RetiringPrincipal"]) for entry in entries], [(made["GrantId"], user.arn)])
        with refused("InvalidArnException", "Input does not refer to a valid principal"):
            world.kms(who).list_retirable_grants(RetiringPrincipal=user_arn("nobody"))
    with refused("InvalidArnException", "Input does not refer to a valid principal"):
        world.kms(SECOND).list_retirable_grants(**asking)
    delete_user(world, user)
    with refused("NotFoundException", f"Retiring principal {user.identifier} could not be found"):
        world.kms().list_retirable_grants(RetiringPrincipal=user.identifier)


if __name__ == "__main__":
    run()
