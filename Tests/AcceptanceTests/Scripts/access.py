"""Who may do what with a key: users and roles, their policies, and the policy of the key."""

from harness import FIRST, OTHER_REGION, alias_arn, allow, deny, key_arn, policy, refused, run, scenario
from principals import (
    assume, delete_user, denied_by, denied_text, fresh, make_role, make_user, managed_policy, may, may_not,
    no_identity_policy, no_resource_policy, permit, user_session, working,
)  # fmt: skip

DENIED = "AccessDeniedException"


def on(key):
    return f"resource: {key['Arn']}"


def encrypt(world, who, key):
    return world.kms(who).encrypt(KeyId=key["Arn"], Plaintext=b"x")["CiphertextBlob"]


def not_allowed(world, who, key, reason=None, action="Encrypt"):
    """The call is refused; `reason`: a function of the action's name."""
    name = f"kms:{action}"
    text = reason and denied_text(who, name, on(key), reason(name))
    calls = {
        "Encrypt": lambda kms: kms.encrypt(KeyId=key["Arn"], Plaintext=b"x"),
        "DescribeKey": lambda kms: kms.describe_key(KeyId=key["Arn"]),
    }
    with refused(DENIED, text):
        calls[action](world.kms(who))


def everyone(world, *statements):
    """A user, a session of it, and a session of a role, whose policies are these statements."""
    user = make_user(world, *statements)
    return [user, user_session(world, user), working(world, *statements)]


@scenario
def under_the_default_key_policy_the_policies_of_identities_decide(world):
    key, other = world.key(), world.key()
    for who in everyone(world):
        not_allowed(world, who, key, no_identity_policy)
        not_allowed(world, who, key, no_identity_policy, "DescribeKey")
    for who in everyone(world, may("kms:Encrypt", key["Arn"])):
        encrypt(world, who, key)
        world.kms(who).encrypt(KeyId=key["KeyId"], Plaintext=b"x")
        not_allowed(world, who, other, no_identity_policy)
        not_allowed(world, who, key, no_identity_policy, "DescribeKey")
    for pattern, matches in (
        ("*", True), ("arn:aws:kms:*:*:key/*", True), (key_arn("*"), True), (key["Arn"][:-3] + "???", True),
        (key_arn("*", region="eu-*"), False), (key_arn(key["KeyId"].upper()), False), (key["Arn"][:-1], False), (key_arn(""), False),
        ("arn:aws:kms:*", True), (alias_arn("alias/*"), False), (["arn:aws:s3:::x", key["Arn"]], True),
    ):  # fmt: skip
        user = make_user(world, may("kms:Encrypt", pattern))
        if matches:
            encrypt(world, user, key)
        else:
            not_allowed(world, user, key, no_identity_policy)


@scenario
def a_policy_counts_wherever_it_comes_from_and_as_long_as_it_is_there(world):
    iam, key = world.client("iam"), world.key()
    user, role = make_user(world), make_role(world, (caller := make_user(world)))
    session, arn, group = assume(world, caller, role), managed_policy(world, may("kms:Encrypt")), fresh("group")
    iam.create_group(GroupName=group)
    own, shared, theirs = {"UserName": user.name}, {"GroupName": group}, {"RoleName": role.name}
    inline = {"PolicyName": "inline", "PolicyDocument": policy(may("kms:Encrypt"))}
    named, attached = {"PolicyName": "inline"}, {"PolicyArn": arn}
    ways = [
        (user, lambda: iam.put_user_policy(**own, **inline), lambda: iam.delete_user_policy(**own, **named)),
        (user, lambda: iam.attach_user_policy(**own, **attached), lambda: iam.detach_user_policy(**own, **attached)),
        (session, lambda: iam.put_role_policy(**theirs, **inline), lambda: iam.delete_role_policy(**theirs, **named)),
        (session, lambda: iam.attach_role_policy(**theirs, **attached), lambda: iam.detach_role_policy(**theirs, **attached)),
    ]
    member = {**own, **shared}
    join, leave = lambda: iam.add_user_to_group(**member), lambda: iam.remove_user_from_group(**member)
    join()
    ways += [
        (user, lambda: iam.put_group_policy(**shared, **inline), lambda: iam.delete_group_policy(**shared, **named)),
        (user, lambda: iam.attach_group_policy(**shared, **attached), leave),
        (user, join, lambda: iam.detach_group_policy(**shared, **attached)),
    ]
    for who, give, take in ways:
        not_allowed(world, who, key)
        give()
        encrypt(world, who, key)
        take()
        not_allowed(world, who, key)
    # Who does not belong to the group has nothing of it.
    iam.put_group_policy(**shared, **inline)
    encrypt(world, user, key)
    not_allowed(world, caller, key)
    not_allowed(world, session, key)


@scenario
def a_key_policy_that_names_somebody_is_enough(world):
    user, other, caller = make_user(world), make_user(world), make_user(world)
    role = make_role(world, caller)
    one, two = assume(world, caller, role, "one"), assume(world, caller, role, "two")
    everybody = [user, other, caller, one, two]
    for principal, allowed in (
        (user.arn, [user]), (role.arn, [one, two]), (one.arn, [one]), ([user.arn, two.arn], [user, two]),
        ("*", everybody),
    ):  # fmt: skip
        with_account = world.key(Policy=policy(allow(FIRST.root), allow(principal, "kms:Encrypt")))
        manage = allow(FIRST.root, ["kms:PutKeyPolicy", "kms:GetKeyPolicy"])
        without = world.key(Policy=policy(manage, allow(principal, "kms:Encrypt")))
        for who in everybody:
            for key in (with_account, without):
                if who in allowed:
                    encrypt(world, who, key)
                else:
                    not_allowed(world, who, key, no_identity_policy if key is with_account else no_resource_policy)
                not_allowed(world, who, key, action="DescribeKey")
    encrypt(world, user_session(world, user), world.key(Policy=policy(allow(FIRST.root), allow(user.arn, "kms:Encrypt"))))


@scenario
def without_the_account_in_the_key_policy_only_denials_of_identities_count(world):
    manager = make_user(world)
    key = world.key(Policy=policy(allow(manager.arn)), BypassPolicyLockoutSafetyCheck=True)
    for who in everyone(world, may("*"), may("kms:*", key["Arn"])):
        not_allowed(world, who, key, no_resource_policy)
    with refused(DENIED):
        encrypt(world, FIRST, key)
    encrypt(world, manager, key)
    permit(world, manager, may_not("kms:Encrypt"))
    with refused(DENIED, denied_by(manager, "kms:Encrypt", on(key), "an identity-based policy")):
        encrypt(world, manager, key)
    world.kms(manager).describe_key(KeyId=key["KeyId"])
    permit(world, manager, may_not("kms:Encrypt", key_arn("other")))
    encrypt(world, manager, key)
    # What the account may is all that it can pass on.
    part = world.key(Policy=policy(allow(manager.arn), allow(FIRST.root, "kms:Encrypt")), BypassPolicyLockoutSafetyCheck=True)
    for who in everyone(world, may("*")):
        encrypt(world, who, part)
        not_allowed(world, who, part, no_resource_policy, "DescribeKey")


@scenario
def a_denial_is_stronger_than_any_permission(world):
    iam, key = world.client("iam"), world.key()
    user = make_user(world, may("kms:*"))
    arn = managed_policy(world, may_not("kms:Encrypt", key["Arn"]))
    iam.attach_user_policy(UserName=user.name, PolicyArn=arn)
    with refused(DENIED, denied_by(user, "kms:Encrypt", on(key), "an identity-based policy")):
        encrypt(world, user, key)
    encrypt(world, user, world.key())
    named = world.key(Policy=policy(allow(FIRST.root), allow(user.arn), deny(user.arn, "kms:Encrypt")))
    text = denied_text(user, "kms:Encrypt", on(named), "with an explicit deny in a resource-based policy")
    with refused(DENIED, text):
        encrypt(world, user, named)
    world.kms(user).describe_key(KeyId=named["KeyId"])
    # A denial for the account is one for everybody in it, and one for a role or a session for no more than that.
    caller = make_user(world)
    role = make_role(world, caller)
    one, two = assume(world, caller, role, "one"), assume(world, caller, role, "two")
    for allowing, denying, expected in (
        ([user.arn, role.arn], FIRST.root, []), ([user.arn, role.arn], role.arn, [user]),
        ([user.arn, one.arn, two.arn], role.arn, [user]), ([user.arn, role.arn], one.arn, [user, two]),
    ):  # fmt: skip
        manage = allow(FIRST.root, "kms:PutKeyPolicy")
        split = world.key(Policy=policy(manage, allow(allowing, "kms:Encrypt"), deny(denying, "kms:Encrypt")))
        for who in (user, one, two):
            if who in expected:
                encrypt(world, who, split)
            else:
                not_allowed(world, who, split)
    everybody_but = {**deny("*", "kms:Encrypt"), "NotPrincipal": {"AWS": [user.arn, FIRST.root]}}
    del everybody_but["Principal"]
    only = world.key(Policy=policy(allow(FIRST.root), everybody_but))
    encrypt(world, user, only)
    for who in everyone(world, may("*")):
        not_allowed(world, who, only)


def console_policy(administrators, users):
    """The policy that the AWS console writes."""
    administration = [
        "kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Update*", "kms:Revoke*",
        "kms:Disable*", "kms:Get*", "kms:Delete*", "kms:TagResource", "kms:UntagResource", "kms:ScheduleKeyDeletion",
        "kms:CancelKeyDeletion", "kms:RotateKeyOnDemand",
    ]  # fmt: skip
    use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    attachment = ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"]
    for_services = {"Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}}}
    return policy(
        {**allow(FIRST.root), "Sid": "Enable IAM User Permissions"},
        {**allow(administrators, administration), "Sid": "Allow access for Key Administrators"},
        {**allow(users, use), "Sid": "Allow use of the key"},
        {**allow(users, attachment, **for_services), "Sid": "Allow attachment of persistent resources"},
    )


@scenario
def administrators_and_users_of_a_key_are_kept_apart(world):
    caller = make_user(world)
    managing, using = make_role(world, caller), make_role(world, caller)
    pairs = [
        (make_user(world), make_user(world)), (assume(world, caller, managing), assume(world, caller, using)),
    ]  # fmt: skip
    text = console_policy([pairs[0][0].arn, managing.arn], [pairs[0][1].arn, using.arn])
    key = world.key(Policy=text)
    name = {"KeyId": key["KeyId"]}
    blob = encrypt(world, FIRST, key)
    use = {
        "Encrypt": lambda kms: kms.encrypt(**name, Plaintext=b"x"),
        "Decrypt": lambda kms: kms.decrypt(**name, CiphertextBlob=blob),
        "GenerateDataKey": lambda kms: kms.generate_data_key(**name, KeySpec="AES_256"),
        "GenerateDataKeyWithoutPlaintext": lambda kms: kms.generate_data_key_without_plaintext(**name, KeySpec="AES_256"),
        "GenerateDataKeyPair": lambda kms: kms.generate_data_key_pair(**name, KeyPairSpec="ECC_NIST_P256"),
        "ReEncryptFrom": lambda kms: kms.re_encrypt(CiphertextBlob=blob, SourceKeyId=key["KeyId"], DestinationKeyId=key["KeyId"]),
    }
    administer = {
        "DisableKey": lambda kms: kms.disable_key(**name), "EnableKey": lambda kms: kms.enable_key(**name),
        "GetKeyPolicy": lambda kms: kms.get_key_policy(**name),
        "PutKeyPolicy": lambda kms: kms.put_key_policy(**name, Policy=text),
        "EnableKeyRotation": lambda kms: kms.enable_key_rotation(**name),
        "GetKeyRotationStatus": lambda kms: kms.get_key_rotation_status(**name),
        "TagResource": lambda kms: kms.tag_resource(**name, Tags=[{"TagKey": "a", "TagValue": "b"}]),
        "UntagResource": lambda kms: kms.untag_resource(**name, TagKeys=["a"]),
        "ListResourceTags": lambda kms: kms.list_resource_tags(**name), "ListGrants": lambda kms: kms.list_grants(**name),
        "UpdateKeyDescription": lambda kms: kms.update_key_description(**name, Description="x"),
        "RotateKeyOnDemand": lambda kms: kms.rotate_key_on_demand(**name),
        "CreateGrant": lambda kms: kms.create_grant(**name, GranteePrincipal=FIRST.root, Operations=["Encrypt"]),
        "ScheduleKeyDeletion": lambda kms: kms.schedule_key_deletion(**name, PendingWindowInDays=7),
        "CancelKeyDeletion": lambda kms: (kms.cancel_key_deletion(**name), kms.enable_key(**name)),
    }  # fmt: skip
    for administrator, user in pairs:
        for calls, able, unable in ((use, user, administrator), (administer, administrator, user)):
            for action, call in calls.items():
                action = f"kms:{action}"
                with refused(DENIED, denied_text(unable, action, on(key), no_identity_policy(action))):
                    call(world.kms(unable))
                call(world.kms(able))
        for who in (administrator, user):
            world.kms(who).describe_key(**name)
    # The administrator can help itself, and that is what the log is for.
    administrator = pairs[0][0]
    world.kms(administrator).put_key_policy(**name, Policy=console_policy(administrator.arn, administrator.arn))
    encrypt(world, administrator, key)
    not_allowed(world, pairs[0][1], key)


@scenario
def what_has_no_key_needs_a_policy_for_everything(world):
    iam, key = world.client("iam"), world.key()
    calls = {
        "kms:CreateKey": lambda kms: kms.create_key(), "kms:ListKeys": lambda kms: kms.list_keys(),
        "kms:ListAliases": lambda kms: kms.list_aliases(),
        "kms:GenerateRandom": lambda kms: kms.generate_random(NumberOfBytes=1),
        "kms:ListRetirableGrants": lambda kms: kms.list_retirable_grants(RetiringPrincipal=FIRST.root),
    }  # fmt: skip
    for action, call in calls.items():
        for statements, allowed in (
            ((), False), ([may(action)], True), ([may(action, key["Arn"])], False), ([may(action, key_arn("*"))], False),
            ([may(action), may_not(action)], False),
            ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], True),
            ([{"Effect": "Allow", "Action": action, "NotResource": key["Arn"]}], True),
            ([may(action), {"Effect": "Deny", "Action": action, "NotResource": key["Arn"]}], False),
        ):  # fmt: skip
            user = make_user(world, *statements)
            if allowed:
                call(world.kms(user))
            elif action == "kms:ListRetirableGrants":
                with refused(DENIED):
                    call(world.kms(user))
            else:
                text = denied_text(user, action, "resource: *", no_identity_policy(action))
                if len(statements) == 2:
                    text = denied_by(user, action, "resource: *", "an identity-based policy")
                with refused(DENIED, text):
                    call(world.kms(user))
            delete_user(world, user)
    user = make_user(world, may("kms:CreateKey"))
    tagged = {"Tags": [{"TagKey": "a", "TagValue": "b"}]}
    with refused(DENIED):
        world.kms(user).create_key(**tagged)
    permit(world, user, may(["kms:CreateKey", "kms:TagResource"]))
    made = world.kms(user).create_key(**tagged)["KeyMetadata"]
    # To have made it is no right to it.
    not_allowed(world, user, made, no_identity_policy)
    iam.get_user(UserName=user.name)


@scenario
def an_alias_is_changed_by_who_may_change_it_and_its_key(world):
    name, old, new = "alias/access-" + fresh("a"), world.key(), world.key()
    actions = ["kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"]
    both = [may(actions, [alias_arn(name), old["Arn"], new["Arn"]])]
    for left_out in (alias_arn(name), old["Arn"]):
        resources = [arn for arn in both[0]["Resource"] if arn != left_out]
        with refused(DENIED, denied_text(
            user := make_user(world, may(actions, resources)), "kms:CreateAlias", f"resource: {left_out}",
            no_identity_policy("kms:CreateAlias"),
        )):  # fmt: skip
            world.kms(user).create_alias(AliasName=name, TargetKeyId=old["KeyId"])
    user = make_user(world, *both)
    kms = world.kms(user)
    kms.create_alias(AliasName=name, TargetKeyId=old["KeyId"])
    for left_out in both[0]["Resource"]:
        resources = [arn for arn in both[0]["Resource"] if arn != left_out]
        lesser = make_user(world, may(actions, resources))
        with refused(DENIED):
            world.kms(lesser).update_alias(AliasName=name, TargetKeyId=new["KeyId"])
    kms.update_alias(AliasName=name, TargetKeyId=new["KeyId"])
    # A name that is allowed is no way to the key behind it, and the name itself is no obstacle.
    reader = make_user(world, may("kms:Encrypt", alias_arn(name)))
    with refused(DENIED, denied_text(reader, "kms:Encrypt", on(new), no_identity_policy("kms:Encrypt"))):
        world.kms(reader).encrypt(KeyId=name, Plaintext=b"x")
    permit(world, reader, may("kms:Encrypt", new["Arn"]))
    world.kms(reader).encrypt(KeyId=name, Plaintext=b"x")
    kms.delete_alias(AliasName=name)


@scenario
def each_side_of_a_re_encryption_is_a_matter_of_its_own(world):
    source, target = world.key(), world.key()
    blob = encrypt(world, FIRST, source)

    def move(who):
        return world.kms(who).re_encrypt(CiphertextBlob=blob, SourceKeyId=source["KeyId"], DestinationKeyId=target["KeyId"])

    sides = [may("kms:ReEncryptFrom", source["Arn"]), may("kms:ReEncryptTo", target["Arn"])]
    move(make_user(world, *sides))
    for statement, action, key in ((sides[1], "kms:ReEncryptFrom", source), (sides[0], "kms:ReEncryptTo", target)):
        user = make_user(world, statement)
        with refused(DENIED, denied_text(user, action, on(key), no_identity_policy(action))):
            move(user)


@scenario
def an_unknown_key_is_unknown_before_it_is_forbidden(world):
    user = make_user(world)
    arn = key_arn("1234abcd-12ab-34cd-56ef-1234567890ab")
    with refused("NotFoundException", f"Key '{arn}' does not exist"):
        world.kms(user).describe_key(KeyId=arn)
    with refused("NotFoundException"):
        world.kms(user).describe_key(KeyId="alias/unknown-to-all")
    with refused(DENIED):
        world.kms(user, OTHER_REGION).describe_key(KeyId=world.key(region=OTHER_REGION)["KeyId"])


if __name__ == "__main__":
    run()
