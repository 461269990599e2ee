"""Requests below the SDK: bytes that no SDK would send, signed or mis-signed as wanted."""

import datetime
import hashlib
import hmac
import http.client
import json
import socket
import urllib.error
import urllib.parse
import urllib.request

from harness import FIRST, REGION

TARGET = "TrentService."
CONTENT_TYPE = "application/x-amz-json-1.1"


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json.get("__type")

    @property
    def message(self):
        """The text of an error, under either of the names that AWS uses."""
        answer = self.json
        return answer.get("message", answer.get("Message"))

    def __repr__(self):
        return f"<{self.status} {self.body[:600]!r}>"


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signing_key(secret, date, region, service):
    key = mac(("AWS4" + secret).encode(), date)
    for part in (region, service, "aws4_request"):
        key = mac(key, part)
    return key


def amz_date(offset=0):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset)
    return moment.strftime("%Y%m%dT%H%M%SZ")


def canonical_query(query):
    pairs = [part.partition("=")[::2] for part in query.split("&") if part]
    quoted = [
        tuple(urllib.parse.quote(urllib.parse.unquote(item), safe="-_.~") for item in pair) for pair in pairs
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(quoted))


def sign(
    method, path, headers, body, account=FIRST, region=REGION, service="kms", scope_date=None,
    signed=None, terminator="aws4_request", algorithm="AWS4-HMAC-SHA256", payload_hash=None,
):  # fmt: skip
    """The Authorization header of a request as section 3 of sigv4.md says, or a wrong one where an argument says so."""
    lowered = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    names = sorted(lowered) if signed is None else signed
    date = lowered.get("x-amz-date") or amz_date()
    scope_date = scope_date or date[:8]
    scope = f"{scope_date}/{region}/{service}/{terminator}"
    path, _, query = path.partition("?")
    canonical = "\n".join(
        [method, path, canonical_query(query)]
        + [f"{name}:{lowered.get(name, '')}" for name in names]
        + ["", ";".join(names), payload_hash or hashlib.sha256(body).hexdigest()]
    )
    text = "\n".join([algorithm, date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = signing_key(account.secret_access_key, scope_date, region, service)
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    credential = f"{account.access_key_id}/{scope}"
    return f"{algorithm} Credential={credential}, SignedHeaders={';'.join(names)}, Signature={signature}"


class Wire:
    """A kept-alive connection; a request that closes it gets a new one for the next."""

    def __init__(self, endpoint, timeout=20, context=None):
        """`context`: of TLS, for an endpoint that speaks it."""
        self.context = context
        self.host = urllib.parse.urlsplit(endpoint).netloc
        self.timeout = timeout
        self.connection = None

    def headers(self, operation, **more):
        headers = {
            "Host": self.host,
            "Content-Type": CONTENT_TYPE,
            "X-Amz-Date": amz_date(),
            "X-Amz-Target": TARGET + operation if operation is not None else None,
            **more,
        }
        return {name: value for name, value in headers.items() if value is not None}

    def send(self, headers, body=b"", method="POST", path="/"):
        """Sends exactly these headers, besides the length."""
        for attempt in (1, 2):
            fresh = self.connection is None
            if fresh:
                self.connection = (
                    http.client.HTTPSConnection(self.host, timeout=self.timeout, context=self.context)
                    if self.context
                    else http.client.HTTPConnection(self.host, timeout=self.timeout)
                )
                self.connection.connect()
                self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self.connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
                pairs = headers.items() if isinstance(headers, dict) else headers
                names = [name.lower() for name, _ in pairs]
                for name, value in headers.items() if isinstance(headers, dict) else headers:
                    self.connection.putheader(name, value)
                if "content-length" not in names and "transfer-encoding" not in names and method != "GET":
                    self.connection.putheader("Content-Length", str(len(body)))
                self.connection.endheaders(body or None)
                answer = self.connection.getresponse()
                result = Answer(answer.status, answer.getheaders(), answer.read())
            except (ConnectionError, http.client.RemoteDisconnected, http.client.CannotSendRequest):
                self.close()
                if fresh or attempt == 2:
                    raise
                continue  # the server had closed a connection that was idle
            if answer.will_close:
                self.close()
            return result

    def call(self, operation, body, **headers):
        """A well signed call with any body: bytes as they are, all else as JSON."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        sent = self.headers(operation, **headers)
        sent["Authorization"] = sign("POST", "/", sent, body)
        return self.send(sent, body)

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def fetch(url):
    """Status, text and headers of what is at a URL."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers
