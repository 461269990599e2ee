"""This side of an external key store: what its scripts do through the KMS API, with the other side beside it."""

import contextlib
import json
import time

import botocore.exceptions

from far_side import DIRECT, FarSide, path
from harness import FIRST, SECOND, advance, eventually, holds, run

FAR = FarSide()
CONTEXT = {"tenant": "4711"}
# An answer within 250 ms is wanted of a machine that has more to do: what only took too long is asked for again.
SLOW = "in the time allotted"


def refused(codes, call, **arguments):
    """What is told of a refusal with this code, or one of these."""
    codes = codes if isinstance(codes, tuple) else (codes,)
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as failure:
        told = failure.response["Error"]
        holds(told["Code"] in codes, f"{codes} is wanted of {arguments}, and it is {told}")
        return told
    raise AssertionError(f"{codes} is wanted of {arguments}, and it was answered")


def sure(call, **arguments):
    for _ in range(20):
        try:
            return call(**arguments)
        except botocore.exceptions.ClientError as failure:
            if SLOW not in failure.response["Error"]["Message"]:
                raise
            time.sleep(0.2)
    raise AssertionError(f"{call} always takes too long")


def parameters(name, where, host=DIRECT, account=None, **more):
    return {
        "CustomKeyStoreName": name, "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
        "XksProxyConnectivity": "PUBLIC_ENDPOINT", "XksProxyUriEndpoint": f"https://{host}",
        "XksProxyUriPath": path(where), "XksProxyAuthenticationCredential": secret(where, account),
    } | more  # fmt: skip


def secret(where, account=None):
    account = account or FAR.credential(where)
    return {"AccessKeyId": account.access_key_id, "RawSecretAccessKey": account.secret_access_key}


def entry(kms, store):
    return kms.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"][0]


def reaches(kms, store, state):
    eventually(lambda: entry(kms, store)["ConnectionState"] == state, f"{state}, and not {entry(kms, store)}", seconds=20)
    return entry(kms, store)


def connected(kms, name, where=None, **more):
    """A store that is connected."""
    store = sure(kms.create_custom_key_store, **parameters(name, where or f"/{name}", **more))["CustomKeyStoreId"]
    kms.connect_custom_key_store(CustomKeyStoreId=store)
    reaches(kms, store, "CONNECTED")
    return store


def key_in(kms, store, external):
    return sure(kms.create_key, CustomKeyStoreId=store, Origin="EXTERNAL_KEY_STORE", XksKeyId=external)["KeyMetadata"]


@contextlib.contextmanager
def one_key(world, name, account=FIRST, **more):
    """A connected store with a key, which are taken away afterwards."""
    FAR.offer(f"/{name}", key=FAR.key())
    kms = world.kms(account)
    store = connected(kms, name, **more)
    metadata = key_in(kms, store, "key")
    try:
        yield kms, store, metadata["Arn"]
    finally:
        # The server may be another one by now.
        take_away(world, world.kms(account), store, metadata["KeyId"])


def take_away(world, kms, store, *keys):
    for key in keys:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    if keys:
        advance(world, "8d")
    if entry(kms, store)["ConnectionState"] != "DISCONNECTED":
        kms.disconnect_custom_key_store(CustomKeyStoreId=store)
    kms.delete_custom_key_store(CustomKeyStoreId=store)


def go():
    """Runs the scenarios of the script, with both sides."""
    quotas = FAR.directory / "quotas.json"
    quotas.write_text(json.dumps({SECOND.number: {"requests": {"customKeyStore": 2}}}))
    try:
        FAR.start()
        run(*FAR.flags, "--quota-overrides", str(quotas))
    finally:
        FAR.end()
