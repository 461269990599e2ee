"""Backups: made while the server answers, restored to a directory that serves what was there, and of no use to others."""

import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import uuid

from harness import binary, equal, eventually, holds, run, scenario
from server import Server


def chatelaine(*arguments, wanted=0, **options):
    done = subprocess.run(
        [binary(), *map(str, arguments)], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
        **options)  # fmt: skip
    equal(done.returncode, wanted, f"exit code of {arguments[0]}: {done.stdout}{done.stderr}")
    return done.stdout if wanted == 0 else done.stderr


def back_up(world, name, *flags, **options):
    to = world.directory / name
    chatelaine("backup", "--data-dir", world.data, "--to", to, *flags, **options)
    return to


def serving(world, directory):
    """A server over a restored directory, with the accounts that are in it."""
    server = Server("serve", "--listen", "127.0.0.1:0", "--data-dir", str(directory)).start()
    other = type(world)(server, directory.parent)
    other.data = directory
    return other


def filled(world):
    kms = world.kms()
    keys = {}
    for number in range(5):
        key = world.key(Description=f"key {number}")["KeyId"]
        keys[key] = kms.encrypt(KeyId=key, Plaintext=b"%d" % number)["CiphertextBlob"]
    kms.create_alias(AliasName=f"alias/backup-{os.urandom(4).hex()}", TargetKeyId=key)
    return keys


def check(world, directory, keys, *flags):
    said = chatelaine("verify", "--data-dir", directory, *flags)
    holds("The store is whole" in said, said)
    other = serving(world, directory) if not flags else None
    if other:
        for key, ciphertext in keys.items():
            other.kms().decrypt(KeyId=key, CiphertextBlob=ciphertext)
        other.server.stop()
        other.server.forget_log()


def asked(data, command="backup", **members):
    """A connection to the server of a directory that has asked for something."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(str(data / "control.sock"))
    connection.sendall(json.dumps({"command": command, **members}).encode() + b"\n")
    return connection


def answer(connection):
    """The last line that the server sends."""
    text = b""
    while b'"result"' not in text and b'"error"' not in text:
        piece = connection.recv(65536)
        holds(piece, f"the server ended without an answer: {text[-200:]!r}")
        text += piece
    return json.loads(text.splitlines()[-1])


def staged(world):
    return sorted(p.name for p in world.data.iterdir() if p.name.startswith("backup-"))


@contextlib.contextmanager
def much(world):
    """The server over a store of some size, so that what is done with all of it takes a while."""
    def change(sql):
        world.server.stop()
        connection = sqlite3.connect(world.data / "chatelaine.sqlite")
        connection.executescript(sql)
        connection.close()
        world.server.start()

    change(
        "CREATE TABLE ballast (b BLOB) STRICT; INSERT INTO ballast WITH RECURSIVE c(x) AS "
        "(SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 40) SELECT randomblob(500000) FROM c;")
    try:
        yield
    finally:
        change("DROP TABLE ballast; VACUUM;")


@scenario
def a_backup_of_a_running_server_is_restored_with_its_root_key(world):
    keys = filled(world)
    failures, stop = [], threading.Event()

    def work():
        while not stop.is_set():
            try:
                world.kms().create_key()
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    backup = back_up(world, "running.backup")
    stop.set()
    thread.join()
    equal(failures, [], "failures while the backup was made")
    equal(backup.stat().st_mode & 0o777, 0o600, "the mode of the backup")
    equal([p.name for p in world.data.iterdir() if p.name.startswith("backup-")], [], "what is left of it")
    restored = world.directory / "restored"
    chatelaine("restore", "--from", backup, "--data-dir", restored, "--root-key", world.data / "root.key")
    equal(sorted(p.name for p in restored.iterdir()), ["audit", "chatelaine.sqlite", "root.key"], "what is restored")
    holds((restored / "audit" / "audit.jsonl").stat().st_size > 0, "the audit log is restored")
    check(world, restored, keys)


@scenario
def what_is_no_file_of_the_audit_log_is_left_out(world):
    keys = filled(world)
    audit = world.data / "audit"
    os.mkfifo(audit / "pipe.jsonl")
    (audit / "link.jsonl").symlink_to(world.data / "root.key")
    (audit / "folder.jsonl").mkdir()
    try:
        backup = back_up(world, "pipe.backup")
    finally:
        (audit / "pipe.jsonl").unlink()
        (audit / "link.jsonl").unlink()
        (audit / "folder.jsonl").rmdir()
    restored = world.directory / "without-pipe"
    chatelaine("restore", "--from", backup, "--data-dir", restored, "--root-key", world.data / "root.key")
    names = {p.name for p in (restored / "audit").iterdir()}
    equal(names & {"pipe.jsonl", "link.jsonl", "folder.jsonl"}, set(), "what is restored beside the log")
    check(world, restored, keys)


@scenario
def a_backup_with_a_passphrase_needs_nothing_else(world):
    keys = filled(world)
    secret = world.directory / "passphrase"
    secret.write_text("correct horse battery staple\n")
    backup = back_up(world, "passphrase.backup", "--backup-passphrase-file", secret)
    restored = world.directory / "by-passphrase"
    wrong = world.directory / "wrong"
    wrong.write_text("incorrect horse battery staple\n")
    said = chatelaine("restore", "--from", backup, "--data-dir", restored, "--passphrase-file", wrong, wanted=2)
    holds("the passphrase does not open" in said, said)
    holds(not restored.exists(), "a restoration that failed leaves nothing")
    equal([p.name for p in world.directory.iterdir() if "restoring" in p.name], [], "what is left")
    chatelaine("restore", "--from", backup, "--data-dir", restored, "--passphrase-file", secret)
    said = chatelaine("verify", "--data-dir", restored, "--passphrase-file", secret)
    holds("The store is whole" in said, said)
    server = Server(
        "serve", "--listen", "127.0.0.1:0", "--data-dir", str(restored), "--passphrase-file", str(secret)).start()
    other = type(world)(server, world.directory)
    for key, ciphertext in keys.items():
        other.kms().decrypt(KeyId=key, CiphertextBlob=ciphertext)
    server.stop()
    server.forget_log()


@scenario
def what_is_not_the_backup_is_refused(world):
    filled(world)
    backup = back_up(world, "whole.backup", "--without-audit")
    whole = backup.read_bytes()
    header = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    root_key = world.data / "root.key"

    def refused(content, sentence):
        changed = world.directory / "changed.backup"
        changed.write_bytes(content)
        to = world.directory / "from-changed"
        said = chatelaine("restore", "--from", changed, "--data-dir", to, "--root-key", root_key, wanted=1)
        holds(sentence in said, f"{sentence!r} is not in {said!r}")
        holds(not to.exists(), "nothing was made")

    for place in (header, header + 20, (header + len(whole)) // 2, len(whole) - 1):
        refused(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1:], "damaged")
    piece = 65536 + 28
    refused(whole[:-1], "damaged")
    refused(whole[:header + piece], "damaged")
    refused(whole + b"x", "damaged")
    refused(whole[:header] + whole[header + piece:], "damaged")
    refused(
        whole[:header] + whole[header + piece:header + 2 * piece] + whole[header:header + piece]
        + whole[header + 2 * piece:], "damaged")
    refused(whole[:header].replace(b'"date":"2', b'"date":"1') + whole[header:], "damaged")
    refused(b"chatelaine-backup 2\n" + whole[20:], "not a backup")
    refused(b"", "not a backup")
    other = world.directory / "other"
    chatelaine("init", "--data-dir", other)
    said = chatelaine(
        "restore", "--from", backup, "--data-dir", world.directory / "no", "--root-key", other / "root.key", wanted=1)
    holds("not the one that the backup was made under" in said, said)
    said = chatelaine("restore", "--from", backup, "--data-dir", world.directory / "no", wanted=2)
    holds("--root-key" in said, said)
    said = chatelaine("restore", "--from", backup, "--data-dir", other, "--root-key", root_key, wanted=1)
    holds("already" in said, said)


@scenario
def nothing_is_overwritten_and_nothing_can_be_read_from_it(world):
    kms = world.kms()
    key = world.key(Description="to be found nowhere in the backup")["KeyId"]
    backup = back_up(world, "secret.backup")
    content = backup.read_bytes()
    for text in (b"to be found nowhere", key.encode(), b"SQLite format", (world.data / "root.key").read_bytes()):
        holds(text not in content, f"{text!r} is in the backup")
    said = chatelaine("backup", "--data-dir", world.data, "--to", backup, wanted=1)
    holds("already" in said, said)
    equal(backup.read_bytes(), content, "the backup of before")
    kms.describe_key(KeyId=key)


@scenario
def without_a_server_it_is_made_from_the_files(world):
    keys = filled(world)
    world.server.stop()
    backup = back_up(world, "stopped.backup")
    world.server.start()
    restored = world.directory / "of-stopped"
    chatelaine("restore", "--from", backup, "--data-dir", restored, "--root-key", world.data / "root.key")
    check(world, restored, keys)


@scenario
def a_server_that_is_killed_meanwhile_leaves_nothing_for_long(world):
    filled(world)
    for delay in (0.01, 0.03, 0.06):
        to = world.directory / f"killed-{delay}.backup"
        asked = subprocess.Popen(
            [binary(), "backup", "--data-dir", str(world.data), "--to", str(to)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        time.sleep(delay)
        world.server.kill()
        asked.wait(30)
        world.server.start()
        if to.exists():  # it was there before the kill: then it is whole
            restored = world.directory / f"killed-{delay}"
            chatelaine("restore", "--from", to, "--data-dir", restored, "--root-key", world.data / "root.key")
    back_up(world, "after.backup")
    equal([p.name for p in world.data.iterdir() if p.name.startswith("backup-")], [], "what is left")


@scenario
def verify_finds_what_does_not_open(world):
    filled(world)
    said = chatelaine("verify", "--data-dir", world.data)
    holds("The store is whole" in said, said)
    world.server.stop()
    copy = world.directory / "edited"
    shutil.copytree(world.data, copy)
    connection = sqlite3.connect(copy / "chatelaine.sqlite")
    slot, wrapped = connection.execute(
        "SELECT slot, wrapped FROM secret JOIN material ON secret = slot LIMIT 1").fetchone()
    connection.execute(
        "UPDATE secret SET wrapped = ? WHERE slot = ?", (wrapped[:-1] + bytes([wrapped[-1] ^ 1]), slot))
    connection.commit()
    connection.close()
    done = subprocess.run(
        [binary(), "verify", "--data-dir", str(copy)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    equal(done.returncode, 1, "exit code of verify")
    holds("does not open" in done.stdout and "1 records are damaged" in done.stderr, done.stdout + done.stderr)
    chatelaine("rotate-root", "--data-dir", world.data)
    copy = world.directory / "edited-setting"
    shutil.copytree(world.data, copy)
    connection = sqlite3.connect(copy / "chatelaine.sqlite")
    name = b"root-key.identifiers"
    (value,) = connection.execute("SELECT value FROM setting WHERE name = ?", [name]).fetchone()
    connection.execute("UPDATE setting SET value = ? WHERE name = ?", [value[:-1] + bytes([value[-1] ^ 1]), name])
    connection.commit()
    connection.close()
    done = subprocess.run(
        [binary(), "verify", "--data-dir", str(copy)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    equal((done.returncode, done.stdout), (1, "the setting root-key.identifiers does not open\n"), done.stderr)
    world.server.start()


@scenario
def a_backup_meets_a_rotation_and_is_whole_or_refused(world):
    filled(world)
    keys, refusals = [world.data / "root.key"], set()
    with much(world):
        for number in range(16):
            kept = world.directory / f"root-{number}.key"
            shutil.copy(world.data / "root.key", kept)
            keys.insert(0, kept)
            backup = asked(world.data, withoutAudit=True)
            time.sleep(random.uniform(0, 0.12))
            rotation = asked(world.data, "rotate-root", endSessions=True)
            made, rotated = answer(backup), answer(rotation)
            refusals.update(said["error"] for said in (made, rotated) if "error" in said)
            if "result" in made:
                restored_by_one_of(world, world.data / made["result"]["name"], [world.data / "root.key", *keys[:2]])
            backup.close()
            rotation.close()
    print(f"refused: {refusals}")
    allowed = ("the root key is being rotated; try again", "a backup copies the store; try again")
    holds(all(refusal.startswith(allowed) for refusal in refusals), refusals)


def restored_by_one_of(world, backup, keys):
    """One of the root keys restores the backup, and opens all that is in it."""
    to = world.directory / "met"
    for key in keys:
        done = subprocess.run(
            [binary(), "restore", "--from", backup, "--data-dir", to, "--root-key", key], capture_output=True, text=True)
        if done.returncode == 0:
            chatelaine("verify", "--data-dir", to)
            return shutil.rmtree(to)
    raise AssertionError(f"no root key restores it: {done.stderr}")


@scenario
def what_a_server_says_is_not_believed(world):
    fake = world.directory / "fake"
    fake.mkdir(mode=0o700)
    victim = world.directory / "victim"
    victim.write_text("precious")
    name = f"backup-{uuid.uuid4()}.tmp"
    (fake / name).symlink_to(victim)
    hard = f"backup-{uuid.uuid4()}.tmp"
    os.link(victim, fake / hard)
    folder = f"backup-{uuid.uuid4()}.tmp"
    (fake / folder).mkdir()
    answers = [
        {"path": str(victim)}, {"name": str(victim)}, {"name": "../victim"}, {"name": name}, {"name": hard},
        {"name": folder}, {"name": f"{folder}/../../victim"}, {"name": ""}, {},
    ]  # fmt: skip
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(fake / "control.sock"))
    listener.listen()

    def serve():
        for said in answers:
            connection, _ = listener.accept()
            connection.recv(4096)
            connection.sendall(json.dumps({"result": said}).encode() + b"\n")
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    to = world.directory / "taken"
    for said in answers:
        text = chatelaine("backup", "--data-dir", fake, "--to", to, wanted=1)
        holds("not touched" in text or "cannot open" in text, f"{said}: {text}")
        holds(not to.exists() and victim.read_text() == "precious" and len(text.splitlines()) == 1, f"{said}: {text}")
    thread.join()
    listener.close()


@scenario
def a_server_of_a_relative_directory_gives_its_backup_too(world):
    home = world.directory / "home"
    home.mkdir()
    chatelaine("init", "--data-dir", home / "data")
    server = Server("serve", "--listen", "127.0.0.1:0", "--data-dir", "data", program=os.path.abspath(binary()))
    before = os.getcwd()
    os.chdir(home)
    try:
        server.start()
    finally:
        os.chdir(before)
    chatelaine("backup", "--data-dir", home / "data", "--to", world.directory / "relative.backup")
    server.stop()
    server.forget_log()


@scenario
def a_client_that_is_slow_has_its_answer_and_holds_nobody_up(world):
    filled(world)
    with much(world):
        connection = asked(world.data)
        time.sleep(3)
        made = answer(connection)["result"]["name"]
        equal(staged(world), [made], "what is there for the one who asked")
        connection.close()
        eventually(lambda: not staged(world), "a backup that nobody took is gone", 10)
        with asked(world.data), asked(world.data, "verify"):
            time.sleep(0.5)
            world.server.stop()
        world.server.start()
        equal(staged(world), [], "what is left at the next start")


@scenario
def backups_are_made_one_at_a_time(world):
    filled(world)
    with much(world):
        clients = [
            subprocess.Popen(
                [binary(), "backup", "--data-dir", str(world.data), "--to", str(world.directory / f"crowd-{number}")],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            for number in range(5)
        ]  # fmt: skip
        said = [(client.communicate(timeout=60)[1], client.returncode) for client in clients]
    holds(any(code == 0 for _, code in said), said)
    for number, (text, code) in enumerate(said):
        if code:
            holds("a backup is under way" in text, text)
        else:
            restored_by_one_of(world, world.directory / f"crowd-{number}", [world.data / "root.key"])
    equal(staged(world), [], "what is left")


@scenario
def a_client_that_is_killed_leaves_all_of_a_backup_or_none(world):
    filled(world)
    # Another file system, if there is one, so that it has to be copied.
    shared = pathlib.Path("/dev/shm")
    place = tempfile.mkdtemp(dir=shared if shared.is_dir() and os.access(shared, os.W_OK) else world.directory)
    try:
        with much(world):
            for number in range(8):
                to = pathlib.Path(place) / f"{number}.backup"
                client = subprocess.Popen(
                    [binary(), "backup", "--data-dir", str(world.data), "--to", str(to)],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
                with contextlib.suppress(subprocess.TimeoutExpired):
                    client.wait(random.uniform(0.02, 0.5))
                client.send_signal(signal.SIGKILL)
                client.wait()
                if to.exists():
                    restored_by_one_of(world, to, [world.data / "root.key"])
            eventually(lambda: not staged(world), "what the server made for them is gone", 20)
    finally:
        shutil.rmtree(place)


@scenario
def the_next_start_takes_away_what_a_killed_one_left(world):
    world.server.stop()
    stem = world.data / f"backup-{uuid.uuid4()}"
    left = [f"{stem}{ending}" for ending in (".sqlite", ".sqlite-journal", ".json", ".tmp", f".json.{uuid.uuid4()}")]
    kept = [world.data / "backup-notes.txt", world.data / "backup-plan.sqlite"]
    for path in (*left, *kept):
        pathlib.Path(path).write_text("left")
    world.server.start()
    equal(staged(world), sorted(path.name for path in kept), "what is there then")
    for path in kept:
        path.unlink()


@scenario
def a_directory_that_is_there_is_restored_into(world):
    keys = filled(world)
    backup = back_up(world, "places.backup")
    options = ("restore", "--from", backup, "--root-key", world.data / "root.key", "--data-dir")
    empty = world.directory / "empty"
    (empty / "lost+found").mkdir(parents=True)
    os.chmod(empty, 0o755)
    # As a mount point, which cannot be replaced.
    before = empty.stat().st_ino
    chatelaine(*options, f"{empty}//")
    equal(empty.stat().st_ino, before, "the directory itself")
    equal(empty.stat().st_mode & 0o777, 0o700, "the mode of the directory")
    equal(
        sorted(p.name for p in empty.iterdir()), ["audit", "chatelaine.sqlite", "lost+found", "root.key"], "what is there")
    check(world, empty, keys)
    new = world.directory / "slash"
    chatelaine(*options, f"{new}/")
    check(world, new, keys)
    said = chatelaine(*options, f"{new}/", wanted=1)
    holds("there is something" in said, said)
    said = chatelaine(*options, backup, wanted=1)
    holds("there is something" in said, said)
    said = chatelaine(*options, world.directory / "no" / "where", wanted=1)
    holds("cannot create" in said, said)
    equal([p.name for p in world.directory.iterdir() if "restoring" in p.name], [], "what is left")


@scenario
def a_restoration_that_was_killed_is_taken_away_by_the_next(world):
    filled(world)
    backup = back_up(world, "again.backup")
    options = ("restore", "--from", backup, "--root-key", world.data / "root.key", "--data-dir")
    into, beside = world.directory / "into", world.directory / "beside"
    into.mkdir(mode=0o700)
    for left in (into / f".restoring-{uuid.uuid4()}", world.directory / f"beside.restoring-{uuid.uuid4()}"):
        left.mkdir()
        (left / "root.key").write_text("left")
    kept = world.directory / "beside.restoring-by-hand"
    kept.mkdir()
    for place in (into, beside):
        chatelaine(*options, place)
        equal(sorted(p.name for p in place.iterdir()), ["audit", "chatelaine.sqlite", "root.key"], "what is there")
    equal([p.name for p in world.directory.iterdir() if "restoring" in p.name], [kept.name], "what is left")


run()
