#!/usr/bin/env python3
"""Writes botocore.json: requests as botocore signs them, in the header form and presigned. Run once; kept as written."""

import datetime
import json
import pathlib
import unittest.mock

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
JSON = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.DescribeKey"}
REQUESTS = [
    ("POST", "/", {**JSON}, '{"KeyId":"alias/a"}'),
    ("POST", "/", {**JSON, "X-Odd": "  a   b\t c "}, "{}"),
    ("POST", "/a/./b/../c//d", {**JSON}, "{}"),
    ("POST", "/a%20b/%C3%A9", {**JSON}, "{}"),
    ("POST", "/?b=2&a=1&a=0&c", {**JSON}, ""),
    ("POST", "/?x=%2F%20y&%C3%A9=%E2%82%AC", {**JSON}, "body"),
    ("POST", "/", {**JSON, "Amz-Sdk-Request": "attempt=1"}, "\u00e9" * 100),
]


def main():
    vectors = []
    with unittest.mock.patch("botocore.auth.get_current_datetime", lambda *_: NOW.replace(tzinfo=None)):
        for method, path, headers, body in REQUESTS:
            request = AWSRequest(method=method, url="http://127.0.0.1:8080" + path, headers=headers, data=body.encode())
            botocore.auth.SigV4Auth(Credentials(KEY, SECRET), "kms", "us-east-1").add_auth(request)
            pairs = [["host", "127.0.0.1:8080"]] + [[name.lower(), value] for name, value in request.headers.items()]
            bare, _, query = path.partition("?")
            vectors.append({"method": method, "path": bare, "query": query, "headers": pairs, "body": body})
        request = AWSRequest(
            method="GET", url="http://127.0.0.1:8080/?Action=GetCallerIdentity&Version=2011-06-15"
        )
        botocore.auth.SigV4QueryAuth(Credentials(KEY, SECRET), "sts", "us-east-1", expires=60).add_auth(request)
        query = request.url.partition("?")[2]
        vectors.append(
            {"method": "GET", "path": "/", "query": query, "headers": [["host", "127.0.0.1:8080"]], "body": ""}
        )
    path = pathlib.Path(__file__).with_name("botocore.json")
    path.write_text(json.dumps(vectors, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
