"""Custom key stores of nodes that share a store: what one node makes is used by the other, and no two are made that exclude
each other."""

import concurrent.futures
import re

import botocore.exceptions

from far_side import DIRECT
from harness import REGION, equal, eventually, holds, run, scenario
from hsm_key_store import CLUSTER, OTHER, PIN, TOKEN, Tokens, certificate, module
from near_side import FAR, SLOW, parameters
from nodes import POSTGRES, Node, database


def flags(account):
    place = f"{account.number}/{REGION}"
    clusters = f"{CLUSTER}/{place}={TOKEN}@{module()},{OTHER}/{place}=other@{module()}"
    return (
        "--hsm-clusters", clusters,
        "--xks-endpoints", f"https://{DIRECT}/{place}=127.0.0.1:{FAR.port}",
        "--xks-ca-bundle", str(FAR.root.file),
    )  # fmt: skip


def two_nodes(world):
    store = database()
    a = Node(world, store, "a")
    account = a.init()
    a.start(*flags(account))
    b = Node(world, store, "b").take_root_key(a).start(*flags(account))
    return a, b, account


def connected_token(nodes, name, cluster):
    """A store with a token, to which both nodes are connected."""
    store = nodes[0].create_custom_key_store(
        CustomKeyStoreName=name, CloudHsmClusterId=cluster, KeyStorePassword=PIN, TrustAnchorCertificate=certificate()
    )["CustomKeyStoreId"]
    nodes[1].connect_custom_key_store(CustomKeyStoreId=store)
    for kms in nodes:
        eventually(lambda: state(kms, store) == "CONNECTED", "connected", seconds=20)
    return store


def outcome(call, **arguments):
    """The answer, or the code of the error; what only took too long is asked for again."""
    for _ in range(20):
        try:
            return call(**arguments)
        except botocore.exceptions.ClientError as failure:
            if SLOW not in failure.response["Error"]["Message"]:
                return failure.response["Error"]["Code"]
    raise AssertionError("it always takes too long")


def at_once(*calls):
    """The outcomes of calls that are made at the same time."""
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [each.result() for each in [pool.submit(outcome, call, **arguments) for call, arguments in calls]]


def state(kms, store):
    return kms.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"][0]["ConnectionState"]


@scenario
def what_one_node_makes_the_other_uses(world):
    FAR.offer("/shared", one=FAR.key(), two=FAR.key())
    a, b, account = two_nodes(world)
    one, other = a.kms(account), b.kms(account)
    store = outcome(one.create_custom_key_store, **parameters("shared", "/shared"))["CustomKeyStoreId"]
    # At once: what changes a store begins with what is stored.
    other.connect_custom_key_store(CustomKeyStoreId=store)
    for kms in (one, other):
        eventually(lambda: state(kms, store) == "CONNECTED", "connected", seconds=20)
    wanted = {"CustomKeyStoreId": store, "Origin": "EXTERNAL_KEY_STORE"}
    key = outcome(one.create_key, XksKeyId="one", **wanted)["KeyMetadata"]["KeyId"]
    equal(outcome(other.create_key, XksKeyId="one", **wanted), "XksKeyAlreadyInUseException", "the same on the other")
    blob = outcome(other.encrypt, KeyId=key, Plaintext=b"hello")["CiphertextBlob"]
    equal(outcome(one.decrypt, CiphertextBlob=blob)["Plaintext"], b"hello", "decrypted")
    one.disconnect_custom_key_store(CustomKeyStoreId=store)
    eventually(lambda: outcome(other.decrypt, CiphertextBlob=blob) == "KMSInvalidStateException", "disconnected", seconds=10)
    equal(other.describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Unavailable", "state on the other")
    other.connect_custom_key_store(CustomKeyStoreId=store)
    eventually(lambda: state(one, store) == "CONNECTED", "connected on the other", seconds=20)
    equal(outcome(one.decrypt, CiphertextBlob=blob)["Plaintext"], b"hello", "decrypted")
    # Failed on both, and mended before the other has seen that it was disconnected.
    for _ in range(3):
        one.disconnect_custom_key_store(CustomKeyStoreId=store)
        one.connect_custom_key_store(CustomKeyStoreId=store)
        for kms in (one, other):
            eventually(lambda: state(kms, store) == "CONNECTED", "connected without a pause", seconds=20)
    # A node that starts later connects what is connected.
    b.stop()
    b.start(*flags(account))
    other = b.kms(account)
    eventually(lambda: state(other, store) == "CONNECTED", "connected after a start", seconds=20)
    equal(outcome(other.decrypt, CiphertextBlob=blob)["Plaintext"], b"hello", "decrypted")
    other.disconnect_custom_key_store(CustomKeyStoreId=store)
    equal(outcome(one.delete_custom_key_store, CustomKeyStoreId=store), "CustomKeyStoreHasCMKsException", "deletion")
    a.stop()
    b.stop()


@scenario
def no_two_are_made_that_exclude_each_other(world):
    names = [f"/race{number}" for number in range(6)]
    for name in names:
        FAR.offer(name, key=FAR.key())
    a, b, account = two_nodes(world)
    nodes = [a.kms(account), b.kms(account)]
    # One name, different proxies.
    made = at_once(*[
        (nodes[index % 2].create_custom_key_store, parameters("same", name)) for index, name in enumerate(names)
    ])  # fmt: skip
    stores = [each["CustomKeyStoreId"] for each in made if isinstance(each, dict)]
    equal(len(stores), 1, f"stores of one name: {made}")
    equal({each for each in made if isinstance(each, str)}, {"CustomKeyStoreNameInUseException"}, "refusals")
    (store,) = stores
    nodes[0].connect_custom_key_store(CustomKeyStoreId=store)
    for kms in nodes:
        eventually(lambda: state(kms, store) == "CONNECTED", "connected", seconds=20)
    # One external key.
    wanted = {"CustomKeyStoreId": store, "Origin": "EXTERNAL_KEY_STORE", "XksKeyId": "key"}
    made = at_once(*[(nodes[index % 2].create_key, wanted) for index in range(6)])
    keys = [each["KeyMetadata"]["KeyId"] for each in made if isinstance(each, dict)]
    equal(len(keys), 1, f"keys of one external key: {made}")
    equal({each for each in made if isinstance(each, str)}, {"XksKeyAlreadyInUseException"}, "refusals")
    holds(all(outcome(kms.encrypt, KeyId=keys[0], Plaintext=b"x")["CiphertextBlob"] for kms in nodes), "both use it")
    # One proxy, by different names.
    FAR.offer("/other")
    made = at_once(*[
        (nodes[index % 2].create_custom_key_store, parameters(f"name{index}", "/other")) for index in range(4)
    ])  # fmt: skip
    equal(len([each for each in made if isinstance(each, dict)]), 1, f"stores of one proxy: {made}")
    equal({each for each in made if isinstance(each, str)}, {"XksProxyUriInUseException"}, "refusals")
    a.stop()
    b.stop()


@scenario
def a_token_that_is_replaced_without_a_pause_is_replaced_on_both(world):
    a, b, account = two_nodes(world)
    nodes = [a.kms(account), b.kms(account)]
    store = connected_token(nodes, "moved", OTHER)
    nodes[0].disconnect_custom_key_store(CustomKeyStoreId=store)
    nodes[0].update_custom_key_store(CustomKeyStoreId=store, CloudHsmClusterId=CLUSTER)
    nodes[0].connect_custom_key_store(CustomKeyStoreId=store)

    def made_in_new_token():
        key = outcome(nodes[1].create_key, CustomKeyStoreId=store, Origin="AWS_CLOUDHSM")
        return isinstance(key, dict) and key["KeyMetadata"]["KeyId"] in TOKENS.keys()

    eventually(lambda: state(nodes[0], store) == "CONNECTED", "connected", seconds=20)
    # The other may not have heard of it yet; what it makes once it has is in the new token.
    eventually(made_in_new_token, "made in the new token", seconds=10)
    a.stop()
    b.stop()


@scenario
def keys_in_a_token_are_made_once_each(world):
    a, b, account = two_nodes(world)
    nodes = [a.kms(account), b.kms(account)]
    store = connected_token(nodes, "token", CLUSTER)
    before = set(re.findall(r"label: +([0-9a-f-]{36})", TOKENS.keys()))
    # They exclude each other, so that some are begun anew: nothing of that stays in the token.
    made = at_once(*[
        (nodes[index % 2].create_key, {"CustomKeyStoreId": store, "Origin": "AWS_CLOUDHSM"}) for index in range(10)
    ])  # fmt: skip
    keys = {each["KeyMetadata"]["KeyId"] for each in made if isinstance(each, dict)}
    equal(len(keys), 10, f"keys: {made}")
    listed = lambda: set(re.findall(r"label: +([0-9a-f-]{36})", TOKENS.keys())) - before  # noqa: E731
    eventually(lambda: listed() == keys, "these keys in the token, and no others", seconds=10)
    # SoftHSM2 overlooks what another process made while it changed something itself, until another changes something else.
    for node in nodes:
        keys.add(node.create_key(CustomKeyStoreId=store, Origin="AWS_CLOUDHSM")["KeyMetadata"]["KeyId"])
    for key in keys:
        blob = nodes[0].encrypt(KeyId=key, Plaintext=b"hello")["CiphertextBlob"]
        equal(nodes[1].decrypt(CiphertextBlob=blob)["Plaintext"], b"hello", "decrypted by the other")
    a.stop()
    b.stop()


if __name__ == "__main__":
    TOKENS = Tokens(FAR.directory)
    TOKENS.make(TOKEN)
    TOKENS.make("other")
    try:
        FAR.start()
        run()
    finally:
        FAR.end()
        POSTGRES.stop()
