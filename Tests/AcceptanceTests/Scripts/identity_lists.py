"""Lists of IAM page by page, and the query protocol below the SDK."""

import re
import urllib.parse
import uuid
import xml.etree.ElementTree

from harness import (
    FIRST, OTHER_REGION, SECOND, Account, World, equal, holds, members, policy, refused, run, scenario,
)  # fmt: skip
from principals import FORM, STRANGER, ask, element, fresh, make_role, make_user, managed_policy, may, trust
from raw import Wire, amz_date, sign
from server import Server

SPACE = "https://iam.amazonaws.com/doc/2010-05-08/"


def paged(iam, operation, member, total, **parameters):
    """Every page size gives the same entries, each once."""
    whole = None
    for size in (1, 2, 3, 1000):
        pages = list(iam.get_paginator(operation).paginate(**parameters, PaginationConfig={"PageSize": size}))
        equal(len(pages), max(1, -(-total // size)), f"pages of {size} of {operation}")
        for page in pages[:-1]:
            holds(page["IsTruncated"] and page["Marker"], f"{operation} goes on")
        equal((pages[-1]["IsTruncated"], "Marker" in pages[-1]), (False, False), f"the last page of {operation}")
        entries = [entry for page in pages for entry in page[member]]
        equal(len(entries), total, f"entries of {operation} in pages of {size}")
        whole = whole or entries
        equal(entries, whole, f"{operation} in pages of {size}")
    call = getattr(iam, operation)
    for wrong in ({"MaxItems": 0}, {"MaxItems": 1001}, {"MaxItems": -1}, {"Marker": "nonsense"}):
        try:
            call(**parameters, **wrong)
        except iam.exceptions.ClientError as error:
            equal(error.response["Error"]["Code"], "ValidationError", f"{operation} with {wrong}")
            continue
        raise AssertionError(f"{operation} accepts {wrong}")
    return whole


@scenario
def every_list_has_pages(world):
    iam, path = world.client("iam"), f"/{fresh('pages')}/"
    users = [make_user(world, may("kms:*"), Path=path).name for _ in range(5)]
    groups, roles, policies = [], [], []
    for _ in range(4):
        groups.append(fresh("group"))
        iam.create_group(GroupName=groups[-1], Path=path)
        roles.append(make_role(world, FIRST, Path=path).name)
        policies.append(managed_policy(world, may("kms:*"), Path=path))
    listed = paged(iam, "list_users", "Users", 5, PathPrefix=path)
    equal(sorted(entry["UserName"] for entry in listed), sorted(users))
    paged(iam, "list_groups", "Groups", 4, PathPrefix=path)
    paged(iam, "list_roles", "Roles", 4, PathPrefix=path)
    paged(iam, "list_policies", "Policies", 4, PathPrefix=path)
    user, arn = {"UserName": users[0]}, policies[0]
    for number, group in enumerate(groups):
        iam.add_user_to_group(GroupName=group, **user)
        iam.put_user_policy(**user, PolicyName=f"p{number}", PolicyDocument=policy(may("kms:*")))
        iam.attach_user_policy(**user, PolicyArn=policies[number])
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(may("kms:*")))
    for name in users:
        iam.attach_user_policy(UserName=name, PolicyArn=arn)
        iam.add_user_to_group(GroupName=groups[0], UserName=name)
    iam.create_access_key(**user)
    iam.tag_user(**user, Tags=[{"Key": f"k{number}", "Value": ""} for number in range(5)])
    paged(iam, "list_groups_for_user", "Groups", 4, **user)
    paged(iam, "list_user_policies", "PolicyNames", 5, **user)
    paged(iam, "list_attached_user_policies", "AttachedPolicies", 4, **user)
    paged(iam, "list_access_keys", "AccessKeyMetadata", 2, **user)
    paged(iam, "list_user_tags", "Tags", 5, **user)
    paged(iam, "list_policy_versions", "Versions", 5, PolicyArn=arn)
    members_of = paged(iam, "get_group", "Users", 5, GroupName=groups[0])
    equal(sorted(entry["UserName"] for entry in members_of), sorted(users))
    paged(iam, "list_entities_for_policy", "PolicyUsers", 5, PolicyArn=arn)
    role = {"RoleName": roles[0]}
    for number in range(4):
        iam.put_role_policy(**role, PolicyName=f"p{number}", PolicyDocument=policy(may("kms:*")))
        iam.attach_role_policy(**role, PolicyArn=policies[number])
        iam.put_group_policy(GroupName=groups[0], PolicyName=f"p{number}", PolicyDocument=policy(may("kms:*")))
        iam.attach_group_policy(GroupName=groups[0], PolicyArn=policies[number])
    paged(iam, "list_role_policies", "PolicyNames", 4, **role)
    paged(iam, "list_attached_role_policies", "AttachedPolicies", 4, **role)
    paged(iam, "list_group_policies", "PolicyNames", 4, GroupName=groups[0])
    paged(iam, "list_attached_group_policies", "AttachedPolicies", 4, GroupName=groups[0])


@scenario
def a_page_has_a_hundred_entries_unless_it_is_said_otherwise(world):
    iam, path = world.client("iam"), f"/{fresh('many')}/"
    names = sorted(fresh("user") for _ in range(103))
    for name in names:
        iam.create_user(UserName=name, Path=path)
    first = iam.list_users(PathPrefix=path)
    equal((len(first["Users"]), first["IsTruncated"]), (100, True))
    # What is made and deleted meanwhile moves nobody out of the pages.
    iam.delete_user(UserName=first["Users"][-1]["UserName"])
    rest = iam.list_users(PathPrefix=path, Marker=first["Marker"])
    equal((len(rest["Users"]), rest["IsTruncated"]), (3, False))
    equal(sorted(entry["UserName"] for entry in first["Users"] + rest["Users"]), names)


@scenario
def lists_that_are_always_empty(world):
    iam, user, role = world.client("iam"), make_user(world).name, make_role(world, FIRST).name
    for answer, member in (
        (iam.list_instance_profiles_for_role(RoleName=role), "InstanceProfiles"),
        (iam.list_ssh_public_keys(UserName=user), "SSHPublicKeys"),
        (iam.list_virtual_mfa_devices(AssignmentStatus="Assigned"), "VirtualMFADevices"),
        (iam.list_mfa_devices(UserName=user), "MFADevices"),
        (iam.list_signing_certificates(UserName=user), "Certificates"),
        (iam.list_service_specific_credentials(UserName=user), "ServiceSpecificCredentials"),
    ):
        equal(answer[member], [], member)
    with refused("NoSuchEntity", f"Login Profile for User {user} cannot be found.", 404):
        iam.delete_login_profile(UserName=user)


def tree(answer, root):
    """The answer's XML, which has this root; names without their name space."""
    document = xml.etree.ElementTree.fromstring(answer.body)
    equal(document.tag, f"{{{SPACE}}}{root}")
    for node in document.iter():
        holds(node.tag.startswith(f"{{{SPACE}}}"), node.tag)
        node.tag = node.tag.removeprefix(f"{{{SPACE}}}")
    equal(answer.headers["content-type"].split(";")[0], "text/xml")
    identifier = document.find("RequestId" if root == "ErrorResponse" else "ResponseMetadata/RequestId").text
    equal(str(uuid.UUID(identifier)), answer.headers["x-amzn-requestid"])
    return document


def failed(answer, status, code, message=None):
    document = tree(answer, "ErrorResponse")
    equal((answer.status, document.find("Error/Type").text, document.find("Error/Code").text), (status, "Sender", code))
    if message is not None:
        equal(document.find("Error/Message").text, message)


@scenario
def answers_are_what_the_query_protocol_wants(world):
    name = fresh("user")
    made = ask(world, "CreateUser", {
        "UserName": name, "Path": "/", "Tags.member.2.Key": "b", "Tags.member.2.Value": "x + y",
        "Tags.member.1.Key": "a", "Tags.member.1.Value": "",
    })  # fmt: skip
    equal(made.status, 200, f"{made!r}")
    user = tree(made, "CreateUserResponse").find("CreateUserResult/User")
    holds(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", user.find("CreateDate").text), user.find("CreateDate").text)
    tags = {tag.find("Key").text: tag.find("Value").text for tag in user.findall("Tags/member")}
    equal(tags, {"a": None, "b": "x + y"})
    holds(user.find("PermissionsBoundary") is None, "what is absent is left out")
    result = tree(ask(world, "ListUserPolicies", {"UserName": name}), "ListUserPoliciesResponse").find("ListUserPoliciesResult")
    equal((len(result.find("PolicyNames")), result.find("IsTruncated").text, result.find("Marker")), (0, "false", None))
    done = tree(ask(world, "DeleteUser", {"UserName": name}), "DeleteUserResponse")
    equal([node.tag for node in done], ["ResponseMetadata"], "nothing but what every answer has")
    failed(ask(world, "DeleteUser", {"UserName": name}), 404, "NoSuchEntity", f"The user with name {name} cannot be found.")
    failed(ask(world, "GetUser", {"UserName": "<a>&'"}), 400, "ValidationError")
    equal(ask(world, "CreateUser", {"UserName": fresh("user"), "Tags": ""}).status, 200, "an empty list")
    role = fresh("role")
    terms = {"RoleName": role, "AssumeRolePolicyDocument": policy(trust(FIRST.root)), "MaxSessionDuration": "3601"}
    odd = "<&>\"'+%20]]>\u00e9 &lt;"
    made = tree(ask(world, "CreateRole", {**terms, "Description": odd}), "CreateRoleResponse")
    equal(made.find("CreateRoleResult/Role/Description").text, odd)
    for wrong in ("x", "3600.5", "99999999999999999999", "0x1000", "\u0663\u0666\u0660\u0660"):
        answer = ask(world, "CreateRole", {**terms, "RoleName": fresh("role"), "MaxSessionDuration": wrong})
        holds(answer.status == 400 and element(answer, "Code") in ("ValidationError", "MalformedInput"), f"{wrong}: {answer!r}")
    tree(ask(world, "UpdateRole", {"RoleName": role}), "UpdateRoleResponse")
    text = f"Could not find operation {'Nothing'} for version 2010-05-08"
    failed(ask(world, "Nothing"), 400, "InvalidAction", text)
    failed(ask(world, "GetCallerIdentity"), 400, "InvalidAction")
    old = ask(world, "ListUsers", {"Version": "1999-01-01"})
    equal((old.status, element(old, "Code")), (400, "InvalidAction"))
    failed(ask(world, "GetRole"), 400, "ValidationError")


@scenario
def a_question_may_be_in_the_query_of_a_get(world):
    name, wire = fresh("user"), Wire(world.endpoint)
    make_user(world, name=name, Path="/x/")
    fields = {"Action": "GetUser", "UserName": name, "Version": "2010-05-08"}
    path = "/?" + urllib.parse.urlencode(fields)
    headers = {"Host": wire.host, "X-Amz-Date": amz_date()}
    headers["Authorization"] = sign("GET", path, headers, b"", service="iam")
    answer = wire.send(headers, method="GET", path=path)
    equal((answer.status, element(answer, "UserName")), (200, name), f"{answer!r}")


@scenario
def iam_is_the_same_in_every_region(world):
    name = fresh("user")
    world.client("iam", region=OTHER_REGION).create_user(UserName=name)
    equal(ask(world, "GetUser", {"UserName": name}, region=OTHER_REGION).status, 200)
    equal(ask(world, "DeleteUser", {"UserName": name}).status, 200)
    equal(ask(world, "GetUser", {"UserName": name}, region=OTHER_REGION).status, 404)
    failed(ask(world, "ListUsers", region="nowhere"), 403, "SignatureDoesNotMatch")
    # Where the server hosts no keys in us-east-1, IAM and STS are still to be found there.
    server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(world.directory / "elsewhere"), "--regions", OTHER_REGION)
    elsewhere = World(server.start(), world.directory)
    try:
        for region, found in (("us-east-1", True), (OTHER_REGION, True), ("us-west-2", False)):
            for service, action in (("iam", "ListUsers"), ("sts", "GetCallerIdentity")):
                answer = ask(elsewhere, action, service=service, region=region)
                equal(answer.status, 200 if found else 403, f"{service} signed for {region}: {answer!r}")
    finally:
        server.stop()
        server.forget_log()


@scenario
def a_signature_for_iam_lasts_fifteen_minutes(world):
    wire, body = Wire(world.endpoint), b"Action=ListUsers&Version=2010-05-08"
    for offset, status in ((-840, 200), (840, 200), (-930, 403), (930, 403)):
        headers = {"Host": wire.host, "Content-Type": FORM, "X-Amz-Date": amz_date(offset)}
        headers["Authorization"] = sign("POST", "/", headers, body, service="iam")
        answer = wire.send(headers, body)
        equal(answer.status, status, f"a date {offset} s from now: {answer!r}")
        if status != 200:
            failed(answer, 403, "SignatureDoesNotMatch")
            holds(b"15 min.)" in answer.body, f"{answer!r}")


@scenario
def strangers_are_refused(world):
    for who, code in (
        (Account(FIRST.number, "AKIA" + "B" * 16, "x" * 40), "InvalidClientTokenId"),
        (Account(FIRST.number, FIRST.access_key_id, "x" * 40), "SignatureDoesNotMatch"),
        (Account(FIRST.number, FIRST.access_key_id, FIRST.secret_access_key, "a token"), "InvalidClientTokenId"),
        (Account(FIRST.number, FIRST.access_key_id, SECOND.secret_access_key), "SignatureDoesNotMatch"),
    ):
        failed(ask(world, "ListUsers", account=who), 403, code, STRANGER if code.startswith("Invalid") else None)
    wire = Wire(world.endpoint)
    headers = {"Host": wire.host, "Content-Type": "application/x-www-form-urlencoded"}
    body = b"Action=ListUsers&Version=2010-05-08"
    failed(wire.send(headers, body), 403, "MissingAuthenticationToken", "Request is missing Authentication Token")
    headers["X-Amz-Date"] = amz_date()
    for service in ("kms", "s3"):
        headers["Authorization"] = sign("POST", "/", headers, body, service=service)
        holds(wire.send(dict(headers), body).status in (400, 403, 404), f"a signature for {service}")
        del headers["Authorization"]
    headers["Authorization"] = sign("POST", "/", headers, body, service="iam")
    failed(wire.send(dict(headers), body.replace(b"ListUsers", b"ListRoles")), 403, "SignatureDoesNotMatch")
    equal(wire.send(headers, body).status, 200)
    members(world.client("iam").list_users(MaxItems=1), "Users", "IsTruncated", "Marker")


if __name__ == "__main__":
    run()
