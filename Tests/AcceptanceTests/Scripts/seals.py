"""The seals of a root key: each is made, opened and left for another; whoever has the wrong secret touches nothing."""

import os
import shutil
import subprocess
import time

from harness import equal, holds, run, scenario
from sealing import (KINDS, MODULE, PASSPHRASE, PIN, TOKEN, Kind, Sealed, document, done, forged, forget_token, pkcs11_tool,
                     refused, running, say, secret_file, token, typed, untouched)  # fmt: skip
from server import Server, binary


@scenario
def each_kind_is_made_and_opened_by_every_command(world):
    directory = world.directory / "kinds"
    directory.mkdir()
    for name in KINDS:
        sealed = Sealed(directory, name)
        holds(("root.key" in os.listdir(sealed.data)) == (name == "file"), f"root.key of {name}")
        holds(("seal.json" in os.listdir(sealed.data)) == (name != "file"), f"seal.json of {name}")
        holds(f"seal: {name}\n" in done("seal", "show", "--data-dir", sealed.data), f"seal show of {name}")
        begin = time.monotonic()
        listed = done("account", "list", "--data-dir", sealed.data, *sealed.kind.open())
        print(f"to list the accounts behind {sealed.kind.name}: {time.monotonic() - begin:.2f} s")
        made = done("account", "create", "--data-dir", sealed.data, *sealed.kind.open())
        holds(len(listed.splitlines()) == 1 and "AWS_ACCESS_KEY_ID" in made, f"accounts of {name}")
        sealed.encrypt().check()
        for path in [sealed.data, *sealed.data.rglob("*"), *sealed.kind.shares.rglob("*")]:
            equal(path.stat().st_mode & 0o077, 0, f"permissions of {path.name}: others can use it")


@scenario
def what_is_shown_of_a_seal_is_no_secret(world):
    directory = world.directory / "shown"
    directory.mkdir()
    shown = {}
    for name in ("file", "passphrase", "shares", "pkcs11"):
        sealed = Sealed(directory, name)
        shown[name] = done("seal", "show", "--data-dir", sealed.data)
    equal(shown["file"], "seal: file\n")
    equal(shown["passphrase"], "seal: passphrase\nderivation: Argon2id, 3 passes over 256 MiB\n")
    equal(shown["pkcs11"], f"seal: pkcs11\ntoken: {TOKEN}\nkey: {sealed.kind.key}\nmechanism: AES_GCM\n")
    shares = document(directory / "data-shares")["parameters"]
    equal(shown["shares"], f"seal: shares\nshares: 3 of 5\nset: {shares['set']}\n")
    status = done("status", "--data-dir", directory / "data-passphrase")
    equal(status, "server: not running\n" + shown["passphrase"], "the status without a server")


@scenario
def a_passphrase_is_asked_for_and_not_shown(world):
    data, secret = world.directory / "asked", "pâté de campagne"
    init = ("init", "--seal", "passphrase", "--data-dir", data)
    code, shown = typed(init, [("New passphrase: ", secret + "\r"), ("again: ", secret + "x\r")])
    equal(code, 2, shown)
    holds("not the same both times" in shown, shown)
    code, shown = typed(init, [("New passphrase: ", "elevenbytes\r"), ("again: ", "elevenbytes\r")])
    equal(code, 2, shown)
    holds("at least 12 bytes" in shown, shown)
    code, shown = typed(init, [("New passphrase: ", "\x03")])
    equal(code, 2, shown)
    holds("nobody typed it" in shown, shown)
    holds(not os.path.exists(data / "seal.json"), "a seal that was not made")
    # A letter is taken back, and what is typed is not shown.
    code, shown = typed(init, [("New passphrase: ", "pâté de campagné\x7fe\r"), ("again: ", secret + "\n")])
    equal(code, 0, shown)
    holds("campagn" not in shown and "export AWS_SECRET_ACCESS_KEY" in shown, shown)
    listing = ("account", "list", "--data-dir", data)
    with untouched(data):
        code, shown = typed(listing, [("Passphrase of the seal: ", "pâté de campagne \r")])
        equal(code, 2, shown)
        holds("does not open" in shown, shown)
    equal(typed(listing, [("Passphrase of the seal: ", secret + "\r")])[0], 0)
    refused(2, "the passphrase is needed", *listing)


@scenario
def a_passphrase_comes_from_a_file_a_descriptor_or_systemd(world):
    directory = world.directory / "sources"
    directory.mkdir()
    sealed = Sealed(directory, "passphrase")
    listing = ("account", "list", "--data-dir", sealed.data)

    def by_descriptor(text):
        reading, writing = os.pipe()
        os.write(writing, text.encode())
        os.close(writing)
        try:
            return say(*listing, "--passphrase-fd", reading, pass_fds=(reading,))
        finally:
            os.close(reading)

    equal(by_descriptor(PASSPHRASE).returncode, 0, "by a descriptor")
    equal(by_descriptor(PASSPHRASE + "\n").returncode, 0, "with a line feed")
    equal(by_descriptor(PASSPHRASE + "\n\n").returncode, 2, "with two of them")
    equal(by_descriptor("").returncode, 2, "with nothing")
    equal(by_descriptor("x" * 5000).returncode, 2, "with too much")
    equal(say(*listing, "--passphrase-fd", "0", stdin=open(sealed.kind.directory / "passphrase")).returncode, 0)
    secret_file(directory, "chatelaine-passphrase", PASSPHRASE)
    equal(say(*listing, environment={"CREDENTIALS_DIRECTORY": str(directory)}).returncode, 0, "by systemd")
    file = str(sealed.kind.directory / "passphrase")
    equal(say(*listing, environment={"CHATELAINE_PASSPHRASE_FILE": file}).returncode, 0, "by the environment")
    refused(2, "cannot read the passphrase", *listing, "--passphrase-file", directory / "missing")
    refused(2, "only one of them", *listing, "--passphrase-file", file, "--passphrase-fd", "0")
    refused(2, "is not the number", *listing, "--passphrase-fd", "three")


@scenario
def a_wrong_secret_is_one_clear_error_and_touches_nothing(world):
    directory = world.directory / "wrong"
    directory.mkdir()
    other = directory / "other"
    other.mkdir()
    wrong = secret_file(directory, "wrong-secret", "not the right one")
    pin = secret_file(directory, "wrong-pin", "000000")
    cases = {
        "passphrase": [(2, "does not open", ["--passphrase-file", wrong])],
        "pkcs11": [
            (2, "refused the PIN; it was tried once", ["--pkcs11-module", MODULE, "--pin-file", pin]),
            (2, "--pkcs11-module must name", ["--pin-file", pin]),
            (1, "cannot load", ["--pkcs11-module", "/nowhere.so", "--pin-file", pin]),
            (1, "is not a PKCS#11 module", ["--pkcs11-module", libc(), "--pin-file", pin]),
        ],
        "shares": [],
    }
    for name, attempts in cases.items():
        sealed, stranger = Sealed(directory, name), Sealed(other, name)
        if name == "shares":
            files = [stranger.kind.shares / f"share-{n}" for n in (1, 2, 3)]
            attempts = [
                (2, "is of the set", ["--share-files", ",".join(map(str, files))]),
                (2, "needs 3 key shares", ["--share-files", ",".join(str(sealed.kind.shares / f"share-{n}") for n in (1, 3))]),
                (2, "was given already", ["--share-files", ",".join([str(sealed.kind.shares / "share-1")] * 3)]),
                (2, "one of them is wrong", ["--share-files", ",".join(map(str, one_forged(sealed, directory)))]),
            ]
        for code, text, flags in attempts:
            for command in (("serve", "--listen", "127.0.0.1:0"), ("account", "list"), ("seal", "migrate", "--to", "file")):
                if text != attempts[0][1] and command[0] != "serve":
                    continue
                with untouched(sealed.data):
                    refused(code, text, *command, "--data-dir", sealed.data, *flags)
        # The seal of another store opens, and its key is not this store's.
        shutil.copy(sealed.data / "seal.json", directory / "kept.json")
        shutil.copy(stranger.data / "seal.json", sealed.data / "seal.json")
        for command in (("account", "list"), ("seal", "migrate", "--to", "file")):
            with untouched(sealed.data):
                refused(1, "is not the one that the store", *command, "--data-dir", sealed.data, *stranger.kind.open())
        shutil.copy(directory / "kept.json", sealed.data / "seal.json")
        damaged(sealed)
        equal(say("account", "list", "--data-dir", sealed.data, *sealed.kind.open()).returncode, 0, "with the right one")


def libc():
    return next(path for path in ("/lib/x86_64-linux-gnu/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6") if os.path.exists(path))


def one_forged(sealed, directory):
    """As many shares as are needed, of which one has another value."""
    shares = [sealed.kind.shares / f"share-{n}" for n in (1, 2, 3)]
    return [*shares[:2], secret_file(directory, "forged-share", forged(shares[2].read_text().strip()))]


def damaged(sealed):
    """A document that was changed is told from one that the secret does not open."""
    path = sealed.data / "seal.json"
    text = path.read_bytes()
    for changed in (text[:-1], text.replace(b"wrappedRootKey\":\"", b"wrappedRootKey\":\"AAAA"), b"", text.swapcase()):
        path.write_bytes(changed)
        with untouched(sealed.data):
            refused(1, "seal.json is damaged", "account", "list", "--data-dir", sealed.data, *sealed.kind.open())
    path.write_bytes(text.replace(b'"version":1', b'"version":2'))
    refused(1, "newer version", "account", "list", "--data-dir", sealed.data, *sealed.kind.open())
    path.write_bytes(text)
    path.chmod(0o640)
    refused(1, "its mode must be 0600", "account", "list", "--data-dir", sealed.data, *sealed.kind.open())
    path.chmod(0o600)


@scenario
def a_root_key_of_another_store_touches_nothing(world):
    directory = world.directory / "strangers"
    directory.mkdir()
    sealed = Sealed(directory, "file").encrypt()
    (directory / "other").mkdir()
    stranger = Sealed(directory / "other", "file")
    shutil.copy(sealed.data / "root.key", directory / "kept.key")
    shutil.copy(stranger.data / "root.key", sealed.data / "root.key")
    for command in (("account", "list"), ("serve", "--listen", "127.0.0.1:0"), ("seal", "migrate", "--to", "passphrase")):
        with untouched(sealed.data):
            refused(1, "is not the one that the store", *command, "--data-dir", sealed.data)
    shutil.copy(directory / "kept.key", sealed.data / "root.key")
    sealed.check()
    (sealed.data / "root.key").unlink()
    with untouched(sealed.data):
        refused(1, "there is no root key", "account", "list", "--data-dir", sealed.data)
        refused(1, "there is no root key", "init", "--data-dir", sealed.data)


@scenario
def a_directory_keeps_the_seal_that_it_has(world):
    directory = world.directory / "kept"
    directory.mkdir()
    sealed = Sealed(directory, "passphrase")
    opened = sealed.kind.open()
    with untouched(sealed.data):
        refused(1, "sealed by a passphrase", "init", "--data-dir", sealed.data, *opened)
        refused(1, "sealed by a passphrase", "init", "--seal", "pkcs11", "--pkcs11-token", TOKEN, "--pkcs11-key", "x",
                "--data-dir", sealed.data, *opened)  # fmt: skip
        refused(1, "not in a file", "dev", "--listen", "127.0.0.1:0", "--data-dir", sealed.data)
        refused(1, "is a data directory already", "init", "--seal", "passphrase", "--data-dir", sealed.data, *opened)
    with running(sealed.serve()):
        refused(1, "in use by another process", "seal", "migrate", "--to", "file", "--data-dir", sealed.data, *opened)
        status = done("status", "--data-dir", sealed.data)
        equal(status, "server: running\nseal: passphrase\nsealed: no\n", "the status of a server")
        refused(1, "is not sealed", "unseal", "--data-dir", sealed.data, "--share-file", share_of_nobody(directory))


def share_of_nobody(directory):
    if not (directory / "data-shares").exists():
        Sealed(directory, "shares")
    return directory / "secrets-shares" / "shares" / "share-1"


@scenario
def only_a_command_that_is_to_make_a_directory_makes_one(world):
    empty = world.directory / "empty"
    empty.mkdir()
    for command in (["account", "list"], ["account", "create"], ["account", "root-key", "--account", "111122223333"], ["verify"],
                    ["rotate-root"], ["backup", "--to", world.directory / "nothing"], ["audit", "verify"],
                    ["seal", "migrate", "--to", "file"]):  # fmt: skip
        with untouched(empty):
            refused(1, "there is no store in", *command, "--data-dir", empty)
    holds(not (world.directory / "nothing").exists(), "a backup of nothing")


@scenario
def who_may_not_look_is_not_told_that_nothing_is_there(world):
    directory = world.directory / "theirs"
    directory.mkdir()
    sealed = Sealed(directory, "file")
    # Root looks everywhere, unless it cannot have these capabilities.
    bounded = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    sealed.data.chmod(0)
    try:
        for command in (["status"], ["account", "list"], ["seal", "show"], ["verify"]):
            result = subprocess.run(
                [*bounded, binary(), *command, "--data-dir", sealed.data], capture_output=True, text=True, timeout=60)
            equal(result.returncode, 1, f"{command}: {result.stdout}{result.stderr}")
            holds("run it as the directory's owner" in result.stderr, f"{command}: {result.stdout}{result.stderr}")
    finally:
        sealed.data.chmod(0o700)


@scenario
def a_secret_does_not_open_a_seal_that_is_not_there(world):
    data = world.directory / "without-seal"
    data.mkdir()
    secret = secret_file(world.directory, "for-nothing", PASSPHRASE)
    for flags in (["--passphrase-file", secret], ["--pin-file", secret], ["--pkcs11-module", MODULE], ["--share-files", secret]):
        with untouched(data):
            refused(2, "has no seal yet", "serve", "--listen", "127.0.0.1:0", "--data-dir", data, *flags)
            refused(2, "has no seal yet", "init", "--data-dir", data, *flags)
    # Such as where a configuration for every machine names a module.
    done("init", "--seal", "file", "--data-dir", data, "--pkcs11-module", MODULE)
    holds((data / "root.key").exists(), "the file that was asked for")


@scenario
def a_root_key_behind_a_link_is_refused(world):
    directory = world.directory / "linked"
    directory.mkdir()
    for name, file in (("file", "root.key"), ("passphrase", "seal.json")):
        sealed = Sealed(directory, name)
        shutil.move(sealed.data / file, directory / file)
        (sealed.data / file).symlink_to(directory / file)
        for command in (["account", "list"], ["rotate-root"], ["seal", "migrate", "--to", "file"]):
            with untouched(sealed.data):
                refused(1, "is a symbolic link", *command, "--data-dir", sealed.data, *sealed.kind.open())
        shutil.move(directory / file, sealed.data / file)
        done("account", "list", "--data-dir", sealed.data, *sealed.kind.open())


@scenario
def a_new_root_key_is_kept_as_the_seal_wants_it(world):
    directory = world.directory / "kept-anew"
    directory.mkdir()
    for name, file, rest in (("file", "root.key", "new root key.\n"), ("passphrase", "seal.json", "The passphrase is the same"),
                             ("pkcs11", "seal.json", "the PIN are the same"), ("shares", "seal.json", "The key shares are the same")):  # fmt: skip
        sealed = Sealed(directory, name)
        said = done("rotate-root", "--data-dir", sealed.data, *sealed.kind.open())
        holds(f"Keep a new copy of {sealed.data}/{file}" in said and rest in said, said)


@scenario
def options_that_make_no_seal_are_refused(world):
    data = world.directory / "no-seal"
    for text, flags in (
        ("is not a kind of seal", ["--seal", "magic"]),
        ("--shares N and --threshold M", ["--seal", "shares"]),
        ("--shares N and --threshold M", ["--seal", "shares", "--shares", "3", "--threshold", "4"]),
        ("--shares N and --threshold M", ["--seal", "shares", "--shares", "3", "--threshold", "1"]),
        ("--shares N and --threshold M", ["--seal", "shares", "--shares", "256", "--threshold", "2"]),
        ("for key shares only", ["--seal", "passphrase", "--shares", "3"]),
        ("for a PKCS#11 token only", ["--pkcs11-make-key"]),
        ("--pkcs11-token and --pkcs11-key", ["--seal", "pkcs11", "--pkcs11-token", "x"]),
        ("--pkcs11-module", ["--seal", "pkcs11", "--pkcs11-token", "x", "--pkcs11-key", "y"]),
    ):
        refused(2, text, "init", "--data-dir", data, *flags)
        holds(not (data / "seal.json").exists() and not (data / "root.key").exists(), f"{flags} made a seal")


@scenario
def a_token_must_have_the_key_and_keep_it(world):
    token()
    data, pin = world.directory / "token", secret_file(world.directory, "token-pin", PIN)
    pkcs11_tool("--keygen", "--key-type", "AES:32", "--label", "extractable", "--extractable", "--sensitive")
    pkcs11_tool("--keypairgen", "--key-type", "rsa:2048", "--label", "pair")
    access = ["--pkcs11-module", MODULE, "--pin-file", pin]
    init = ["init", "--seal", "pkcs11", "--data-dir", data, *access]
    for text, flags in (
        ("there is no token", ["--pkcs11-token", "elsewhere", "--pkcs11-key", "pair"]),
        ("there is no AES key", ["--pkcs11-token", TOKEN, "--pkcs11-key", "missing"]),
        ("must not be extractable", ["--pkcs11-token", TOKEN, "--pkcs11-key", "extractable"]),
        ("already", ["--pkcs11-token", TOKEN, "--pkcs11-key", "pair", "--pkcs11-make-key"]),
    ):
        refused(1, text, *init, *flags)
        holds(not (data / "seal.json").exists(), f"{flags} made a seal")
    done(*init, "--pkcs11-token", TOKEN, "--pkcs11-key", "pair")
    equal(document(data)["parameters"]["mechanism"], "RSA_OAEP_SHA1", "the mechanism for RSA")
    done("account", "list", "--data-dir", data, *access)
    with untouched(data):
        code, shown = typed(["account", "list", "--data-dir", data, "--pkcs11-module", MODULE],
                            [(f"PIN of the token {TOKEN}: ", "999999\r")])  # fmt: skip
        equal(code, 2, shown)
    code, shown = typed(["account", "list", "--data-dir", data, "--pkcs11-module", MODULE],
                        [(f"PIN of the token {TOKEN}: ", PIN + "\r")])  # fmt: skip
    equal(code, 0, shown)
    pkcs11_tool("--delete-object", "--type", "privkey", "--label", "pair")
    with untouched(data):
        refused(1, "there is no AES key", "account", "list", "--data-dir", data, *access)


@scenario
def a_root_key_moves_from_each_kind_to_each(world):
    directory = world.directory / "moves"
    directory.mkdir()
    sealed = Sealed(directory, "file").encrypt()
    held, key = sealed.kind, (sealed.data / "root.key").read_bytes()
    path = ("passphrase", "shares", "passphrase", "pkcs11", "passphrase", "file", "pkcs11", "shares", "pkcs11", "file",
            "shares", "file")  # fmt: skip
    for number, name in enumerate(path):
        new = Kind(name, directory / f"secrets-{number}")
        flags = [*held.open(), *new.make(), *([] if name in ("shares", "file") else new.open())]
        said = done("seal", "migrate", "--to", name, "--data-dir", sealed.data, *flags)
        holds("is sealed by" in said and "Keep" in said or "Give" in said, said)
        names = {"root.key", "seal.json"} & set(os.listdir(sealed.data))
        equal(names, {"root.key"} if name == "file" else {"seal.json"}, f"the files after the move to {name}")
        held = new
    equal((sealed.data / "root.key").read_bytes(), key, "the root key after all moves")
    sealed.check(held)


@scenario
def a_move_to_the_same_kind_changes_the_secret(world):
    directory = world.directory / "changes"
    directory.mkdir()
    sealed = Sealed(directory, "passphrase")
    new = secret_file(directory, "new", "another passphrase")
    short = secret_file(directory, "short", "too short")
    migrate = ["seal", "migrate", "--to", "passphrase", "--data-dir", sealed.data, *sealed.kind.open()]
    with untouched(sealed.data):
        refused(2, "at least 12 bytes", *migrate, "--new-passphrase-file", short)
        refused(2, "the new passphrase is needed", *migrate)
    done(*migrate, "--new-passphrase-file", new)
    with untouched(sealed.data):
        refused(2, "does not open", "account", "list", "--data-dir", sealed.data, *sealed.kind.open())
    done("account", "list", "--data-dir", sealed.data, "--passphrase-file", new)

    sealed = Sealed(directory, "shares")
    old = sealed.kind.open()
    printed = done("seal", "migrate", "--to", "shares", "--data-dir", sealed.data, *old, "--shares", "3", "--threshold", "2")
    shares = [line for line in printed.splitlines() if line.startswith("chatelaine-share-")]
    equal(len(shares), 3, printed)
    files = [secret_file(directory, f"printed-{n}", share + "\n") for n, share in enumerate(shares)]
    with untouched(sealed.data):
        refused(2, "is of the set", "account", "list", "--data-dir", sealed.data, *old)
    done("account", "list", "--data-dir", sealed.data, "--share-files", f"{files[2]},{files[0]}")
    code, shown = typed(["account", "list", "--data-dir", sealed.data],
                        [("Key share 1 of 2: ", shares[1] + "\r"), ("Key share 2 of 2: ", shares[0].upper() + "\r")])  # fmt: skip
    equal(code, 0, shown)
    holds(shares[1][30:60] not in shown, "a share is shown")


@scenario
def another_root_key_is_kept_by_the_same_seal(world):
    directory = world.directory / "rotated"
    directory.mkdir()
    for name in KINDS:
        sealed = Sealed(directory, name).encrypt()
        file = sealed.data / ("root.key" if name == "file" else "seal.json")
        before, shown = file.read_bytes(), done("seal", "show", "--data-dir", sealed.data)
        # Nobody is asked again by a server that has its root key.
        with running(sealed.serve()):
            done("rotate-root", "--data-dir", sealed.data)
        holds(file.read_bytes() != before, f"{file.name} has the old root key of {name}")
        sealed.check()
        done("rotate-root", "--end-sessions", "--data-dir", sealed.data, *sealed.kind.open())
        equal(done("seal", "show", "--data-dir", sealed.data), shown, "the seal after a rotation")
        sealed.check()
        file.write_bytes(before)
        with untouched(sealed.data):
            refused(1, "is not the one that the store", "account", "list", "--data-dir", sealed.data, *sealed.kind.open())


# Kills

CALLS = {"fsync": "fsync,fdatasync", "link": "?link,?linkat", "rename": "?rename,?renameat,?renameat2",
         "unlink": "?unlink,?unlinkat"}  # fmt: skip


def disturbed(call, what, command):
    """Runs a command to which this happens at some of its system calls of this kind."""
    traced = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={CALLS[call]}",
              "-e", f"inject={CALLS[call]}:{what}", binary(), *map(str, command)]  # fmt: skip
    return subprocess.run(traced, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


@scenario
def a_move_to_a_new_key_does_not_take_the_old_one(world):
    directory = world.directory / "same-key"
    directory.mkdir()
    sealed = Sealed(directory, "pkcs11")
    migrate = ["seal", "migrate", "--to", "pkcs11", "--data-dir", sealed.data, *sealed.kind.open()]
    pin = ["--new-pin-file", secret_file(directory, "new-pin", PIN)]
    with untouched(sealed.data):
        refused(2, "already", *migrate, *sealed.kind.make(), *pin)
    new = Kind("pkcs11", directory / "new")
    done(*migrate, *new.make(), *pin)
    done("account", "list", "--data-dir", sealed.data, *new.open())


def killed(call, number, command, kind=None):
    """Runs a command that is killed when a thread of it begins its `number`th system call of this kind; whether it was.

    What it printed of the shares of a kind is kept.
    """
    result = disturbed(call, f"signal=KILL:when={number}", command)
    if kind:
        kind.keep(result.stdout)
    if result.returncode == 0:
        return False
    holds(result.returncode in (-9, 137), f"{command}: exit code {result.returncode}: {result.stderr}")
    return True


@scenario
def a_move_that_is_killed_leaves_the_old_seal_or_the_new_one(world):
    directory = world.directory / "killed"
    directory.mkdir()
    sealed = Sealed(directory, "file")
    before, moves = directory / "before", 0
    for old, name in (("file", "shares"), ("shares", "shares"), ("shares", "file")):
        held = Kind(old, directory / f"secrets-{old}")
        new = Kind(name, directory / "new")
        shutil.rmtree(before, ignore_errors=True)
        shutil.copytree(sealed.data, before)
        for call in ("fsync", "link", "rename", "unlink"):
            number = 1
            while True:
                shutil.rmtree(sealed.data)
                shutil.copytree(before, sealed.data)
                command = ["seal", "migrate", "--to", name, "--data-dir", sealed.data, *held.open(), *new.make(printed=True)]
                if not killed(call, number, command, new):
                    break
                opened_by(sealed.data, held, new)
                moves, number = moves + 1, number + 1
            # It was done in the end, and is done again for the next move.
            equal(opened_by(sealed.data, new), new, f"after {name}")
        shutil.rmtree(directory / f"secrets-{name}", ignore_errors=True)
        shutil.copytree(directory / "new", directory / f"secrets-{name}")
    print(f"killed {moves} times")
    holds(moves >= 20, f"it was killed {moves} times only")


def opened_by(data, *kinds):
    """The seal that opens the root key: the one that the directory names, which must be one of these."""
    shown = done("seal", "show", "--data-dir", data).splitlines()[0]
    kinds = [kind for kind in kinds if shown == f"seal: {kind.name}"]
    for kind in kinds:
        if say("account", "list", "--data-dir", data, *kind.open()).returncode == 0:
            return kind
    raise AssertionError(f"{shown}: {kinds and kinds[0].name} does not open it: {sorted(os.listdir(data))}")


@scenario
def what_a_killed_move_has_left_is_told_and_goes_with_the_next(world):
    directory = world.directory / "left"
    directory.mkdir()
    sealed = Sealed(directory, "file")
    new, command = Kind("shares", directory / "new"), ["seal", "migrate", "--to", "shares", "--data-dir", sealed.data]
    number = 1
    while not (sealed.data / "seal.json").exists():
        holds(killed("fsync", number, [*command, *new.make(printed=True)], new), "it was done before its root.key was in its way")
        number += 1
    holds((sealed.data / "root.key").exists(), "root.key is gone")
    result = say("account", "list", "--data-dir", sealed.data, *new.open())
    equal(result.returncode, 0, result.stderr)
    holds(f"file={sealed.data}/root.key" in result.stderr and "may hold the root key" in result.stderr, result.stderr)
    holds("not used: " in done("seal", "show", "--data-dir", sealed.data), "what is not used")
    again = Kind("shares", directory / "again")
    done(*command, *new.open(), *again.make())
    equal({name for name in os.listdir(sealed.data) if "root.key" in name or "seal" in name}, {"seal.json"})
    done("account", "list", "--data-dir", sealed.data, *again.open())


@scenario
def a_move_that_fails_can_be_made_again_and_its_shares_are_void(world):
    directory = world.directory / "failed"
    directory.mkdir()
    sealed = Sealed(directory, "file")
    for name in ("shares", "pkcs11"):
        new = Kind(name, directory / f"secrets-{name}")
        flags = [*new.make(printed=True), *(new.open() if name == "pkcs11" else [])]
        migrate = ["seal", "migrate", "--to", name, "--data-dir", sealed.data, *sealed.kind.open(), *flags]
        failed = disturbed("rename", "error=ENOSPC", migrate)
        equal(failed.returncode, 1, f"the exit code of a move without room: {failed.stderr}")
        holds("cannot replace" in failed.stderr, failed.stderr)
        equal("handed out are void" in failed.stderr, name == "shares", failed.stderr)
        done("account", "list", "--data-dir", sealed.data, *sealed.kind.open())
        new.keep(done(*migrate))
        sealed.kind = new
        done("account", "list", "--data-dir", sealed.data, *new.open())
    failed = disturbed("link", "error=ENOSPC", ["init", "--seal", "shares", "--shares", "3", "--threshold", "2", "--data-dir",
                                                directory / "new"])  # fmt: skip
    holds(failed.returncode == 1 and "handed out are void" in failed.stderr, failed.stderr)


@scenario
def an_init_that_is_killed_is_finished_by_another(world):
    directory = world.directory / "begun"
    directory.mkdir()
    key = Sealed(directory, "pkcs11").kind
    command = ["init", "--seal", "pkcs11", "--data-dir", directory / "data", "--pkcs11-token", TOKEN, "--pkcs11-key", key.key,
               *key.open()]  # fmt: skip
    for number in range(1, 100):
        shutil.rmtree(directory / "data", ignore_errors=True)
        if not killed("fsync", number, command):
            break
        names = sorted(os.listdir(directory / "data"))
        result = say(*command)
        holds(result.returncode == 0 or "is a data directory already" in result.stderr, f"{names}: {result}")
    holds(number > 3, f"it was killed {number - 1} times only")


if __name__ == "__main__":
    try:
        run()
    finally:
        forget_token()
