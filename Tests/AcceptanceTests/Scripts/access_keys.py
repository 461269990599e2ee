"""Access keys of users: made once, shown once, stopped at once, and kept over a restart."""

import base64
import datetime
import re

from harness import FIRST, OTHER_REGION, SECOND, Account, equal, holds, members, refused, run, scenario
from principals import (
    STRANGER, assume, fresh, make_role, make_user, may, permit, user_session,
)  # fmt: skip

UNKNOWN = "AKIA" + "A" * 16


def key_missing(identifier):
    return f"The Access Key with id {identifier} cannot be found"


def stopped(world, user):
    """None of the services knows the key any more."""
    with refused("UnrecognizedClientException", STRANGER):
        world.kms(user).generate_random(NumberOfBytes=1)
    with refused("InvalidClientTokenId", STRANGER, 403):
        world.client("iam", user).get_user()
    with refused("InvalidClientTokenId", STRANGER, 403):
        world.client("sts", user).get_caller_identity()


def works(world, user):
    equal(world.client("sts", user).get_caller_identity()["Arn"], user.arn)
    world.kms(user).generate_random(NumberOfBytes=1)


@scenario
def an_access_key_is_shown_once(world):
    iam, name = world.client("iam"), fresh("user")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    members(key, "UserName", "AccessKeyId", "Status", "SecretAccessKey", "CreateDate")
    equal((key["UserName"], key["Status"]), (name, "Active"))
    holds(re.fullmatch("AKIA[A-Z2-7]{16}", key["AccessKeyId"]), key["AccessKeyId"])
    holds(re.fullmatch("[A-Za-z0-9/+]{40}", key["SecretAccessKey"]), "a secret of 40 characters of base64")
    age = datetime.datetime.now(datetime.timezone.utc) - key["CreateDate"]
    holds(-2 < age.total_seconds() < 60, f"made now, and not {key['CreateDate']}")
    (listed,) = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    equal(listed, {member: value for member, value in key.items() if member != "SecretAccessKey"})
    other = iam.create_access_key(UserName=name)["AccessKey"]
    holds(other["SecretAccessKey"] != key["SecretAccessKey"], "another secret")
    listed = {entry["AccessKeyId"] for entry in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]}
    equal(listed, {key["AccessKeyId"], other["AccessKeyId"]})
    with refused("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", 409):
        iam.create_access_key(UserName=name)
    iam.update_access_key(UserName=name, AccessKeyId=other["AccessKeyId"], Status="Inactive")
    with refused("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", 409):
        iam.create_access_key(UserName=name)
    iam.delete_access_key(UserName=name, AccessKeyId=other["AccessKeyId"])
    iam.create_access_key(UserName=name)


@scenario
def a_key_that_is_inactive_or_deleted_stops_at_once(world):
    iam, user = world.client("iam"), make_user(world, may("*"))
    key = {"UserName": user.name, "AccessKeyId": user.access_key_id}
    works(world, user)
    for _ in range(2):
        members(iam.update_access_key(**key, Status="Inactive"))
        equal(iam.list_access_keys(UserName=user.name)["AccessKeyMetadata"][0]["Status"], "Inactive")
        stopped(world, user)
        iam.update_access_key(**key, Status="Active")
        works(world, user)
    members(iam.delete_access_key(**key))
    stopped(world, user)
    equal(iam.list_access_keys(UserName=user.name)["AccessKeyMetadata"], [])
    for call in (
        lambda: iam.delete_access_key(**key), lambda: iam.update_access_key(**key, Status="Active"),
    ):  # fmt: skip
        with refused("NoSuchEntity", key_missing(user.access_key_id), 404):
            call()
    stopped(world, user)


@scenario
def each_key_stops_for_itself(world):
    iam, user = world.client("iam"), make_user(world, may("*"))
    made = iam.create_access_key(UserName=user.name)["AccessKey"]
    second = Account(FIRST.number, made["AccessKeyId"], made["SecretAccessKey"])
    iam.update_access_key(UserName=user.name, AccessKeyId=user.access_key_id, Status="Inactive")
    stopped(world, user)
    equal(world.client("sts", second).get_caller_identity()["UserId"], user.identifier)
    world.kms(second).generate_random(NumberOfBytes=1)


@scenario
def keys_that_are_not_there(world):
    iam, user, other = world.client("iam"), make_user(world), make_user(world)
    nobody = fresh("nobody")
    missing = f"The user with name {nobody} cannot be found."
    for call in (
        lambda: iam.create_access_key(UserName=nobody), lambda: iam.list_access_keys(UserName=nobody),
        lambda: iam.delete_access_key(UserName=nobody, AccessKeyId=user.access_key_id),
        lambda: iam.update_access_key(UserName=nobody, AccessKeyId=user.access_key_id, Status="Active"),
    ):  # fmt: skip
        with refused("NoSuchEntity", missing, 404):
            call()
    theirs = make_user(world, account=SECOND)
    for identifier in (UNKNOWN, other.access_key_id, theirs.access_key_id):
        with refused("NoSuchEntity", key_missing(identifier), 404):
            iam.update_access_key(UserName=user.name, AccessKeyId=identifier, Status="Inactive")
        with refused("NoSuchEntity", key_missing(identifier), 404):
            iam.delete_access_key(UserName=user.name, AccessKeyId=identifier)
    equal(world.client("sts", other).get_caller_identity()["Arn"], other.arn)
    equal(world.client("sts", theirs).get_caller_identity()["Arn"], theirs.arn)
    enum = "1 validation error detected: Value at 'status' failed to satisfy constraint: Member must satisfy enum value set"
    for bad in ("active", "Broken", "ACTIVE"):
        with refused("ValidationError", enum):
            iam.update_access_key(UserName=user.name, AccessKeyId=user.access_key_id, Status=bad)
    with refused("ValidationError"):
        iam.delete_access_key(UserName=user.name)
    equal(iam.list_access_keys(UserName=user.name)["AccessKeyMetadata"][0]["Status"], "Active")


@scenario
def a_user_changes_its_own_keys(world):
    own = ["iam:*AccessKey*"]
    user, other = make_user(world, may(own, "arn:aws:iam::*:user/${aws:username}")), make_user(world)
    iam = world.client("iam", user)
    made = iam.create_access_key()["AccessKey"]
    equal(made["UserName"], user.name)
    listed = {entry["AccessKeyId"] for entry in iam.list_access_keys()["AccessKeyMetadata"]}
    equal(listed, {user.access_key_id, made["AccessKeyId"]})
    with refused("AccessDenied", http=403):
        iam.create_access_key(UserName=other.name)
    with refused("AccessDenied", http=403):
        iam.delete_access_key(UserName=other.name, AccessKeyId=other.access_key_id)
    iam.delete_access_key(AccessKeyId=user.access_key_id)
    stopped(world, user)
    renewed = Account(FIRST.number, made["AccessKeyId"], made["SecretAccessKey"])
    world.client("iam", renewed).update_access_key(AccessKeyId=made["AccessKeyId"], Status="Inactive")
    stopped(world, renewed)
    equal(world.client("sts", other).get_caller_identity()["Arn"], other.arn)


@scenario
def what_a_key_was_last_used_for(world):
    iam, user = world.client("iam"), make_user(world, may("kms:*"))
    unused = iam.get_access_key_last_used(AccessKeyId=user.access_key_id)
    equal((unused["UserName"], unused["AccessKeyLastUsed"]), (user.name, {"ServiceName": "N/A", "Region": "N/A"}))
    world.kms(user, OTHER_REGION).generate_random(NumberOfBytes=1)
    used = iam.get_access_key_last_used(AccessKeyId=user.access_key_id)["AccessKeyLastUsed"]
    equal((used["ServiceName"], used["Region"]), ("kms", OTHER_REGION))
    age = datetime.datetime.now(datetime.timezone.utc) - used["LastUsedDate"]
    holds(-2 < age.total_seconds() < 900, f"used now, and not {used['LastUsedDate']}")


def everything(world, account=FIRST):
    """All that lists show of an account, and the details of one policy."""
    iam = world.client("iam", account)
    known = {}
    for operation, member in (("list_users", "Users"), ("list_groups", "Groups"), ("list_roles", "Roles"),
                              ("list_policies", "Policies")):  # fmt: skip
        known[member] = [entry for page in iam.get_paginator(operation).paginate() for entry in page[member]]
    for user in known["Users"]:
        name = {"UserName": user["UserName"]}
        for operation in ("get_user", "list_access_keys", "list_user_policies", "list_groups_for_user",
                          "list_attached_user_policies"):  # fmt: skip
            answer = getattr(iam, operation)(**name)
            known[operation, user["UserName"]] = {k: v for k, v in answer.items() if k != "ResponseMetadata"}
    for role in known["Roles"]:
        answer = iam.get_role(RoleName=role["RoleName"])["Role"]
        known["role", role["RoleName"]] = {k: v for k, v in answer.items() if k != "RoleLastUsed"}
    return known


def restart(world, end):
    end()
    world.server.start()


@scenario
def identities_are_there_after_a_restart(world):
    iam = world.client("iam")
    user = make_user(world, may("kms:GenerateRandom"), Path="/kept/", Tags=[{"Key": "a", "Value": "b"}])
    stops = make_user(world)
    iam.update_access_key(UserName=stops.name, AccessKeyId=stops.access_key_id, Status="Inactive")
    gone = make_user(world)
    iam.delete_access_key(UserName=gone.name, AccessKeyId=gone.access_key_id)
    iam.delete_user(UserName=gone.name)
    role = make_role(world, user, may("kms:GenerateRandom"), MaxSessionDuration=7200)
    session, own = assume(world, user, role), user_session(world, user)
    before = everything(world)
    # A crash is no other end: what was answered was kept.
    for end in (world.server.stop, world.server.kill):
        restart(world, end)
        equal(everything(world), before)
        for who in (user, own, session):
            works(world, who)
        for who in (stops, gone):
            stopped(world, who)
    permit(world, user)
    world.server.kill()
    world.server.start()
    with refused("AccessDeniedException"):
        world.kms(user).generate_random(NumberOfBytes=1)
    works(world, session)


@scenario
def no_secret_is_in_any_file(world):
    user = make_user(world, may("*"))
    role = make_role(world, user, may("*"))
    everybody = [user, make_user(world, account=SECOND), assume(world, user, role), user_session(world, user)]
    for who in everybody:
        world.client("sts", who).get_caller_identity()
    secrets = [who.secret_access_key for who in everybody]
    # What the characters stand for, too.
    forms = [base64.b64decode(secret) for secret in secrets]
    secrets += [who.session_token for who in everybody if who.session_token]
    for raw in [secret.encode() for secret in secrets]:
        forms += [raw, raw.hex().encode(), raw.hex().upper().encode(), base64.b64encode(raw).rstrip(b"=")]

    def search():
        files = [path for path in world.data.rglob("*") if path.is_file()]
        holds(len(files) > 2, f"files in {[path.name for path in files]}")
        for path in files:
            content = path.read_bytes()
            for form in forms:
                holds(form not in content, f"a secret is in {path.name}")

    search()
    world.server.stop()
    search()
    world.server.start()
    works(world, everybody[0])
    log = world.server.log_text()
    holds(not any(secret in log for secret in secrets), "a secret is in the server's log")


if __name__ == "__main__":
    run()
