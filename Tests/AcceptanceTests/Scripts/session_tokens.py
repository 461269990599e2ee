"""Temporary credentials: whose they are, what they are good for, and how they end."""

import dataclasses
import datetime
import re
import urllib.parse

from harness import (
    FIRST, OTHER_REGION, SECOND, advance, allow, equal, holds, policy, refused, run, scenario, shape_error,
)  # fmt: skip
from principals import (
    EXPIRED, STRANGER, ask, assume, delete_role, delete_user, element, forbidden, fresh, kms_call, make_role, make_user,
    managed_policy, may, may_not, permit, session_of, trust, user_arn, user_session, when, working,
)  # fmt: skip
from raw import fetch


def identity(world, who):
    answer = world.client("sts", who).get_caller_identity()
    return answer["Arn"], answer["UserId"], answer["Account"]


def unknown_everywhere(world, who):
    """No service knows these credentials."""
    with refused("UnrecognizedClientException", STRANGER):
        world.kms(who).generate_random(NumberOfBytes=1)
    with refused("InvalidClientTokenId", STRANGER, 403):
        world.client("sts", who).get_caller_identity()
    with refused("InvalidClientTokenId", STRANGER, 403):
        world.client("iam", who).list_users()


def lasts(answer, seconds):
    left = answer["Credentials"]["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    holds(seconds - 60 < left.total_seconds() <= seconds + 1, f"{left} left, and not {seconds} s")


@scenario
def everybody_learns_who_it_is(world):
    for account in (FIRST, SECOND):
        user = make_user(world, account=account, Path="/division/")
        role = make_role(world, user, account=account, Path="/service/")
        session = assume(world, user, role, "some.body@example")
        equal(identity(world, account), (account.root, account.number, account.number))
        equal(identity(world, user), (user_arn(f"division/{user.name}", account), user.identifier, account.number))
        equal(identity(world, user_session(world, user)), identity(world, user))
        arn = f"arn:aws:sts::{account.number}:assumed-role/{role.name}/some.body@example"
        equal(identity(world, session), (arn, f"{role.identifier}:some.body@example", account.number))
        for who in (user, session):
            equal(world.client("sts", who, OTHER_REGION).get_caller_identity()["Arn"], identity(world, who)[0])


@scenario
def nothing_can_deny_the_question_who_one_is(world):
    never = may_not("*")
    user = make_user(world, never, PermissionsBoundary=managed_policy(world, never))
    caller = make_user(world)
    role = make_role(world, caller, never)
    session = assume(world, caller, role, Policy=policy(never))
    for who in (user, user_session(world, user), session):
        equal(identity(world, who)[0], who.arn)


@scenario
def a_user_makes_a_session_of_itself(world):
    user, key = make_user(world, may(["kms:Encrypt", "iam:*", "sts:*"])), world.key()
    sts = world.client("sts", user)
    answer = sts.get_session_token()
    equal(set(answer) - {"ResponseMetadata"}, {"Credentials"})
    lasts(answer, 43200)
    for duration in (900, 129600):
        lasts(sts.get_session_token(DurationSeconds=duration), duration)
    for duration, bound in ((899, "greater than or equal to 900"), (129601, "less than or equal to 129600")):
        text = f"Value '{duration}' at 'durationSeconds' failed to satisfy constraint: Member must have value {bound}"
        with refused("ValidationError", shape_error(text)):
            sts.get_session_token(DurationSeconds=duration)
    session = user_session(world, user)
    world.kms(session).encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    with refused("AccessDeniedException"):
        world.kms(session).describe_key(KeyId=key["KeyId"])
    # It is the user: what the user loses or is named for is the session's too.
    named = world.key(Policy=policy(allow(FIRST.root), allow(user.arn, "kms:DescribeKey")))
    world.kms(session).describe_key(KeyId=named["KeyId"])
    role = make_role(world, user)
    equal(identity(world, assume(world, session, role))[0], role.session_arn("work"))
    permit(world, user)
    with refused("AccessDeniedException"):
        world.kms(session).encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    lasts(make_session_of(world, make_user(world, may_not("*"))), 43200)


def make_session_of(world, who):
    return world.client("sts", who).get_session_token()


@scenario
def a_session_of_a_user_calls_neither_iam_nor_most_of_sts(world):
    session = user_session(world, make_user(world, may("*")))
    for call in (
        world.client("iam", session).list_users, world.client("iam", session).get_user,
        lambda: world.client("iam", session).create_user(UserName=fresh("user")),
        lambda: make_session_of(world, session),
    ):  # fmt: skip
        with forbidden("AccessDenied", "InvalidClientTokenId"):
            call()
    with forbidden("AccessDenied", "InvalidClientTokenId"):
        make_session_of(world, working(world, may("*")))


@scenario
def a_session_of_a_role_calls_iam(world):
    session = working(world, may(["iam:ListUsers"]))
    world.client("iam", session).list_users()
    text = (
        f"User: {session.arn} is not authorized to perform: iam:ListRoles on resource: "
        "arn:aws:iam::.* because no identity-based policy allows the iam:ListRoles action"
    )
    with refused("AccessDenied", re.compile(re.escape(text).replace(r"\.\*", ".*")), 403):
        world.client("iam", session).list_roles()


@scenario
def a_session_of_the_root_user_lasts_an_hour(world):
    lasts(make_session_of(world, SECOND), 3600)
    sts = world.client("sts", FIRST)
    lasts(sts.get_session_token(DurationSeconds=900), 900)
    given = sts.get_session_token()["Credentials"]
    session = dataclasses.replace(
        FIRST, access_key_id=given["AccessKeyId"], secret_access_key=given["SecretAccessKey"],
        session_token=given["SessionToken"],
    )  # fmt: skip
    equal(identity(world, session), (FIRST.root, FIRST.number, FIRST.number))
    world.key(session)
    with forbidden("AccessDenied", "InvalidClientTokenId"):
        world.client("iam", session).list_users()
    with refused("AccessDenied", "Roles may not be assumed by root accounts.", 403):
        world.client("sts", session).assume_role(RoleArn=make_role(world, "*").arn, RoleSessionName="work")


@scenario
def a_token_belongs_to_its_access_key(world):
    user = make_user(world, may("*"))
    role = make_role(world, user, may("*"))
    session, other, own = assume(world, user, role), assume(world, user, role), user_session(world, user)
    for who in (session, other, own):
        world.kms(who).generate_random(NumberOfBytes=1)
    token = session.session_token
    middle = len(token) // 2
    changed = [
        token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :], token[:-8], token[8:], token * 2,
        token[:4] + ("A" if token[4] != "A" else "B") + token[5:], "x", "a token", token.swapcase(), "=" * 400,
        other.session_token, own.session_token, "A" * 3000,
    ]  # fmt: skip
    for wrong in changed:
        unknown_everywhere(world, dataclasses.replace(session, session_token=wrong))
    for who in (session, own):
        unknown_everywhere(world, dataclasses.replace(who, session_token=None))
    for who in (user, FIRST):
        unknown_everywhere(world, dataclasses.replace(who, session_token=token))
    unknown_everywhere(world, dataclasses.replace(session, access_key_id=other.access_key_id))
    unknown_everywhere(world, dataclasses.replace(session, access_key_id="ASIA" + "A" * 16))
    wrong = dataclasses.replace(session, secret_access_key=other.secret_access_key)
    with refused("InvalidSignatureException"):
        world.kms(wrong).generate_random(NumberOfBytes=1)
    with refused("SignatureDoesNotMatch", http=403):
        world.client("sts", wrong).get_caller_identity()
    world.kms(session).generate_random(NumberOfBytes=1)


@scenario
def a_token_may_be_signed_or_added_after_signing(world):
    session = working(world, may("kms:ListKeys"))
    signed = kms_call(world, session, "ListKeys", **{"X-Amz-Security-Token": session.session_token})
    equal(signed.status, 200, f"{signed!r}")
    added = kms_call(world, session, "ListKeys", unsigned={"X-Amz-Security-Token": session.session_token})
    equal(added.status, 200, f"{added!r}")
    answer = ask(world, "GetCallerIdentity", account=session, service="sts")
    equal((answer.status, element(answer, "Arn")), (200, session.arn))
    empty = kms_call(world, session, "ListKeys", unsigned={"X-Amz-Security-Token": ""})
    equal((empty.status, empty.code), (400, "UnrecognizedClientException"), f"{empty!r}")


@scenario
def a_presigned_url_proves_the_identity_of_a_session(world):
    user = make_user(world)
    for who in (user, user_session(world, user), working(world)):
        url = world.client("sts", who).generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
        status, text, _ = fetch(url)
        equal(status, 200, f"status of {text}")
        holds(f"<Arn>{who.arn}</Arn>" in text, text)
        if not who.session_token:
            continue
        holds("X-Amz-Security-Token=" in url, "the token is in the query")
        without = re.sub("X-Amz-Security-Token=[^&]*&?", "", url)
        status, text, _ = fetch(without)
        equal(status, 403, f"status of {text}")
        holds("<Code>InvalidClientTokenId</Code>" in text, text)
    # Some signers add the token when they have signed.
    session = working(world)
    unsigned = dataclasses.replace(session, session_token=None)
    url = world.client("sts", unsigned).generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    status, text, _ = fetch(url + "&X-Amz-Security-Token=" + urllib.parse.quote(session.session_token, safe=""))
    equal(status, 200, f"status of {text}")
    holds(f"<Arn>{session.arn}</Arn>" in text, text)


@scenario
def what_becomes_of_a_role_is_felt_by_its_sessions(world):
    iam, user, key = world.client("iam"), make_user(world), world.key()
    role = make_role(world, user, may("kms:Encrypt"))
    session = assume(world, user, role)
    kms = world.kms(session)
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    permit(world, role, may("kms:DescribeKey"))
    with refused("AccessDeniedException"):
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    kms.describe_key(KeyId=key["KeyId"])
    arn = managed_policy(world, may("kms:Encrypt"))
    iam.attach_role_policy(RoleName=role.name, PolicyArn=arn)
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    # Whom the role trusts from now on is nothing to the sessions that there are.
    iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=policy(trust(SECOND.root)))
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    with refused("AccessDenied", http=403):
        world.client("sts", user).assume_role(RoleArn=role.arn, RoleSessionName="work")
    iam.put_role_permissions_boundary(RoleName=role.name, PermissionsBoundary=managed_policy(world, may("kms:List*")))
    with refused("AccessDeniedException"):
        kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")


@scenario
def a_code_that_nobody_checks_is_no_second_factor(world):
    user, key = make_user(world), world.key()
    role = make_role(world, user, may("kms:Encrypt", **when("Bool", "aws:MultiFactorAuthPresent", "true")))
    device = {"SerialNumber": f"arn:aws:iam::{FIRST.number}:mfa/device", "TokenCode": "123456"}
    try:
        session = assume(world, user, role, **device)
    except world.client("sts").exceptions.ClientError as error:
        equal(error.response["ResponseMetadata"]["HTTPStatusCode"] // 100, 4)
    else:
        with refused("AccessDeniedException"):
            world.kms(session).encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    needing = make_role(world, [trust(user.arn, **when("Bool", "aws:MultiFactorAuthPresent", "true"))])
    for terms in ({}, device):
        with refused("AccessDenied", http=403):
            world.client("sts", user).assume_role(RoleArn=needing.arn, RoleSessionName="work", **terms)


@scenario
def the_largest_session_is_as_good_as_any(world):
    user = make_user(world)
    role = make_role(world, [trust(user.arn, ["sts:AssumeRole", "sts:TagSession"])], may("kms:GenerateRandom"))
    document, sts = policy({**may("*"), "Sid": "s" * 1900}), world.client("sts", user)

    def made(count):
        tags = [{"Key": f"{number:03}" + "k" * 125, "Value": "v" * 256} for number in range(count)]
        return sts.assume_role(RoleArn=role.arn, RoleSessionName="work", Policy=document, Tags=tags)

    count, answer = 0, made(0)
    while count < 50:
        try:
            answer = made(count + 1)
        except sts.exceptions.PackedPolicyTooLargeException:
            break
        count += 1
    session = session_of(answer, FIRST.number, role.session_arn("work"), "work", f"{role.identifier}:work")
    world.kms(session).generate_random(NumberOfBytes=1)
    equal(identity(world, session)[0], session.arn)
    url = world.client("sts", session).generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    equal(fetch(url)[0], 200, f"status for a URL of {len(url)} characters")


@scenario
def sessions_end_with_their_role_or_user(world):
    user, other = make_user(world, may("kms:*")), make_user(world)
    role = make_role(world, [trust([user.arn, other.arn])], may("kms:*", "*"), may("iam:*", "*"))
    of_role, also, own = assume(world, user, role), assume(world, other, role), user_session(world, user)
    for who in (of_role, also, own):
        world.kms(who).list_keys()
    # A session of a role has a life of its own.
    delete_user(world, user)
    unknown_everywhere(world, own)
    unknown_everywhere(world, user)
    for who in (of_role, also):
        world.kms(who).list_keys()
    make_user(world, may("kms:*"), name=user.name)
    unknown_everywhere(world, own)
    delete_role(world, role)
    for who in (of_role, also):
        unknown_everywhere(world, who)
    make_role(world, [trust(other.arn)], may("kms:*"), name=role.name)
    for who in (of_role, also):
        unknown_everywhere(world, who)


@scenario
def a_session_shows_the_new_name_of_its_user(world):
    user, new = make_user(world, may("kms:ListKeys")), fresh("renamed")
    session = user_session(world, user)
    world.client("iam").update_user(UserName=user.name, NewUserName=new, NewPath="/x/")
    equal(identity(world, session), (user_arn(f"x/{new}"), user.identifier, FIRST.number))
    world.kms(session).list_keys()


@scenario
def sessions_go_on_after_a_restart(world):
    user = make_user(world, may("kms:GenerateRandom"))
    role = make_role(world, user, may("kms:GenerateRandom"))
    everybody = [assume(world, user, role), user_session(world, user)]
    narrow = assume(world, user, role, Policy=policy(may("kms:ListKeys")))
    for end in (world.server.stop, world.server.kill):
        end()
        world.server.start()
        for who in everybody:
            equal(identity(world, who)[0], who.arn)
            world.kms(who).generate_random(NumberOfBytes=1)
        with refused("AccessDeniedException"):
            world.kms(narrow).generate_random(NumberOfBytes=1)


# The clock is ahead from here on.


@scenario
def a_session_expires(world):
    user = make_user(world, may("kms:GenerateRandom"), may("iam:*"))
    role = make_role(world, user, may("kms:GenerateRandom"), MaxSessionDuration=43200)
    short, long = assume(world, user, role, DurationSeconds=900), assume(world, user, role, DurationSeconds=43200)
    hour, own = assume(world, user, role), user_session(world, user, DurationSeconds=900)
    url = world.client("sts", short).generate_presigned_url("get_caller_identity", ExpiresIn=3600, HttpMethod="GET")

    def expired(who):
        with refused("ExpiredTokenException", EXPIRED):
            world.kms(who).generate_random(NumberOfBytes=1)
        for service, call in (("sts", "get_caller_identity"), ("iam", "list_users")):
            with refused("ExpiredToken", EXPIRED, 403):
                getattr(world.client(service, who), call)()

    advance(world, "10m")
    for who in (short, long, hour, own):
        world.kms(who).generate_random(NumberOfBytes=1)
    advance(world, "6m")
    for who in (short, own):
        expired(who)
    equal(fetch(url)[0], 403)
    for who in (long, hour):
        world.kms(who).generate_random(NumberOfBytes=1)
    advance(world, "2h")
    expired(hour)
    world.kms(long).generate_random(NumberOfBytes=1)
    world.server.stop()
    world.server.start()
    expired(short)
    world.kms(long).generate_random(NumberOfBytes=1)
    # With a wrong secret, too, it is the first that is said.
    wrong = dataclasses.replace(short, secret_access_key=long.secret_access_key)
    with refused("ExpiredTokenException", EXPIRED):
        world.kms(wrong).generate_random(NumberOfBytes=1)
    fresh_one = world.client("sts", user).assume_role(RoleArn=role.arn, RoleSessionName="work")["Credentials"]
    left = fresh_one["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    holds(10_000 < left.total_seconds() < 13_000, f"an hour from the server's time, and not {left} from now")
    advance(world, "12h")
    expired(long)
    world.kms(user).generate_random(NumberOfBytes=1)


if __name__ == "__main__":
    run()
