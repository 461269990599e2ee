"""A server that starts sealed, and the share holders who come one after the other."""

import http.client
import os
import socket
import subprocess
import threading

import boto3
import botocore.config
import botocore.exceptions

from harness import FIRST, equal, eventually, holds, run, scenario
from sealing import REGION, Sealed, SealedServer, done, forged, refused, running, say, secret_file, snapshot, typed
from server import Server, binary


def sealed_directory(world, name):
    directory = world.directory / name
    directory.mkdir()
    return Sealed(directory, "shares").encrypt()


def start(sealed):
    return SealedServer("serve", "--listen", "127.0.0.1:0", "--data-dir", str(sealed.data)).start()


def unseal(sealed, number):
    return done("unseal", "--data-dir", sealed.data, "--share-file", sealed.kind.shares / f"share-{number}")


def get(server, path, method="GET", headers=None, body=None):
    connection = http.client.HTTPConnection(server.endpoint.removeprefix("http://"), timeout=10)
    connection.request(method, path, body, headers or {})
    response = connection.getresponse()
    answer = response.status, response.getheader("content-type"), response.read().decode()
    connection.close()
    return answer


@scenario
def three_of_five_open_it_and_it_goes_on_where_it_listens(world):
    sealed = sealed_directory(world, "opened")
    with running(start(sealed)) as server:
        equal(done("status", "--data-dir", sealed.data), "server: running\nseal: shares\nsealed: yes\nshares: 0 of 3 given\n")
        equal(unseal(sealed, 4), "seal: shares\nsealed: yes\nshares: 1 of 3 given\n")
        # Over a terminal, and over standard input.
        share = (sealed.kind.shares / "share-1").read_text().strip()
        code, shown = typed(["unseal", "--data-dir", sealed.data], [("Key share: ", share.upper() + "\r")])
        equal(code, 0, shown)
        holds("shares: 2 of 3 given" in shown and share[30:50] not in shown.lower(), shown)
        said = done("unseal", "--data-dir", sealed.data, "--share-file", "-", stdin=open(sealed.kind.shares / "share-5"))
        equal(said, "seal: shares\nsealed: no\n")
        server.unsealed()
        equal(sealed.client(server).decrypt(CiphertextBlob=sealed.ciphertext)["Plaintext"], b"kept", "the plaintext")
        equal(done("status", "--data-dir", sealed.data), "server: running\nseal: shares\nsealed: no\n")
        refused(1, "is not sealed", "unseal", "--data-dir", sealed.data, "--share-file", sealed.kind.shares / "share-2")
        equal(get(server, "/ping")[0], 200, "the status of its health")
        log = server.log_text()
        holds(not any(share.read_text()[30:60] in log for share in sealed.kind.shares.iterdir()), "a share is in the log")


@scenario
def everything_is_answered_with_503_while_it_is_sealed(world):
    sealed = sealed_directory(world, "answers")
    with running(start(sealed)) as server:
        for service in ("kms", "sts", "iam"):
            client = boto3.client(
                service, endpoint_url=server.endpoint, region_name=REGION, aws_access_key_id=FIRST.access_key_id,
                aws_secret_access_key=FIRST.secret_access_key,
                config=botocore.config.Config(retries={"total_max_attempts": 1}),
            )  # fmt: skip
            calls = {"kms": "list_keys", "sts": "get_caller_identity", "iam": "list_users"}
            try:
                getattr(client, calls[service])()
                raise AssertionError(f"{service} was answered")
            except botocore.exceptions.ClientError as error:
                equal(error.response["Error"]["Code"], "ServiceUnavailable", service)
                holds("sealed" in error.response["Error"]["Message"], f"{service}: {error}")
                equal(error.response["ResponseMetadata"]["HTTPStatusCode"], 503, service)
        for path in ("/ping", "/console", "/console/keys", "/console/assets/style.css"):
            status, kind, text = get(server, path)
            equal((status, kind), (503, "text/plain; charset=utf-8"), path)
            holds(text.startswith("sealed\n"), f"{path}: {text}")
        for method, path in (("GET", "/"), ("POST", "/"), ("PUT", "/x"), ("GET", "/x")):
            status, kind, text = get(server, path, method)
            equal((status, kind), (503, "application/x-amz-json-1.1"), f"{method} {path}")
            holds("sealed" in text, text)
        equal(get(server, "/", "POST", body=b"x" * 100_000)[0], 503, "a large body")


@scenario
def shares_that_do_not_fit_are_refused_by_name(world):
    sealed = sealed_directory(world, "refused")
    (world.directory / "stranger").mkdir()
    stranger = Sealed(world.directory / "stranger", "shares")
    shares = [(sealed.kind.shares / f"share-{n}").read_text().strip() for n in range(1, 6)]
    status = ("status", "--data-dir", sealed.data)
    with running(start(sealed)) as server:
        unseal(sealed, 1)
        send = ("unseal", "--data-dir", sealed.data, "--share-file")
        refused(1, "share 1 was given already", *send, sealed.kind.shares / "share-1")
        foreign = stranger.kind.shares / "share-2"
        refused(1, f"of the set {foreign.read_text().split('-')[3]}", *send, foreign)
        garbled = secret_file(world.directory, "garbled", shares[1][:-9] + "x" + shares[1][-8:])
        refused(2, "is not a share, or a letter of it is wrong", *send, garbled)
        refused(2, "cannot read the key share", *send, world.directory / "missing")
        holds("shares: 1 of 3 given" in done(*status), "what is there after refusals")
        holds("shares: 0 of 3 given" in done("unseal", "--reset", "--data-dir", sealed.data), "after a reset")
        # One of three is wrong: one error, and it begins anew.
        before = {name: data for name, data in snapshot(sealed.data).items() if name != "control.sock"}
        unseal(sealed, 1)
        unseal(sealed, 2)
        refused(1, "one of them is wrong", *send, secret_file(world.directory, "forged", forged(shares[2])))
        holds("shares: 0 of 3 given" in done(*status), "after a wrong share")
        after = {name: data for name, data in snapshot(sealed.data).items() if name != "control.sock"}
        equal(after == before, True, "nothing was touched")
        for number in (1, 2, 3):
            unseal(sealed, number)
        server.unsealed()
        equal(sealed.client(server).decrypt(CiphertextBlob=sealed.ciphertext)["Plaintext"], b"kept", "the plaintext")


@scenario
def many_share_holders_at_once_open_it_once(world):
    sealed = sealed_directory(world, "crowd")
    with running(start(sealed)) as server:
        holders = [
            subprocess.Popen(
                [binary(), "unseal", "--data-dir", str(sealed.data), "--share-file", str(sealed.kind.shares / f"share-{n}")],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
            for n in (1, 2, 3)
        ]  # fmt: skip
        said = [holder.communicate(timeout=30)[0] for holder in holders]
        equal(sum("sealed: no" in text for text in said), 1, said)
        server.unsealed()
        equal(sealed.client(server).decrypt(CiphertextBlob=sealed.ciphertext)["Plaintext"], b"kept", "the plaintext")


@scenario
def a_sealed_server_ends_when_it_is_asked_to_and_keeps_others_out(world):
    sealed = sealed_directory(world, "ended")
    server = start(sealed)
    unseal(sealed, 2)
    refused(1, "in use by another process", "account", "list", "--data-dir", sealed.data, *sealed.kind.open())
    refused(1, "in use by another process", "serve", "--listen", "127.0.0.1:0", "--data-dir", sealed.data)
    with running(server):
        pass
    holds(not (sealed.data / "control.sock").exists(), "its socket is still there")
    refused(1, "no server runs", "unseal", "--data-dir", sealed.data, "--share-file", sealed.kind.shares / "share-1")
    # Shares that were given are forgotten with the process, and shares given at the start open at once.
    with running(start(sealed)):
        holds("shares: 0 of 3 given" in done("status", "--data-dir", sealed.data), "after another start")
    sealed.check()


@scenario
def shares_of_another_store_leave_it_sealed(world):
    sealed = sealed_directory(world, "another")
    (world.directory / "elsewhere").mkdir()
    stranger = Sealed(world.directory / "elsewhere", "shares")
    (sealed.data / "seal.json").write_bytes((stranger.data / "seal.json").read_bytes())
    with running(start(sealed)):
        unseal(stranger_over(sealed, stranger), 1)
        unseal(stranger_over(sealed, stranger), 2)
        refused(1, "is not the one that the store", "unseal", "--data-dir", sealed.data, "--share-file",
                stranger.kind.shares / "share-3")  # fmt: skip
        holds("sealed: yes\nshares: 0 of 3 given" in done("status", "--data-dir", sealed.data), "it is sealed")


@scenario
def a_share_is_given_to_nobody_else(world):
    sealed = sealed_directory(world, "lured")
    share = sealed.kind.shares / "share-1"
    open_to_all = world.directory / "open-to-all"
    open_to_all.mkdir()
    for mode in (0o777, 0o1777, 0o770, 0o720):
        open_to_all.chmod(mode)
        refused(1, "others than its owner can write", "unseal", "--data-dir", open_to_all, "--share-file", share)
        refused(1, "others than its owner can write", "serve", "--data-dir", open_to_all, "--listen", "127.0.0.1:0")
        equal(list(open_to_all.iterdir()), [], "what was made in it")
    if os.geteuid() != 0:
        return
    # Root's own directory, in which somebody else listens.
    theirs = world.directory / "theirs"
    theirs.mkdir(mode=0o700)
    heard = listening_as_nobody(theirs)
    refused(1, "is another user's", "unseal", "--data-dir", theirs, "--share-file", share)
    equal(heard(), b"", "what they were told")


def listening_as_nobody(directory):
    """Listens as another user, and answers with what it was told."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(directory / "control.sock"))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        # The system knows a listener by who called this.
        listener.listen()
        os.write(writer, b"\n")
        connection, _ = listener.accept()
        connection.settimeout(20)
        os.write(writer, connection.recv(4096) or b"")
        os._exit(0)
    os.close(writer)
    os.read(reader, 1)
    listener.close()

    def heard():
        os.waitpid(child, 0)
        with os.fdopen(reader, "rb") as told:
            return told.read()

    return heard


@scenario
def a_server_that_goes_away_is_told_plainly(world):
    directory = world.directory / "gone"
    directory.mkdir(mode=0o700)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(directory / "control.sock"))
    listener.listen()

    def reset():
        # Closed with something unread, a connection is reset.
        listener.accept()[0].close()

    for _ in range(3):
        thread = threading.Thread(target=reset)
        thread.start()
        result = say("status", "--data-dir", directory)
        thread.join()
        equal(result.returncode, 1, "the exit code")
        holds("read(" not in result.stderr and "without an answer" in result.stderr, result.stderr)
    listener.close()


def stranger_over(sealed, stranger):
    """The shares of one, given to the server of the other."""
    class Both:
        data, kind = sealed.data, stranger.kind

    return Both


if __name__ == "__main__":
    run()
