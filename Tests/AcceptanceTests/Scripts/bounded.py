"""Whatever a policy asks and a request brings, a decision is made in bounded time: nobody makes others wait."""

import itertools
import json

from bounds import BOUND, as_quick, quick
from harness import FIRST, REGION, allow, deny, equal, refused, run, scenario
from principals import assume, fresh, make_role, make_user, managed_policy, may, may_not, trust, when
from raw import Wire, amz_date, sign


def compact(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":"), ensure_ascii=False)


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
def long_lists_are_compared_at_once(world):
    keys, latin = {f"k{number:03}": "v" for number in range(1000)}, {"a": "\u00c9" * 32_000}
    dates = {f"2020-01-01T00:00:00.{number:03}Z": "v" for number in range(1000)}
    names, arns = "kms:EncryptionContextKeys", {f":::::k{number:03}": "v" for number in range(1000)}
    for what, condition, context in (
        ("ARNs of nothing", {"ForAnyValue:ArnLike": {names: [":::::"] * 3800}}, arns),
        ("empty ARNs", {"ForAnyValue:ArnLike": {names: [""] * 9000}}, keys),
        ("a long ARN", {"ForAnyValue:ArnLike": {names: ["x" * 31_000]}}, keys),
        ("texts", {"ForAnyValue:StringEquals": {names: [f"z{number:03}" for number in range(1000)] * 4}}, keys),
        ("patterns", {"ForAnyValue:StringLike": {names: [f"z{number:02}*" for number in range(100)] * 35}}, keys),
        ("without case", {"StringNotEqualsIgnoreCase": {key: "x" for key in spellings("kms:EncryptionContext:a", 400)}}, latin),
        ("lists without case", {"ForAllValues:StringNotEqualsIgnoreCase": {names: ["\u00c9" * 300] * 40}}, keys),
        ("dates", {"ForAllValues:DateNotEquals": {key: "2021-01-01" for key in spellings(names, 400)}}, dates),
    ):  # fmt: skip
        key = world.key(Policy=compact(allow(FIRST.root), {**deny("*", "kms:Encrypt"), "Condition": condition}))["KeyId"]
        quick(lambda: world.kms().encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context), what)
    asked = {"Null": {key: "false" for key in spellings("kms:GrantOperations", 150)}, "StringEquals": {"aws:username": "x"}}
    user = make_user(world, may("kms:*"))
    for _ in range(4):
        arn = managed_policy(world, may_not("kms:*", Condition=asked))
        world.client("iam").attach_user_policy(UserName=user.name, PolicyArn=arn)
    made = {"KeyId": world.key()["KeyId"], "GranteePrincipal": user.arn}

    def make(who):
        return lambda: world.kms(who).create_grant(**made, Operations=["Encrypt"] * 20_000)

    as_quick(make(user), make(FIRST), BOUND, "20,000 operations")


@scenario
def many_documents_take_no_longer_than_a_few(world):
    pattern = {"StringLike": {"kms:EncryptionContext:a": "*aaaaaaaaaab*"}}
    caller = make_user(world, may("sts:*"))
    role = make_role(world, caller, may("kms:*"))
    for number in range(55):
        world.client("iam").put_role_policy(
            RoleName=role.name, PolicyName=f"p{number}", PolicyDocument=compact(may("kms:Encrypt", Condition=pattern)))
    key, session = world.key()["Arn"], assume(world, caller, role)
    context = {"a": "a" * 60_000}
    quick(lambda: world.kms(session).encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=context), "55 documents")


@scenario
def honest_policies_do_not_run_out(world):
    caller = make_user(world, may("sts:*"))
    # One statement for each of many aliases.
    role = make_role(world, caller)
    statements = [may("kms:*", **when("StringEquals", "kms:ResourceAliases", f"alias/a{number:02}")) for number in range(87)]
    world.client("iam").put_role_policy(RoleName=role.name, PolicyName="p", PolicyDocument=compact(*statements))
    key = world.key()["KeyId"]
    world.kms().create_alias(AliasName="alias/a86", TargetKeyId=key)
    world.kms(assume(world, caller, role)).encrypt(KeyId=key, Plaintext=b"x")
    # A trust policy that asks for many tags.
    needed = {"Null": {f"aws:RequestTag/k{number}": "false" for number in range(45)}}
    role = make_role(world, [{**trust(caller.arn, ["sts:AssumeRole", "sts:TagSession"]), "Condition": needed}])
    assume(world, caller, role, Tags=[{"Key": f"k{number}", "Value": "v"} for number in range(50)])
    # A role with as many managed policies as it may have, each with many conditions.
    role = make_role(world, caller, may("kms:*"), Tags=[{"Key": f"k{number}", "Value": "v"} for number in range(50)])
    for _ in range(10):
        document = [may_not("kms:Encrypt", **when("StringEquals", f"aws:PrincipalTag/k{number}", "w")) for number in range(40)]
        arn = managed_policy(world, *document)
        world.client("iam").attach_role_policy(RoleName=role.name, PolicyArn=arn)
    world.kms(assume(world, caller, role)).encrypt(KeyId=key, Plaintext=b"x")


@scenario
def members_that_no_request_has_make_no_difference(world):
    wire, extra = Wire(world.endpoint), ",".join(f'"x{number:05}":0' for number in range(20_000))

    def encrypt(**policy):
        body = f'{{"KeyId":"{world.key(**policy)["KeyId"]}","Plaintext":"eA==",{extra}}}'.encode()

        def call():
            sent = wire.headers("Encrypt")
            sent["Authorization"] = sign("POST", "/", sent, body, FIRST)
            equal(wire.send(sent, body).status, 200)

        return call

    for name in ("kms:RequestAlias", "kms:EncryptionContext:a"):
        tests = {"Null": {key: "true" for key in spellings(name, 800)}, "StringEquals": {"aws:EpochTime": "x"}}
        policy = compact(allow(FIRST.root), {**deny("*", "kms:Encrypt"), "Condition": tests})
        as_quick(encrypt(Policy=policy), encrypt(), BOUND / 2, name)
    wire.close()


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
