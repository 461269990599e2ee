"""Moving between a data directory and a shared store, there and back, with everything that is in it."""

import os
import shutil
import signal
import subprocess
import tempfile
import time

from harness import binary, equal, holds, run, scenario
from nodes import POSTGRES, Node, chatelaine, database, decrypts, passphrase
from postgres import keeps_secret


class Own(Node):
    """A server that has the store for itself."""

    def __init__(self, data, *flags):
        self.name, self.data = "own", data
        self.flags = ["--data-dir", str(data), *flags]


def filled(world, *flags):
    """A data directory with keys, and what its keys encrypted."""
    own = Own(world.directory / f"own-{os.urandom(4).hex()}", *flags)
    account = own.init(*(["--seal", "passphrase"] if flags else []))
    own.start()
    kms, secrets = own.kms(account), []
    for number in range(20):
        key = kms.create_key(Description=f"key {number}", MultiRegion=number % 5 == 0)["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=f"alias/copied-{number}", TargetKeyId=key)
        kms.create_grant(KeyId=key, GranteePrincipal=account.root, Operations=["Decrypt"])
        secrets.append(kms.encrypt(KeyId=key, Plaintext=b"hello")["CiphertextBlob"])
    kms.schedule_key_deletion(KeyId=key)
    own.stop()
    return own, account, secrets[:-1]


def copy(source, target, *flags, wanted=0):
    return chatelaine("store", "copy", "--from", source, "--to", target, *flags, wanted=wanted)


def serves(node, account, secrets):
    node.start()
    for secret in secrets:
        decrypts(node, account, secret)
    names = [alias["AliasName"] for alias in node.kms(account).list_aliases(Limit=100)["Aliases"]]
    equal(sum(name.startswith("alias/copied-") for name in names), 20, "aliases")
    node.stop()


@scenario
def a_directory_moves_to_a_shared_store_and_back(world):
    own, account, secrets = filled(world)
    store = database()
    said = copy(f"sqlite:{own.data}", store)
    holds("20 keys" in said and "20 aliases" in said and "20 grants" in said, said)
    node = Node(world, store, "a").take_root_key(own)
    serves(node, account, secrets)
    # The log of before is verified with what the store says of it.
    said = chatelaine("audit", "verify", *node.flags, own.data, f"a={node.data}")
    holds("node a: the audit log is whole" in said, said)
    holds(said.count("the audit log is whole") == 2, said)
    back = Own(world.directory / f"back-{os.urandom(4).hex()}")
    copy(store, f"sqlite:{back.data}")
    back.take_root_key(own)
    serves(back, account, secrets)
    chatelaine("audit", "verify", *back.flags)
    chatelaine("audit", "verify", *back.flags, f"a={node.data}")
    chatelaine("verify", *back.flags)
    holds("AuditLogDiscrepancy" not in (back.data / "audit" / "audit.jsonl").read_text(), "a discrepancy")


@scenario
def a_seal_goes_along(world):
    secret = ["--passphrase-file", str(passphrase(world))]
    own, account, secrets = filled(world, *secret)
    store = database()
    copy(f"sqlite:{own.data}", store)
    serves(Node(world, store, "a", *secret), account, secrets)
    back = Own(world.directory / f"back-{os.urandom(4).hex()}", *secret)
    copy(store, f"sqlite:{back.data}")
    serves(back, account, secrets)


@scenario
def stores_that_are_in_use_or_have_something_are_refused(world):
    own, account, secrets = filled(world)
    store = database()
    own.start()
    copy(f"sqlite:{own.data}", store, wanted=1)
    own.stop()
    copy(f"sqlite:{own.data}", store)
    said = copy(f"sqlite:{own.data}", store, wanted=1)
    holds("is not empty" in said, said)
    said = copy(f"sqlite:{own.data}", store, "--restart", wanted=1)
    holds("is not empty" in said, said)
    node = Node(world, store, "a").take_root_key(own).start()
    said = copy(store, f"sqlite:{world.directory / 'never'}", wanted=1)
    holds("stop them first" in said, said)
    node.stop()
    copy(f"sqlite:{world.directory / 'none'}", store, wanted=1)
    copy(store, store, wanted=2)
    # A node that was killed has left the records of its last changes in the store.
    said = copy(f"sqlite:{own.data}", "postgresql://owner:nobody%2Fmust@127.0.0.1:1/none", wanted=1)
    holds("cannot open the store postgresql://127.0.0.1:1/none" in said, said)
    # An @ in an option does not end a password: chatelaine() looks for what must not be seen.
    said = copy(f"sqlite:{own.data}", "postgresql://127.0.0.1:1/none?user=chat&password=abc@must:see", wanted=1)
    holds("cannot open the store postgresql://127.0.0.1:1/none" in said, said)


@scenario
def what_opens_another_root_key_stays_as_it_is(world):
    secret = ["--passphrase-file", str(passphrase(world))]
    own, account, secrets = filled(world, *secret)
    other, _, _ = filled(world, "--passphrase-file", str(passphrase(world, "another long passphrase")))
    plain, _, _ = filled(world)
    before = (other.data / "seal.json").read_bytes()
    said = copy(f"sqlite:{own.data}", f"sqlite:{other.data}", wanted=1)
    holds("is not empty" in said, said)
    equal((other.data / "seal.json").read_bytes(), before, "seal.json of a store")
    # What a node of another store has.
    for source, file in ((own, "seal.json"), (plain, "seal.json"), (own, "root.key")):
        node = world.directory / f"node-{os.urandom(4).hex()}"
        node.mkdir(mode=0o700)
        shutil.copy2((other if file == "seal.json" else plain).data / file, node / file)
        said = copy(f"sqlite:{source.data}", f"sqlite:{node}", wanted=1)
        holds(f"{node}/{file} is not" in said, said)
        equal([path.name for path in node.iterdir()], [file], "files of a node")
    # What opens the same may be there already.
    again = Own(world.directory / f"again-{os.urandom(4).hex()}", *secret)
    again.data.mkdir(mode=0o700)
    shutil.copy2(own.data / "seal.json", again.data / "seal.json")
    copy(f"sqlite:{own.data}", f"sqlite:{again.data}")
    serves(again, account, secrets)


# Keys like one that is there; nobody opens their material.
MORE_KEYS = """
with added as (
    insert into kms_key
    select (jsonb_populate_record(present, jsonb_build_object('key_id', gen_random_uuid()::text))).*
    from kms_key present, generate_series(1, 2500) where present.key_id = '{key}' returning key_id)
insert into material
select (jsonb_populate_record(present, jsonb_build_object('key_id', added.key_id))).*
from material present, added where present.key_id = '{key}'
"""


@scenario
def a_copy_that_was_held_up_while_others_could_come_is_none(world):
    source, target = database(), database()
    a = Node(world, source, "a")
    account = a.init()
    a.start()
    key = a.kms(account).create_key()["KeyMetadata"]["KeyId"]
    a.stop()
    POSTGRES.query(source.rsplit("/", 1)[1], MORE_KEYS.format(key=key))
    with tempfile.TemporaryFile() as output:
        copying = subprocess.Popen(
            [binary(), "store", "copy", "--from", source, "--to", target],
            stdout=output, stderr=output, stdin=subprocess.DEVNULL)  # fmt: skip
        name, count = target.rsplit("/", 1)[1], 0
        # The second of some pages.
        while copying.poll() is None and count <= 500:
            try:
                count = int(POSTGRES.query(name, "select count(*) from kms_key"))
            except AssertionError:
                # There are no tables yet.
                time.sleep(0.01)
        copying.send_signal(signal.SIGSTOP)
        time.sleep(15.5)
        # What is read once, and so not found when keys are compared.
        chatelaine("account", "create", *a.flags)
        copying.send_signal(signal.SIGCONT)
        equal(copying.wait(60), 1, "exit code")
        output.seek(0)
        said = output.read().decode()
    keeps_secret(said, "store copy")
    # Otherwise if it was stopped while it waited for a database.
    lost = [f"cannot {attempt} the store" for attempt in ("read", "write")]
    holds(any(reason in said for reason in ["was held up for so long", *lost]), said)
    # Once on the way and at the end, however many pages are compared.
    holds(said.count(" keys copied\n") <= 2, said)
    holds("did not come to its end" in Node(world, target, "b").take_root_key(a).refusal(), "a half copy is served")
    said = copy(source, target, "--restart")
    holds("keys" in said, said)


@scenario
def an_interrupted_copy_is_no_store_until_it_is_made_anew(world):
    own, account, secrets = filled(world)
    store = database()
    name = store.rsplit("/", 1)[1]
    Node(world, store, "unused")
    # Slow enough to be killed: the last thing that is written waits for a lock.
    copying = subprocess.Popen(
        [binary(), "store", "copy", "--from", f"sqlite:{own.data}", "--to", store],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)  # fmt: skip
    marked = "select count(*) from setting where name = 'copy.incomplete' and length(value) > 0"
    while copying.poll() is None:
        try:
            if POSTGRES.query(name, marked) == "1":
                copying.kill()
                break
        except AssertionError:
            # There are no tables yet.
            time.sleep(0.01)
    said = copying.communicate()[0].decode()
    keeps_secret(said, "store copy")
    if POSTGRES.query(name, marked) == "0":
        # It was faster than the kill: the mark stands for it.
        POSTGRES.query(name, "update setting set value = '\\x01' where name = 'copy.incomplete'")
    node = Node(world, store, "a").take_root_key(own)
    said = node.refusal()
    holds("did not come to its end" in said, said)
    # The name of the copy that was killed is taken until its lease is over.
    said = copy(f"sqlite:{own.data}", store, wanted=1)
    holds("store copy --restart" in said, said)
    copy(f"sqlite:{own.data}", store, "--restart")
    serves(node, account, secrets)


if __name__ == "__main__":
    run()
