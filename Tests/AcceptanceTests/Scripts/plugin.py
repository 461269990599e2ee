"""The Kubernetes plugin and its client: what the scripts about it share."""

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import tempfile
import threading

import grpc
from grpc_tools import protoc

from harness import FIRST, REGION, equal, holds
from server import REPOSITORY, Server, binary

MODULE = REPOSITORY / "Sources" / "KMSKubernetes"
SEED = bytes(range(32))
# As long as the API server waits.
PATIENCE = 3
# For so long a status can come from memory.
FRESHNESS = 5.5
_numbers = itertools.count(1)
# Where it finds what a script does not give it.
for _name in ("AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION"):
    os.environ.pop(_name, None)


def _generated():
    directory = tempfile.mkdtemp(prefix="kms-v2-")
    outputs = (f"--python_out={directory}", f"--grpc_python_out={directory}")
    equal(protoc.main(["protoc", f"--proto_path={MODULE}", *outputs, str(MODULE / "api.proto")]), 0, "protoc")
    sys.path.insert(0, directory)
    import api_pb2
    import api_pb2_grpc

    return api_pb2, api_pb2_grpc


messages, services = _generated()


def chatelaine(*arguments, wanted):
    """What the program says of the plugin, and ends with this code."""
    done = subprocess.run(
        [binary(), "kubernetes-plugin", *map(str, arguments)],
        capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    equal(done.returncode, wanted, f"exit code of {arguments}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


@contextlib.contextmanager
def denied(codes, part=""):
    """The block must be answered with this status of gRPC, or one of these, in whose text this is."""
    codes = codes if isinstance(codes, tuple) else (codes,)
    try:
        yield
    except grpc.RpcError as error:
        holds(error.code() in codes, f"status {error.code()} ({error.details()!r}), and not {codes}")
        holds(part in error.details(), f"{part!r} is in {error.details()!r}")
        return
    raise AssertionError(f"it was answered, and not with {codes}")


class Credentials:
    """A shared credentials file with one profile."""

    def __init__(self, directory, principal=FIRST):
        self.file = directory / f"credentials-{next(_numbers)}"
        self.write(principal)

    def write(self, principal):
        """Replaces the access key in it, as a program would that rotates it."""
        lines = [
            "[cluster]", f"aws_access_key_id = {principal.access_key_id}",
            f"aws_secret_access_key = {principal.secret_access_key}",
        ]  # fmt: skip
        if principal.session_token:
            lines.append(f"aws_session_token = {principal.session_token}")
        new = self.file.with_suffix(".new")
        new.touch(0o600)
        new.write_text("\n".join(lines) + "\n")
        os.replace(new, self.file)


class Plugin:
    """A running plugin and a client of it, which calls as the API server does."""

    def __init__(self, world, key, *flags, endpoint=None, credentials=None, path=None, region=REGION):
        directory = world.directory / f"plugin-{next(_numbers)}"
        directory.mkdir()
        self.path = path or directory / "kms.sock"
        self.credentials = credentials or Credentials(directory)
        self.program = Server(
            "kubernetes-plugin", "--socket", f"unix://{self.path}", "--key-id", key, "--region", region,
            "--endpoint-url", endpoint or world.endpoint, "--profile", "cluster", *flags,
        )  # fmt: skip

    def start(self):
        os.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(self.credentials.file)
        self.program.start()
        equal(self.program.endpoint, f"unix://{self.path}", "where it listens")
        self.channel = grpc.insecure_channel(f"unix://{self.path}")
        self.stub = services.KeyManagementServiceStub(self.channel)
        return self

    def end(self):
        self.channel.close()
        if self.program.process.poll() is None:
            self.program.kill()
        self.program.forget_log()

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.end()

    def status(self):
        status = self.stub.Status(messages.StatusRequest(), timeout=PATIENCE)
        equal(status.version, "v2", "version")
        return status

    def key_id(self):
        """The current one, of a plugin that is well."""
        status = self.status()
        equal(status.healthz, "ok", "healthz")
        return status.key_id

    def encrypt(self, plaintext=SEED, uid="7b0b04a6-0d04-4e69-9e3a-0b2e1d1c4b3f", **more):
        return self.stub.Encrypt(messages.EncryptRequest(plaintext=plaintext, uid=uid), timeout=PATIENCE, **more)

    def decrypt(self, ciphertext, key_id, annotations=None, uid="7b0b04a6-0d04-4e69-9e3a-0b2e1d1c4b3f"):
        request = messages.DecryptRequest(ciphertext=ciphertext, key_id=key_id, uid=uid, annotations=annotations)
        return self.stub.Decrypt(request, timeout=PATIENCE).plaintext

    def opens(self, encrypted, plaintext=SEED):
        """What it encrypted is decrypted as the API server would have it decrypted."""
        equal(self.decrypt(encrypted.ciphertext, encrypted.key_id, encrypted.annotations), plaintext, "plaintext")


class Relay:
    """A way to the server that can be shut, held up, or answer by itself."""

    def __init__(self, endpoint):
        host, port = endpoint.removeprefix("http://").split(":")
        self.target = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.is_open = threading.Event()
        self.is_open.set()
        self.answers = []
        self.connections = 0
        self._ends = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.is_open.set()
        self.listener.close()
        self.drop()

    def drop(self):
        """Ends what goes through it."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client:
            self._ends.append(client)
            if self.answers:
                client.recv(65_536)
                client.sendall(self.answers.pop(0))
                # Whoever wants more than there is waits until they have had enough.
                client.recv(65_536)
                return
            with socket.create_connection(self.target) as server:
                self._ends.append(server)
                threading.Thread(target=self._copy, args=(server, client), daemon=True).start()
                self._copy(client, server)

    def _copy(self, source, target):
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                self.is_open.wait()
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)


def refusal(code):
    """An answer of the KMS that refuses."""
    body = b'{"__type":"%s","message":"because"}' % code.encode()
    return (
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/x-amz-json-1.1\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
