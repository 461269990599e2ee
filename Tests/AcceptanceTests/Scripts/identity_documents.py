"""Policy documents that IAM refuses, and what it says to each."""

import json

from harness import FIRST, OTHER_REGION, SECOND, equal, policy, refused, run, scenario
from principals import delete_user, fresh, make_role, make_user, managed_policy, may, role_arn, trust, user_arn

ANY = None
SYNTAX = "Syntax errors in policy."
VENDOR = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."


def without(statement, *names):
    return {name: value for name, value in statement.items() if name not in names}


def of_identities():
    """Documents that no identity may have."""
    good = may("kms:Encrypt")
    return [
        ("not JSON", "{", SYNTAX),
        ("a JSON string", '"policy"', SYNTAX),
        ("an array", "[]", SYNTAX),
        ("nothing in it", "{}", SYNTAX),
        ("no statement", '{"Version":"2012-10-17"}', SYNTAX),
        ("an empty list of statements", policy(), SYNTAX),
        ("something after it", policy(good) + "x", SYNTAX),
        ("an unknown version", json.dumps({"Version": "2020-01-01", "Statement": [good]}), ANY),
        ("an unknown element", policy({**good, "Actions": "kms:*"}), SYNTAX),
        ("an unknown element beside", json.dumps({"Version": "2012-10-17", "Statement": [good], "Extra": 1}), SYNTAX),
        ("an element in another case", policy({**without(good, "Effect"), "effect": "Allow"}), SYNTAX),
        ("an unknown effect", policy({**good, "Effect": "allow"}), SYNTAX),
        ("no effect", policy(without(good, "Effect")), SYNTAX),
        ("a number for an action", policy({**good, "Action": 1}), SYNTAX),
        ("no action", policy(without(good, "Action")), "Policy statement must contain actions."),
        ("no resource", policy(without(good, "Resource")), "Policy statement must contain resources."),
        ("no resource in the second", policy(good, without(good, "Resource")), "Policy statement must contain resources."),
        ("empty actions", policy({**good, "Action": []}), ANY),
        ("empty resources", policy({**good, "Resource": []}), ANY),
        ("both Action and NotAction", policy({**good, "NotAction": "kms:Decrypt"}), SYNTAX),
        ("both Resource and NotResource", policy({**good, "NotResource": "*"}), SYNTAX),
        ("a duplicate element", policy(good)[:-2] + ',"Effect":"Allow"}]}', SYNTAX),
        ("an unknown operator", policy({**good, "Condition": {"StringIs": {"aws:username": "a"}}}), SYNTAX),
        ("an unknown set operator", policy({**good, "Condition": {"ForSome:StringEquals": {"aws:TagKeys": "a"}}}), SYNTAX),
        ("a condition that is a list", policy({**good, "Condition": []}), SYNTAX),
        ("a statement's name twice", policy({**good, "Sid": "A"}, {**good, "Sid": "A"}),
         "Statement IDs (SID) in a single policy must be unique."),
        ("a statement's name with a space", policy({**good, "Sid": "a b"}), ANY),
        ("an action without a service", policy({**good, "Action": "Encrypt"}), VENDOR),
        ("a second action without a service", policy({**good, "Action": ["kms:Encrypt", "Decrypt"]}), VENDOR),
        ("a service that is none", policy({**good, "Action": "a a:Encrypt"}), "Vendor a a is not valid"),
        ("a part of a service", policy({**good, "Action": "km*:Encrypt"}), ANY),
        ("a principal", policy({**good, "Principal": {"AWS": FIRST.root}}), ANY),
        ("everybody as principal", policy({**good, "Principal": "*"}), ANY),
        ("no principal", policy({**good, "NotPrincipal": {"AWS": FIRST.root}}), ANY),
        ("a resource that is no ARN", policy({**good, "Resource": "nonsense"}), ANY),
    ]  # fmt: skip


def of_roles():
    """Documents that no role may have for trust."""
    good = trust(FIRST.root)
    invalid = 'Invalid principal in policy: "AWS":"{}"'
    cases = [
        ("not JSON", "{", "This policy contains invalid Json"),
        ("an empty list of statements", policy(), ANY),
        ("no statement", '{"Version":"2012-10-17"}', ANY),
        ("a resource", policy({**good, "Resource": "*"}), "Has prohibited field Resource"),
        ("no principal", policy(without(good, "Principal")), ANY),
        ("no action", policy(without(good, "Action")), ANY),
        ("another service's action", policy({**good, "Action": "kms:Encrypt"}), ANY),
        ("every service's actions", policy({**good, "Action": "*"}), ANY),
        ("an unknown effect", policy({**good, "Effect": "allow"}), ANY),
        ("an unknown operator", policy({**good, "Condition": {"StringIs": {"aws:username": "a"}}}), ANY),
        ("an unknown element", policy({**good, "Actions": "x"}), ANY),
        ("a group", policy(trust(f"arn:aws:iam::{FIRST.number}:group/all")), ANY),
        ("part of a name", policy(trust(user_arn("*"))), ANY),
    ]
    for principal in (
        user_arn("nobody"), role_arn("nobody"), user_arn("nobody", SECOND), "arn:aws:iam::1234:root", "nobody",
    ):  # fmt: skip
        cases.append((f"principal {principal}", policy(trust(principal)), invalid.format(principal)))
        several = policy(good, trust([FIRST.root, principal]))
        cases.append((f"principal {principal} among others", several, invalid.format(principal)))
    return cases


def all_refused(cases, writers):
    """Every writer refuses every document with the text that goes with it."""
    wrong = []
    for name, text, message in cases:
        for writer, write in writers.items():
            try:
                with refused("MalformedPolicyDocument", message):
                    write(text)
            except AssertionError as error:
                wrong.append(f"{name}, {writer}: {error}")
    equal("\n".join(wrong), "", "policies with a wrong answer")


@scenario
def documents_that_are_no_policies_of_identities_are_refused_and_change_nothing(world):
    iam, user, group = world.client("iam"), fresh("user"), fresh("group")
    iam.create_user(UserName=user)
    iam.create_group(GroupName=group)
    role, arn, never = make_role(world, FIRST).name, managed_policy(world, may("kms:Encrypt")), fresh("never")
    all_refused(of_identities(), {
        "PutUserPolicy": lambda text: iam.put_user_policy(UserName=user, PolicyName="a", PolicyDocument=text),
        "PutGroupPolicy": lambda text: iam.put_group_policy(GroupName=group, PolicyName="a", PolicyDocument=text),
        "PutRolePolicy": lambda text: iam.put_role_policy(RoleName=role, PolicyName="a", PolicyDocument=text),
        "CreatePolicy": lambda text: iam.create_policy(PolicyName=never, PolicyDocument=text),
        "CreatePolicyVersion": lambda text: iam.create_policy_version(
            PolicyArn=arn, PolicyDocument=text, SetAsDefault=True),
    })  # fmt: skip
    equal(iam.list_user_policies(UserName=user)["PolicyNames"], [])
    equal(iam.list_group_policies(GroupName=group)["PolicyNames"], [])
    equal(iam.list_role_policies(RoleName=role)["PolicyNames"], [])
    equal([entry["VersionId"] for entry in iam.list_policy_versions(PolicyArn=arn)["Versions"]], ["v1"])
    iam.create_policy(PolicyName=never, PolicyDocument=policy(may("kms:Encrypt")))


@scenario
def documents_that_are_no_trust_policies_are_refused_and_change_nothing(world):
    iam, name = world.client("iam"), make_role(world, FIRST).name
    before = iam.get_role(RoleName=name)["Role"]
    all_refused(of_roles(), {
        "CreateRole": lambda text: iam.create_role(RoleName=fresh("never"), AssumeRolePolicyDocument=text),
        "UpdateAssumeRolePolicy": lambda text: iam.update_assume_role_policy(RoleName=name, PolicyDocument=text),
    })  # fmt: skip
    equal(iam.get_role(RoleName=name)["Role"], before)
    left = [role["RoleName"] for role in iam.list_roles()["Roles"] if role["RoleName"].startswith("never")]
    equal(left, [], "roles made nevertheless")


@scenario
def documents_of_every_lawful_form_are_accepted(world):
    iam, good = world.client("iam"), may("kms:Encrypt")
    for document in (
        policy(good), json.dumps({"Version": "2012-10-17", "Statement": good}), policy({**good, "Sid": "Name1"}, good),
        json.dumps({"Version": "2012-10-17", "Id": "any text", "Statement": [good]}), policy(good) + "\r\n\t ",
        policy(may("*")), policy(may("KMS:encrypt")), policy(may("kms:En*t?")), policy(may("s3:GetObject", "arn:aws:s3:::b/*")),
        policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
        policy({"Effect": "Deny", "Action": ["kms:*"], "NotResource": [f"arn:aws:kms:{OTHER_REGION}:*:key/*"]}),
        policy({**good, "Condition": {"Bool": {"aws:SecureTransport": True}, "NumericLessThan": {"x:y": 7}}}),
        policy({**good, "Condition": {"ForAllValues:StringLikeIfExists": {"aws:TagKeys": ["a", "b"]}}}),
        policy({**good, "Resource": "arn:aws:kms:*:*:alias/${aws:username, 'nobody'}"}),
    ):  # fmt: skip
        iam.create_policy(PolicyName=fresh("policy"), PolicyDocument=document)
    user, role = make_user(world), make_role(world, FIRST)
    theirs = make_user(world, account=SECOND)
    for principal in (
        FIRST.number, FIRST.root, SECOND.root, "*", user.arn, theirs.arn, role.arn, role.session_arn("one"),
        [user.arn, role.arn], "arn:aws:iam::999999999999:root", "arn:aws:iam::999999999999:user/somebody",
    ):  # fmt: skip
        make_role(world, [trust(principal)])
    service = {**trust("*"), "Principal": {"Service": "ec2.amazonaws.com"}}
    make_role(world, [service])
    make_role(world, [{**trust("*"), "Principal": "*"}])
    make_role(world, [trust(user.arn, ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"])])
    make_role(world, [trust(FIRST.root, "sts:*")])


@scenario
def a_role_trusts_nobody_who_only_has_the_name(world):
    iam, user = world.client("iam"), make_user(world)
    role = make_role(world, user)
    delete_user(world, user)
    shown = iam.get_role(RoleName=role.name)["Role"]["AssumeRolePolicyDocument"]
    equal(shown["Statement"][0]["Principal"], {"AWS": user.identifier}, "the trust policy names who is gone by its id")
    again = make_user(world, name=user.name)
    with refused("AccessDenied", http=403):
        world.client("sts", again).assume_role(RoleArn=role.arn, RoleSessionName="work")
    equal(iam.get_role(RoleName=role.name)["Role"]["AssumeRolePolicyDocument"], shown)
    iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=policy(trust(again.arn)))
    world.client("sts", again).assume_role(RoleArn=role.arn, RoleSessionName="work")
    # A name that is changed is still the same principal's.
    iam.update_user(UserName=again.name, NewUserName=(new := fresh("renamed")))
    shown = iam.get_role(RoleName=role.name)["Role"]["AssumeRolePolicyDocument"]
    equal(shown["Statement"][0]["Principal"], {"AWS": user_arn(new)})
    world.client("sts", again).assume_role(RoleArn=role.arn, RoleSessionName="work")


@scenario
def a_role_can_trust_itself_once_it_exists(world):
    name = fresh("role")
    own = policy(trust(FIRST.root), trust(role_arn(name)))
    with refused("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{role_arn(name)}"'):
        world.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=own)
    make_role(world, FIRST, name=name)
    world.client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=own)


if __name__ == "__main__":
    run()
