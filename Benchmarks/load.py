"""Drives servers with wrk, for the benchmarks beside this file: `bench.py` is the one that compares.

Each request is signed beforehand, so that wrk only sends. What is compared takes turns, in many short rounds, so that
whatever else the machine does falls on all of it: a shared machine changes its pace within seconds. Every answer has
to be a 200.

Environment: BENCH_ROUNDS (9), BENCH_SECONDS (2), BENCH_REQUESTS (200), BENCH_CONNECTIONS (16).
"""

import base64
import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "Tests" / "AcceptanceTests" / "Scripts"))

from raw import Wire, sign  # noqa: E402
from server import Server  # noqa: E402, F401

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "9"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "2"))
REQUESTS = int(os.environ.get("BENCH_REQUESTS", "200"))
CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", "16"))
THREADS = 2
CONTEXT = {"department": "accounting", "purpose": "benchmark"}
REPLAY = pathlib.Path(__file__).with_name("replay.lua")


@dataclasses.dataclass
class Round:
    requests_per_second: float
    p50: int
    p90: int
    p99: int


class Failure(Exception):
    pass


def bodies(wire, key=None):
    """What each operation is asked, `REQUESTS` times with different bytes, of this key or a new one."""
    key = key or answered(wire.call("CreateKey", {"Description": "benchmark"}))["KeyMetadata"]["KeyId"]
    plaintexts = [base64.b64encode(os.urandom(32)).decode() for _ in range(REQUESTS)]
    encrypt = [{"KeyId": key, "Plaintext": text, "EncryptionContext": CONTEXT} for text in plaintexts]
    blobs = [answered(wire.call("Encrypt", body))["CiphertextBlob"] for body in encrypt]
    return {
        "Encrypt": encrypt,
        "Decrypt": [{"CiphertextBlob": blob, "EncryptionContext": CONTEXT} for blob in blobs],
        "GenerateDataKey": [{"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": CONTEXT}] * REQUESTS,
    }


def answered(answer):
    if answer.status != 200:
        raise Failure(f"the server refuses what is to be measured: {answer!r}")
    return answer.json


def http(wire, operation, body):
    """The bytes of one signed request. A signature lasts five minutes."""
    text = json.dumps(body, separators=(",", ":")).encode()
    headers = wire.headers(operation)
    headers["Authorization"] = sign("POST", "/", headers, text)
    headers["Content-Length"] = str(len(text))
    lines = ["POST / HTTP/1.1"] + [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + text


def lua(requests):
    quoted = ",\n".join('"' + "".join(f"\\{byte:03}" for byte in request) + '"' for request in requests)
    return f"requests = {{\n{quoted}\n}}\n"


def measure(name, endpoint, requests, directory, rate=None, seconds=SECONDS):
    """Drives the endpoint with wrk for one round: as fast as it answers, or with so many requests a second."""
    file = directory / "requests.lua"
    file.write_text(lua(requests))
    command = [
        "wrk", "-t", str(THREADS), "-c", str(CONNECTIONS), "-d", f"{seconds}s", "-s", str(REPLAY), endpoint, "--",
        str(file), *(["0", str(rate / THREADS)] if rate else []),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, stdin=subprocess.DEVNULL)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not lines:
        raise Failure(f"wrk failed: {done.stdout}{done.stderr}")
    result = json.loads(lines[-1].removeprefix("RESULT "))
    if result["refused"] or result["broken"] or not result["requests"]:
        raise Failure(f"{name}: not every answer was a 200: {result}")
    rate = result["requests"] / result["microseconds"] * 1e6
    return Round(rate, result["p50"], result["p90"], result["p99"])


def middle(rounds, field):
    return statistics.median(getattr(item, field) for item in rounds)


@contextlib.contextmanager
def work_directory():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def running(*servers):
    """Servers that run as long as the block lasts; what they logged is shown when a measurement fails."""
    if not shutil.which("wrk"):
        sys.exit("wrk is not on this machine: apt-get install wrk")
    try:
        for server in servers:
            server.start(deadline=120)
        yield servers
    except Failure as failure:
        logs = "\n".join(server.log_text() for server in servers)
        sys.exit(f"{failure}\nthe servers' logs:\n{logs}")
    finally:
        for server in servers:
            if server.process and server.process.poll() is None:
                server.kill()
            server.forget_log()
