"""TLS as clients find it: versions, ciphers and protocols, certificates that are replaced, clients that must show one,
and who is served without it."""

import contextlib
import datetime
import json
import os
import re
import select
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import boto3
import botocore.exceptions
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

import http2
from certificates import DAY, Root, key_pem
from harness import FIRST, REGION, allow, deny, equal, eventually, holds, patient, policy, refused, run, scenario
from secure import Secure
from server import Server, binary

# Of docs/security.md, in seconds.
HANDSHAKE = 10
PATIENCE = 30


def s_client(secure, *flags):
    """What openssl tells of a connection, or None when there is none."""
    host, port = secure.address
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"{host}:{port}", "-CAfile", str(secure.root.file), *flags],
        input="", capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    text = done.stdout + done.stderr
    found = re.search(r"(?:New|Reused), (\S+), Cipher is (\S+)", text)
    if not found or found[2] == "(NONE)":
        return None
    alpn = re.search(r"ALPN protocol: (\S+)", text)
    verified = "Verify return code: 0 (ok)" in text
    return found[1], found[2], alpn[1] if alpn else None, verified


def curl(secure, *flags):
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "15", "--cacert", str(secure.root.file), *flags],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    return done.stdout, done.stderr


def serial(secure):
    """The certificate that a new connection gets."""
    host, port = secure.address
    with socket.create_connection((host, port), timeout=10) as plain:
        with secure.context().wrap_socket(plain, server_hostname=host) as connection:
            return int(connection.getpeercert()["serialNumber"], 16)


@scenario
def versions_ciphers_and_protocols_are_the_good_ones(world):
    weak = "DEFAULT:@SECLEVEL=0"
    with Secure(world, "versions") as secure:
        equal(s_client(secure, "-tls1", "-cipher", weak), None, "TLS 1.0")
        equal(s_client(secure, "-tls1_1", "-cipher", weak), None, "TLS 1.1")
        for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"):
            cipher = f"ECDHE-ECDSA-{cipher}"
            found = s_client(secure, "-tls1_2", "-cipher", cipher)
            equal(found, ("TLSv1.2", cipher, None, True), f"TLS 1.2 with {cipher}")
        for cipher in ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "AES128-GCM-SHA256"):
            equal(s_client(secure, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0"), None, f"TLS 1.2 with {cipher}")
        for cipher in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"):
            found = s_client(secure, "-tls1_3", "-ciphersuites", cipher, "-alpn", "h2,http/1.1")
            equal(found, ("TLSv1.3", cipher, "h2", True), f"TLS 1.3 with {cipher}")
        equal(s_client(secure, "-alpn", "http/1.1")[2], "http/1.1", "a client of HTTP/1.1")
        equal(s_client(secure, "-alpn", "unheard/1")[2], None, "a client of something else")
        url = f"{secure.endpoint}/ping"
        for flag, version in (("--http2", "2"), ("--http1.1", "1.1")):
            said = curl(secure, flag, "--write-out", " %{http_version} %{response_code}", url)
            equal(said, (f"healthy {version} 200", ""), f"curl {flag}")
        with contextlib.suppress(OSError):
            with socket.create_connection(secure.address, timeout=5) as plain:
                plain.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
                holds(b"healthy" not in plain.recv(1000), "plain HTTP is not answered")


@scenario
def calls_by_tls_say_so_to_policies_and_in_the_audit_log(world):
    with Secure(world, "calls") as secure:
        kms = secure.kms()
        insecure = {"Bool": {"aws:SecureTransport": "false"}}
        only_secure = policy(allow(FIRST.root), deny("*", "kms:Encrypt", Condition=insecure))
        key = kms.create_key(Policy=only_secure)["KeyMetadata"]["Arn"]
        kms.encrypt(KeyId=key, Plaintext=b"x")
        host, port = secure.address
        sent = curl(
            secure, "--http2", f"{secure.endpoint}/", "--aws-sigv4", f"aws:amz:{REGION}:kms", "--user",
            f"{FIRST.access_key_id}:{FIRST.secret_access_key}", "--header", "X-Amz-Target: TrentService.DescribeKey",
            "--header", "Content-Type: application/x-amz-json-1.1", "--data", json.dumps({"KeyId": key}),
        )  # fmt: skip
        equal(json.loads(sent[0])["KeyMetadata"]["Arn"], key, "a signed call of curl by HTTP/2")
        described = next(each for each in secure.records() if each["eventName"] == "DescribeKey")
        encrypted = next(each for each in secure.records() if each["eventName"] == "Encrypt")
        for record in (described, encrypted):
            details = record["tlsDetails"]
            equal(details.pop("clientProvidedHostHeader"), f"{host}:{port}", "the host")
            equal(details.pop("tlsVersion"), "TLSv1.3", "the version")
            suite = details.pop("cipherSuite")
            holds(re.fullmatch("TLS_(AES_(128|256)_GCM|CHACHA20_POLY1305)_SHA(256|384)", suite), suite)
            holds(details.pop("keyExchange") in ("x25519", "X25519MLKEM768", "secp256r1"), "the group")
            equal(details, {}, "what else there is")
        with refusing(secure, "no root that the client knows"):
            boto3.client(
                "kms", endpoint_url=secure.endpoint, region_name=REGION, aws_access_key_id=FIRST.access_key_id,
                aws_secret_access_key=FIRST.secret_access_key,
            ).list_keys()  # fmt: skip
    # The same without TLS is denied.
    key = world.key(Policy=only_secure)["Arn"]
    with refused("AccessDeniedException"):
        world.kms().encrypt(KeyId=key, Plaintext=b"x")


@contextlib.contextmanager
def refusing(secure, what):
    try:
        yield
    except (botocore.exceptions.SSLError, botocore.exceptions.ConnectionClosedError, OSError):
        return
    raise AssertionError(f"{what}, and yet there is an answer")


@scenario
def a_certificate_is_replaced_under_load(world):
    with Secure(world, "reload") as secure:
        stopped, failures, calls = threading.Event(), [], [0]

        def load():
            while not stopped.is_set():
                try:
                    wire = secure.wire()  # a new connection
                    for _ in range(5):
                        equal(wire.call("ListKeys", {}).status, 200, "an answer")
                    calls[0] += 5
                    wire.close()
                except Exception as error:
                    failures.append(repr(error))

        old = secure.wire()
        equal(old.call("ListKeys", {}).status, 200, "a call before")
        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        before = serial(secure)
        for _ in range(3):
            renewed = secure.root.make("server")
            secure.server.process.send_signal(signal.SIGHUP)
            eventually(lambda: serial(secure) == renewed.certificate.serial_number, "the new certificate is shown", 10)
        # One that cannot be used: the last good one stays.
        for spoil, reason in (
            (lambda: secure.pair.certificate_file.write_text("nonsense"), "does not hold certificates"),
            (lambda: secure.root.make("server", life=-DAY), "has expired"),
            (lambda: secure.pair.key_file.write_bytes(key_pem(renewed.key)), "is not that of"),
            (lambda: secure.pair.key_file.chmod(0o644), "others than the server may read"),
        ):
            spoil()
            secure.server.process.send_signal(signal.SIGHUP)
            eventually(lambda: reason in secure.server.log_text(), f"the log says: {reason}", 10)
            equal(serial(secure), renewed.certificate.serial_number, f"the certificate when a new one {reason}")
        # Without a signal the files are looked at too, also when only what was wrong with one is mended.
        latest = secure.root.make("server")
        latest.key_file.chmod(0o640)
        eventually(lambda: secure.server.log_text().count("others than the server may read") == 2, "it is refused", 20)
        latest.key_file.chmod(0o600)
        eventually(lambda: serial(secure) == latest.certificate.serial_number, "the files are looked at", 20)
        # One that is valid only later is taken then.
        begin = datetime.timedelta(seconds=8)
        later = secure.root.make("server", begin=begin)
        start = time.monotonic()
        secure.server.process.send_signal(signal.SIGHUP)
        eventually(lambda: "is not valid before" in secure.server.log_text(), "the log says that it is too early", 5)
        equal(serial(secure), latest.certificate.serial_number, "the certificate when the new one is not valid yet")
        eventually(lambda: serial(secure) == later.certificate.serial_number, "it is taken when it is valid", 25)
        holds(time.monotonic() - start > 6, "it is not taken before")
        latest = later
        holds(before != latest.certificate.serial_number, "they are not the same")
        equal(old.call("ListKeys", {}).status, 200, "a call on a connection from before")
        stopped.set()
        for thread in threads:
            thread.join()
        equal(failures[:3], [], "calls that failed meanwhile")
        holds(calls[0] > 50, f"only {calls[0]} calls were made")


@patient
def clients_show_certificates_where_they_must(world):
    with Secure(world, "clients") as plain:
        other = Root(plain.directory, "other-root")
        stranger = other.client("stranger")
        known = plain.root.client("known")
        server_only = plain.root.make("server-only")
        for requirement in (None, "required", "optional"):
            flags = ["--tls-client-ca", str(plain.root.file)]
            flags += ["--tls-client-certificates", requirement] if requirement else []
            with Secure(world, f"clients-{requirement}", *flags) as secure:
                equal(secure.wire(known).call("ListKeys", {}).status, 200, f"{requirement}: one that is good")
                for wrong in (stranger, server_only):
                    with refusing(secure, f"{requirement}: {wrong.certificate_file.name}"):
                        secure.wire(wrong).call("ListKeys", {})
                if requirement == "optional":
                    equal(secure.wire().call("ListKeys", {}).status, 200, "optional: none")
                else:
                    with refusing(secure, f"{requirement}: none"):
                        secure.wire().call("ListKeys", {})
                # A session that is taken up again is a certificate that is shown again, as long as that is valid.
                flags = ["-cert", str(known.certificate_file), "-key", str(known.key_file), "-reconnect", "-tls1_2"]
                holds(s_client(secure, *flags), f"{requirement}: sessions are taken up again")


def resumed(secure, context, session=None):
    """What a connection answers, its session, and whether that is the one of before."""
    host, port = secure.address
    try:
        with socket.create_connection((host, port), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname=host, session=session) as connection:
                connection.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return connection.recv(1000)[:12], connection.session, connection.session_reused
    except OSError:
        return b"", None, None


@scenario
def a_session_ends_with_the_certificate_that_opened_it(world):
    directory = world.directory / "resumed-root"
    directory.mkdir()
    root = Root(directory)
    with Secure(world, "resumed", "--tls-client-ca", str(root.file)) as secure:
        begin = time.monotonic()
        short = root.make("short", ExtendedKeyUsageOID.CLIENT_AUTH, datetime.timedelta(seconds=6))
        contexts = []
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = secure.context(short)
            context.maximum_version = version
            answer, session, _ = resumed(secure, context)
            equal(answer, b"HTTP/1.1 200", f"{version}: an answer")
            answer, session, is_reused = resumed(secure, context, session)
            equal((answer, is_reused), (b"HTTP/1.1 200", True), f"{version}: the session is taken up again")
            contexts.append((version, context, session))
        time.sleep(max(0, begin + 7.5 - time.monotonic()))
        for version, context, session in contexts:
            equal(resumed(secure, context)[0], b"", f"{version}: a certificate that has expired")
            equal(resumed(secure, context, session)[0], b"", f"{version}: the session that it has opened")


def say(*arguments, environment=None):
    return subprocess.run(
        [binary(), *arguments], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip


@patient
def who_is_served_without_tls_is_said_by_name(world):
    directory = world.directory / "reach"
    directory.mkdir()
    pair = Root(directory).make("server")
    data = ("--data-dir", str(directory / "data"))
    for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0", "kms.example.com:0"):
        done = say("serve", "--listen", address, *data)
        equal(done.returncode, 2, f"serve --listen {address}: {done.stdout}{done.stderr}")
        holds("--without-tls" in done.stderr and done.stderr.count("\n") == 1, done.stderr)
        holds(not (directory / "data").exists(), "nothing is made before")
        done = say("dev", "--listen", address, *data, "--without-tls")
        equal(done.returncode, 2, f"dev --listen {address}: {done.stdout}{done.stderr}")
        done = say("dev", "--listen", address, *data, *pair.flags)
        equal(done.returncode, 2, f"dev by TLS --listen {address}: {done.stdout}{done.stderr}")
    for flags, scheme, host in (
        (("--without-tls",), "http", "0.0.0.0"), (pair.flags, "https", "0.0.0.0"), (pair.flags, "https", "[::]"),
    ):  # fmt: skip
        server = Server("serve", "--listen", f"{host}:0", "--data-dir", str(directory / f"{scheme}{len(host)}"), *flags)
        first = None
        server.process = subprocess.Popen(server.command, stdout=subprocess.PIPE, stderr=server.log, text=True)
        while not (first := server.process.stdout.readline()).startswith("listening on "):
            holds(first, f"it ended: {server.log_text()}")
        holds(first.startswith(f"listening on {scheme}://{host}:"), first)
        server.process.stdout.close()
        server.process.terminate()
        equal(server.process.wait(timeout=15), 0, "exit code")
        server.forget_log()


@patient
def files_that_cannot_be_used_are_one_line(world):
    directory = world.directory / "files"
    directory.mkdir()
    root = Root(directory)
    pair, other = root.make("server"), root.make("other")
    encrypted = directory / "encrypted.key"
    encrypted.write_bytes(key_pem(pair.key, serialization.BestAvailableEncryption(b"secret")))
    encrypted.chmod(0o600)
    exposed = directory / "exposed.key"
    exposed.write_bytes(key_pem(pair.key))
    exposed.chmod(0o640)
    text = directory / "text"
    text.write_text("text")
    text.chmod(0o600)
    pipe = directory / "pipe"
    os.mkfifo(pipe, 0o600)
    certificate, key = str(pair.certificate_file), str(pair.key_file)
    cases = {
        ("--tls-certificate", certificate): "both",
        ("--tls-key", key): "both",
        ("--tls-client-ca", certificate): "both",
        ("--tls-certificate", certificate, "--tls-key", str(other.key_file)): "is not that of",
        ("--tls-certificate", certificate, "--tls-key", str(encrypted)): "encrypted",
        ("--tls-certificate", certificate, "--tls-key", str(exposed)): "0600",
        ("--tls-certificate", certificate, "--tls-key", str(text)): "private key",
        ("--tls-certificate", certificate, "--tls-key", str(pipe)): "not a file",
        ("--tls-certificate", str(text), "--tls-key", key): "certificates",
        ("--tls-certificate", str(directory / "absent"), "--tls-key", key): "cannot open",
        (*pair.flags, "--tls-client-ca", str(text)): "certificates",
        (*pair.flags, "--tls-client-certificates", "optional"): "--tls-client-ca",
        (*pair.flags, "--tls-client-ca", str(root.file), "--tls-client-certificates", "maybe"): "required",
        (*pair.flags, "--without-tls"): "contradict",
        ("--trusted-proxies", "10.0.0.0/33"): "10.0.0.0/33",
        ("--monitor-listen", "nonsense"): "HOST:PORT",
        ("--log-format", "xml"): "xml",
    }
    for flags, reason in cases.items():
        done = say("dev", "--listen", "127.0.0.1:0", *flags)
        equal((done.returncode, done.stderr.count("\n")), (2, 1), f"{flags}: {done.stderr}")
        holds(reason in done.stderr, f"{flags}: {done.stderr} does not say {reason!r}")
    # Each option can be given otherwise too.
    file = directory / "options.json"
    file.write_text(json.dumps({"listen": "0.0.0.0:0", "without-tls": False, "trusted-proxies": ["10.0.0.0/8", "::1"]}))
    done = say("serve", "--config", str(file), "--data-dir", str(directory / "data"))
    holds("--without-tls" in done.stderr, done.stderr)
    environment = {"CHATELAINE_TLS_CERTIFICATE": certificate, "CHATELAINE_WITHOUT_TLS": "yes"}
    done = say("dev", "--listen", "127.0.0.1:0", "--tls-key", key, environment=environment)
    holds("true or false" in done.stderr, done.stderr)


# What HTTP/2 adds


def ping(connection, stream=1):
    http2.send(connection, http2.frame(http2.HEADERS, http2.END_STREAM | http2.END_HEADERS, stream, http2.fields()))


def is_answered(secure):
    connection = http2.connect(secure.endpoint, secure.root.file)
    ping(connection)
    answer = http2.Frames(connection).until(http2.HEADERS)
    connection.close()
    return answer is not None and http2.STATUSES.get(answer[3][0]) == 200


def head(stream, flags=http2.END_HEADERS, **fields):
    return http2.frame(http2.HEADERS, flags, stream, http2.fields(method="POST", path="/", **fields))


FLOODS = {
    "resets what it asks": lambda: b"".join(
        head(2 * n + 1) + http2.frame(http2.RST_STREAM, 0, 2 * n + 1, struct.pack(">I", 8)) for n in range(1000)
    ),
    "pings": lambda: http2.frame(http2.PING, payload=bytes(8)) * 1000,
    "settles": lambda: http2.frame(http2.SETTINGS) * 1000,
    "sends data without any": lambda: head(1) + http2.frame(http2.DATA, 0, 1) * 1000,
    "continues and continues": lambda: head(1, 0) + http2.frame(http2.CONTINUATION, 0, 1) * 1000,
    "has a head that is too long": lambda: head(1, 0)
    + b"".join(http2.frame(http2.CONTINUATION, 0, 1, http2.field(f"x-{n}", "x" * 16_000)) for n in range(8)),
    "asks more at a time than it may": lambda: b"".join(head(2 * n + 1) for n in range(101)),
    "sends a body in crumbs": lambda: head(1) + http2.frame(http2.DATA, 0, 1, b"x") * 5000,
    "sends bodies in crumbs": lambda: b"".join(
        head(2 * n + 1) + http2.frame(http2.DATA, 0, 2 * n + 1, b"x") * 500
        + http2.frame(http2.DATA, http2.END_STREAM, 2 * n + 1) for n in range(20)
    ),
    "speaks HTTP/1.1": lambda: b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3,
}


@patient
def floods_end_a_connection_and_no_other(world):
    with Secure(world, "floods") as secure:
        other = http2.connect(secure.endpoint, secure.root.file)
        others = http2.Frames(other)
        for number, (name, flood) in enumerate(FLOODS.items()):
            connection = http2.connect(secure.endpoint, secure.root.file)
            frames = http2.Frames(connection)
            frames.read(0.2)
            threading.Thread(target=http2.send, args=(connection, flood()), daemon=True).start()
            frames.read(10)
            holds(frames.is_over, f"a client that {name} is sent away")
            connection.close()
            ping(other, 2 * number + 1)
            answer = others.until(http2.HEADERS)
            holds(answer and http2.STATUSES.get(answer[3][0]) == 200, f"beside one that {name} others are served")
        other.close()
        # What curl can send of it, it is told about.
        many = [part for n in range(201) for part in ("--header", f"x-{n}: x")]
        status = curl(secure, "--http2", *many, "--write-out", "%{response_code}", f"{secure.endpoint}/ping")
        equal(status[0], "431", "a head of 201 fields")
        long = curl(secure, "--http2", "--header", "x-long: " + "x" * 12_000, f"{secure.endpoint}/ping")
        equal(long[0], "healthy", f"a head of 12 KB: {long[1]}")
        # Longer ones are read once the client has acknowledged the limit.
        connection = http2.connect(secure.endpoint, secure.root.file)
        connection.sendall(http2.frame(http2.SETTINGS, http2.ACK))
        block = http2.fields() + http2.field("x-long", "x" * 60_000)
        parts = [block[start : start + 16_000] for start in range(0, len(block), 16_000)]
        connection.sendall(
            http2.frame(http2.HEADERS, http2.END_STREAM, 1, parts[0])
            + b"".join(http2.frame(http2.CONTINUATION, 0, 1, part) for part in parts[1:-1])
            + http2.frame(http2.CONTINUATION, http2.END_HEADERS, 1, parts[-1])
        )
        answer = http2.Frames(connection).until(http2.HEADERS)
        holds(answer and http2.STATUSES.get(answer[3][0]) == 200, "a head of 60 KB")
        connection.close()
        longer = curl(secure, "--http1.1", "--header", "x-long: " + "x" * 70_000, f"{secure.endpoint}/ping")
        holds("healthy" not in longer[0], "a head of 70 KB")
        for hosts, status in ((["localhost"], "200"), (["elsewhere"], "400"), (["localhost", "localhost"], "400")):
            connection = http2.connect(secure.endpoint, secure.root.file)
            block = http2.fields() + b"".join(http2.field("host", host) for host in hosts)
            connection.sendall(http2.frame(http2.HEADERS, http2.END_STREAM | http2.END_HEADERS, 1, block))
            answer = http2.Frames(connection).until(http2.HEADERS)
            equal(str(http2.STATUSES.get(answer[3][0])), status, f"a request for localhost with {hosts}")
            connection.close()
        posted = curl(secure, "--http2", "--header", "Expect: 100-continue", "--header", "Content-Type: text/plain",
                      "--data-binary", "x" * 100_000, "--write-out", " %{response_code}", f"{secure.endpoint}/")  # fmt: skip
        holds(posted[0].endswith(" 404"), f"a body that waits for leave: {posted}")


SLOW = {
    "does not begin a handshake": (lambda secure: socket.create_connection(secure.address), HANDSHAKE),
    "stops within a handshake": (lambda secure: half_a_handshake(secure), HANDSHAKE),
    "does not send its body": (lambda secure: asks(secure, head(1)), PATIENCE),
    "does not read its answer": (
        lambda secure: asks(secure, http2.frame(http2.HEADERS, 5, 1, http2.fields()), no_window()), PATIENCE
    ),
}  # fmt: skip


def no_window():
    return struct.pack(">HI", http2.INITIAL_WINDOW_SIZE, 0)


def half_a_handshake(secure):
    connection = socket.create_connection(secure.address)
    connection.sendall(bytes.fromhex("16030100c8010000c40303") + bytes(50))
    return connection


def asks(secure, data, settings=b""):
    connection = http2.connect(secure.endpoint, secure.root.file, settings=settings)
    connection.sendall(data)
    return connection


def reset_or_closed(connection, frames):
    """Whether the client was told that its time is over."""
    if frames is None:
        try:
            return bool(select.select([connection], [], [], 0)[0]) and not connection.recv(65536)
        except OSError:
            return True
    return any(kind == http2.RST_STREAM for kind, *_ in frames.read(0.05)) or frames.is_over


@patient
def a_client_of_tls_has_so_long_and_no_longer(world):
    with Secure(world, "slow") as secure:
        start = time.monotonic()
        clients = {name: make(secure) for name, (make, _) in SLOW.items()}
        frames = {
            name: http2.Frames(client) if isinstance(client, ssl.SSLSocket) else None
            for name, client in clients.items()
        }
        patient = http2.connect(secure.endpoint, secure.root.file)
        closed = {}
        while clients.keys() - closed and time.monotonic() - start < PATIENCE + 10:
            for name in clients.keys() - closed:
                if reset_or_closed(clients[name], frames[name]):
                    closed[name] = time.monotonic() - start
            time.sleep(0.1)
        equal(sorted(closed), sorted(SLOW), "clients that were sent away")
        for name, seconds in closed.items():
            limit = SLOW[name][1]
            holds(limit - 3 < seconds < limit + 8, f"a client that {name} had {seconds:.0f} s")
        ping(patient)
        holds(http2.Frames(patient).until(http2.HEADERS), "one that says nothing for so long may come back")
        holds(is_answered(secure), "others are served")


@patient
def a_server_that_ends_waits_for_requests_and_not_for_clients(world):
    with Secure(world, "ending") as secure:
        idle = http2.connect(secure.endpoint, secure.root.file)
        silent = socket.create_connection(secure.address)
        half = half_a_handshake(secure)
        begun = asks(secure, head(1))
        time.sleep(0.5)
        start = time.monotonic()
        secure.server.process.send_signal(signal.SIGTERM)
        goodbye = http2.Frames(idle).until(http2.GOAWAY, 5)
        holds(goodbye and http2.goaway_code(goodbye[3]) == 0, "an idle client is told goodbye")
        begun.sendall(http2.frame(http2.DATA, http2.END_STREAM, 1, b"{}"))
        answer = http2.Frames(begun).until(http2.HEADERS, 5)
        holds(answer, "what was begun is answered")
        equal(secure.server.process.wait(timeout=15), 0, "exit code")
        holds(time.monotonic() - start < 7, "it ends when the last answer is written")
        for connection in (idle, silent, half, begun):
            connection.close()


if __name__ == "__main__":
    run()
