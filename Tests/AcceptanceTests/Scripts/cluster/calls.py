"""Calls to single nodes by boto3, which tries nothing again, and what can be said of each afterwards."""

import dataclasses
import datetime
import threading
import time
import types

import boto3
import botocore.auth
import botocore.compat
import botocore.config
import botocore.exceptions

READ_SECONDS = 30


# How far clients' clocks are ahead of the machine's.
clock = types.SimpleNamespace(seconds=0)


def _client_time(remove_tzinfo=True):
    return botocore.compat.get_current_datetime(remove_tzinfo) + datetime.timedelta(seconds=clock.seconds)


# What a request is signed with.
botocore.auth.get_current_datetime = _client_time


@dataclasses.dataclass
class Call:
    """One call that is over.

    `outcome`: "done"; "refused" when it certainly changed nothing; "unknown" when it may have been done; "pending" when
    it may even be done later, because nobody waits for it any more.
    """

    node: object
    operation: str
    start: float
    end: float
    outcome: str
    code: str
    answer: dict
    incarnation: int
    message: str = ""

    @property
    def done(self):
        return self.outcome == "done"

    def __str__(self):
        seconds = self.end - self.start
        why = f"{self.code} ({self.message})" if self.message else self.code or "no error"
        return f"{self.operation} on {self.node.name}: {self.outcome}, {why}, in {seconds:.2f} s"


class Caller:
    """Calls the nodes as one account; any thread may use it."""

    def __init__(self, account):
        self.account = account
        self._clients = {}
        self._making = threading.Lock()

    def _client(self, node, region):
        with self._making:
            if (node.name, region) not in self._clients:
                self._clients[node.name, region] = boto3.client(
                    "kms", endpoint_url=node.endpoint, region_name=region,
                    aws_access_key_id=self.account.access_key_id,
                    aws_secret_access_key=self.account.secret_access_key,
                    config=botocore.config.Config(
                        retries={"total_max_attempts": 1}, connect_timeout=3, read_timeout=READ_SECONDS,
                        max_pool_connections=64, parameter_validation=False, tcp_keepalive=True,
                    ),
                )  # fmt: skip
            return self._clients[node.name, region]

    def __call__(self, node, region, operation, **parameters):
        client, incarnation = self._client(node, region), node.incarnation
        start, outcome, code, message, answer = time.monotonic(), "done", "", "", {}
        try:
            answer = client._make_api_call(operation, parameters)
        except botocore.exceptions.ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            outcome = "unknown" if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500 else "refused"
        except (botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectTimeoutError) as error:
            outcome, code = "refused", type(error).__name__
        except botocore.exceptions.ReadTimeoutError as error:
            outcome, code = "pending", type(error).__name__
        except botocore.exceptions.BotoCoreError as error:
            # The connection was lost, the answer with it.
            outcome, code = "unknown", type(error).__name__
        return Call(node, operation, start, time.monotonic(), outcome, code, answer, incarnation, message)


# What a client may take as: try again.
CONNECTION_CODES = {
    "EndpointConnectionError", "ConnectTimeoutError", "ConnectionClosedError", "HTTPClientError", "ConnectionError",
    "ReadTimeoutError", "ResponseStreamingError", "ProxyConnectionError",
}  # fmt: skip
RETRYABLE_CODES = {"DependencyTimeoutException", "KMSInternalException", "InternalFailure", "ServiceUnavailable"}


def is_retryable(code):
    return code in RETRYABLE_CODES or code in CONNECTION_CODES
