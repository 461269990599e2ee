"""Whatever a policy asks and a request brings, a decision is made in bounded time: nobody makes others wait."""

import itertools
import json
import time

import botocore.exceptions

from harness import FIRST, REGION, allow, deny, equal, holds, refused, run, scenario
from principals import assume, fresh, make_role, make_user, managed_policy, may, may_not, trust
from raw import Wire, amz_date, sign

# What a request may take at best, in seconds; one without conditions takes a thousandth or two.
BOUND = 0.04


def compact(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":"))


def quick(call, what, attempts=5):
    """The call takes no longer than the bound, or its first refusal; the best of a few attempts counts."""
    times = []
    for _ in range(attempts):
        began = time.perf_counter()
        try:
            call()
            outcome = "allowed"
        except botocore.exceptions.ClientError as error:
            outcome = error.response["Error"]["Code"]
        times.append(time.perf_counter() - began)
    holds(min(times) < BOUND, f"{what}: {min(times) * 1000:.0f} ms")
    return outcome


def spellings(key, count):
    """The key, spelled in so many ways that differ in case."""
    letters = [(c.lower(), c.upper()) if c.isalpha() else (c,) for c in key]
    return ["".join(spelling) for spelling in itertools.islice(itertools.product(*letters), count)]


@scenario
def tags_of_the_caller_are_found_at_once(world):
    caller = make_user(world, may("sts:*"))
    own = [{"Key": f"k{number}" + "x" * 120, "Value": "v"} for number in range(50)]
    given = [{"Key": f"s{number}" + "y" * 100, "Value": "v"} for number in range(50)]
    role = make_role(world, [trust(caller.arn, ["sts:AssumeRole", "sts:TagSession"])], may("kms:*"), Tags=own)
    session = assume(world, caller, role, Tags=given)
    tests = {"StringNotEquals": {f"aws:PrincipalTag/{number:x}": "x" for number in range(1150)}}
    policy = compact(allow(FIRST.root), {**allow(role.arn, "kms:Encrypt"), "Condition": tests})
    key = world.key(Policy=policy)["Arn"]
    quick(lambda: world.kms(session).encrypt(KeyId=key, Plaintext=b"x"), "1,150 tags asked for")
    tests = {"StringNotEquals": {f"aws:PrincipalTag/{number:x}": "x" for number in range(50)}}
    policy = compact(allow(FIRST.root), {**allow(role.arn, "kms:Encrypt"), "Condition": tests})
    key = world.key(Policy=policy)["Arn"]
    equal(quick(lambda: world.kms(session).encrypt(KeyId=key, Plaintext=b"x"), "50 tags asked for"), "allowed")


@scenario
def a_chain_of_sessions_gathers_no_more_tags_than_one_may_have(world):
    caller = make_user(world, may("sts:*"))
    role = make_role(
        world, [trust(FIRST.root, ["sts:AssumeRole", "sts:TagSession"])], may(["kms:*", "sts:*"]))  # fmt: skip

    def tags(prefix, count):
        given = [{"Key": f"{prefix}{number}", "Value": ""} for number in range(count)]
        return {"Tags": given, "TransitiveTagKeys": [tag["Key"] for tag in given]}

    session = assume(world, caller, role, **tags("a", 30))
    session = assume(world, session, role, **tags("b", 20))
    with refused("ValidationError"):
        assume(world, session, role, **tags("c", 1))
    assume(world, session, role)


@scenario
def values_that_are_no_text_are_compared_at_once(world):
    digits, many = {"a": "0" * 60_000}, {f"k{number:03}": "v" for number in range(1000)}
    for operator, name, value, context in (
        ("NumericNotEquals", "kms:EncryptionContext:a", "1", digits),
        ("DateNotEquals", "kms:EncryptionContext:a", "1", digits),
        ("Bool", "kms:EncryptionContext:a", "false", digits),
        ("BinaryEquals", "kms:EncryptionContext:a", "AAAA", {"a": "A" * 60_000}),
        ("NotIpAddress", "kms:EncryptionContext:a", "10.0.0.0/8", digits),
        ("Null", "kms:EncryptionContextKeys", "false", many),
        ("Null", "kms:EncryptionContext:zzzz", "true", many),
    ):
        tests = {operator: {key: value for key in spellings(name, 650)}}
        # Nobody is denied, and who is root of the account is still allowed, unless it cannot be decided.
        statement = {**deny("*", "kms:Encrypt"), "Condition": {**tests, "BoolIfExists": {"aws:SecureTransport": "true"}}}
        key = world.key(Policy=compact(allow(FIRST.root), statement))["KeyId"]
        sent = {"KeyId": key, "Plaintext": b"x", "EncryptionContext": context}
        quick(lambda: world.kms().encrypt(**sent), f"{operator} {name}")


@scenario
def patterns_of_resources_are_compared_at_once(world):
    user = make_user(world, may("iam:*"))
    for _ in range(10):
        pattern = "arn:*" + "a" * 380 + "b*"
        arn = managed_policy(world, may_not("iam:*", [pattern] * 15))
        world.client("iam").attach_user_policy(UserName=user.name, PolicyArn=arn)
    iam = world.client("iam", user)
    quick(lambda: iam.list_users(PathPrefix="/" + "a" * 500), "ListUsers")
    quick(lambda: iam.create_user(UserName=fresh("u" * 50), Path="/" + "a" * 500 + "/"), "CreateUser")


@scenario
def a_grant_is_made_through_many_at_once(world):
    user = make_user(world)
    for number in range(3):
        asked = {f"aws:PrincipalTag/{number}{tag:x}": "x" for tag in range(100)}
        condition = {"StringNotEquals": asked, "StringEquals": {"aws:username": "nobody"}}
        arn = managed_policy(world, may("kms:CreateGrant", Condition=condition))
        world.client("iam").attach_user_policy(UserName=user.name, PolicyArn=arn)
    key = world.key()["KeyId"]
    for _ in range(60):
        world.kms().create_grant(KeyId=key, GranteePrincipal=user.arn, Operations=["CreateGrant", "Encrypt"])
    made = {"KeyId": key, "GranteePrincipal": user.arn, "Operations": ["Decrypt"]}
    equal(quick(lambda: world.kms(user).create_grant(**made), "a child that is refused"), "AccessDeniedException")
    world.kms(user).create_grant(**{**made, "Operations": ["Encrypt"]})


@scenario
def a_grants_constraint_is_no_longer_than_a_context(world):
    key, user = world.key()["KeyId"], make_user(world)

    def make(pairs):
        world.kms().create_grant(
            KeyId=key, GranteePrincipal=user.arn, Operations=["Encrypt"], Constraints={"EncryptionContextSubset": pairs})

    make({f"{number}" + "k" * 1500: "v" * 384 for number in range(8)})
    for pairs in ({"k" * 16_384: "v"}, {f"{number}" + "k" * 110_000: "v" for number in range(8)}):
        with refused("ValidationException"):
            make(pairs)


@scenario
def an_explanation_imagines_no_request_that_would_be_refused(world):
    question = {"Principal": FIRST.root, "Action": "kms:Encrypt", "KeyId": world.key()["KeyId"],
                "EncryptionContext": {f"{number:05}": "" for number in range(60_000)}}  # fmt: skip
    wire, body = Wire(world.endpoint), json.dumps(question).encode()
    sent = {"Host": wire.host, "Content-Type": "application/x-amz-json-1.1", "X-Amz-Date": amz_date(),
            "X-Amz-Target": "Chatelaine.ExplainAccess"}  # fmt: skip
    sent["Authorization"] = sign("POST", "/", sent, body, FIRST, REGION, "chatelaine")
    answer = wire.send(sent, body)
    equal((answer.status, answer.code), (400, "ValidationException"), f"{answer!r}"[:300])
    wire.close()


if __name__ == "__main__":
    run()
