"""Requests of IAM and STS that no client would send, many at the same time, and policies that are hard to evaluate."""

import concurrent.futures
import json
import threading
import time

import botocore.exceptions

from harness import FIRST, equal, holds, policy, refused, run, scenario
from principals import FORM, ask, assume, element, fresh, make_role, make_user, managed_policy, may, when
from raw import Wire, amz_date, sign


def post(world, body, service="iam", account=FIRST, content_type=FORM, path="/"):
    """A well signed call with any body."""
    wire = Wire(world.endpoint)
    headers = {"Host": wire.host, "Content-Type": content_type, "X-Amz-Date": amz_date()}
    headers["Authorization"] = sign("POST", path, headers, body, account, service=service)
    answer = wire.send(headers, body, path=path)
    wire.close()
    return answer


def declared(answer, *codes):
    holds(400 <= answer.status < 500, f"{answer!r}")
    if codes:
        holds(element(answer, "Code") in codes, f"one of {codes}, and not {answer!r}")


def still_serves(world):
    equal(ask(world, "ListUsers", {"MaxItems": "1"}).status, 200)


@scenario
def a_body_that_is_no_form_is_refused(world):
    head = b"Version=2010-05-08&Action="
    for body in (
        b"", b"{}", b"nonsense", b"=", b"&", b"&&&&", b"%", head, b"Action=ListUsers%00&Version=2010-05-08", b"\xff\xfe",
        b"action=ListUsers&version=2010-05-08", head + b"%zz", b"<xml/>", b"Action=&Version=", b"Action=ListUsers",
        head + b"ListUsers%ff", head + b"x" * 100_000,
    ):  # fmt: skip
        answer = post(world, body)
        holds(400 <= answer.status < 500, f"{body[:60]!r}: {answer!r}")
    for body in (b"GetUser&UserName=%ff", b"GetUser&UserName=%", b"GetUser&UserName=%4", b"GetUser&UserName=%zz",
                 b"GetUser&UserName=a%00b", b"GetUser&UserName=\xff", b"GetUser&UserName=%ed%a0%80",
                 b"CreateUser&UserName=" + b"x" * 500_000):  # fmt: skip
        answer = post(world, head + body)
        holds(400 <= answer.status < 500, f"{body[:60]!r}: {answer!r}")
    still_serves(world)
    once = post(world, head + b"GetUser&UserName=nobody&UserName=another")
    holds(400 <= once.status < 500, f"a name twice: {once!r}")


@scenario
def lists_are_bounded_and_their_numbers_are_too(world):
    start = time.monotonic()
    for numbers in (["1000000000"], ["99999999999999999999999"], ["0"], ["-1"], ["x"], ["1.5"], ["01"], [""]):
        fields = {"UserName": fresh("user")}
        for number in numbers:
            fields |= {f"Tags.member.{number}.Key": "a", f"Tags.member.{number}.Value": "b"}
        answer = ask(world, "CreateUser", fields)
        holds(answer.status == 200 or 400 <= answer.status < 500, f"{numbers}: {answer!r}")
    many = {f"Tags.member.{number}.Key": f"k{number}" for number in range(1, 20_000)}
    declared(ask(world, "CreateUser", {"UserName": fresh("user"), **many}))
    for deep in ("Tags" + ".member.1" * 5000 + ".Key", "Tags.member.1.Key" + ".x" * 5000, "." * 10_000):
        answer = ask(world, "CreateUser", {"UserName": fresh("user"), deep: "a"})
        holds(answer.status == 200 or 400 <= answer.status < 500, f"{deep[:20]}: {answer!r}")
    holds(time.monotonic() - start < 20, f"it took {time.monotonic() - start:.1f} s")
    still_serves(world)


@scenario
def documents_are_bounded_in_depth_and_size(world):
    iam, user = world.client("iam"), make_user(world)
    start = time.monotonic()
    deep = [b"[" * 100_000, b'{"a":' * 20_000, b'{"Statement":' + b"[" * 50_000]
    for text in deep:
        for action, name in (("PutUserPolicy", b"&UserName=" + user.name.encode() + b"&PolicyName=a&PolicyDocument="),
                             ("CreateRole", b"&RoleName=deep&AssumeRolePolicyDocument=")):  # fmt: skip
            declared(post(world, b"Version=2010-05-08&Action=" + action.encode() + name + text))
    with refused("ValidationError"):
        iam.create_policy(PolicyName=fresh("policy"), PolicyDocument=policy(may("kms:*")) + " " * 131_072)
    nested = may("kms:*", "*", Condition={"StringEquals": {"aws:username": [["a"]]}})
    with refused("MalformedPolicyDocument"):
        iam.create_policy(PolicyName=fresh("policy"), PolicyDocument=policy(nested))
    try:
        world.client("sts", user).assume_role(RoleArn=make_role(world, user).arn, RoleSessionName="work", Policy="[" * 2048)
    except iam.exceptions.ClientError as error:
        equal(error.response["ResponseMetadata"]["HTTPStatusCode"], 400)
    holds(time.monotonic() - start < 20, f"it took {time.monotonic() - start:.1f} s")
    still_serves(world)


@scenario
def patterns_are_matched_in_time(world):
    key, name = world.key(), "alias/" + "a" * 249
    world.kms().create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    stars = "*a" * 2000
    user = make_user(world)
    iam = world.client("iam")
    for document in (
        policy(may("kms:Encrypt", "arn:aws:kms:*:*:alias/" + stars + "b"), may("kms:" + "*t" * 500 + "x")),
        policy(may("kms:Encrypt", "*", **when("StringLike", "kms:RequestAlias", stars + "b"))),
        policy(may("kms:Encrypt", "*", **when("StringLike", "kms:EncryptionContext:k", stars + "?b"))),
    ):
        arn = iam.create_policy(PolicyName=fresh("policy"), PolicyDocument=document)["Policy"]["Arn"]
        iam.attach_user_policy(UserName=user.name, PolicyArn=arn)
    start = time.monotonic()
    for _ in range(10):
        with refused("AccessDeniedException"):
            world.kms(user).encrypt(KeyId=name, Plaintext=b"x", EncryptionContext={"k": "a" * 8000})
    took = time.monotonic() - start
    holds(took < 10, f"ten decisions took {took:.1f} s")


def together(count, call):
    """The codes of as many calls at once, with None for a success."""

    def one(number):
        try:
            call(number)
            return None
        except Exception as error:
            return error.response["Error"]["Code"]

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@scenario
def quotas_and_names_hold_when_many_ask_at_once(world):
    iam, user = world.client("iam"), fresh("user")
    codes = together(12, lambda number: iam.create_user(UserName=user if number % 2 else user.upper()))
    equal((codes.count(None), codes.count("EntityAlreadyExists")), (1, 11), "users made")
    user = make_user(world).name
    codes = together(12, lambda number: iam.create_access_key(UserName=user))
    equal((codes.count(None), codes.count("LimitExceeded")), (1, 11), "access keys made besides the first")
    policies = [managed_policy(world, may("kms:*")) for _ in range(14)]
    codes = together(14, lambda number: iam.attach_user_policy(UserName=user, PolicyArn=policies[number]))
    equal((codes.count(None), codes.count("LimitExceeded")), (10, 4), "policies attached")
    codes = together(12, lambda number: iam.create_policy_version(
        PolicyArn=policies[0], PolicyDocument=policy(may("kms:*")), SetAsDefault=True))  # fmt: skip
    equal((codes.count(None), codes.count("LimitExceeded")), (4, 8), "versions made")
    versions = iam.list_policy_versions(PolicyArn=policies[0])["Versions"]
    equal((len({entry["VersionId"] for entry in versions}), sum(entry["IsDefaultVersion"] for entry in versions)), (5, 1))
    groups = [fresh("group") for _ in range(14)]
    for group in groups:
        iam.create_group(GroupName=group)
    codes = together(14, lambda number: iam.add_user_to_group(GroupName=groups[number], UserName=user))
    equal((codes.count(None), codes.count("LimitExceeded")), (10, 4), "groups joined")


@scenario
def nothing_is_deleted_while_somebody_takes_hold_of_it(world):
    iam = world.client("iam")
    for _ in range(8):
        user, arn = fresh("user"), managed_policy(world, may("kms:*"))
        iam.create_user(UserName=user)
        calls = [
            lambda: iam.delete_policy(PolicyArn=arn), lambda: iam.attach_user_policy(UserName=user, PolicyArn=arn),
            lambda: iam.delete_user(UserName=user), lambda: iam.create_access_key(UserName=user),
        ]  # fmt: skip
        codes = together(4, lambda number: calls[number]())
        holds(set(codes) <= {None, "NoSuchEntity", "DeleteConflict", "ConcurrentModification"}, f"{codes}")
        there = user in {entry["UserName"] for page in iam.get_paginator("list_users").paginate() for entry in page["Users"]}
        equal(there, codes[2] is not None, "a user is there unless it was deleted")
        if there:
            attached = [entry["PolicyArn"] for entry in iam.list_attached_user_policies(UserName=user)["AttachedPolicies"]]
            equal(attached, [arn] if codes[1] is None else [])
            if attached:
                equal(iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"], 1)
        holds(codes[0] is not None or codes[1] is not None or not there, f"{codes}: an attached policy was deleted")


@scenario
def sessions_can_be_made_many_at_once(world):
    user = make_user(world)
    role, key = make_role(world, user, may("kms:Encrypt")), world.key()
    sessions = []
    codes = together(8, lambda number: sessions.extend(assume(world, user, role, f"session-{number}") for _ in range(10)))
    equal(codes, [None] * 8)
    equal(len({session.access_key_id for session in sessions}), 80)
    codes = together(8, lambda number: world.kms(sessions[number * 10]).encrypt(KeyId=key["KeyId"], Plaintext=b"x"))
    equal(codes, [None] * 8)


@scenario
def what_was_answered_outlives_a_crash(world):
    iam, ended = world.client("iam"), threading.Event()
    made, deleted = [], []

    def write(number):
        while not ended.is_set():
            try:
                user = make_user(world, may("kms:GenerateRandom"))
                made.append(user)
                if len(made) % 3 == 0:
                    gone = make_user(world)
                    iam.delete_access_key(UserName=gone.name, AccessKeyId=gone.access_key_id)
                    deleted.append(gone)
                    iam.delete_user(UserName=gone.name)
            except (botocore.exceptions.HTTPClientError, botocore.exceptions.EndpointConnectionError):
                return  # the server is gone, before the answer or before the question

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, number) for number in range(4)]
        time.sleep(1)
        world.server.kill()
        ended.set()
        for writer in writers:
            writer.result()
    world.server.start()
    holds(len(made) > 10, f"only {len(made)} users")
    for user in made:
        equal(world.client("sts", user).get_caller_identity()["Arn"], user.arn)
        world.kms(user).generate_random(NumberOfBytes=1)
    for user in deleted:
        with refused("UnrecognizedClientException"):
            world.kms(user).generate_random(NumberOfBytes=1)
    iam = world.client("iam")
    for page in iam.get_paginator("list_users").paginate():
        for user in page["Users"]:
            iam.list_access_keys(UserName=user["UserName"])
            iam.list_user_policies(UserName=user["UserName"])


@scenario
def a_call_is_for_the_service_that_it_is_signed_for(world):
    user = make_user(world, may("*"))
    body = b"Action=ListUsers&Version=2010-05-08"
    for service in ("sts", "kms", "cloudtrail", "s3", ""):
        answer = post(world, body, service=service, account=user)
        holds(400 <= answer.status < 500, f"signed for {service}: {answer!r}")
    answer = post(world, b"Action=GetCallerIdentity&Version=2011-06-15", service="iam")
    holds(400 <= answer.status < 500, f"{answer!r}")
    answer = post(world, json.dumps({}).encode(), content_type="application/x-amz-json-1.1")
    holds(400 <= answer.status < 500, f"{answer!r}")


@scenario
def tags_of_aws_are_not_for_others(world):
    iam, tags = world.client("iam"), [{"Key": "AWS:team", "Value": "x"}]
    user = make_user(world)
    text = "aws: prefixed tag key names are not allowed for external use."
    with refused("InvalidInput", text):
        iam.create_user(UserName=fresh("user"), Tags=tags)
    with refused("InvalidInput", text):
        iam.tag_user(UserName=user.name, Tags=tags)
    role = make_role(world, user)
    with refused("InvalidParameterValue", text):
        world.client("sts", user).assume_role(RoleArn=role.arn, RoleSessionName="work", Tags=tags)


if __name__ == "__main__":
    run()
