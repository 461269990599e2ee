"""The other side of an external key store: a second server with its keys, and a way to it that can be meddled with."""

import contextlib
import json
import pathlib
import shutil
import socket
import ssl
import string
import tempfile
import threading
import time

import boto3
import botocore.config

from certificates import Root
from harness import FIRST, REGION, SECOND
from key_store_proxy import ENDING, File, credential, proxy
from server import Server

# Where the near side finds the far one itself, and where somebody stands between; both are this machine.
DIRECT, MEDDLED, STRANGE = "direct.example", "meddled.example", "strange.example"
SERVICE = "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0"
INSIDE = "inside.example"
# A proxy has at least one key, which need not be there.
ABSENT = {"absent-key": f"arn:aws:kms:{REGION}:{FIRST.number}:key/00000000-0000-0000-0000-000000000000"}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class FarSide:
    """A server that offers keys, with names under which another may reach it."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="far-side-"))
        self.root = Root(self.directory)
        self.pair = self.root.make("far", hosts=(DIRECT, MEDDLED, INSIDE))
        self.port = free_port()
        self.file = File()
        self.other = credential("A")
        self._letters = iter(string.ascii_uppercase[1:])
        self.credentials = {"/none": credential(next(self._letters))}
        self.keys = {}
        self.file.write(proxy("/none", [self.credential("/none")], ABSENT))
        self.server = Server(
            "dev", "--listen", f"127.0.0.1:{self.port}", "--data-dir", str(self.directory / "data"), *self.pair.flags,
            "--xks-proxy", str(self.file.path))  # fmt: skip
        self.meddler = Meddler(self)
        strange = Root(self.directory, "strange")
        self.stranger = Meddler(self, strange.make("stranger", hosts=(STRANGE,)))

    def start(self):
        self.server.start()
        self.kms = boto3.client(
            "kms", endpoint_url=f"https://127.0.0.1:{self.port}", region_name=REGION,
            aws_access_key_id=FIRST.access_key_id, aws_secret_access_key=FIRST.secret_access_key,
            verify=str(self.root.file), config=botocore.config.Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip

    def end(self):
        if self.server.process and self.server.process.poll() is None:
            self.server.kill()
        self.server.forget_log()
        self.meddler.end()
        self.stranger.end()
        self.file.remove()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def flags(self):
        """What the near side's operator says."""
        places = []
        for account in (FIRST, SECOND):
            realm = f"{account.number}/{REGION}"
            places += [
                f"https://{DIRECT}/{realm}=127.0.0.1:{self.port}",
                f"https://{MEDDLED}/{realm}=127.0.0.1:{self.meddler.port}",
                f"https://{STRANGE}/{realm}=127.0.0.1:{self.stranger.port}",
                f"https://{INSIDE}/{realm}=127.0.0.1:{self.port}@{SERVICE}",
            ]
        return ("--xks-endpoints", ",".join(places), "--xks-ca-bundle", str(self.root.file))

    def credential(self, path):
        """What requests to a path are signed with."""
        if path not in self.credentials:
            self.credentials[path] = credential(next(self._letters))
        return self.credentials[path]

    def offer(self, path, rate=10_000, **keys):
        """Offers keys at a path, beside what is offered at others; a key is an ARN, or that and rules."""
        self.keys[path] = proxy(path, [self.credential(path)], keys or ABSENT, rate=rate, region=REGION)
        self.file.replace(self.server, *self.keys.values())

    def key(self, **parameters):
        return self.kms.create_key(**parameters)["KeyMetadata"]["Arn"]

    def records(self):
        lines = (self.directory / "data" / "audit" / "audit.jsonl").read_text().splitlines()
        return [each for each in map(json.loads, lines) if each["eventSource"] == "xks-proxy.chatelaine"]


class Meddler:
    """Stands between the two, with a certificate of the far side's name: it can wait, end connections, and answer otherwise."""

    def __init__(self, far, pair=None):
        pair = pair or far.pair
        self.far = far
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pair.certificate_file, pair.key_file)
        self.client_context = ssl.create_default_context(cafile=str(far.root.file))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.restore()
        threading.Thread(target=self._accept, daemon=True).start()

    def restore(self):
        """Does nothing but hand on, from the next request on."""
        self.delay = 0
        self.cuts = False
        self.answer = None
        self.requests = []

    @contextlib.contextmanager
    def meddling(self, delay=0, cuts=False, answer=None):
        """`cuts`: instead of the answer; `answer`: makes of a status and a body others, or raw bytes."""
        self.restore()
        self.delay, self.cuts, self.answer = delay, cuts, answer
        try:
            yield self
        finally:
            self.restore()

    def end(self):
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError, ssl.SSLError, ValueError, IndexError):
            with self.context.wrap_socket(client, server_side=True) as near:
                raw = socket.create_connection(("127.0.0.1", self.far.port))
                with self.client_context.wrap_socket(raw, server_hostname=MEDDLED) as far:
                    self._converse(near, near.makefile("rb"), far, far.makefile("rb"))

    def _converse(self, near, from_near, far, from_far):
        while True:
            head, body = _message(from_near)
            if not head:
                return
            self.requests.append((head.split(b" ")[1].decode(), json.loads(body)))
            far.sendall(head + body)
            answer_head, answer_body = _message(from_far)
            time.sleep(self.delay)
            if self.cuts:
                # In the middle of the answer.
                near.sendall(answer_head[: len(answer_head) // 2])
                return
            if not self.answer:
                near.sendall(answer_head + answer_body)
                continue
            made = self.answer(int(answer_head.split(b" ")[1]), answer_body)
            if isinstance(made, bytes):
                near.sendall(made)
                return
            status, body = made
            near.sendall(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                         % (status, len(body), body))  # fmt: skip


def _message(stream):
    """One message of HTTP/1.1, whose length is said: its head and its body."""
    lines, length = [], 0
    while line := stream.readline(65_536):
        lines.append(line)
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
        if line == b"\r\n":
            break
    return b"".join(lines), stream.read(length)


def changed(**members):
    """A meddler's answer: the far side's with other members; None leaves one out."""

    def answer(status, body):
        read = json.loads(body) | members
        return status, json.dumps({name: value for name, value in read.items() if value is not None}).encode()

    return answer


def error(name, status):
    """A meddler's answer: this error of the specification."""
    return lambda *_: (status, json.dumps({"errorName": name, "errorMessage": "because"}).encode())


def path(name):
    return f"{name}{ENDING}"
