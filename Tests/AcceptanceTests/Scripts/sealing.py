"""What the scripts about seals share: directories with a key in them, terminals to type at, and a token."""

import base64
import contextlib
import functools
import hashlib
import itertools
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import time

import boto3
import botocore.config

from harness import equal, holds
from server import READY, Server, binary

REGION = "eu-central-1"
PASSPHRASE = "correct horse battery staple"
PIN = "123456"
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
TOKEN = "acceptance"


def say(*arguments, environment=None, **more):
    """Runs a command without a terminal."""
    return subprocess.run(
        [binary(), *map(str, arguments)], capture_output=True, text=True, timeout=60, start_new_session=True,
        env={**os.environ, **(environment or {})}, **{"stdin": subprocess.DEVNULL, **more},
    )  # fmt: skip


def done(*arguments, **more):
    """Runs a command that must succeed, and answers what it says."""
    result = say(*arguments, **more)
    equal(result.returncode, 0, f"exit code of {arguments}: {result.stdout}{result.stderr}")
    return result.stdout


def refused(code, text, *arguments, **more):
    """The command must fail with this exit code and one line that contains the text."""
    result = say(*arguments, **more)
    lines = result.stderr.strip().splitlines()
    equal((result.returncode, len(lines)), (code, 1), f"exit code and lines of {arguments}: {result.stdout}{result.stderr}")
    holds(text in lines[0], f"{arguments} says {lines[0]!r}, and nothing of {text!r}")
    equal(result.stdout, "", f"standard output of {arguments}")


def typed(arguments, dialogue, seconds=30):
    """Runs a command at a terminal of its own: each question of the dialogue is waited for, and answered.

    Answers the exit code and all that the terminal showed.
    """
    process, terminal = pty.fork()
    if process == 0:
        os.execv(binary(), [binary(), *map(str, arguments)])
    shown, seen, deadline = b"", 0, time.monotonic() + seconds
    try:
        rest = list(dialogue)
        while True:
            left = deadline - time.monotonic()
            holds(left > 0, f"{arguments} is not done within {seconds} s: {shown!r}")
            if not select.select([terminal], [], [], left)[0]:
                continue
            try:
                piece = os.read(terminal, 4096)
            except OSError:
                break
            if not piece:
                break
            shown += piece
            if rest and (at := shown.find(rest[0][0].encode(), seen)) >= 0:
                seen = at + len(rest[0][0])
                os.write(terminal, rest.pop(0)[1].encode())
        equal(rest, [], f"questions that {arguments} did not ask; it showed {shown!r}")
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown.decode()
    except BaseException:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        raise
    finally:
        os.close(terminal)


def snapshot(directory):
    """Every file of a directory: its mode and its bytes."""
    return {
        str(path.relative_to(directory)): (path.stat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in sorted(pathlib.Path(directory).rglob("*"))
    }


@contextlib.contextmanager
def untouched(directory):
    before = snapshot(directory)
    yield
    after = snapshot(directory)
    equal(sorted(after), sorted(before), "the names in the directory")
    equal([name for name in before if before[name] != after[name]], [], "the files that were changed")


def secret_file(directory, name, text):
    path = pathlib.Path(directory) / name
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def forged(text):
    """A share of the same name with another value, and the right checksum."""
    head, value = text.rsplit("-", 2)[:2]
    decoded = bytearray(base64.b32decode(value.upper() + "===="))
    decoded[7] ^= 1
    line = f"{head}-{base64.b32encode(bytes(decoded)).decode().rstrip('=').lower()}"
    return f"{line}-{hashlib.sha256(line.encode()).hexdigest()[:8]}"


# Tokens


@functools.cache
def token():
    """A new token of SoftHSM2, for all commands of this process; answers the options that reach it."""
    import tempfile

    directory = pathlib.Path(tempfile.mkdtemp(prefix="tokens-"))
    (directory / "tokens").mkdir()
    configuration = directory / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {directory / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    tool("softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--so-pin", "12345678", "--pin", PIN)
    return directory


def forget_token():
    if token.cache_info().currsize:
        shutil.rmtree(token(), ignore_errors=True)


def tool(*command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    equal(result.returncode, 0, f"exit code of {command}: {result.stdout}{result.stderr}")


def pkcs11_tool(*arguments):
    tool("pkcs11-tool", "--module", MODULE, "--token-label", TOKEN, "--login", "--pin", PIN, *arguments)


# Directories


class Kind:
    """A kind of seal: what makes it, and what opens it."""

    numbers = itertools.count()

    def __init__(self, name, directory):
        self.name = name
        self.key = f"key-{next(Kind.numbers)}"
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(exist_ok=True)
        self.shares = self.directory / "shares"

    def make(self, printed=False):
        """The options for a new seal of this kind; its shares go to files, or are printed."""
        if self.name == "pkcs11":
            token()
            return ["--pkcs11-token", TOKEN, "--pkcs11-key", self.key, "--pkcs11-make-key"]
        if self.name == "shares":
            shutil.rmtree(self.shares, ignore_errors=True)
            return ["--shares", "5", "--threshold", "3", *([] if printed else ["--shares-directory", self.shares])]
        return []

    def keep(self, printed):
        """Keeps the shares that were printed."""
        lines = [line for line in printed.splitlines() if line.startswith("chatelaine-share-")]
        if lines:
            self.shares.mkdir()
        for line in lines:
            secret_file(self.shares, f"share-{line.split('-')[5]}", line + "\n")

    def open(self):
        """The options that open it."""
        if self.name == "passphrase":
            return ["--passphrase-file", secret_file(self.directory, "passphrase", PASSPHRASE + "\n")]
        if self.name == "pkcs11":
            return ["--pkcs11-module", MODULE, "--pin-file", secret_file(self.directory, "pin", PIN)]
        if self.name == "shares":
            return ["--share-files", ",".join(str(self.shares / f"share-{n}") for n in (2, 4, 5))]
        return []


KINDS = ("file", "passphrase", "pkcs11", "shares")


def exports(text):
    return dict(re.findall(r"export ([A-Z_]+)=(\S+)", text))


class Sealed:
    """A data directory with a key in it, sealed in some way."""

    def __init__(self, directory, name):
        self.data = pathlib.Path(directory) / f"data-{name}"
        self.kind = Kind(name, pathlib.Path(directory) / f"secrets-{name}")
        flags = [*self.kind.make(), *([] if name == "shares" else self.kind.open())]
        self.said = done("init", "--seal", name, "--data-dir", self.data, *flags)
        self.settings = exports(self.said)

    def client(self, server):
        return boto3.client(
            "kms", endpoint_url=server.endpoint, region_name=REGION,
            aws_access_key_id=self.settings["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.settings["AWS_SECRET_ACCESS_KEY"],
            config=botocore.config.Config(retries={"total_max_attempts": 1}),
        )  # fmt: skip

    def serve(self, kind=None):
        """The server over the directory, opened by the secrets of a kind."""
        flags = map(str, (kind or self.kind).open())
        return Server("serve", "--listen", "127.0.0.1:0", "--data-dir", str(self.data), *flags).start()

    def encrypt(self):
        """Something that only the root key of now can open."""
        with running(self.serve()) as server:
            kms = self.client(server)
            key = kms.create_key()["KeyMetadata"]["KeyId"]
            self.ciphertext = kms.encrypt(KeyId=key, Plaintext=b"kept")["CiphertextBlob"]
        return self

    def check(self, kind=None):
        """What was encrypted is decrypted."""
        with running(self.serve(kind)) as server:
            equal(self.client(server).decrypt(CiphertextBlob=self.ciphertext)["Plaintext"], b"kept", "the plaintext")


@contextlib.contextmanager
def running(server):
    try:
        yield server
        equal(server.stop(), 0, "the exit code of the server")
    finally:
        if server.process.poll() is None:
            server.kill()
        server.forget_log()


def document(data):
    return json.loads((pathlib.Path(data) / "seal.json").read_text())


class SealedServer(Server):
    """A server that starts sealed: its first line says so, and the second that it listens with its root key."""

    def start(self, deadline=20):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log)
        line = self._first_line(time.monotonic() + deadline)
        found = re.fullmatch(r"sealed, listening on (\S+): (\d+) key shares are needed", line)
        if not found:
            self.kill()
            raise AssertionError(f"the server said {line!r} and not that it is sealed; its log:\n{self.log_text()}")
        self.endpoint = found[1]
        return self

    def unsealed(self, deadline=20):
        line = self._first_line(time.monotonic() + deadline)
        equal(line, f"{READY}{self.endpoint}", f"the line after the last share; the log:\n{self.log_text()}")
