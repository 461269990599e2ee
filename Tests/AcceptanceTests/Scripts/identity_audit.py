"""The audit log about identities: what calls of IAM and STS leave there, and who a caller of KMS is."""

import base64
import json
import re
import uuid

from harness import FIRST, REGION, SECOND, allow, equal, holds, policy, refused, run, scenario
from principals import (
    ask, assume, denied_text, element, fresh, kms_call, make_role, make_user, managed_policy, may, no_identity_policy, permit,
    trust, user_session, working,
)  # fmt: skip

IAM, STS, KMS = "iam.amazonaws.com", "sts.amazonaws.com", "kms.amazonaws.com"
ALWAYS = {
    "eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent",
    "requestParameters", "responseElements", "requestID", "eventID", "readOnly", "eventType", "managementEvent",
    "recipientAccountId", "eventCategory",
}  # fmt: skip


def records(world):
    paths = sorted((world.data / "audit").glob("*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def records_of(world, answer):
    wanted = answer["ResponseMetadata"]["RequestId"]
    return [record for record in records(world) if record.get("requestID") == wanted]


def record_of(world, answer, source, name, read_only, account=FIRST):
    """The one record of a call, which is well formed and says this."""
    (record,) = records_of(world, answer)
    holds(ALWAYS <= set(record), f"missing: {ALWAYS - set(record)}")
    equal((record["eventSource"], record["eventName"], record["readOnly"]), (source, name, read_only))
    equal((record["eventVersion"], record["awsRegion"], record["sourceIPAddress"]), ("1.11", REGION, "127.0.0.1"))
    holds(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["eventTime"]), record["eventTime"])
    uuid.UUID(record["eventID"])
    equal((record["eventType"], record["managementEvent"], record["eventCategory"]), ("AwsApiCall", True, "Management"))
    equal(record["recipientAccountId"], account.number)
    return record


def failure(call, *arguments, **parameters):
    try:
        call(*arguments, **parameters)
    except Exception as error:
        return error.response
    raise AssertionError("the call did not fail")


def of_user(user):
    return {
        "type": "IAMUser", "principalId": user.identifier, "arn": user.arn, "accountId": user.number,
        "accessKeyId": user.access_key_id, "userName": user.name,
    }  # fmt: skip


def of_root(account):
    return {
        "type": "Root", "principalId": account.number, "arn": account.root, "accountId": account.number,
        "accessKeyId": account.access_key_id,
    }  # fmt: skip


def without_context(identity):
    """An identity without its session, and the attributes and the issuer of that."""
    identity = dict(identity)
    context = identity.pop("sessionContext")
    attributes = context["attributes"]
    equal(attributes["mfaAuthenticated"], "false", "mfaAuthenticated, which is a string")
    holds(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", attributes["creationDate"]), attributes["creationDate"])
    return identity, context


@scenario
def kms_records_who_called(world):
    key, caller = world.key(Policy=policy(allow(FIRST.root), allow("*", "kms:DescribeKey"))), make_user(world)
    user = make_user(world, Path="/staff/")
    role = make_role(world, caller, Path="/service/")
    own, session = user_session(world, user), assume(world, caller, role, "some@one")

    def identity(who):
        answer = world.kms(who).describe_key(KeyId=key["Arn"])
        return record_of(world, answer, KMS, "DescribeKey", True)["userIdentity"]

    equal(identity(FIRST), of_root(FIRST))
    equal(identity(user), of_user(user))
    known, _ = without_context(identity(own))
    equal(known, of_user(own))
    known, context = without_context(identity(session))
    equal(known, {
        "type": "AssumedRole", "principalId": f"{role.identifier}:some@one", "arn": session.arn, "accountId": FIRST.number,
        "accessKeyId": session.access_key_id,
    })  # fmt: skip
    equal(context["sessionIssuer"], {
        "type": "Role", "principalId": role.identifier, "arn": role.arn, "accountId": FIRST.number, "userName": role.name,
    })  # fmt: skip
    holds("sourceIdentity" not in context, "nobody is behind it")
    named = make_role(world, [trust(caller.arn, ["sts:AssumeRole", "sts:SetSourceIdentity"])])
    _, context = without_context(identity(assume(world, caller, named, SourceIdentity="somebody")))
    equal(context["sourceIdentity"], "somebody")


@scenario
def a_stranger_is_an_account_to_the_owner_of_the_key(world):
    theirs = make_user(world, may("kms:Encrypt"), account=SECOND)
    key = world.key(Policy=policy(allow(FIRST.root), allow(SECOND.root, "kms:Encrypt")))
    answer = world.kms(theirs).encrypt(KeyId=key["Arn"], Plaintext=b"x")
    copies = {record["recipientAccountId"]: record for record in records_of(world, answer)}
    equal(set(copies), {FIRST.number, SECOND.number})
    equal(copies[SECOND.number]["userIdentity"], of_user(theirs))
    owners = {"type": "AWSAccount", "principalId": theirs.identifier, "accountId": SECOND.number}
    equal(copies[FIRST.number]["userIdentity"], owners)
    equal(copies[FIRST.number]["sharedEventID"], copies[SECOND.number]["sharedEventID"])
    answer = failure(world.kms(theirs).describe_key, KeyId=key["Arn"])
    (record,) = records_of(world, answer)
    equal((record["recipientAccountId"], record["errorCode"]), (SECOND.number, "AccessDenied"))


@scenario
def every_change_of_identities_leaves_a_record(world):
    iam = world.client("iam")
    user, group, role, name = (fresh(kind) for kind in ("user", "group", "role", "policy"))
    document, trusted = policy(may("kms:Encrypt")), policy(trust(FIRST.root))
    tags = [{"Key": "a", "Value": "b"}]
    own, shared, theirs, inline = {"UserName": user}, {"GroupName": group}, {"RoleName": role}, {"PolicyName": "inline"}
    lower = {"UserName": "userName", "GroupName": "groupName", "RoleName": "roleName"}
    arn = managed_policy(world, may("kms:Encrypt"))
    calls = [
        ("CreateUser", {**own, "Path": "/x/"}), ("CreateGroup", shared),
        ("CreateRole", {**theirs, "AssumeRolePolicyDocument": trusted, "Description": "d"}),
        ("CreatePolicy", {"PolicyName": name, "PolicyDocument": document}), ("TagUser", {**own, "Tags": tags}),
        ("UntagUser", {**own, "TagKeys": ["a"]}), ("PutUserPolicy", {**own, **inline, "PolicyDocument": document}),
        ("DeleteUserPolicy", {**own, **inline}), ("AttachUserPolicy", {**own, "PolicyArn": arn}),
        ("DetachUserPolicy", {**own, "PolicyArn": arn}), ("PutUserPermissionsBoundary", {**own, "PermissionsBoundary": arn}),
        ("DeleteUserPermissionsBoundary", own), ("AddUserToGroup", {**own, **shared}),
        ("RemoveUserFromGroup", {**own, **shared}), ("PutRolePolicy", {**theirs, **inline, "PolicyDocument": document}),
        ("DeleteRolePolicy", {**theirs, **inline}), ("AttachRolePolicy", {**theirs, "PolicyArn": arn}),
        ("DetachRolePolicy", {**theirs, "PolicyArn": arn}),
        ("UpdateAssumeRolePolicy", {**theirs, "PolicyDocument": trusted}),
        ("UpdateRole", {**theirs, "MaxSessionDuration": 7200}), ("PutGroupPolicy", {**shared, **inline, "PolicyDocument": document}),
        ("DeleteGroupPolicy", {**shared, **inline}), ("CreatePolicyVersion", {"PolicyArn": arn, "PolicyDocument": document}),
        ("SetDefaultPolicyVersion", {"PolicyArn": arn, "VersionId": "v2"}),
        ("DeletePolicyVersion", {"PolicyArn": arn, "VersionId": "v1"}), ("UpdateUser", {**own, "NewPath": "/y/"}),
        ("DeleteRole", theirs), ("DeleteGroup", shared), ("DeleteUser", own), ("DeletePolicy", {"PolicyArn": arn}),
    ]  # fmt: skip
    for operation, parameters in calls:
        method = re.sub("(?<!^)([A-Z])", r"_\1", operation).lower()
        record = record_of(world, getattr(iam, method)(**parameters), IAM, operation, False)
        equal(record["userIdentity"], of_root(FIRST))
        sent = record["requestParameters"]
        for member, value in parameters.items():
            member = lower.get(member, member[0].lower() + member[1:])
            if isinstance(value, str) and not value.startswith("{"):
                equal(sent.get(member), value, f"{member} of {operation}")
            else:
                holds(member in sent, f"{member} of {operation} in {sent}")
        holds("errorCode" not in record, operation)
    policies = [record["requestParameters"]["policyDocument"] for record in records(world) if record["eventName"] == "PutUserPolicy"]
    equal(json.loads(policies[-1]) if isinstance(policies[-1], str) else policies[-1], json.loads(document))


@scenario
def questions_leave_records_too(world):
    iam, user, role = world.client("iam"), make_user(world), make_role(world, FIRST)
    for answer, operation, member, value in (
        (iam.get_user(UserName=user.name), "GetUser", "userName", user.name),
        (iam.list_access_keys(UserName=user.name), "ListAccessKeys", "userName", user.name),
        (iam.get_role(RoleName=role.name), "GetRole", "roleName", role.name),
        (iam.list_users(PathPrefix="/none/"), "ListUsers", "pathPrefix", "/none/"),
    ):
        record = record_of(world, answer, IAM, operation, True)
        equal((record["requestParameters"][member], record["responseElements"]), (value, None))
    for who, known in ((user, of_user(user)), (FIRST, of_root(FIRST))):
        answer = world.client("sts", who).get_caller_identity()
        record = record_of(world, answer, STS, "GetCallerIdentity", True)
        equal((record["userIdentity"], record["responseElements"]), (known, None))


@scenario
def a_new_session_leaves_a_record(world):
    user = make_user(world)
    role = make_role(world, [trust(user.arn, ["sts:AssumeRole", "sts:TagSession"])], MaxSessionDuration=7200)
    answer = world.client("sts", user).assume_role(
        RoleArn=role.arn, RoleSessionName="some@one", DurationSeconds=7200, Tags=[{"Key": "team", "Value": "blue"}])
    record = record_of(world, answer, STS, "AssumeRole", True)
    equal(record["userIdentity"], of_user(user))
    sent = record["requestParameters"]
    equal((sent["roleArn"], sent["roleSessionName"], sent["durationSeconds"]), (role.arn, "some@one", 7200))
    answer = world.client("sts", user).get_session_token(DurationSeconds=900)
    record = record_of(world, answer, STS, "GetSessionToken", True)
    equal((record["userIdentity"], record["requestParameters"]["durationSeconds"]), (of_user(user), 900))


@scenario
def what_is_refused_is_recorded(world):
    user, role, other = make_user(world), make_role(world, SECOND), make_user(world)
    iam, sts = world.client("iam", user), world.client("sts", user)
    action = "iam:GetUser"
    text = denied_text(user, action, f"resource: {other.arn}", no_identity_policy(action))
    for answer, source, name, read_only, message in (
        (failure(iam.get_user, UserName=other.name), IAM, "GetUser", True, text),
        (failure(iam.create_access_key, UserName=other.name), IAM, "CreateAccessKey", False, None),
        (failure(sts.assume_role, RoleArn=role.arn, RoleSessionName="work"), STS, "AssumeRole", True,
         denied_text(user, "sts:AssumeRole", f"resource: {role.arn}")),
    ):  # fmt: skip
        record = record_of(world, answer, source, name, read_only)
        equal((record["errorCode"], record["errorMessage"]), ("AccessDenied", message or answer["Error"]["Message"]))
        equal((record["userIdentity"], record["responseElements"]), (of_user(user), None))
    answer = failure(world.client("iam").get_user, UserName="nobody")
    record = record_of(world, answer, IAM, "GetUser", True)
    holds(record["errorCode"].startswith("NoSuchEntity"), record["errorCode"])
    equal(record["errorMessage"], "The user with name nobody cannot be found.")
    answer = failure(world.kms(user).create_key)
    record = record_of(world, answer, KMS, "CreateKey", False)
    equal((record["errorCode"], record["errorMessage"]), ("AccessDenied", answer["Error"]["Message"]))
    equal(record["userIdentity"], of_user(user))


@scenario
def strangers_leave_no_record(world):
    session = working(world, may("*"))
    stopped = make_user(world)
    world.client("iam").update_access_key(UserName=stopped.name, AccessKeyId=stopped.access_key_id, Status="Inactive")
    before = len(records(world))
    with refused("InvalidClientTokenId", http=403):
        world.client("iam", stopped).list_users()
    with refused("UnrecognizedClientException"):
        world.kms(stopped).list_keys()
    for token in ("nonsense", session.session_token[:-4]):
        changed = kms_call(world, session, "ListKeys", unsigned={"X-Amz-Security-Token": token})
        equal(changed.code, "UnrecognizedClientException")
    equal(len(records(world)), before)


@scenario
def no_text_of_a_client_breaks_a_line(world):
    before = len(records(world))
    text = '{"eventName":"Forged"}\r\n\t<&>'
    made = ask(world, "CreateRole", {
        "RoleName": fresh("role"), "AssumeRolePolicyDocument": policy(trust(FIRST.root)) + "\r\n", "Description": text,
    })  # fmt: skip
    equal((made.status, element(made, "Description")), (200, text))
    ask(world, "GetUser", {"UserName": "\n{}\n\u2028"})
    after = records(world)
    equal(len(after), before + 2)
    equal(after[before]["requestParameters"]["description"], text)


@scenario
def no_secret_is_in_any_record(world):
    user = make_user(world, may("*"))
    role = make_role(world, user, may("*"))
    own_keys = world.client("iam", user)
    made = own_keys.create_access_key()["AccessKey"]
    session, own = assume(world, user, role), user_session(world, user)
    of_root = world.client("sts").get_session_token()["Credentials"]
    for who in (session, own):
        world.kms(who).list_keys()
        world.client("sts", who).get_caller_identity()
    url = world.client("sts", session).generate_presigned_url("get_caller_identity", HttpMethod="GET")
    world.client("iam", session).list_users()
    permit(world, user)
    failure(own_keys.create_access_key)
    secrets = [
        user.secret_access_key, made["SecretAccessKey"], session.secret_access_key, session.session_token,
        own.secret_access_key, own.session_token, of_root["SecretAccessKey"], of_root["SessionToken"],
        url.rpartition("X-Amz-Signature=")[2],
    ]  # fmt: skip
    texts = [path.read_text() for path in (world.data / "audit").iterdir()] + [world.server.log_text()]
    for text in texts:
        for secret in secrets:
            for form in (secret, base64.b64encode(secret.encode()).decode().rstrip("="), json.dumps(secret)[1:-1],
                         secret.replace("/", "\\/")):  # fmt: skip
                holds(form not in text, f"{secret[:6]}... was logged")
        for name in ("secretAccessKey", "SecretAccessKey", "sessionToken", "Authorization", "password"):
            values = re.findall(rf'"{name}":("[^"]*"|[^,}}]*)', text)
            holds(set(values) <= {'"HIDDEN_DUE_TO_SECURITY_REASONS"'}, f"{name} is recorded")
    records_of_keys = [record for record in records(world) if record["eventName"] == "CreateAccessKey"]
    holds(records_of_keys, "that an access key was made is recorded")


if __name__ == "__main__":
    run()
