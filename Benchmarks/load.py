"""How many requests a second the server answers, beside an echo handler on the same HTTP server in the same run.

Each request is signed beforehand, so that wrk only sends; each operation alternates with the echo of the same bytes, so
that whatever else the machine does falls on both: many short rounds, because a shared machine changes its pace within
seconds. Every answer has to be a 200.

Environment: BENCH_ROUNDS (9), BENCH_SECONDS (2), BENCH_REQUESTS (200), BENCH_CONNECTIONS (16).
"""

import base64
import contextlib
import dataclasses
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "Tests" / "AcceptanceTests" / "Scripts"))

from raw import Wire, sign  # noqa: E402
from server import Server, binary  # noqa: E402

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


def bodies(wire):
    """What each operation is asked, `REQUESTS` times with different bytes."""
    key = answered(wire.call("CreateKey", {"Description": "benchmark"}))["KeyMetadata"]["KeyId"]
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


def measure(name, endpoint, requests, directory):
    """Drives the endpoint with wrk for one round."""
    file = directory / "requests.lua"
    file.write_text(lua(requests))
    command = [
        "wrk", "-t", str(THREADS), "-c", str(CONNECTIONS), "-d", f"{SECONDS}s", "-s", str(REPLAY), endpoint, "--",
        str(file),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS + 60, stdin=subprocess.DEVNULL)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not lines:
        raise Failure(f"wrk failed: {done.stdout}{done.stderr}")
    result = json.loads(lines[-1].removeprefix("RESULT "))
    if result["refused"] or result["broken"] or not result["requests"]:
        raise Failure(f"{name}: not every answer was a 200: {result}")
    rate = result["requests"] / result["microseconds"] * 1e6
    return Round(rate, result["p50"], result["p90"], result["p99"])


def run(server, echo, directory):
    wire = Wire(server.endpoint)
    echo_wire = Wire(echo.endpoint)
    operations = bodies(wire)
    rounds = {name: [] for name in operations}
    echoes = {name: [] for name in operations}
    for number in range(ROUNDS):
        for name, asked in operations.items():
            requests = [http(wire, name, body) for body in asked]
            echoed = [http(echo_wire, name, body) for body in asked]
            answered_all(wire, name, asked[:3])
            pair = [(rounds[name], name, server.endpoint, requests), (echoes[name], "echo", echo.endpoint, echoed)]
            for results, label, endpoint, prepared in pair if number % 2 == 0 else reversed(pair):
                results.append(measure(label, endpoint, prepared, directory))
                print(f"round {number + 1}: {label:>16} {results[-1].requests_per_second:10,.0f}/s", flush=True)
    return rounds, echoes


def answered_all(wire, name, asked):
    for body in asked:
        answered(wire.call(name, body))


def middle(rounds, field):
    return statistics.median(getattr(item, field) for item in rounds)


def report(rounds, echoes):
    rows = []
    for name in rounds:
        ratios = [
            ours.requests_per_second / theirs.requests_per_second
            for ours, theirs in zip(rounds[name], echoes[name], strict=True)
        ]
        for label, results, ratio in (
            (name, rounds[name], statistics.median(ratios)), ("echo of its bytes", echoes[name], None)
        ):  # fmt: skip
            row = {field.name: round(middle(results, field.name), 1) for field in dataclasses.fields(Round)}
            rows.append({"name": label, "of": name, **row, "ratio": ratio and round(ratio, 3)})
    head = f"{'operation':<20}{'requests/s':>12}{'p50 us':>10}{'p90 us':>10}{'p99 us':>10}{'of echo':>10}"
    print("\n" + head + "\n" + "-" * len(head))
    for row in rows:
        ratio = f"{row['ratio']:10.2f}" if row["ratio"] else ""
        print(
            f"{row['name']:<20}{row['requests_per_second']:>12,.0f}{row['p50']:>10,.0f}{row['p90']:>10,.0f}"
            f"{row['p99']:>10,.0f}{ratio}"
        )
    return rows


@contextlib.contextmanager
def work_directory():
    directory = pathlib.Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def servers(*flags):
    """The server with an empty store, and the echo server."""
    if not shutil.which("wrk"):
        sys.exit("wrk is not on this machine: apt-get install wrk")
    with work_directory() as directory:
        server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(directory / "data"), *flags)
        echo = Server("--listen", "127.0.0.1:0", program=binary("echo-server"))
        try:
            server.start()
            echo.start()
            yield server, echo
        except Failure as failure:
            sys.exit(f"{failure}\nthe server's log:\n{server.log_text()}")
        finally:
            for each in (server, echo):
                if each.process and each.process.poll() is None:
                    each.kill()
                each.forget_log()


def main():
    # With the quotas of production, which a machine does not reach in this region.
    with servers("--quotas", "aws") as (server, echo), work_directory() as directory:
        rounds, echoes = run(server, echo, directory)
        save(report(rounds, echoes))


def save(rows):
    directory = REPOSITORY / "artifacts"
    directory.mkdir(exist_ok=True)
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    result = {
        "time": moment,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "rounds": ROUNDS,
        "seconds": SECONDS,
        "connections": CONNECTIONS,
        "rows": rows,
    }
    path = directory / f"load-{moment}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(f"\nmedians of {ROUNDS} rounds of {SECONDS} s; written to {path.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()
