"""Grants last until somebody retires or revokes them, or their key is gone."""

import os

from granting import grant, listed
from harness import (
    FIRST, OTHER_REGION, SECOND, advance, allow, deny, equal, eventually, holds, policy, refused, run, scenario,
)  # fmt: skip
from wrapping import bring


@scenario
def a_grant_is_there_after_a_restart_and_gone_after_its_end(world):
    ours, theirs, key = world.kms(), world.kms(SECOND), world.key()
    made = grant(world, key, ["Encrypt"], Constraints={"EncryptionContextSubset": {"a": "1"}}, Name="kept")
    before = listed(ours, KeyId=key["KeyId"])
    world.server.stop()
    world.server.start()
    ours, theirs = world.kms(), world.kms(SECOND)
    equal(listed(ours, KeyId=key["KeyId"]), before)
    theirs.encrypt(KeyId=key["Arn"], Plaintext=b"x", EncryptionContext={"a": "1", "b": "2"})
    theirs.encrypt(KeyId=key["Arn"], Plaintext=b"x", EncryptionContext={"a": "1"}, GrantTokens=[made["GrantToken"]])
    ours.revoke_grant(KeyId=key["KeyId"], GrantId=made["GrantId"])
    with refused("AccessDeniedException"):
        theirs.encrypt(KeyId=key["Arn"], Plaintext=b"x", EncryptionContext={"a": "1"})
    # Its token is a token still, and gives nothing.
    with refused("AccessDeniedException"):
        theirs.encrypt(KeyId=key["Arn"], Plaintext=b"x", EncryptionContext={"a": "1"}, GrantTokens=[made["GrantToken"]])
    world.server.stop()
    world.server.start()
    equal(listed(world.kms(), KeyId=key["KeyId"]), [])


@scenario
def what_a_principal_may_retire_is_listed_across_keys_and_accounts(world):
    ours, theirs = world.kms(), world.kms(SECOND)
    made = [grant(world, world.key(), ["Encrypt"], RetiringPrincipal=SECOND.root) for _ in range(3)]
    own = theirs.create_grant(
        KeyId=world.key(SECOND)["KeyId"], GranteePrincipal=FIRST.root, Operations=["Encrypt"],
        RetiringPrincipal=SECOND.root,
    )  # fmt: skip
    wanted = {entry["GrantId"] for entry in [*made, own]}
    for size in (1, 2, 100):
        pages = theirs.get_paginator("list_retirable_grants").paginate(
            RetiringPrincipal=SECOND.root, PaginationConfig={"PageSize": size})
        identifiers = [entry["GrantId"] for page in pages for entry in page["Grants"]]
        holds(wanted <= set(identifiers), f"all are in pages of {size}")
        equal(len(identifiers), len(set(identifiers)))
    equal([entry for entry in world.kms(SECOND, OTHER_REGION).list_retirable_grants(
        RetiringPrincipal=SECOND.root)["Grants"] if entry["GrantId"] in wanted], [])  # fmt: skip
    for wrong in (SECOND.root, "nonsense", FIRST.number):
        with refused("InvalidArnException", "Input does not refer to a valid principal"):
            ours.list_retirable_grants(RetiringPrincipal=wrong)


@scenario
def who_may_retire_a_grant(world):
    ours, theirs = world.kms(), world.kms(SECOND)
    key = world.key()

    def retirable(by, **shape):
        made = grant(world, key, shape.pop("Operations", ["Encrypt"]), **shape)
        by.retire_grant(KeyId=key["Arn"], GrantId=made["GrantId"])
        equal(listed(ours, KeyId=key["KeyId"], GrantId=made["GrantId"]), [])

    retirable(ours)
    retirable(theirs, RetiringPrincipal=SECOND.root)
    retirable(theirs, Operations=["Encrypt", "RetireGrant"], Constraints={"EncryptionContextEquals": {"a": "1"}})
    with refused("AccessDeniedException"):
        retirable(theirs)
    # The policy of the key has no say, and neither has the right to revoke.
    key = world.key(Policy=policy(allow(FIRST.root), allow(SECOND.root, ["kms:RetireGrant", "kms:RevokeGrant"])))
    with refused("AccessDeniedException"):
        retirable(theirs)
    theirs.revoke_grant(KeyId=key["Arn"], GrantId=listed(ours, KeyId=key["KeyId"])[0]["GrantId"])
    key = world.key(Policy=policy(allow(FIRST.root), deny("*", "kms:RetireGrant")))
    retirable(theirs, RetiringPrincipal=SECOND.root)
    made = grant(world, key, ["Encrypt"], RetiringPrincipal=SECOND.root)
    theirs.retire_grant(GrantToken=made["GrantToken"])
    for by_name in ({"KeyId": key["KeyId"], "GrantId": made["GrantId"]}, {"GrantToken": made["GrantToken"]}):
        with refused("NotFoundException", f"Grant ID {made['GrantId']} not found"):
            ours.retire_grant(**by_name)


@scenario
def naming_a_grant_wrongly(world):
    kms, key = world.kms(), world.key()
    made = grant(world, key, ["Encrypt"])
    by_name, by_token = {"KeyId": key["Arn"], "GrantId": made["GrantId"]}, {"GrantToken": made["GrantToken"]}
    for wrong in ({}, {**by_name, **by_token}, {"KeyId": key["Arn"]}, {"GrantId": made["GrantId"]},
                  {**by_token, "KeyId": key["Arn"]}):  # fmt: skip
        with refused("ValidationException"):
            kms.retire_grant(**wrong)
    changed = made["GrantToken"][:-8] + ("A" * 8 if made["GrantToken"][-8:] != "A" * 8 else "B" * 8)
    for token in ("nonsense", "AAAA", changed, made["GrantToken"][:-4], made["GrantId"], made["GrantToken"] + "AAAA"):
        with refused("InvalidGrantTokenException"):
            kms.retire_grant(GrantToken=token)
        with refused("InvalidGrantTokenException"):
            kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x", GrantTokens=[made["GrantToken"], token])
    for end in (kms.retire_grant, kms.revoke_grant):
        for text in ("nonsense", "0" * 63, "G" * 64, made["GrantId"].upper()):
            if text != made["GrantId"]:
                with refused("InvalidGrantIdException"):
                    end(KeyId=key["KeyId"], GrantId=text)
        with refused("NotFoundException", f"Grant ID {'0' * 64} not found"):
            end(KeyId=key["KeyId"], GrantId="0" * 64)
        with refused("NotFoundException"):
            end(KeyId=world.key()["KeyId"], GrantId=made["GrantId"])
    # A stranger learns of no grant, and of no key.
    theirs = world.kms(SECOND)
    for arn in (key["Arn"], key["Arn"][:-1] + ("1" if key["Arn"][-1] == "0" else "0")):
        for end in (theirs.retire_grant, theirs.revoke_grant):
            with refused("InvalidGrantIdException"):
                end(KeyId=arn, GrantId="nonsense")
    with refused("AccessDeniedException"):
        theirs.retire_grant(KeyId=key["Arn"], GrantId="0" * 64)
    with refused("AccessDeniedException"):
        theirs.revoke_grant(KeyId=key["Arn"], GrantId="0" * 64)
    equal(len(listed(kms, KeyId=key["KeyId"])), 1)


@scenario
def grants_stay_with_a_key_until_its_end(world):
    ours, theirs, key = world.kms(), world.kms(SECOND), world.key()
    made = grant(world, key, ["Encrypt", "DescribeKey"], RetiringPrincipal=SECOND.root)
    ours.disable_key(KeyId=key["KeyId"])
    with refused("DisabledException"):
        theirs.encrypt(KeyId=key["Arn"], Plaintext=b"x")
    with refused("DisabledException"):
        grant(world, key, ["Encrypt"])
    ours.enable_key(KeyId=key["KeyId"])
    ours.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    theirs.describe_key(KeyId=key["Arn"])
    with refused("KMSInvalidStateException"):
        theirs.encrypt(KeyId=key["Arn"], Plaintext=b"x")
    equal(len(listed(ours, KeyId=key["KeyId"])), 1)
    ours.cancel_key_deletion(KeyId=key["KeyId"])
    ours.enable_key(KeyId=key["KeyId"])
    theirs.encrypt(KeyId=key["Arn"], Plaintext=b"x")
    ours.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    advance(world, "8d")

    def retirable():
        entries = theirs.list_retirable_grants(RetiringPrincipal=SECOND.root, Limit=100)["Grants"]
        return [entry for entry in entries if entry["GrantId"] == made["GrantId"]]

    eventually(lambda: not retirable(), "the grants of a deleted key are gone")
    with refused("NotFoundException"):
        theirs.retire_grant(GrantToken=made["GrantToken"])


@scenario
def a_grant_outlives_imported_material(world):
    ours, key, material = world.kms(), world.key(Origin="EXTERNAL"), os.urandom(32)
    bring(ours, key["KeyId"], material)
    made = grant(world, key, ["Encrypt"])
    ours.delete_imported_key_material(KeyId=key["KeyId"])
    with refused("KMSInvalidStateException"):
        world.kms(SECOND).encrypt(KeyId=key["Arn"], Plaintext=b"x")
    bring(ours, key["KeyId"], material)
    world.kms(SECOND).encrypt(KeyId=key["Arn"], Plaintext=b"x")
    ours.delete_imported_key_material(KeyId=key["KeyId"])
    ours.retire_grant(KeyId=key["KeyId"], GrantId=made["GrantId"])
    equal(listed(ours, KeyId=key["KeyId"]), [])


if __name__ == "__main__":
    run()
