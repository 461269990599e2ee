"""Nodes that share a store: what is made on one is used on the other, and who does not belong to them is refused."""

import threading

from harness import eventually, equal, holds, run, scenario
from key_store_proxy import Client, File, bad, credential, good, proxy
from nodes import POSTGRES, Node, chatelaine, credentials, database, decrypts, passphrase


@scenario
def a_key_made_on_one_node_is_used_on_the_other(world):
    store = database()
    a = Node(world, store, "a")
    account = a.init()
    a.start()
    b = Node(world, store, "b").take_root_key(a).start()
    # By these each admits its part of what an account may ask.
    serving = "select string_agg(name, ' ' order by name) from lease where name like 'serving/%'"
    equal(POSTGRES.query(store.rsplit("/", 1)[1], serving), "serving/a serving/b", "nodes that serve")
    key = a.kms(account).create_key()["KeyMetadata"]["KeyId"]
    ciphertext = b.kms(account).encrypt(KeyId=key, Plaintext=b"hello")["CiphertextBlob"]
    decrypts(a, account, ciphertext)
    b.kms(account).disable_key(KeyId=key)
    eventually(lambda: a.kms(account).describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled", "disabled on a", 5)
    a.stop()
    b.stop()
    # Each has a log of its own, and the store knows of both.
    logs = [f"a={a.data}", f"b={b.data / 'audit'}"]
    said = chatelaine("audit", "verify", *a.flags, *logs)
    for node in ("a", "b"):
        holds(f"node {node}: the audit log is whole" in said, said)
    chatelaine("audit", "verify", *b.flags)
    said = chatelaine("audit", "verify", *a.flags, f"a={b.data}", wanted=1)
    holds("not every audit log is whole" in said, said)
    said = chatelaine("audit", "verify", *a.flags, f"c={b.data}", wanted=1)
    holds("the store knows of no audit log of a node c" in said, said)
    lines = (a.data / "audit" / "audit.jsonl").read_text().splitlines()
    (a.data / "audit" / "audit.jsonl").write_text("\n".join(lines[:-2]) + "\n")
    said = chatelaine("audit", "verify", *b.flags, *logs, wanted=1)
    holds("not every audit log is whole" in said, said)


@scenario
def a_node_that_runs_verifies_the_logs_of_others(world):
    store = database()
    a = Node(world, store, "a")
    account = a.init()
    a.start()
    b = Node(world, store, "b").take_root_key(a).start()
    b.kms(account).list_keys()
    b.stop()
    said = chatelaine("audit", "verify", *a.flags, f"a={a.data}", f"b={b.data}")
    holds("node b: the audit log is whole" in said and "node a: the audit log is whole" in said, said)
    a.stop()


@scenario
def each_node_offers_keys_to_another_KMS_also_those_that_it_has_no_room_for(world):
    file, other = File(), credential("A")
    try:
        absent = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"
        file.write(proxy("/one", [other], {"k": absent}))
        store, offering = database(), ("--xks-proxy", str(file.path))
        a = Node(world, store, "a")
        account = a.init()
        a.start(*offering)
        kms = a.kms(account)
        keys = [kms.create_key()["KeyMetadata"]["Arn"] for _ in range(4)]
        file.write(proxy("/one", [other], {f"k{index}": key for index, key in enumerate([*keys, absent])}))
        b = Node(world, store, "b").take_root_key(a).start(*offering, "--cache-keys", "1")
        first, second = (Client(node.server.endpoint, "/one", other) for node in (a, b))
        eventually(lambda: first.encrypt("k0").status == 200, "a takes the file", 20)
        made = [good(second.encrypt(f"k{index}", b"hello")) for index in range(4)]
        for index in (3, 1, 0, 2, 1):
            good(second.decrypt(f"k{index}", made[index]))
        bad(second.encrypt("k4"), "KeyNotFoundException", "a key that is nowhere")
        for _ in range(5):
            kms.rotate_key_on_demand(KeyId=keys[0])
            # Whether b has heard of it or not: the ciphertext says that there is other material.
            good(second.decrypt("k0", good(first.encrypt("k0", b"hello"))))
        good(first.decrypt("k0", made[0]))
        eventually(lambda: good(first.health())["xksProxyFleetSize"] == 2, "a knows of both", 20)
        equal(good(second.health())["ekmFleetDetails"][0]["id"], "b", "which one answers")
        kms.disable_key(KeyId=keys[1])
        eventually(lambda: second.encrypt("k1").status == 400, "disabled on b", 5)
        bad(second.decrypt("k1", made[1]), "InvalidStateException", "on b")
        a.stop()
        b.stop()
    finally:
        file.remove()


@scenario
def the_wrong_root_key_refuses_and_touches_nothing(world):
    store = database()
    a = Node(world, store, "a")
    a.init()
    name = store.rsplit("/", 1)[1]
    tables = "select count(*) || ' ' || md5(string_agg(name || encode(value, 'hex'), ' ' order by name)) from setting"
    before = POSTGRES.query(name, tables)
    other = Node(world, database(), "other")
    other.init()
    said = Node(world, store, "b").take_root_key(other).refusal()
    holds("the root key is not the one that the store" in said, said)
    without = Node(world, store, "b")
    said = without.refusal()
    holds("copy the file from another node" in said, said)
    holds(not (without.data / "root.key").exists(), "a root key was made for a store that has one")
    equal(POSTGRES.query(name, tables), before, "the settings of the store")
    said = Node(world, store, "c").take_root_key(a).refusal(command="init")
    holds("has accounts already" in said, said)


@scenario
def a_name_is_one_process_s_at_a_time(world):
    store = database()
    a = Node(world, store, "a")
    account = a.init()
    a.start()
    again = Node(world, store, "a").take_root_key(a)
    said = again.refusal()
    holds("another process runs as node a" in said, said)
    # One that was killed is itself again as soon as its lease is over, and goes on with its log.
    key = a.kms(account).create_key()["KeyMetadata"]["KeyId"]
    a.server.kill()
    a.start()
    a.kms(account).describe_key(KeyId=key)
    a.stop()
    chatelaine("audit", "verify", *a.flags)


@scenario
def two_that_start_at_once_on_a_new_store_agree(world):
    store = database()
    first = Node(world, database(), "x")
    first.init()
    nodes = [Node(world, store, name).take_root_key(first) for name in ("a", "b")]
    threads = [threading.Thread(target=node.start) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accounts = chatelaine("account", "list", *Node(world, store, "list").take_root_key(first).flags).splitlines()
    equal(len(accounts), 1, "first accounts")
    said = chatelaine("account", "root-key", "--account", accounts[0].split()[0],
                      *Node(world, store, "tool").take_root_key(first).flags)  # fmt: skip
    account = credentials(said)
    usable = lambda node: _works(lambda: node.kms(account).list_keys())
    for node in nodes:
        eventually(lambda: usable(node), f"the access key on {node.name}", 10)
    key = nodes[0].kms(account).create_key()["KeyMetadata"]["KeyId"]
    ciphertext = nodes[1].kms(account).encrypt(KeyId=key, Plaintext=b"hello")["CiphertextBlob"]
    decrypts(nodes[0], account, ciphertext)
    for node in nodes:
        node.stop()
    chatelaine("audit", "verify", *nodes[0].flags, *[f"{node.name}={node.data}" for node in nodes])


def _works(call):
    try:
        return bool(call())
    except Exception:
        return False


@scenario
def a_seal_is_all_nodes_seal(world):
    store, secret = database(), passphrase(world)
    a = Node(world, store, "a", "--passphrase-file", str(secret))
    account = a.init("--seal", "passphrase")
    a.start()
    key = a.kms(account).create_key()["KeyMetadata"]["KeyId"]
    b = Node(world, store, "b", "--passphrase-file", str(secret)).start()
    ciphertext = b.kms(account).encrypt(KeyId=key, Plaintext=b"hello")["CiphertextBlob"]
    wrong = Node(world, store, "c", "--passphrase-file", str(passphrase(world, "another long passphrase")))
    said = chatelaine("serve", *wrong.flags, "--listen", "127.0.0.1:0", wanted=2)
    holds("the passphrase does not open" in said, said)
    # While others run, neither the root key changes nor how it is kept.
    said = chatelaine("rotate-root", "--data-dir", a.data, wanted=1)
    holds("stop them first" in said, said)
    b.stop()
    chatelaine("rotate-root", "--data-dir", a.data)
    a.stop()
    b.start()
    decrypts(b, account, ciphertext)
    b.stop()
    other = passphrase(world, "a new and long passphrase")
    chatelaine("seal", "migrate", "--to", "passphrase", *a.flags, "--new-passphrase-file", other)
    said = chatelaine("serve", *b.flags, "--listen", "127.0.0.1:0", wanted=2)
    holds("the passphrase does not open" in said, said)
    b.flags[-1] = str(other)
    b.start()
    decrypts(b, account, ciphertext)
    b.stop()


@scenario
def what_is_not_for_a_shared_store_is_refused(world):
    store = database()
    a = Node(world, store, "a")
    a.init()
    said = chatelaine("backup", *a.flags, "--to", world.directory / "backup", wanted=1)
    holds("store copy" in said, said)
    said = chatelaine("dev", "--listen", "127.0.0.1:0", store=store, wanted=2)
    holds("serve" in said, said)
    own = world.directory / "own"
    chatelaine("init", "--data-dir", own)
    said = chatelaine("serve", "--data-dir", own, "--store", store, "--node", "b", wanted=1)
    holds("has a store of its own" in said, said)
    said = chatelaine("serve", *a.flags, "--store", f"{store}?target_session_attrs=any", "--listen", "127.0.0.1:0", wanted=1)
    holds("target_session_attrs" in said, said)
    for wrong in ("mysql://owner:nobody%2Fmust@host/db", "sqlite:", "postgresql"):
        chatelaine("serve", "--data-dir", world.directory / "none", "--store", wrong, wanted=2)
    chatelaine("serve", "--data-dir", world.directory / "none", "--store", f"sqlite:{own}", wanted=2)
    chatelaine("serve", *a.flags, "--node", "a/b", wanted=2)
    chatelaine("serve", *a.flags, "--store-outage-seconds", "-1", wanted=2)
    chatelaine("serve", *a.flags, "--cache-keys", "0", wanted=2)
    gone = Node(world, store.replace(f":{POSTGRES.port}/", ":1/"), "a").take_root_key(a)
    said = gone.refusal()
    holds("cannot open the store postgresql://127.0.0.1:1/" in said, said)


if __name__ == "__main__":
    run()
