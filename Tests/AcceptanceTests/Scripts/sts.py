"""STS GetCallerIdentity on the same port: as a header-signed call, as a presigned URL, and refused."""

import re
import time
import uuid

from harness import FIRST, OTHER_REGION, SECOND, equal, holds, run, scenario
from raw import Wire, amz_date, fetch, sign

BODY = b"Action=GetCallerIdentity&Version=2011-06-15"


def call(world, account=FIRST, body=BODY, offset=0, **signing):
    wire = Wire(world.endpoint)
    headers = {
        "Host": wire.host,
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        "X-Amz-Date": amz_date(offset),
    }
    headers["Authorization"] = sign("POST", "/", headers, body, account, service="sts", **signing)
    return wire.send(headers, body)


def refusal(answer, status, code, message=None):
    text = answer.body.decode()
    equal(answer.status, status, f"status of {text}")
    holds(f"<Code>{code}</Code>" in text, f"{code} is not in {text}")
    holds("<ErrorResponse" in text and "<Type>Sender</Type>" in text, text)
    holds(message is None or f"<Message>{message}</Message>" in text, f"{message!r} is not in {text}")
    equal(re.search("<RequestId>(.*)</RequestId>", text)[1], answer.headers["x-amzn-requestid"])
    equal(answer.headers["content-type"].split(";")[0], "text/xml")


@scenario
def a_root_user_learns_who_it_is(world):
    for account in (FIRST, SECOND):
        for region in ("us-east-1", OTHER_REGION):
            answer = world.client("sts", account, region).get_caller_identity()
            equal((answer["Account"], answer["UserId"], answer["Arn"]), (account.number, account.number, account.root))
            about = answer["ResponseMetadata"]
            equal(about["RequestId"], about["HTTPHeaders"]["x-amzn-requestid"])
            uuid.UUID(about["RequestId"])


@scenario
def a_presigned_url_proves_an_identity(world):
    for account in (FIRST, SECOND):
        url = world.client("sts", account).generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
        status, text, headers = fetch(url)
        equal(status, 200, f"status of {text}")
        equal(headers["Content-Type"].split(";")[0], "text/xml")
        holds(f"<Arn>{account.root}</Arn>" in text, text)
        holds('<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">' in text, text)
        status, text, _ = fetch(url[:-1] + ("0" if url[-1] != "0" else "1"))
        equal(status, 403, f"status of {text}")
        holds("<Code>SignatureDoesNotMatch</Code>" in text, text)
        status, text, _ = fetch(url.replace("Action=GetCallerIdentity", "Action=GetSessionToken"))
        equal(status, 403, f"status of {text}")


@scenario
def strangers_are_refused(world):
    refusal(call(world, account=FIRST.__class__(FIRST.number, "AKIAIOSFODNN7NOTHING", "x" * 40)), 403,
            "InvalidClientTokenId", "The security token included in the request is invalid.")  # fmt: skip
    refusal(call(world, account=FIRST.__class__(FIRST.number, FIRST.access_key_id, "x" * 40)), 403,
            "SignatureDoesNotMatch")  # fmt: skip
    wire = Wire(world.endpoint)
    headers = {"Host": wire.host, "Content-Type": "application/x-www-form-urlencoded"}
    refusal(wire.send(headers, BODY), 403, "MissingAuthenticationToken", "Request is missing Authentication Token")
    refusal(call(world, body=b"Action=Nothing&Version=2011-06-15"), 400, "InvalidAction")
    status, text, _ = fetch(world.endpoint + "/?Action=GetCallerIdentity&Version=2011-06-15")
    equal(status, 403, f"status of {text}")
    equal(call(world).status, 200)


@scenario
def a_signature_for_sts_lasts_fifteen_minutes(world):
    for offset in (-840, 0, 840):
        equal(call(world, offset=offset).status, 200, f"a date {offset} s from now")
    for offset in (-930, 930):
        answer = call(world, offset=offset)
        refusal(answer, 403, "SignatureDoesNotMatch")
        holds(b"15 min.)" in answer.body, f"{answer!r}")
    url = world.client("sts").generate_presigned_url("get_caller_identity", ExpiresIn=1, HttpMethod="GET")
    time.sleep(2.1)
    equal(fetch(url)[0], 200, "STS does not look at X-Amz-Expires")


if __name__ == "__main__":
    run()
