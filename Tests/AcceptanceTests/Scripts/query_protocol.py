"""The query protocol itself: what a form is, what is refused, and how answers are written."""

import json


import botocore.loaders

from harness import FIRST, REGION, allow, deny, equal, holds, policy, refused, run, scenario
from principals import FORM, ask, element, fresh, make_user, managed_policy, may
from raw import Wire, amz_date, sign

PARAMETERS = {
    "UserName": "nobody-here", "GroupName": "nobody-here", "RoleName": "nobody-here", "PolicyName": "none",
    "PolicyArn": f"arn:aws:iam::{FIRST.number}:policy/none", "AccessKeyId": "AKIAABCDEFGHIJKLMNOP", "VersionId": "v1",
    "Status": "Active", "PolicyDocument": "{}", "AssumeRolePolicyDocument": "{}", "MaxItems": "7",
    "MaxSessionDuration": "3600", "SetAsDefault": "false", "OnlyAttached": "false", "Path": "/a/", "NewPath": "/b/",
    "PathPrefix": "/", "NewUserName": "nobody-else", "NewGroupName": "nobody-else", "Scope": "Local",
    "PolicyUsageFilter": "PermissionsPolicy", "EntityFilter": "User", "AssignmentStatus": "Assigned", "Marker": "YQ==",
    "Description": "words", "PermissionsBoundary": f"arn:aws:iam::{FIRST.number}:policy/none",
}  # fmt: skip


def call(world, method="POST", path="/", body=b"", content_type=FORM, service="iam"):
    """A signed call with exactly this body and query."""
    wire = Wire(world.endpoint)
    headers = {"Host": wire.host, "X-Amz-Date": amz_date()}
    if content_type:
        headers["Content-Type"] = content_type
    headers["Authorization"] = sign(method, path, headers, body, service=service)
    answer = wire.send(headers, body, method, path)
    wire.close()
    return answer


def failed(answer, status, code):
    equal((answer.status, element(answer, "Code")), (status, code), f"{answer!r}")
    holds(answer.body.startswith(b"<ErrorResponse "), f"{answer!r}")


def recorded(world, answer):
    """The `requestParameters` of a call."""
    wanted = answer.headers.get("x-amzn-requestid") or answer.headers.get("x-amzn-RequestId")
    for path in sorted((world.data / "audit").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            record = json.loads(line)
            if record.get("requestID") == wanted:
                return record["requestParameters"]
    raise AssertionError(f"no record of {wanted}")


@scenario
def a_form_that_cannot_be_read_is_refused_as_one(world):
    for body in (b"Action=ListUsers&Version=%ff", b"Action=ListUsers&Version=%zz", b"Action=ListUsers&\xff=1"):
        failed(call(world, body=body), 400, "MalformedQueryString")
    failed(call(world, body=b""), 400, "MissingAction")
    failed(call(world, body=b"Version=2010-05-08"), 400, "MissingAction")
    failed(call(world, "GET", "/?Action=ListUsers&Version=%ff", content_type=None), 400, "MalformedQueryString")


@scenario
def a_member_is_there_once(world):
    for body in (
        b"Action=ListUsers&Action=CreateUser&Version=2010-05-08", b"Action=GetUser&Version=2010-05-08&UserName=a&UserName=b",
        b"Action=GetUser&Version=2010-05-08&UserName=a&UserName=a",
    ):  # fmt: skip
        failed(call(world, body=body), 400, "MalformedQueryString")
    failed(call(world, path="/?UserName=a", body=b"Action=GetUser&Version=2010-05-08&UserName=b"), 400, "MalformedQueryString")


@scenario
def a_post_may_have_its_members_in_the_query(world):
    for path, body, content_type in (
        ("/?Action=GetCallerIdentity&Version=2011-06-15", b"", None),
        ("/?Action=GetCallerIdentity&Version=2011-06-15", b"", FORM),
        ("/?Action=GetCallerIdentity", b"Version=2011-06-15", FORM),
    ):  # fmt: skip
        answer = call(world, path=path, body=body, content_type=content_type, service="sts")
        equal((answer.status, element(answer, "Account")), (200, FIRST.number), f"{answer!r}")


@scenario
def each_operation_has_the_members_of_the_model_and_no_others(world):
    """What an operation does not have is neither in the audit log nor anywhere else."""
    model = botocore.loaders.Loader().load_service_model("iam", "service-2")
    shapes, known = model["shapes"], 0
    for name, operation in sorted(model["operations"].items()):
        if name.startswith(("Create", "Delete")) and "Login" not in name and "Policy" not in name:
            continue  # they would do something
        members = shapes[operation["input"]["shape"]]["members"] if "input" in operation else {}
        sent, expected = {**PARAMETERS, "Unheard": "x", "userName": "x"}, {}
        for member, reference in members.items():
            kind = shapes[reference["shape"]]["type"]
            if kind == "list" and member == "Tags":
                sent |= {"Tags.member.1.Key": "a", "Tags.member.1.Value": "b"}
                expected["tags"] = [{"key": "a", "value": "b"}]
            elif kind == "list":
                sent[f"{member}.member.1"] = "a"
                expected[member[0].lower() + member[1:]] = ["a"]
            else:
                sent.setdefault(member, "x")
                number = member in ("MaxItems", "MaxSessionDuration")
                expected[member[0].lower() + member[1:]] = int(sent[member]) if number else sent[member]
        answer = ask(world, name, sent)
        if answer.status == 400 and b"<Code>InvalidAction</Code>" in answer.body:
            continue
        known += 1
        spelling = {"sSHPublicKeyId": "SSHPublicKeyId"}
        equal(recorded(world, answer) or {}, {spelling.get(n, n): v for n, v in expected.items()}, f"parameters of {name}")
    holds(known >= 60, f"only {known} operations were looked at")


@scenario
def what_must_be_there_is_missed(world):
    user, arn = make_user(world).name, managed_policy(world, may("kms:*"))
    for action, members, missing in (
        ("TagUser", {"UserName": user}, "tags"), ("UntagUser", {"UserName": user}, "tagKeys"),
        ("TagPolicy", {"PolicyArn": arn}, "tags"), ("UntagPolicy", {"PolicyArn": arn}, "tagKeys"),
        ("TagUser", {"UserName": user, "Tags.member.1.Key": "a"}, "tags.1.member.value"),
        ("TagUser", {"UserName": user, "Tags.member.1.Value": "a"}, "tags.1.member.key"),
    ):  # fmt: skip
        answer = ask(world, action, members)
        failed(answer, 400, "ValidationError")
        holds(f"'{missing}' failed to satisfy constraint: Member must not be null" in element(answer, "Message"), f"{answer!r}")
    for flag in ("yes", "1", ""):
        sent = {"PolicyArn": arn, "PolicyDocument": policy(may("kms:*")), "SetAsDefault": flag}
        failed(ask(world, "CreatePolicyVersion", sent), 400, "MalformedInput")
    equal(ask(world, "CreatePolicyVersion", {**sent, "SetAsDefault": "True"}).status, 200)


@scenario
def a_description_comes_back_as_it_was_given(world):
    iam, text = world.client("iam"), "a\r\nb\rc\td <&> \u00e9"
    trusted = policy({"Effect": "Allow", "Principal": {"AWS": FIRST.number}, "Action": "sts:AssumeRole"})
    name = fresh("role")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted, Description=text)
    equal(iam.get_role(RoleName=name)["Role"]["Description"], text)


@scenario
def white_space_makes_no_policy_too_long(world):
    iam, user = world.client("iam"), make_user(world)
    document = policy(may("kms:*")) + " " * 40_000
    iam.put_user_policy(UserName=user.name, PolicyName="p", PolicyDocument=document)
    equal(iam.get_user_policy(UserName=user.name, PolicyName="p")["PolicyDocument"]["Statement"][0]["Effect"], "Allow")
    arn = managed_policy(world, may("kms:*"), PolicyDocument=document)
    longest = policy(may([f"kms:{'x' * 1000}{number}" for number in range(40)]))
    with refused("LimitExceeded", "Cannot exceed quota for PolicySize: 6144", http=409):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=longest)
    with refused("LimitExceeded", http=409):
        iam.put_user_policy(UserName=user.name, PolicyName="q", PolicyDocument=longest)


@scenario
def an_empty_list_of_tags_tags_nothing(world):
    clerk = make_user(world, may("iam:CreateUser"))
    equal(ask(world, "CreateUser", {"UserName": fresh("user"), "Tags": ""}, clerk).status, 200)
    world.client("iam", clerk).create_user(UserName=fresh("user"), Tags=[])


@scenario
def a_condition_that_compares_with_nothing_is_no_condition(world):
    iam, user = world.client("iam"), make_user(world)
    empty = {"Condition": {"StringNotEquals": {"aws:PrincipalArn": []}}}
    with refused("MalformedPolicyDocument", "Syntax errors in policy."):
        iam.put_user_policy(UserName=user.name, PolicyName="p", PolicyDocument=policy(may("kms:*", **empty)))
    for effect, isAllowed in ((allow, False), (deny, True)):
        statements = [allow(FIRST.root), effect(user.arn, "kms:Encrypt", **empty)]
        key = world.key(Policy=policy(*statements, *([allow(user.arn, "kms:Encrypt")] if effect is deny else [])))["KeyId"]
        if isAllowed:
            world.kms(user).encrypt(KeyId=key, Plaintext=b"x")
        else:
            with refused("AccessDeniedException"):
                world.kms(user).encrypt(KeyId=key, Plaintext=b"x")


@scenario
def a_trust_policy_that_is_no_json_is_told_from_one_that_is_no_policy(world):
    iam = world.client("iam")
    for document, text in (("{", "This policy contains invalid Json"), ('{"Statement":[]}', "Syntax errors in policy.")):
        with refused("MalformedPolicyDocument", text):
            iam.create_role(RoleName=fresh("role"), AssumeRolePolicyDocument=document)


run()
