"""Backups: made while the server answers, restored to a directory that serves what was there, and of no use to others."""

import os
import shutil
import sqlite3
import subprocess
import threading
import time

from harness import binary, equal, holds, run, scenario
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


run()
