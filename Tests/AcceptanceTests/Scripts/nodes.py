"""Nodes over a store that they share, and the commands that make and move one."""

import os
import re
import shutil
import subprocess

from harness import Account, World, binary, equal
from postgres import PostgreSQL, keeps_secret
from server import READY, Server

POSTGRES = PostgreSQL()


def chatelaine(*arguments, wanted=0, store=None, **options):
    environment = {**os.environ, **({"CHATELAINE_STORE": store} if store else {})}
    done = subprocess.run(
        [binary(), *map(str, arguments)], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
        env=environment, **options)  # fmt: skip
    keeps_secret(done.stdout + done.stderr, arguments[0])
    equal(done.returncode, wanted, f"exit code of {arguments[0]}: {done.stdout}{done.stderr}")
    return done.stdout if wanted == 0 else done.stderr


def credentials(said):
    """The account and the access key that a command has shown."""
    def exported(name):
        return re.search(rf"export {name}=(\S+)", said)[1]

    account = re.search(r"account (\d{12})", said)[1]
    return Account(account, exported("AWS_ACCESS_KEY_ID"), exported("AWS_SECRET_ACCESS_KEY"))


class NewServer(Server):
    """One that may make a first account, of which it speaks before it listens."""

    def _first_line(self, deadline):
        line = " "
        while line and not line.startswith(READY):
            line = super()._first_line(deadline)
        return line


class Node:
    """A node of its own directory, over a store that it shares."""

    def __init__(self, world, store, name, *flags):
        self.name, self.store = name, store
        self.data = world.directory / f"{name}-{os.urandom(4).hex()}"
        self.flags = ["--data-dir", str(self.data), "--store", store, "--node", name, *flags]

    def take_root_key(self, other):
        self.data.mkdir(mode=0o700, exist_ok=True)
        shutil.copy2(other.data / "root.key", self.data / "root.key")
        return self

    def init(self, *flags):
        return credentials(chatelaine("init", *self.flags, *flags))

    def start(self, *flags):
        listening = ["--listen", "127.0.0.1:0", "--quotas", "unlimited"]
        self.server = NewServer("serve", *listening, *self.flags, *flags).start(deadline=40)
        return self

    def refusal(self, *flags, command="serve"):
        """What it says when it does not start."""
        more = ["--listen", "127.0.0.1:0"] if command == "serve" else []
        return chatelaine(command, *self.flags, *more, *flags, wanted=1)

    def kms(self, account):
        return World(self.server, self.data).kms(account)

    def stop(self):
        equal(self.server.stop(), 0, f"the end of {self.name}; its log:\n{self.server.log_text()}")
        keeps_secret(self.server.log_text(), f"the log of {self.name}")
        self.server.forget_log()


def database():
    return POSTGRES.database(f"db{os.urandom(4).hex()}")


def passphrase(world, text="a long enough passphrase"):
    path = world.directory / f"passphrase-{os.urandom(4).hex()}"
    path.write_text(text)
    path.chmod(0o600)
    return path


def decrypts(node, account, ciphertext, wanted=b"hello"):
    equal(node.kms(account).decrypt(CiphertextBlob=ciphertext)["Plaintext"], wanted, f"decrypted by {node.name}")
