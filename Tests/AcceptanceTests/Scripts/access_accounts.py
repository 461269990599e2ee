"""Users and roles of two accounts: walls between them, and the doors that both sides have to open."""

from harness import FIRST, SECOND, alias_arn, allow, deny, equal, holds, key_arn, policy, refused, run, scenario
from principals import (
    assume, delete_user, denied_by, denied_text, forbidden, fresh, make_role, make_user, managed_policy, may, may_not,
    no_identity_policy, permit, role_arn, user_arn, user_session, working,
)  # fmt: skip

DENIED = "AccessDeniedException"
HIDDEN = (
    "because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based "
    "policy explicitly denies access"
)


def encrypt(world, who, key):
    return world.kms(who).encrypt(KeyId=key["Arn"], Plaintext=b"x")["CiphertextBlob"]


def closed(world, who, key, reason=HIDDEN):
    """The key may not be there at all, for all that its answer says."""
    with refused(DENIED, denied_text(who, "kms:Encrypt", "this resource", reason)):
        encrypt(world, who, key)


def strangers(world, *statements):
    """A user of the second account, a session of it, and a session of a role there, with these statements."""
    user = make_user(world, *statements, account=SECOND)
    return [user, user_session(world, user), working(world, *statements, account=SECOND)]


@scenario
def both_accounts_have_to_allow_it(world):
    key = world.key(Policy=policy(allow(FIRST.root), allow(SECOND.root, ["kms:Encrypt", "kms:DescribeKey"])))
    for who in strangers(world):
        closed(world, who, key, no_identity_policy("kms:Encrypt"))
    for who in strangers(world, may("kms:Encrypt", key["Arn"])):
        blob = encrypt(world, who, key)
        equal(world.kms().decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
        with refused(DENIED, denied_text(who, "kms:DescribeKey", "this resource", no_identity_policy("kms:DescribeKey"))):
            world.kms(who).describe_key(KeyId=key["Arn"])
        with refused(DENIED, denied_text(who, "kms:Decrypt", "this resource", HIDDEN)):
            world.kms(who).decrypt(KeyId=key["Arn"], CiphertextBlob=blob)
    for resource in (key_arn("*"), "*", "arn:aws:kms:*:*:key/*"):
        encrypt(world, make_user(world, may("kms:*", resource), account=SECOND), key)
    for resource in (key_arn("*", SECOND), key_arn("other")):
        closed(world, make_user(world, may("kms:*", resource), account=SECOND), key, no_identity_policy("kms:Encrypt"))
    for own in (world.key(), world.key(Policy=policy(allow(FIRST.root), allow(make_user(world).arn)))):
        for who in strangers(world, may("*")):
            closed(world, who, own)


@scenario
def a_stranger_who_is_named_still_needs_its_own_accounts_word(world):
    user = make_user(world, account=SECOND)
    caller = make_user(world, account=SECOND)
    role = make_role(world, caller, account=SECOND)
    session = assume(world, caller, role)
    for principals in ([user.arn, role.arn], [user.arn, session.arn], ["*"]):
        principals = principals[0] if principals == ["*"] else principals
        key = world.key(Policy=policy(allow(FIRST.root), allow(principals, "kms:Encrypt")))
        for who, whose in ((user, user), (session, role)):
            permit(world, whose, account=SECOND)
            closed(world, who, key, no_identity_policy("kms:Encrypt"))
            permit(world, whose, may("kms:Encrypt", key["Arn"]), account=SECOND)
            encrypt(world, who, key)
            permit(world, whose, may("kms:*"), may_not("kms:Encrypt", key["Arn"]), account=SECOND)
            with refused(DENIED, denied_by(who, "kms:Encrypt", "this resource", "an identity-based policy")):
                encrypt(world, who, key)
    named = world.key(Policy=policy(allow(FIRST.root), allow(user.arn, "kms:Encrypt")))
    for who in strangers(world, may("*")):
        closed(world, who, named)
    permit(world, user, may("*"), account=SECOND)
    denying = world.key(Policy=policy(allow(FIRST.root), allow(SECOND.root), deny(user.arn, "kms:Encrypt")))
    closed(world, user, denying)
    world.kms(user).describe_key(KeyId=denying["Arn"])


@scenario
def boundaries_and_session_policies_are_felt_across_accounts(world):
    key = world.key(Policy=policy(allow(FIRST.root), allow(SECOND.root)))
    boundary = managed_policy(world, may("kms:DescribeKey"), account=SECOND)
    user = make_user(world, may("*"), account=SECOND, PermissionsBoundary=boundary)
    caller = make_user(world, account=SECOND)
    session = assume(world, caller, make_role(world, caller, may("*"), account=SECOND), Policy=policy(may("kms:DescribeKey")))
    for who, kind in ((user, "permissions boundary"), (session, "session policy")):
        world.kms(who).describe_key(KeyId=key["Arn"])
        with refused(DENIED, denied_text(who, "kms:Encrypt", "this resource", f"because no {kind} allows the kms:Encrypt action")):
            encrypt(world, who, key)


@scenario
def administration_does_not_cross(world):
    user = make_user(world, may("*"), account=SECOND)
    key, kms = world.key(Policy=policy(allow(FIRST.root), allow([SECOND.root, user.arn], "kms:*"))), world.kms(user)
    kms.describe_key(KeyId=key["Arn"])
    for call in (
        lambda: kms.get_key_policy(KeyId=key["Arn"]), lambda: kms.disable_key(KeyId=key["Arn"]),
        lambda: kms.put_key_policy(KeyId=key["Arn"], Policy=policy(allow(SECOND.root))),
        lambda: kms.schedule_key_deletion(KeyId=key["Arn"]), lambda: kms.list_resource_tags(KeyId=key["Arn"]),
        lambda: kms.create_alias(AliasName="alias/theirs", TargetKeyId=key["Arn"]),
    ):  # fmt: skip
        with refused(DENIED):
            call()


@scenario
def accounts_do_not_see_each_other(world):
    ours, theirs = make_user(world, may("*")), make_user(world, may("*"), account=SECOND)
    key = world.key(Description="ours")
    world.kms().create_alias(AliasName="alias/apart", TargetKeyId=key["KeyId"])
    kms = world.kms(theirs)
    for arn in (key["Arn"], key_arn("1234abcd-12ab-34cd-56ef-1234567890ab"), alias_arn("alias/apart"), alias_arn("alias/none")):
        with refused(DENIED, denied_text(theirs, "kms:DescribeKey", "this resource", HIDDEN)):
            kms.describe_key(KeyId=arn)
    with refused("NotFoundException"):
        kms.describe_key(KeyId=key["KeyId"])
    with refused("NotFoundException"):
        kms.describe_key(KeyId="alias/apart")
    holds(key["KeyId"] not in [entry["KeyId"] for entry in kms.list_keys(Limit=1000)["Keys"]], "our keys are not listed")
    blob = encrypt(world, ours, key)
    with refused(DENIED, denied_text(theirs, "kms:Decrypt", "the resource associated with this ciphertext", HIDDEN)):
        kms.decrypt(CiphertextBlob=blob)

    def names(who):
        iam = world.client("iam", who)
        return {
            entry["Arn"] for operation, member in (("list_users", "Users"), ("list_roles", "Roles"), ("list_groups", "Groups"))
            for page in iam.get_paginator(operation).paginate() for entry in page[member]
        } | {entry["Arn"] for entry in iam.list_policies(Scope="Local", MaxItems=1000)["Policies"]}  # fmt: skip

    make_role(world, FIRST)
    make_role(world, SECOND, account=SECOND)
    for who in (ours, theirs, FIRST, SECOND):
        numbers = {arn.split(":")[4] for arn in names(who)}
        equal(numbers, {who.number})


@scenario
def a_name_is_one_of_its_account(world):
    name = fresh("same")
    ours, theirs = make_user(world, name=name), make_user(world, may("kms:*"), account=SECOND, name=name)
    holds(ours.identifier != theirs.identifier, "two users")
    for who in (ours, theirs):
        equal(world.client("sts", who).get_caller_identity()["Arn"], user_arn(name, who))
    with refused(DENIED):
        world.kms(ours).list_keys()
    world.kms(theirs).list_keys()
    key = world.key(Policy=policy(allow(FIRST.root), allow(ours.arn, "kms:Encrypt")))
    encrypt(world, ours, key)
    closed(world, theirs, key)
    role = make_role(world, ours, may("kms:*"))
    make_role(world, theirs, account=SECOND, name=role.name)
    for caller, arn, allowed in (
        (ours, role.arn, True), (theirs, role_arn(role.name, SECOND), True), (ours, role_arn(role.name, SECOND), False),
        (theirs, role.arn, False),
    ):  # fmt: skip
        call = lambda: world.client("sts", caller).assume_role(RoleArn=arn, RoleSessionName="work")  # noqa: E731
        if allowed:
            equal(call()["AssumedRoleUser"]["Arn"].split(":")[4], caller.number)
        else:
            with refused("AccessDenied", http=403):
                call()
    delete_user(world, theirs, account=SECOND)
    equal(world.client("iam").get_user(UserName=name)["User"]["UserId"], ours.identifier)
    encrypt(world, ours, key)


@scenario
def nobody_changes_what_another_account_has(world):
    iam, arn = world.client("iam", make_user(world, may("*"), account=SECOND)), managed_policy(world, may("kms:*"))
    ours = make_user(world)
    for call in (
        lambda: iam.get_policy(PolicyArn=arn), lambda: iam.delete_policy(PolicyArn=arn),
        lambda: iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(may("*")), SetAsDefault=True),
        lambda: iam.get_policy_version(PolicyArn=arn, VersionId="v1"), lambda: iam.list_policy_versions(PolicyArn=arn),
        lambda: iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "a", "Value": "b"}]),
        lambda: iam.list_entities_for_policy(PolicyArn=arn),
    ):  # fmt: skip
        try:
            call()
        except iam.exceptions.ClientError as error:
            holds(error.response["Error"]["Code"] in ("NoSuchEntity", "AccessDenied"), f"{error}")
            continue
        raise AssertionError("the policy of another account is within reach")
    for call in (
        lambda: iam.get_user(UserName=ours.name), lambda: iam.delete_user(UserName=ours.name),
        lambda: iam.create_access_key(UserName=ours.name),
    ):  # fmt: skip
        with refused("NoSuchEntity", f"The user with name {ours.name} cannot be found.", 404):
            call()
    equal(len(world.client("iam").list_policy_versions(PolicyArn=arn)["Versions"]), 1)


@scenario
def a_role_is_how_a_stranger_becomes_one_of_the_account(world):
    theirs = make_user(world, may("sts:AssumeRole"), account=SECOND)
    role = make_role(world, SECOND.root, may(["kms:Encrypt", "iam:ListUsers"]))
    session, key = assume(world, theirs, role), world.key()
    encrypt(world, session, key)
    listed = world.client("iam", session).list_users()["Users"]
    holds({user["Arn"].split(":")[4] for user in listed} <= {FIRST.number}, "users of the account")
    closed(world, theirs, key)
    # What the stranger's own account allows or denies is nothing to the session.
    permit(world, theirs, may_not("*"), account=SECOND)
    encrypt(world, session, key)
    with refused("AccessDenied", http=403):
        world.client("sts", theirs).assume_role(RoleArn=role.arn, RoleSessionName="work")


@scenario
def a_stranger_who_comes_back_under_the_same_name_is_somebody_else(world):
    theirs = make_user(world, may("*"), account=SECOND)
    key = world.key(Policy=policy(allow(FIRST.root), allow(theirs.arn, "kms:Encrypt")))
    encrypt(world, theirs, key)
    delete_user(world, theirs, account=SECOND)
    again = make_user(world, may("*"), account=SECOND, name=theirs.name)
    closed(world, again, key)
    with forbidden("InvalidClientTokenId"):
        world.client("sts", theirs).get_caller_identity()


if __name__ == "__main__":
    run()
