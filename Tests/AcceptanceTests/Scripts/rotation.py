"""EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus."""

import datetime

from harness import equal, holds, members, refused, run, scenario, shape_error

DAY = datetime.timedelta(days=1)


def expect_status(world, key, period, start=None):
    status = world.kms().get_key_rotation_status(KeyId=key["KeyId"])
    equal(status["KeyId"], key["Arn"])
    if period is None:
        members(status, "KeyId", "KeyRotationEnabled")
        equal(status["KeyRotationEnabled"], False)
        return None
    members(status, "KeyId", "KeyRotationEnabled", "RotationPeriodInDays", "NextRotationDate")
    equal((status["KeyRotationEnabled"], status["RotationPeriodInDays"]), (True, period))
    start = start or datetime.datetime.now(datetime.timezone.utc)
    off = status["NextRotationDate"] - start - period * DAY
    holds(abs(off.total_seconds()) < 60, f"NextRotationDate is off by {off}")
    return status["NextRotationDate"]


@scenario
def rotation_is_off_until_it_is_enabled(world):
    kms, key = world.kms(), world.key()
    expect_status(world, key, None)
    members(kms.disable_key_rotation(KeyId=key["KeyId"]))
    members(kms.enable_key_rotation(KeyId=key["Arn"]))
    expect_status(world, key, 365)
    kms.disable_key_rotation(KeyId=key["KeyId"])
    expect_status(world, key, None)


@scenario
def the_period_moves_the_schedule_only_when_it_changes(world):
    kms, key = world.kms(), world.key()
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    first = expect_status(world, key, 90)
    kms.enable_key_rotation(KeyId=key["KeyId"])
    equal(expect_status(world, key, 90), first)
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    equal(expect_status(world, key, 90), first)
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=2560)
    expect_status(world, key, 2560)
    kms.disable_key_rotation(KeyId=key["KeyId"])
    kms.enable_key_rotation(KeyId=key["KeyId"])
    expect_status(world, key, 365)


@scenario
def the_period_has_bounds(world):
    kms, key = world.kms(), world.key()
    for days, bound in ((89, "greater than or equal to 90"), (2561, "less than or equal to 2560")):
        text = f"Value '{days}' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value {bound}"
        with refused("ValidationException", shape_error(text)):
            kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=days)
    expect_status(world, key, None)


@scenario
def a_key_that_waits_for_deletion_does_not_rotate_until_it_is_saved(world):
    kms, key = world.kms(), world.key()
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=100)
    kms.schedule_key_deletion(KeyId=key["KeyId"])
    equal(kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"], False)
    kms.cancel_key_deletion(KeyId=key["KeyId"])
    expect_status(world, key, 100)


@scenario
def a_disabled_key_keeps_its_schedule(world):
    kms, key = world.kms(), world.key()
    kms.enable_key_rotation(KeyId=key["KeyId"])
    kms.disable_key(KeyId=key["KeyId"])
    expect_status(world, key, 365)
    for change in (kms.enable_key_rotation, kms.disable_key_rotation):
        with refused("DisabledException", f"{key['Arn']} is disabled."):
            change(KeyId=key["KeyId"])


if __name__ == "__main__":
    run()
