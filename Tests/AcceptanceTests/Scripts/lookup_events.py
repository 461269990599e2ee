"""CloudTrail's LookupEvents: the events of the account and region as `aws cloudtrail lookup-events` and boto3 find them.

The files of the log are small here, so that what is found is in many of them.
"""

import base64
import datetime
import json
import os
import subprocess
import time

from harness import FIRST, SECOND, advance, equal, holds, members, patient, refused, run, scenario
from principals import may, working
from raw import Wire, sign

TARGET = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101."
# CloudTrail answers two requests a second in each region, so each scenario has a region of its own.
PAUSE = 0.55
INTERNAL = "The request was rejected because an internal exception occurred. You can retry the request."
_last = {}


def lookup(world, region, account=FIRST, **asked):
    """One page, as late as the rate wants it."""
    time.sleep(max(0, _last.get(region, 0) + PAUSE - time.monotonic()))
    try:
        return world.client("cloudtrail", account, region).lookup_events(**asked)
    finally:
        _last[region] = time.monotonic()


def by(key, value):
    return {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]}


def names(answer):
    return [event["EventName"] for event in answer["Events"]]


@patient
def an_event_is_shown_as_cloudtrail_shows_it(world):
    region = "eu-west-1"
    key = world.key(region=region)
    encrypted = world.kms(region=region).encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"a": "b"})
    answer = lookup(world, region)
    members(answer, "Events")
    equal(names(answer), ["Encrypt", "CreateKey"], "the newest first")
    event = answer["Events"][0]
    equal(sorted(event), ["AccessKeyId", "CloudTrailEvent", "EventId", "EventName", "EventSource", "EventTime", "ReadOnly",
                          "Resources", "Username"])  # fmt: skip
    equal((event["ReadOnly"], event["Username"], event["AccessKeyId"]), ("true", "root", FIRST.access_key_id))
    equal(event["EventSource"], "kms.amazonaws.com")
    equal(event["Resources"], [{"ResourceType": "AWS::KMS::Key", "ResourceName": key["Arn"]}])
    record = json.loads(event["CloudTrailEvent"])
    equal(record["eventID"], event["EventId"])
    equal(record["requestID"], encrypted["ResponseMetadata"]["RequestId"])
    equal(record["requestParameters"]["encryptionContext"], {"a": "b"})
    equal(f"{event['EventTime'].astimezone(datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}", record["eventTime"])
    holds("chatelaineChain" not in record, "what is this server's own is not shown")
    equal(answer["Events"][1]["ReadOnly"], "false")
    # Looking up is a call like any other.
    looked = json.loads(lookup(world, region)["Events"][0]["CloudTrailEvent"])
    equal((looked["eventName"], looked["eventSource"], looked["readOnly"]), ("LookupEvents", "cloudtrail.amazonaws.com", True))
    equal((looked["requestParameters"], looked["requestID"]), (None, answer["ResponseMetadata"]["RequestId"]))


@patient
def each_attribute_finds_what_has_it(world):
    region = "eu-west-2"
    kms, key, other = world.kms(region=region), world.key(region=region), world.key(region=region)
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    session = working(world, may("kms:*"), session="the-session")
    world.kms(session, region).describe_key(KeyId=other["KeyId"])
    used = kms.get_key_last_usage(KeyId=key["KeyId"])["KeyLastUsage"]
    for (attribute, value), expected in (
        (("EventName", "CreateKey"), ["CreateKey", "CreateKey"]),
        (("ReadOnly", "false"), ["CreateKey", "CreateKey"]),
        (("Username", "the-session"), ["DescribeKey"]),
        (("Username", "nobody"), []),
        (("ResourceName", key["Arn"]), ["GetKeyLastUsage", "Encrypt", "CreateKey"]),
        (("ResourceName", key["KeyId"]), []),
        (("AccessKeyId", session.access_key_id), ["DescribeKey"]),
        (("EventId", used["CloudTrailEventId"]), ["Encrypt"]),
        (("EventSource", "cloudtrail.amazonaws.com"), ["LookupEvents"] * 8),
        (("EventSource", "s3.amazonaws.com"), []),
    ):  # fmt: skip
        equal(names(lookup(world, region, **by(attribute, value))), expected, f"{attribute} {value}")
    found = names(lookup(world, region, **by("ResourceType", "AWS::KMS::Key")))
    equal(sorted(found), ["CreateKey", "CreateKey", "DescribeKey", "Encrypt", "GetKeyLastUsage"])
    equal(len(names(lookup(world, region, **by("Username", "root")))), 15)


@patient
def times_are_inclusive(world):
    region = "eu-west-3"
    kms = world.kms(region=region)
    for _ in range(3):
        kms.list_keys()
        time.sleep(1.1)
    events = lookup(world, region)["Events"]
    middle = events[1]["EventTime"]
    found = lookup(world, region, StartTime=middle, EndTime=middle, **by("EventName", "ListKeys"))["Events"]
    equal([event["EventId"] for event in found], [events[1]["EventId"]])
    found = lookup(world, region, EndTime=middle)["Events"]
    equal([event["EventId"] for event in found], [event["EventId"] for event in events[1:]])
    found = lookup(world, region, StartTime=middle, **by("EventName", "ListKeys"))["Events"]
    equal([event["EventId"] for event in found], [event["EventId"] for event in events[:2]])
    late = middle.timestamp() + 0.5
    for asked, expected in (({"StartTime": late}, events[0]), ({"EndTime": late}, events[1])):
        answer = send(world, TARGET + "LookupEvents", json.dumps(asked | by("EventName", "ListKeys")).encode(), region)
        found = answer.json["Events"]
        equal(found[0]["EventId"], expected["EventId"], str(asked))
    equal(names(lookup(world, region, EndTime=middle - datetime.timedelta(days=30))), [])


@patient
def pages_hold_every_event_once(world):
    region = "eu-north-1"
    kms = world.kms(region=region)
    sent = [kms.list_keys()["ResponseMetadata"]["RequestId"] for _ in range(130)]
    paginator = world.client("cloudtrail", region=region, retries=8).get_paginator("lookup_events")
    pages = list(paginator.paginate(**by("EventName", "ListKeys")))
    found = [json.loads(event["CloudTrailEvent"])["requestID"] for page in pages for event in page["Events"]]
    equal(found, sent[::-1], "every event, the newest first")
    equal([len(page["Events"]) for page in pages], [50, 50, 30])
    _last[region] = time.monotonic()
    first = lookup(world, region, MaxResults=7, **by("EventName", "ListKeys"))
    # The size of a page may change, what is asked for may not.
    second = lookup(world, region, MaxResults=3, NextToken=first["NextToken"], **by("EventName", "ListKeys"))
    found = [json.loads(event["CloudTrailEvent"])["requestID"] for page in (first, second) for event in page["Events"]]
    equal(found, sent[:-11:-1])
    for asked in (by("EventName", "Encrypt"), {}, {"EndTime": time.time(), **by("EventName", "ListKeys")}):
        with refused("InvalidNextTokenException"):
            lookup(world, region, NextToken=first["NextToken"], **asked)
    for token in ("", "x", first["NextToken"][:-4], first["NextToken"] + "AAAA"):
        with refused("InvalidNextTokenException"):
            lookup(world, region, NextToken=token, **by("EventName", "ListKeys"))
    with refused("InvalidNextTokenException"):
        lookup(world, region, SECOND, NextToken=first["NextToken"], **by("EventName", "ListKeys"))
    holds(len(list((world.data / "audit").iterdir())) > 3, "the log is in several files")


@scenario
def a_token_tells_nothing(world):
    region = "eu-south-1"
    kms = world.kms(region=region)
    for _ in range(3):
        kms.list_keys()
    first, again = (lookup(world, region, MaxResults=1, **by("EventName", "ListKeys"))["NextToken"] for _ in range(2))
    holds(first != again, "two tokens for one place have nothing in common")
    token = base64.b64decode(first)
    for place in range(len(token)):
        changed = bytes(token[:place]) + bytes([token[place] ^ 1]) + bytes(token[place + 1 :])
        if place % 9 == 0:
            with refused("InvalidNextTokenException"):
                lookup(world, region, NextToken=base64.b64encode(changed).decode(), **by("EventName", "ListKeys"))
    world.server.stop()
    world.server.start()
    world._clients.clear()
    equal(names(lookup(world, region, NextToken=first, **by("EventName", "ListKeys"))), ["ListKeys", "ListKeys"])


@patient
def what_is_wrong_is_refused(world):
    region = "sa-east-1"
    now = time.time()
    attribute = {"AttributeKey": "EventName", "AttributeValue": "x"}
    for asked, code in (
        ({"LookupAttributes": [attribute, attribute]}, "InvalidLookupAttributesException"),
        (by("Region", "x"), "InvalidLookupAttributesException"),
        (by("EventName", ""), "InvalidLookupAttributesException"),
        (by("EventName", "x" * 2001), "InvalidLookupAttributesException"),
        (by("ReadOnly", "yes"), "InvalidLookupAttributesException"),
        ({"LookupAttributes": [{"AttributeKey": "EventName"}]}, "InvalidLookupAttributesException"),
        ({"StartTime": now, "EndTime": now - 1}, "InvalidTimeRangeException"),
        ({"MaxResults": 0}, "InvalidMaxResultsException"),
        ({"MaxResults": 51}, "InvalidMaxResultsException"),
        ({"EventCategory": "management"}, "InvalidEventCategoryException"),
    ):
        with refused(code):
            lookup(world, region, **asked)
    equal(lookup(world, region, EventCategory="insight")["Events"], [], "there are no insights")
    recorded = [json.loads(event["CloudTrailEvent"]) for event in lookup(world, region)["Events"]]
    equal(recorded[-1]["errorCode"], "InvalidLookupAttributesException")
    equal(recorded[-1]["requestParameters"]["lookupAttributes"][0], {"attributeKey": "EventName", "attributeValue": "x"})


def send(world, target, body, region="ca-central-1", service="cloudtrail"):
    wire = Wire(world.endpoint)
    headers = wire.headers(None, **{"X-Amz-Target": target})
    headers["Authorization"] = sign("POST", "/", headers, body, region=region, service=service)
    time.sleep(PAUSE)
    return wire.send(headers, body)


@patient
def requests_below_the_sdk(world):
    for target in (TARGET + "LookupEvents", "CloudTrail_20131101.LookupEvents"):
        answer = send(world, target, b"{}")
        equal((answer.status, list(answer.json)), (200, ["Events"]), repr(answer))
    equal(send(world, TARGET + "LookupEvents", b"").status, 200)
    for body in (b"[]", b"{", b'{"MaxResults":"7"}', b'{"StartTime":"now"}', b'{"LookupAttributes":{}}',
                 b'{"LookupAttributes":["x"]}', b'{"NextToken":1}', b'{"MaxResults":1,"MaxResults":2}'):  # fmt: skip
        equal(send(world, TARGET + "LookupEvents", body).code, "SerializationException", repr(body))
    equal(send(world, TARGET + "LookupEvents", b'{"StartTime":1e300}').code, "InvalidTimeRangeException")
    equal(send(world, TARGET + "LookupEvents", b'{"MaxResults":1.5}').code, "InvalidMaxResultsException")
    for target in (TARGET + "CreateTrail", TARGET, "CloudTrail_20131101.", "CloudTrail_20131101.X"):
        equal(send(world, target, b"{}").code, "UnknownOperationException", target)
    equal(send(world, TARGET + "LookupEvents", b"{}", service="kms").code, "InvalidSignatureException")


@patient
def a_principal_needs_permission(world):
    region, iam = "ap-south-1", world.client("iam")
    iam.create_user(UserName="reader")
    made = iam.create_access_key(UserName="reader")["AccessKey"]
    reader = type(FIRST)(FIRST.number, made["AccessKeyId"], made["SecretAccessKey"])
    world.kms(region=region).list_keys()
    with refused("AccessDeniedException"):
        lookup(world, region, reader)
    iam.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "cloudtrail:LookupEvents", "Resource": "*"}]}))  # fmt: skip
    answer = lookup(world, region, reader)
    equal(names(answer), ["LookupEvents", "ListKeys"])
    denied = json.loads(answer["Events"][0]["CloudTrailEvent"])
    equal((denied["errorCode"], denied["userIdentity"]["userName"]), ("AccessDenied", "reader"))
    equal(answer["Events"][0]["Username"], "reader")


@patient
def no_account_sees_another_ones_events(world):
    region = "ap-northeast-3"
    world.kms(region=region).list_keys()
    world.kms(SECOND, region).encrypt(
        KeyId=world.key(SECOND, region)["KeyId"], Plaintext=b"x", EncryptionContext={"recipientAccountId": FIRST.number}
    )
    equal(names(lookup(world, region)), ["ListKeys"])
    equal(sorted(names(lookup(world, region, SECOND))), ["CreateKey", "Encrypt"])
    equal(names(lookup(world, "ap-northeast-2")), [], "nor those of another region")


@scenario
def two_requests_a_second_are_answered(world):
    region = "ap-southeast-1"
    client = world.client("cloudtrail", region=region)
    client.lookup_events()
    client.lookup_events()
    with refused("ThrottlingException", "Rate exceeded"):
        client.lookup_events()
    world.client("cloudtrail", region="ap-southeast-2").lookup_events()
    # The SDK's own retries get through.
    patient = world.client("cloudtrail", region=region, retries=8)
    for _ in range(4):
        patient.lookup_events()
    time.sleep(PAUSE)
    errors = [json.loads(e["CloudTrailEvent"]).get("errorCode") for e in client.lookup_events()["Events"]]
    holds("ThrottlingException" in errors, "what was refused is recorded")


@scenario
def a_log_that_cannot_be_read_is_no_matter_of_rates(world):
    region = "eu-central-2"
    # A directory in the place of a file of the log.
    unreadable = world.data / "audit" / f"audit-{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}-{2:020}.jsonl"
    unreadable.mkdir()
    try:
        with refused("KMSInternalException", INTERNAL, http=500):
            lookup(world, region, **by("EventName", "NoSuchEvent"))
    finally:
        unreadable.rmdir()
    holds("The audit log cannot be read" in world.server.log_text(), "the reason is in the server's log")
    (record,) = lookup(world, region, **by("EventName", "LookupEvents"))["Events"]
    equal(json.loads(record["CloudTrailEvent"])["errorMessage"], INTERNAL)


@scenario
def the_command_line_finds_them(world):
    region = "me-south-1"
    key = world.key(region=region, Description="for the command line")
    environment = {**os.environ, "AWS_ACCESS_KEY_ID": FIRST.access_key_id, "AWS_REGION": region, "AWS_PAGER": "",
                   "AWS_SECRET_ACCESS_KEY": FIRST.secret_access_key, "AWS_DEFAULT_REGION": region}  # fmt: skip
    environment.pop("AWS_SESSION_TOKEN", None)
    for extra in (["--endpoint-url", world.endpoint], []):
        done = subprocess.run(
            ["aws", "cloudtrail", "lookup-events", "--lookup-attributes",
             f"AttributeKey=ResourceName,AttributeValue={key['Arn']}", "--max-results", "5", *extra],
            env={**environment, **({} if extra else {"AWS_ENDPOINT_URL_CLOUDTRAIL": world.endpoint})},
            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        equal((done.returncode, done.stderr), (0, ""), "the command")
        equal([event["EventName"] for event in json.loads(done.stdout)["Events"]], ["CreateKey"])


@scenario
def what_time_brings_is_found_until_it_is_ninety_days_old(world):
    region = "ca-west-1"
    kms, key = world.kms(region=region), world.key(region=region)
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    advance(world, "89d")
    equal(names(lookup(world, region, **by("ResourceName", key["Arn"]))), ["EnableKeyRotation", "CreateKey"])
    advance(world, "1d")
    found = lookup(world, region, **by("EventName", "RotateKey"))["Events"]
    equal(len(found), 1)
    holds("Username" not in found[0] and "AccessKeyId" not in found[0], "nobody called")
    record = json.loads(found[0]["CloudTrailEvent"])
    equal((record["eventType"], record["serviceEventDetails"]["rotationType"]), ("AwsServiceEvent", "AUTOMATIC"))
    equal(names(lookup(world, region, **by("ResourceName", key["Arn"]))), ["RotateKey"], "the others are too old")
    advance(world, "90d")
    events = lookup(world, region, **by("ResourceName", key["Arn"]))["Events"]
    equal([event["EventName"] for event in events], ["RotateKey"])
    holds(events[0]["EventId"] != found[0]["EventId"], "another rotation, for the first is too old now")


if __name__ == "__main__":
    run("--audit-file-size", "16KiB", "--quotas", "aws")
