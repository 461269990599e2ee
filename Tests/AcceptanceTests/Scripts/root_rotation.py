"""The root key is replaced while requests are answered, and while the server is killed.

What was encrypted, imported and signed in under the old one goes on to work; nothing in the store is left under it.
"""

import os
import random
import sqlite3
import subprocess
import threading
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from harness import FIRST, Account, advance, binary, equal, eventually, holds, refused, run, scenario

# Keys that are in the store while a server is killed: enough that a rotation takes a while.
CROWD = 150
# What the server says when it has begun one.
BEGINNING = "A new root key takes the place"
KILLS = int(os.environ.get("KILL_ROUNDS", "6"))


def command(name, *flags, world, wanted=0):
    """Runs a command over the directory, and answers what it says."""
    done = subprocess.run(
        [binary(), name, "--data-dir", str(world.data), *flags],
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    equal(done.returncode, wanted, f"exit code of {name}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def rotate(world, *flags, wanted=0):
    return command("rotate-root", *flags, world=world, wanted=wanted)


def root_key(world):
    return (world.data / "root.key").read_text()


def settings(world):
    """What the store says of root keys; nobody may have it open."""
    connection = sqlite3.connect(world.data / "chatelaine.sqlite")
    try:
        rows = connection.execute("SELECT CAST(name AS TEXT), value FROM setting").fetchall()
        return {name.removeprefix("root-key."): value for name, value in rows if name.startswith("root-key.")}
    finally:
        connection.close()


def restart(world):
    world.server.stop()
    world.server.start()


def session(world):
    made = world.client("sts").get_session_token()["Credentials"]
    return Account(FIRST.number, made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])


def bring(world, key, material):
    kms = world.kms()
    given = kms.get_parameters_for_import(
        KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    public = serialization.load_der_public_key(given["PublicKey"])
    wrapped = public.encrypt(material, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    return lambda: kms.import_key_material(
        KeyId=key, ImportToken=given["ImportToken"], EncryptedKeyMaterial=wrapped,
        ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")["KeyMaterialId"]


def forget(world, position=None):
    """Lets the time pass after which nothing needs the old root key.

    A rotation without a server has the time of the machine: for a server whose clock is ahead it may be long ago.
    """
    position = world.server.log_size() if position is None else position
    advance(world, "37h")
    eventually(lambda: "was forgotten" in world.server.log_since(position), "the old root key is forgotten")


@scenario
def everything_of_before_works_after(world):
    kms = world.kms()
    specs = ["SYMMETRIC_DEFAULT", "RSA_2048", "ECC_NIST_P256", "HMAC_256"]
    usage = {"RSA_2048": "SIGN_VERIFY", "ECC_NIST_P256": "SIGN_VERIFY", "HMAC_256": "GENERATE_VERIFY_MAC"}
    keys = {
        spec: world.key(KeySpec=spec, KeyUsage=usage.get(spec, "ENCRYPT_DECRYPT"))["KeyId"] for spec in specs
    }
    several = world.key()["KeyId"]
    ciphertexts = [kms.encrypt(KeyId=several, Plaintext=b"first")["CiphertextBlob"]]
    kms.rotate_key_on_demand(KeyId=several)
    eventually(lambda: len(kms.list_key_rotations(KeyId=several)["Rotations"]) == 1, "a second generation")
    ciphertexts.append(kms.encrypt(KeyId=several, Plaintext=b"second")["CiphertextBlob"])
    signed = kms.sign(KeyId=keys["ECC_NIST_P256"], Message=b"m", SigningAlgorithm="ECDSA_SHA_256")["Signature"]
    public = kms.get_public_key(KeyId=keys["RSA_2048"])["PublicKey"]
    code = kms.generate_mac(KeyId=keys["HMAC_256"], Message=b"m", MacAlgorithm="HMAC_SHA_256")["Mac"]
    visitor = session(world)
    external = world.key(Origin="EXTERNAL")["KeyId"]
    material = os.urandom(32)
    deliver = bring(world, external, material)
    grant = kms.create_grant(KeyId=several, GranteePrincipal=FIRST.root, Operations=["Decrypt"])
    before = root_key(world)

    said = rotate(world)
    holds("secrets are wrapped under it" in said and f"Keep a new copy of {world.data}/root.key" in said, said)
    holds(root_key(world) != before, "the file of the root key did not change")
    identifier = deliver()

    def check():
        for ciphertext, plaintext in zip(ciphertexts, [b"first", b"second"]):
            equal(world.kms(visitor).decrypt(CiphertextBlob=ciphertext)["Plaintext"], plaintext)
        now = world.kms()
        holds(
            now.verify(KeyId=keys["ECC_NIST_P256"], Message=b"m", Signature=signed,
                       SigningAlgorithm="ECDSA_SHA_256")["SignatureValid"], "an old signature is valid")
        equal(now.get_public_key(KeyId=keys["RSA_2048"])["PublicKey"], public)
        holds(
            now.verify_mac(KeyId=keys["HMAC_256"], Message=b"m", Mac=code, MacAlgorithm="HMAC_SHA_256")["MacValid"],
            "an old code is valid")
        now.decrypt(CiphertextBlob=ciphertexts[0], GrantTokens=[grant["GrantToken"]])

    check()
    restart(world)
    check()
    # The same material has the same identifier, whatever the root key.
    world.kms().delete_imported_key_material(KeyId=external)
    equal(bring(world, external, material)(), identifier, "the identifier of imported material")
    forget(world)
    world.server.stop()
    kept = settings(world)
    equal([kept["predecessor"], kept["successor"], len(kept["check"])], [b"", b"", 32], "what is left of the old one")
    world.server.start()
    world.kms().delete_imported_key_material(KeyId=external)
    equal(bring(world, external, material)(), identifier, "the identifier of imported material")
    for ciphertext in ciphertexts:
        world.kms().decrypt(CiphertextBlob=ciphertext)


@scenario
def sessions_can_be_ended(world):
    key = world.key()["KeyId"]
    rotate(world)
    visitor = session(world)
    said = rotate(world, wanted=1)
    holds("--end-sessions ends them now" in said, said)
    world.kms(visitor).describe_key(KeyId=key)
    rotate(world, "--end-sessions")
    with refused("UnrecognizedClientException"):
        world.kms(visitor).describe_key(KeyId=key)
    restart(world)
    with refused("UnrecognizedClientException"):
        world.kms(visitor).describe_key(KeyId=key)
    world.kms(session(world)).describe_key(KeyId=key)
    forget(world)


def put(world, **values):
    """Edits what the store keeps of root keys; nobody may have it open."""
    connection = sqlite3.connect(world.data / "chatelaine.sqlite")
    try:
        for name, value in values.items():
            connection.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", [f"root-key.{name}".encode(), value])
        connection.commit()
    finally:
        connection.close()


def start_fails(world, text):
    done = subprocess.run(
        [*world.server.command], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    equal(done.returncode, 1, f"exit code of the start: {done.stderr}")
    holds(text in done.stderr, done.stderr)


@scenario
def an_end_of_sessions_is_not_undone_in_the_store(world):
    visitor = session(world)
    world.kms(visitor).list_keys()
    rotate(world, "--end-sessions")
    world.server.stop()
    kept = settings(world)
    for place in range(0, len(kept["predecessor"]), 9):
        edited = bytearray(kept["predecessor"])
        edited[place] ^= 1
        put(world, predecessor=bytes(edited))
        world.server.start()
        holds("setting=root-key.predecessor" in world.server.log_text(), "the log names it")
        world.kms().list_keys()
        with refused("UnrecognizedClientException"):
            world.kms(visitor).list_keys()
        world.server.stop()
    put(world, predecessor=kept["predecessor"], retirement=bytes(8) + b"\x01")
    world.server.start()
    with refused("UnrecognizedClientException"):
        world.kms(visitor).list_keys()
    forget(world)
    world.server.stop()
    put(world, predecessor=kept["predecessor"])
    world.server.start()
    with refused("UnrecognizedClientException"):
        world.kms(visitor).list_keys()
    world.server.stop()
    put(world, predecessor=b"", retirement=b"")
    world.server.start()
    world.kms().list_keys()


@scenario
def what_keeps_a_rotation_from_beginning_is_named(world):
    rotate(world)
    world.server.stop()
    kept = settings(world)["identifiers"]
    put(world, identifiers=kept[:-1] + bytes([kept[-1] ^ 1]))
    world.server.start()
    said = rotate(world, "--end-sessions", wanted=1)
    holds("the setting root-key.identifiers of the store does not open" in said, said)
    world.server.stop()
    put(world, identifiers=kept)
    world.server.start()
    rotate(world, "--end-sessions")
    forget(world)


@scenario
def the_old_root_key_opens_nothing(world):
    before = root_key(world)
    rotate(world)
    world.server.stop()
    now = root_key(world)
    (world.data / "root.key").write_text(before)
    start_fails(world, "the root key is not the one")
    (world.data / "root.key").write_text(now)
    world.server.start()
    forget(world)


@scenario
def without_a_server_it_is_done_at_the_files(world):
    kms = world.kms()
    key = world.key()["KeyId"]
    ciphertext = kms.encrypt(KeyId=key, Plaintext=b"offline")["CiphertextBlob"]
    world.server.stop()
    position = world.server.log_size()
    rotate(world)
    world.server.start()
    equal(world.kms().decrypt(CiphertextBlob=ciphertext)["Plaintext"], b"offline")
    forget(world, position)


@scenario
def a_server_that_is_killed_goes_on_where_it_was(world):
    kms = world.kms()
    known = {}
    for number in range(CROWD):
        key = world.key()["KeyId"]
        known[key] = kms.encrypt(KeyId=key, Plaintext=b"%d" % number)["CiphertextBlob"]
    visitor = session(world)
    interrupted = kills = 0
    # On a machine that is busy it can take more of them until one comes in the middle of a rotation.
    while kills < KILLS or interrupted == 0 and kills < 8 * KILLS:
        kills += 1
        position = world.server.log_size()
        asked = threading.Thread(
            target=lambda: subprocess.run(
                [binary(), "rotate-root", "--end-sessions", "--data-dir", str(world.data)],
                capture_output=True, timeout=60, stdin=subprocess.DEVNULL))  # fmt: skip
        asked.start()
        if kills % 2:
            # On a machine that is busy the command takes longer to begin than a rotation takes.
            eventually(lambda: BEGINNING in world.server.log_since(position), "a rotation begins", pause=0.001)
            time.sleep(random.choice((0, random.uniform(0, 0.05))))
        else:
            time.sleep(random.uniform(0.01, 0.25))
        world.server.kill()
        asked.join()
        world.server.start()
        # Under way or not: everything opens, and what is made now stays.
        key = world.key()["KeyId"]
        known[key] = world.kms().encrypt(KeyId=key, Plaintext=b"new")["CiphertextBlob"]
        for key, ciphertext in known.items():
            world.kms().decrypt(KeyId=key, CiphertextBlob=ciphertext)
        log = world.server.log_text()
        if log.rfind("Going on with the rotation") > log.rfind("listening"):
            interrupted += 1
        eventually(
            lambda: world.server.log_text().count("Going on with the rotation")
            <= world.server.log_text().count("The root key was rotated"), "it comes to its end", 30)
    restart(world)
    for key, ciphertext in known.items():
        world.kms().decrypt(KeyId=key, CiphertextBlob=ciphertext)
    # Also an interrupted rotation ends the sessions that it was asked to end.
    holds(interrupted > 0, "one rotation was interrupted")
    with refused("UnrecognizedClientException"):
        world.kms(visitor).list_keys()
    print(f"{interrupted} of {kills} rotations were interrupted")


@scenario
def a_record_that_does_not_open_keeps_no_other_from_it(world):
    broken, kept = world.key()["KeyId"], world.key()["KeyId"]
    ciphertext = world.kms().encrypt(KeyId=kept, Plaintext=b"kept")["CiphertextBlob"]
    lost = world.kms().encrypt(KeyId=broken, Plaintext=b"lost")["CiphertextBlob"]
    world.server.stop()
    damage(world, broken)
    world.server.start()
    said = rotate(world, "--end-sessions")
    holds("1 records open under neither root key" in said and broken in said, said)
    holds("left as it is" in world.server.log_text() and broken in world.server.log_text(), "the log names it")

    def look(moment):
        command("backup", "--to", str(world.directory / moment), world=world)
        holds(broken in command("verify", world=world, wanted=1), f"verify names it {moment}")

    look("after the rotation")
    restart(world)
    look("after a restart")
    equal(world.kms().decrypt(CiphertextBlob=ciphertext)["Plaintext"], b"kept")
    with refused("KMSInternalException", http=500):
        world.kms().decrypt(CiphertextBlob=lost)
    world.server.stop()
    look("without a server")
    position = world.server.log_size()
    rotate(world, "--end-sessions")
    world.server.start()
    forget(world, position)
    equal(world.kms().decrypt(CiphertextBlob=ciphertext)["Plaintext"], b"kept")


def damage(world, key):
    """Changes the last byte of a key's wrapped material; nobody may have the store open."""
    connection = sqlite3.connect(world.data / "chatelaine.sqlite")
    try:
        slot, wrapped = connection.execute(
            "SELECT slot, wrapped FROM secret JOIN material ON slot = secret WHERE key_id = ?", [key]).fetchone()
        changed = wrapped[:-1] + bytes([wrapped[-1] ^ 1])
        connection.execute("UPDATE secret SET wrapped = ? WHERE slot = ?", [changed, slot])
        connection.commit()
    finally:
        connection.close()


@scenario
def requests_are_answered_meanwhile(world):
    key = world.key()["KeyId"]
    failures, rounds, stop = [], [], threading.Event()

    def work():
        mine = world.client("kms", FIRST, retries=0)
        while not stop.is_set():
            try:
                ciphertext = mine.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
                mine.decrypt(CiphertextBlob=ciphertext)
                made = mine.create_key()["KeyMetadata"]["KeyId"]
                mine.tag_resource(KeyId=made, Tags=[{"TagKey": "a", "TagValue": "b"}])
                mine.rotate_key_on_demand(KeyId=made)
                rounds.append((made, mine.encrypt(KeyId=made, Plaintext=b"y")["CiphertextBlob"]))
            except Exception as error:  # every failure counts
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        known = len(rounds)
        rotate(world, "--end-sessions")
        eventually(lambda: len(rounds) > known or failures, "others work meanwhile")
    eventually(lambda: len(rounds) > 10 or failures, "others worked meanwhile")
    stop.set()
    for thread in threads:
        thread.join()
    equal(failures, [], "failures while the root key was replaced")
    restart(world)
    for made, ciphertext in rounds:
        equal(world.kms().decrypt(KeyId=made, CiphertextBlob=ciphertext)["Plaintext"], b"y")


run()
