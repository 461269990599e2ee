"""Policies of users, groups and roles: inline and managed, their versions, attachments, boundaries and bad text."""

import json
import urllib.parse

from harness import FIRST, SECOND, equal, holds, members, policy, refused, run, scenario
from principals import ask, element, fresh, make_role, make_user, managed_policy, may, trust

ODD = (
    '{\t"Version" : "2012-10-17",\r\n "Statement" :[{"Effect":"Allow","Action":"kms:*" , "Resource":"*",\n'
    '"Condition":{"StringEquals":{"aws:PrincipalTag/a b":["100%","1+1","%41","<&>\\"","\u00e9\u00ff",""," x "]}}}]}  '
)
MISSING_POLICY = "The {} policy with name {} cannot be found."


def entities(world):
    """Each kind of owner of policies, with a fresh name."""
    iam = world.client("iam")
    user, group, role = fresh("user"), fresh("group"), make_role(world, FIRST).name
    iam.create_user(UserName=user)
    iam.create_group(GroupName=group)
    return {"user": {"UserName": user}, "group": {"GroupName": group}, "role": {"RoleName": role}}


def raw(answer, name):
    """A policy document of an answer as it was submitted: nothing but percent-encoding may be around it."""
    text = element(answer, name)
    holds(not set(text) & set(' +"{}\n'), f"{text[:80]!r} is not percent-encoded")
    return urllib.parse.unquote(text, errors="strict")


@scenario
def an_inline_policy_is_put_read_replaced_and_deleted(world):
    iam = world.client("iam")
    for kind, owner in entities(world).items():
        put, get, delete, names = (
            getattr(iam, f"{verb}_{kind}_{noun}")
            for verb, noun in (("put", "policy"), ("get", "policy"), ("delete", "policy"), ("list", "policies"))
        )
        (owner_name,) = owner.values()
        equal(names(**owner)["PolicyNames"], [])
        for name in ("b", "a+=,.@_-"):
            members(put(**owner, PolicyName=name, PolicyDocument=policy(may("kms:Encrypt"))))
        equal(sorted(names(**owner)["PolicyNames"]), ["a+=,.@_-", "b"])
        got = get(**owner, PolicyName="b")
        members(got, *owner, "PolicyName", "PolicyDocument")
        equal((list(owner.values())[0], got["PolicyName"]), (owner_name, "b"))
        equal(json.loads(policy(may("kms:Encrypt"))), got["PolicyDocument"])
        put(**owner, PolicyName="b", PolicyDocument=policy(may("kms:Decrypt")))
        equal(get(**owner, PolicyName="b")["PolicyDocument"]["Statement"][0]["Action"], "kms:Decrypt")
        equal(len(names(**owner)["PolicyNames"]), 2)
        members(delete(**owner, PolicyName="b"))
        for call in (get, delete):
            with refused("NoSuchEntity", MISSING_POLICY.format(kind, "b"), 404):
                call(**owner, PolicyName="b")
        nobody = {member: fresh("nobody") for member in owner}
        missing = f"The {kind} with name {list(nobody.values())[0]} cannot be found."
        for call in (
            lambda: put(**nobody, PolicyName="b", PolicyDocument=policy(may("kms:Encrypt"))),
            lambda: get(**nobody, PolicyName="b"), lambda: delete(**nobody, PolicyName="b"), lambda: names(**nobody),
        ):  # fmt: skip
            with refused("NoSuchEntity", missing, 404):
                call()


@scenario
def the_text_of_a_policy_is_kept_as_it_was_submitted(world):
    iam, arn = world.client("iam"), managed_policy(world, PolicyDocument=ODD)
    for kind, owner in entities(world).items():
        getattr(iam, f"put_{kind}_policy")(**owner, PolicyName="odd", PolicyDocument=ODD)
        action = f"Get{kind.capitalize()}Policy"
        equal(raw(ask(world, action, {**owner, "PolicyName": "odd"}), "PolicyDocument"), ODD, kind)
    version = {"PolicyArn": arn, "VersionId": "v1"}
    equal(raw(ask(world, "GetPolicyVersion", version), "Document"), ODD, "managed")
    text = ODD.replace('"kms:*"', '"sts:AssumeRole"').replace('"Resource":"*"', '"Principal":{"AWS":"*"}')
    name = fresh("role")
    # Of a trust policy, in which principals are resolved, it is what it says.
    made = ask(world, "CreateRole", {"RoleName": name, "AssumeRolePolicyDocument": text})
    got = ask(world, "GetRole", {"RoleName": name})
    for answer in (made, got):
        equal(json.loads(raw(answer, "AssumeRolePolicyDocument")), json.loads(text), "the trust policy")
    for bad in (policy(may("kms:*")).replace("kms", "\u0100"), policy(may("kms:*")).replace("kms", "\U0001f511"),
                "\u0008" + policy(may("kms:*"))):  # fmt: skip
        answer = ask(world, "CreatePolicy", {"PolicyName": fresh("policy"), "PolicyDocument": bad})
        equal(answer.status, 400, f"{bad!r}")
        holds(element(answer, "Code") in ("ValidationError", "MalformedPolicyDocument"), f"{answer!r}")


@scenario
def policies_have_sizes_without_their_white_space(world):
    iam, owners = world.client("iam"), entities(world)

    def sized(count, spaces=0):
        short = policy({**may("kms:Encrypt"), "Sid": ""}).replace(" ", "")
        return short.replace('"Sid":""', '"Sid":"' + "s" * (count - len(short)) + '"' + " \n" * (spaces // 2))

    equal(len(sized(2048)), 2048)
    for kind, most in (("user", 2048), ("role", 10240), ("group", 5120)):
        put, owner = getattr(iam, f"put_{kind}_policy"), owners[kind]
        text = f"Maximum policy size of {most} bytes exceeded for {kind} {list(owner.values())[0]}"
        with refused("LimitExceeded", text, 409):
            put(**owner, PolicyName="one", PolicyDocument=sized(most + 1))
        put(**owner, PolicyName="one", PolicyDocument=sized(most - 500, spaces=1000))
        put(**owner, PolicyName="two", PolicyDocument=sized(500))
        with refused("LimitExceeded", text, 409):
            put(**owner, PolicyName="two", PolicyDocument=sized(501))
        with refused("LimitExceeded", text, 409):
            put(**owner, PolicyName="three", PolicyDocument=sized(200))
        put(**owner, PolicyName="one", PolicyDocument=sized(most - 500))
    managed_policy(world, PolicyDocument=sized(6144, spaces=500))
    with refused("LimitExceeded", http=409):
        managed_policy(world, PolicyDocument=sized(6145))


@scenario
def a_managed_policy_is_made_attached_and_deleted(world):
    iam, name = world.client("iam"), fresh("policy")
    made = iam.create_policy(
        PolicyName=name, Path="/x/", PolicyDocument=policy(may("kms:Encrypt")), Description="For + 100%",
        Tags=[{"Key": "a", "Value": "b"}],
    )["Policy"]  # fmt: skip
    arn = f"arn:aws:iam::{FIRST.number}:policy/x/{name}"
    equal((made["PolicyName"], made["Path"], made["Arn"], made["DefaultVersionId"]), (name, "/x/", arn, "v1"))
    equal((made["AttachmentCount"], made["PermissionsBoundaryUsageCount"], made["IsAttachable"]), (0, 0, True))
    holds(made["PolicyId"].startswith("ANPA") and len(made["PolicyId"]) == 21, made["PolicyId"])
    got = iam.get_policy(PolicyArn=arn)["Policy"]
    equal((got["Description"], got["Tags"], got["PolicyId"]), ("For + 100%", [{"Key": "a", "Value": "b"}], made["PolicyId"]))
    owners = entities(world)
    for kind, owner in owners.items():
        attach, detach = getattr(iam, f"attach_{kind}_policy"), getattr(iam, f"detach_{kind}_policy")
        attached = getattr(iam, f"list_attached_{kind}_policies")
        with refused("NoSuchEntity", f"Policy {arn} was not found.", 404):
            detach(**owner, PolicyArn=arn)
        for _ in range(2):
            members(attach(**owner, PolicyArn=arn))
        equal(attached(**owner)["AttachedPolicies"], [{"PolicyName": name, "PolicyArn": arn}])
        equal(attached(**owner, PathPrefix="/y/")["AttachedPolicies"], [])
        nobody = {member: fresh("nobody") for member in owner}
        for call in (attach, detach):
            with refused("NoSuchEntity", http=404):
                call(**nobody, PolicyArn=arn)
        for other in (arn + "x", arn.replace(FIRST.number, SECOND.number)):
            with refused("NoSuchEntity", f"Policy {other} does not exist or is not attachable.", 404):
                attach(**owner, PolicyArn=other)
        for bad in ("arn:aws:iam::policy/" + "x" * 20, "x" * 30):
            with refused("ValidationError", "Invalid ARN:  Could not be parsed!"):
                attach(**owner, PolicyArn=bad)
    equal(iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"], 3)
    found = iam.list_entities_for_policy(PolicyArn=arn)
    equal([[entry["UserName"] for entry in found["PolicyUsers"]], [entry["GroupName"] for entry in found["PolicyGroups"]],
           [entry["RoleName"] for entry in found["PolicyRoles"]]], [list(owner.values()) for owner in owners.values()])  # fmt: skip
    only = iam.list_entities_for_policy(PolicyArn=arn, EntityFilter="Role")
    equal((len(only["PolicyUsers"]), len(only["PolicyGroups"]), len(only["PolicyRoles"])), (0, 0, 1))
    for kind, owner in owners.items():
        members(getattr(iam, f"detach_{kind}_policy")(**owner, PolicyArn=arn))
    equal(iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"], 0)
    members(iam.delete_policy(PolicyArn=arn))
    for call in (iam.get_policy, iam.delete_policy):
        with refused("NoSuchEntity", f"Policy {arn} was not found.", 404):
            call(PolicyArn=arn)


@scenario
def at_most_ten_policies_are_attached(world):
    iam, policies = world.client("iam"), [managed_policy(world, may("kms:Encrypt")) for _ in range(11)]
    for kind, owner in entities(world).items():
        attach = getattr(iam, f"attach_{kind}_policy")
        for arn in policies[:10]:
            attach(**owner, PolicyArn=arn)
        with refused("LimitExceeded", http=409):
            attach(**owner, PolicyArn=policies[10])
        attach(**owner, PolicyArn=policies[0])
        equal(len(getattr(iam, f"list_attached_{kind}_policies")(**owner)["AttachedPolicies"]), 10)


@scenario
def lists_of_policies_can_be_narrowed(world):
    iam = world.client("iam")
    plain, attached, bounding = (managed_policy(world, may("kms:*"), Path="/narrow/") for _ in range(3))
    make_user(world, PermissionsBoundary=bounding)
    iam.attach_user_policy(UserName=make_user(world).name, PolicyArn=attached)

    def found(**filters):
        pages = iam.get_paginator("list_policies").paginate(PathPrefix="/narrow/", **filters)
        return {entry["Arn"] for page in pages for entry in page["Policies"]}

    for filters in ({}, {"Scope": "All"}, {"Scope": "Local"}):
        equal(found(**filters), {plain, attached, bounding})
    equal(found(Scope="AWS"), set())
    equal(found(PolicyUsageFilter="PermissionsBoundary"), {bounding})
    holds(plain not in found(OnlyAttached=True) and attached in found(OnlyAttached=True), "attached ones")
    with refused("ValidationError"):
        iam.list_policies(Scope="Mine")


@scenario
def a_managed_policy_has_versions(world):
    iam, arn = world.client("iam"), managed_policy(world, may("kms:Encrypt"))
    user = make_user(world)
    iam.attach_user_policy(UserName=user.name, PolicyArn=arn)
    kms, key = world.kms(user), world.key()["KeyId"]
    kms.encrypt(KeyId=key, Plaintext=b"x")
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(may("kms:DescribeKey")))["PolicyVersion"]
    equal((made["VersionId"], made["IsDefaultVersion"], "Document" in made), ("v2", False, False))
    kms.encrypt(KeyId=key, Plaintext=b"x")
    members(iam.set_default_policy_version(PolicyArn=arn, VersionId="v2"))
    equal(iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"], "v2")
    kms.describe_key(KeyId=key)
    with refused("AccessDeniedException"):
        kms.encrypt(KeyId=key, Plaintext=b"x")
    for number in (3, 4, 5):
        text = policy(may(f"kms:A{number}"))
        made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=text, SetAsDefault=number == 5)["PolicyVersion"]
        equal((made["VersionId"], made["IsDefaultVersion"]), (f"v{number}", number == 5))
    listed = {entry["VersionId"]: entry["IsDefaultVersion"] for entry in iam.list_policy_versions(PolicyArn=arn)["Versions"]}
    equal(listed, {"v1": False, "v2": False, "v3": False, "v4": False, "v5": True})
    got = iam.get_policy_version(PolicyArn=arn, VersionId="v3")["PolicyVersion"]
    equal((got["VersionId"], got["IsDefaultVersion"]), ("v3", False))
    equal(got["Document"]["Statement"][0]["Action"], "kms:A3")
    full = "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version."
    with refused("LimitExceeded", full, 409):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(may("kms:*")))
    with refused("DeleteConflict", "Cannot delete the default version of a policy.", 409):
        iam.delete_policy_version(PolicyArn=arn, VersionId="v5")
    members(iam.delete_policy_version(PolicyArn=arn, VersionId="v1"))
    iam.delete_policy_version(PolicyArn=arn, VersionId="v4")
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(may("kms:*")))["PolicyVersion"]
    equal(made["VersionId"], "v6", "a version's number is not used twice")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v6")
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(may("kms:*")))["PolicyVersion"]
    equal(made["VersionId"], "v7")
    gone = f"Policy {arn} version v1 does not exist or is not attachable."
    for call in (iam.get_policy_version, iam.delete_policy_version, iam.set_default_policy_version):
        with refused("NoSuchEntity", gone, 404):
            call(PolicyArn=arn, VersionId="v1")
    iam.detach_user_policy(UserName=user.name, PolicyArn=arn)
    several = (
        "This policy contains more than one version. Before you delete a policy, you must delete the policy's versions. "
        "The default version is deleted with the policy."
    )
    with refused("DeleteConflict", several, 409):
        iam.delete_policy(PolicyArn=arn)
    for version in ("v2", "v3", "v7"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    iam.delete_policy(PolicyArn=arn)


@scenario
def a_boundary_is_put_shown_and_taken_away(world):
    iam, arn = world.client("iam"), managed_policy(world, may("kms:Encrypt"))
    missing = arn + "x"
    for kind in ("user", "role"):
        create, name = getattr(iam, f"create_{kind}"), fresh(kind)
        more = {"AssumeRolePolicyDocument": policy(trust(FIRST.root))} if kind == "role" else {}
        owner = {f"{kind.capitalize()}Name": name}
        put, take = getattr(iam, f"put_{kind}_permissions_boundary"), getattr(iam, f"delete_{kind}_permissions_boundary")

        def shown():
            return getattr(iam, f"get_{kind}")(**owner)[kind.capitalize()].get("PermissionsBoundary")

        with refused("NoSuchEntity", http=404):
            create(**owner, **more, PermissionsBoundary=missing)
        made = create(**owner, **more, PermissionsBoundary=arn)[kind.capitalize()]
        equal(made["PermissionsBoundary"]["PermissionsBoundaryArn"], arn)
        equal((shown()["PermissionsBoundaryType"][:6], shown()["PermissionsBoundaryArn"]), ("Policy", arn))
        equal(iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"], 1)
        with refused("DeleteConflict", http=409):
            iam.delete_policy(PolicyArn=arn)
        members(take(**owner))
        equal(shown(), None)
        with refused("NoSuchEntity", http=404):
            put(**owner, PermissionsBoundary=missing)
        members(put(**owner, PermissionsBoundary=arn))
        equal(shown()["PermissionsBoundaryArn"], arn)
        getattr(iam, f"delete_{kind}")(**owner)
        with refused("NoSuchEntity", http=404):
            put(**owner, PermissionsBoundary=arn)
    equal(iam.get_policy(PolicyArn=arn)["Policy"]["PermissionsBoundaryUsageCount"], 0)
    iam.delete_policy(PolicyArn=arn)


@scenario
def the_policies_of_aws_are_there_or_said_not_to_be(world):
    iam, user, arn = world.client("iam"), make_user(world), "arn:aws:iam::aws:policy/AdministratorAccess"
    try:
        iam.attach_user_policy(UserName=user.name, PolicyArn=arn)
    except iam.exceptions.NoSuchEntityException as error:
        equal(error.response["Error"]["Message"], f"Policy {arn} does not exist or is not attachable.")
        return
    world.kms(user).create_key()
    with refused("NoSuchEntity", http=404):
        iam.attach_user_policy(UserName=user.name, PolicyArn=arn + "x")


if __name__ == "__main__":
    run()
