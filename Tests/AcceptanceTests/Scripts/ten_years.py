"""Ten years in seconds: rotations, an expiry and a deletion, with a restart in the middle."""

import datetime
import os

import boto3

from harness import FIRST, OTHER_REGION, REGION, advance, equal, holds, refused, run, scenario, settled
from server import Server
from wrapping import bring

DAY = datetime.timedelta(days=1)
STEP_IN_DAYS = 73
STEPS = 50
PERIODS = (90, 365, 2560)


class Decade:
    """A server on a data directory of its own, whose clock runs fast."""

    def __init__(self, world):
        self.server = Server(
            "dev", "--listen", "127.0.0.1:0", "--clock", "controllable", "--data-dir", str(world.directory / "decade")
        )
        self.server.start()

    @property
    def endpoint(self):
        return self.server.endpoint

    def kms(self, region=REGION):
        return boto3.client(
            "kms", endpoint_url=self.endpoint, region_name=region, aws_access_key_id=FIRST.access_key_id,
            aws_secret_access_key=FIRST.secret_access_key,
        )  # fmt: skip

    def now(self):
        """The server's time, from the date of a token; nothing is made for it."""
        given = self.kms().get_parameters_for_import(
            KeyId=self.imported, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
        )
        return given["ParametersValidTo"] - DAY

    def fill(self):
        kms = self.kms()
        self.rotating = {}
        for period in PERIODS:
            key = kms.create_key(MultiRegion=period == 365)["KeyMetadata"]["KeyId"]
            kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=period)
            self.rotating[period] = key
        kms.replicate_key(KeyId=self.rotating[365], ReplicaRegion=OTHER_REGION)
        settled(self, self.rotating[365], OTHER_REGION)
        self.managed = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["KeyId"]
        self.still = kms.create_key()["KeyMetadata"]["KeyId"]
        self.imported = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
        self.material = os.urandom(32)
        self.start = self.now()
        bring(kms, self.imported, self.material, ValidTo=self.start + 300 * DAY)
        self.doomed = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/doomed", TargetKeyId=self.doomed)
        self.sealed = []

    def encrypt(self, key, region=REGION):
        text = f"{key} {len(self.sealed)}".encode()
        self.sealed.append((region, self.kms(region).encrypt(KeyId=key, Plaintext=text)["CiphertextBlob"], text))


def rotations(kms, key, **more):
    return kms.list_key_rotations(KeyId=key, **more)["Rotations"]


@scenario
def ten_years_pass(world):
    decade = Decade(world)
    try:
        decade.fill()
        for step in range(STEPS):
            for key in [*decade.rotating.values(), decade.still]:
                decade.encrypt(key)
            decade.encrypt(decade.rotating[365], OTHER_REGION)
            if step == STEPS // 2:
                restart(decade)
            if step == 3:
                decade.kms().schedule_key_deletion(KeyId=decade.doomed, PendingWindowInDays=30)
            advance(decade, f"{STEP_IN_DAYS}d")
        check_end(decade)
    finally:
        decade.server.stop()
        decade.server.forget_log()


def restart(decade):
    before = decade.now()
    equal(decade.server.stop(), 0, "the exit code")
    decade.server.start()
    passed = decade.now() - before
    holds(datetime.timedelta() <= passed < datetime.timedelta(minutes=1), f"the restart moved the time by {passed}")


def check_end(decade):
    kms = decade.kms()
    years = decade.now() - decade.start
    holds(abs(years - STEPS * STEP_IN_DAYS * DAY) < datetime.timedelta(minutes=2), f"{years} passed")
    for period, key in decade.rotating.items():
        expected = STEPS * STEP_IN_DAYS // period
        done = rotations(kms, key)
        equal(len(done), expected, f"rotations with a period of {period} days")
        equal({each["RotationType"] for each in done}, {"AUTOMATIC"})
        due = kms.get_key_rotation_status(KeyId=key)["NextRotationDate"]
        created = kms.describe_key(KeyId=key)["KeyMetadata"]["CreationDate"]
        off = due - created - (expected + 1) * period * DAY
        holds(abs(off) < datetime.timedelta(minutes=1), f"the next rotation is off by {off}")
        paged = kms.get_paginator("list_key_rotations").paginate(KeyId=key, PaginationConfig={"PageSize": 3})
        equal([each for page in paged for each in page["Rotations"]], done, "the pages")
    equal(len(rotations(kms, decade.managed)), STEPS * STEP_IN_DAYS // 1095, "rotations of a service's key")
    equal(rotations(kms, decade.still), [], "rotations of a key without a schedule")
    for region, ciphertext, text in decade.sealed:
        for each in {region, REGION}:
            equal(decade.kms(each).decrypt(CiphertextBlob=ciphertext)["Plaintext"], text)
    known = kms.describe_key(KeyId=decade.imported)["KeyMetadata"]
    equal(known["KeyState"], "PendingImport", "the state of a key whose material expired")
    bring(kms, decade.imported, decade.material)
    for name in (decade.doomed, "alias/doomed"):
        with refused("NotFoundException"):
            kms.describe_key(KeyId=name)


@scenario
def a_key_rotates_on_demand_twenty_five_times(world):
    kms, key = world.kms(), world.key()
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    due = kms.get_key_rotation_status(KeyId=key["KeyId"])["NextRotationDate"]
    sealed = []
    for _ in range(25):
        sealed.append(kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"])
        equal(kms.rotate_key_on_demand(KeyId=key["KeyId"])["KeyId"], key["Arn"])
    sentence = (
        "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be "
        f"performed for this key: {key['Arn']}"
    )
    with refused("LimitExceededException", sentence):
        kms.rotate_key_on_demand(KeyId=key["KeyId"])
    equal(kms.get_key_rotation_status(KeyId=key["KeyId"])["NextRotationDate"], due, "the schedule is left alone")
    advance(world, "91d")
    done = rotations(kms, key["KeyId"])
    equal([each["RotationType"] for each in done], ["ON_DEMAND"] * 25 + ["AUTOMATIC"])
    equal(len({kms.decrypt(CiphertextBlob=each)["KeyMaterialId"] for each in sealed}), 25, "materials")


@scenario
def an_automatic_rotation_that_is_near_comes_first(world):
    kms, key = world.kms(), world.key()
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    for amount in ("89d", "23h"):
        advance(world, amount)
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    advance(world, "45m")
    with refused("ConflictException"):
        kms.rotate_key_on_demand(KeyId=key["KeyId"])
    advance(world, "16m")
    equal([each["RotationType"] for each in rotations(kms, key["KeyId"])], ["ON_DEMAND", "AUTOMATIC"])



if __name__ == "__main__":
    run()
