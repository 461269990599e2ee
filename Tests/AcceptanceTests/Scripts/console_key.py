"""The console's page of a key: each of its parts, what can be changed there, and what the API then says of it."""

import base64
import json
import os

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from browser import visiting
from harness import FIRST, OTHER_REGION, REGION, advance, allow, deny, equal, holds, policy, run, scenario, settled
from principals import make_user, may

DELEGATING = {"Sid": "Enable IAM User Permissions", **allow(FIRST.root)}
MARKUP = "\"><script>alert(1)</script>\"\u0301 onmouseover=alert(2) x='\u0301"


def page(key, part="general", region=REGION):
    return f"/console/{region}/keys/{key}/{part}"


def described(world, key, region=REGION):
    return world.kms(region=region).describe_key(KeyId=key)["KeyMetadata"]


@scenario
def a_key_is_described_disabled_and_enabled(world):
    key = world.key(Description="At first")["KeyId"]
    world.kms().create_alias(AliasName="alias/shown", TargetKeyId=key)
    world.kms().encrypt(KeyId=key, Plaintext=b"x")
    with visiting(world) as browser:
        browser.sign_in(path=page(key))
        equal(browser.heading, "alias/shown")
        for text in (described(world, key)["Arn"], "SYMMETRIC_DEFAULT", "Encrypt and decrypt", "Single-Region", "Encrypt, 20"):
            holds(text in browser.text, text)
        browser.type("Description", MARKUP).press("Change description")
        equal(browser.notice, "The description is changed.")
        equal(described(world, key)["Description"], MARKUP)
        equal(browser.field("Description").get_attribute("value"), MARKUP)
        equal(len(browser.elements("//*[@onmouseover]")) + len(browser.elements("//main//script")), 0, "born of the text")
        browser.press("Disable")
        equal((described(world, key)["KeyState"], "Disabled" in browser.text), ("Disabled", True))
        browser.press("Enable")
        equal(described(world, key)["KeyState"], "Enabled")
        browser.inspect("key-general")


@scenario
def a_deletion_is_confirmed_scheduled_and_canceled(world):
    key = world.key()["KeyId"]
    with visiting(world) as browser:
        browser.sign_in(path=page(key)).follow("Schedule deletion…")
        holds("unrecoverable" in browser.text and "Last used" in browser.text, browser.text)
        browser.choose("Waiting period", "7 days").press("Schedule deletion")
        holds("Nothing was done" in browser.alert, browser.alert)
        equal(described(world, key)["KeyState"], "Enabled")
        equal(browser.field("Waiting period").get_attribute("value"), "7", "what was chosen is kept")
        browser.inspect("key-delete")
        browser.tick("I understand that what was encrypted under this key will be lost.").press("Schedule deletion")
        metadata = described(world, key)
        equal(metadata["KeyState"], "PendingDeletion")
        holds(f"{metadata['DeletionDate']:%Y-%m-%d}" in browser.text, "the day is said")
        browser.press("Cancel deletion")
        equal(described(world, key)["KeyState"], "Disabled")


@scenario
def a_policy_is_read_and_edited_and_errors_keep_what_was_typed(world):
    user = make_user(world)
    key = world.key(Policy=policy(
        DELEGATING, {"Sid": "Admins", **allow(user.arn, ["kms:Put*", "kms:Describe*"])},
        {"Sid": "Users", **allow(user.arn, ["kms:Encrypt"]), "Condition": {"StringEquals": {"kms:EncryptionContext:a": "<b>"}}},
        {"Sid": "Never", **deny(user.arn, "kms:Decrypt")}))["KeyId"]  # fmt: skip
    with visiting(world) as browser:
        browser.sign_in(path=page(key, "policy"))
        for text in ("Key administrators", "Key users", "Denied", "Admins", "kms:Put*", "StringEquals kms:EncryptionContext:a <b>"):
            holds(text in browser.text, text)
        field = "Policy document (JSON)"
        for wrong, sentence in (
            ('{"Version": "2012-10-17"', "MalformedPolicyDocumentException"),
            (policy(allow(FIRST.root, "kms:Describe*")), "will not allow you to update the key policy in the future"),
        ):
            browser.type(field, wrong).press("Change policy")
            holds(sentence in browser.alert, browser.alert)
            equal(browser.field(field).get_attribute("value"), wrong, "what was typed is kept")
        browser.inspect("key-policy")
        changed = policy(DELEGATING)
        browser.type(field, changed).press("Change policy")
        equal(browser.notice, "The key policy is changed.")
        equal(json.loads(world.kms().get_key_policy(KeyId=key)["Policy"]), json.loads(changed))


@scenario
def tags_and_aliases_are_set_and_taken_away(world):
    key, other = world.key()["KeyId"], world.key()["KeyId"]
    with visiting(world) as browser:
        browser.sign_in(path=page(key, "tags"))
        browser.type("Tag key", "team").type("Tag value", "blue").press("Set tag")
        equal(world.kms().list_resource_tags(KeyId=key)["Tags"], [{"TagKey": "team", "TagValue": "blue"}])
        browser.type("Tag key", "aws:mine").press("Set tag")
        holds("TagException" in browser.alert, browser.alert)
        equal(browser.field("Tag key").get_attribute("value"), "aws:mine")
        browser.inspect("key-tags")
        browser.leaves(browser.element("//button[@aria-label='Remove the tag team']").click)
        equal(world.kms().list_resource_tags(KeyId=key)["Tags"], [])
        browser.open(page(key, "aliases")).type("Alias", "console/one").press("Create alias")
        equal(described(world, "alias/console/one")["KeyId"], key)
        browser.open(page(other, "aliases")).type("Alias", "alias/console/one").press("Create alias")
        holds("AlreadyExistsException" in browser.alert, browser.alert)
        browser.press("Move alias from another key")
        equal(described(world, "alias/console/one")["KeyId"], other)
        browser.inspect("key-aliases")
        browser.leaves(browser.element("//button[@aria-label='Delete the alias alias/console/one']").click)
        equal(world.kms().list_aliases(KeyId=other)["Aliases"], [])


@scenario
def a_key_is_rotated_now_and_by_and_by(world):
    key = world.key()["KeyId"]
    with visiting(world) as browser:
        browser.sign_in(path=page(key, "rotation"))
        browser.type("Period in days (90 to 2560)", "180").press("Rotate automatically")
        holds("every 180 days" in browser.text, browser.text)
        equal(world.kms().get_key_rotation_status(KeyId=key)["RotationPeriodInDays"], 180)
        browser.press("Rotate now")
        holds("On demand" in browser.text, "the history has it")
        equal(len(world.kms().list_key_rotations(KeyId=key)["Rotations"]), 1)
        advance(world, "181d")
        browser.open(page(key, "rotation"))
        holds("Automatic" in browser.text, browser.text)
        browser.inspect("key-rotation").press("Stop automatic rotation")
        equal(world.kms().get_key_rotation_status(KeyId=key)["KeyRotationEnabled"], False)


@scenario
def grants_are_made_and_revoked(world):
    key, user = world.key()["KeyId"], make_user(world)
    with visiting(world) as browser:
        browser.sign_in(path=page(key, "grants"))
        browser.type("Grantee (ARN)", "nobody").tick("Encrypt").press("Make grant")
        holds("InvalidArnException" in browser.alert or "ValidationException" in browser.alert, browser.alert)
        equal(browser.field("Grantee (ARN)").get_attribute("value"), "nobody")
        holds(browser.field("Encrypt").is_selected(), "the operation is still ticked")
        browser.type("Grantee (ARN)", user.arn).tick("Decrypt")
        browser.type("Only with this encryption context (a line for each pair, key=value)", "team=blue").press("Make grant")
        (grant,) = world.kms().list_grants(KeyId=key)["Grants"]
        equal((grant["GranteePrincipal"], grant["Operations"]), (user.arn, ["Decrypt", "Encrypt"]))
        equal(grant["Constraints"], {"EncryptionContextSubset": {"team": "blue"}})
        holds("encryption context has team=blue" in browser.text, browser.text)
        holds("retired by" not in browser.text, "nothing that it does not have")
        browser.inspect("key-grants").press("Revoke")
        equal(world.kms().list_grants(KeyId=key)["Grants"], [])


def sealed_material(pem):
    """Key material that nobody knows, encrypted under a wrapping key."""
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    return base64.b64encode(serialization.load_pem_public_key(pem.encode()).encrypt(os.urandom(32), oaep)).decode()


@scenario
def key_material_is_imported_step_by_step(world):
    key = world.key(Origin="EXTERNAL")["KeyId"]
    with visiting(world) as browser:
        browser.sign_in(path=page(key, "material"))
        holds("waiting for key material" in browser.text, browser.text)
        browser.choose("Wrapping key spec", "SM2").press("Get wrapping key")
        holds(browser.alert, "a spec that goes with no such algorithm is refused in AWS's words")
        browser.choose("Wrapping key spec", "RSA_2048").choose("Wrapping algorithm", "RSAES_OAEP_SHA_256")
        browser.press("Get wrapping key")
        pem = browser.element("//pre[@aria-label='Wrapping key']").text
        sealed = sealed_material(pem)
        browser.inspect("key-material")
        browser.type("Encrypted key material (Base64)", base64.b64encode(b"x" * 256).decode()).press("Import key material")
        holds("InvalidCiphertextException" in browser.alert, browser.alert)
        browser.type("Encrypted key material (Base64)", sealed).press("Import key material")
        equal(described(world, key)["KeyState"], "Enabled")
        first = described(world, key)["CurrentKeyMaterialId"]
        browser.choose("Wrapping key spec", "RSA_2048").press("Get wrapping key")
        pem = browser.element("//pre[@aria-label='Wrapping key']").text
        browser.type("Encrypted key material (Base64)", sealed_material(pem))
        browser.tick("This is new key material, which the next rotation takes into use").press("Import key material")
        holds("The next rotation takes it into use" in browser.notice, browser.notice)
        equal(described(world, key)["CurrentKeyMaterialId"], first, "not before")
        browser.open(page(key, "rotation")).press("Rotate now").open(page(key, "material"))
        holds(described(world, key)["CurrentKeyMaterialId"] != first, "the new key material is in use")
        browser.tick("Until the same material is imported again, nothing can be decrypted with this key.")
        browser.press("Delete key material")
        equal(described(world, key)["KeyState"], "PendingImport")


@scenario
def a_key_pair_shows_its_public_half(world):
    key = world.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyId"]
    with visiting(world) as browser:
        browser.sign_in(path=page(key, "cryptography"))
        pem = browser.element("//pre").text
        shown = serialization.load_pem_public_key(pem.encode()).public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)  # fmt: skip
        equal(shown, world.kms().get_public_key(KeyId=key)["PublicKey"])
        browser.inspect("key-cryptography").open(page(key, "rotation"))
        equal(browser.text.count("There is no such page."), 1, "a key pair is not rotated")


@scenario
def replicas_are_made_and_become_primaries(world):
    key = world.key(MultiRegion=True)["KeyId"]
    with visiting(world) as browser:
        browser.sign_in(path=page(key, "regions"))
        browser.element("//select[@id='replica-region']").send_keys(OTHER_REGION)
        browser.press("Create replica")
        settled(world, key, OTHER_REGION)
        browser.open(page(key, "regions")).inspect("key-regions").press("Make primary")
        equal(settled(world, key, OTHER_REGION)["MultiRegionConfiguration"]["MultiRegionKeyType"], "PRIMARY")
        browser.open(page(key, "regions")).follow(OTHER_REGION)
        equal(browser.path, f"/console/{OTHER_REGION}/keys/{key}")


@scenario
def activity_audit_and_usage_tell_what_was_done(world):
    key, user = world.key()["KeyId"], make_user(world, may("kms:ListKeys"))
    for _ in range(3):
        world.kms().encrypt(KeyId=key, Plaintext=b"x")
    try:
        world.kms(user).encrypt(KeyId=key, Plaintext=b"x")
    except Exception:  # It is refused, and recorded so.
        pass
    with visiting(world) as browser:
        browser.sign_in(path=page(key, "activity"))
        holds("Encrypt kms" in browser.text, browser.text)
        browser.element("//summary[.='As a table']").click()
        (day,) = [row for row in browser.rows() if len(row) == 3]
        equal(day[1:], ["3", "1"], "uses of the day, without what only looks at the key")
        browser.inspect("key-activity").follow("Search the audit log for this key")
        equal(browser.value("Key (ID, ARN or alias)"), key)
        browser.type("Operation", "Encrypt").press("Search")
        equal({what.split()[0] for what in browser.rows("What")}, {"Encrypt"})
        browser.type("Key (ID, ARN or alias)", "").type("Who (part of the ARN)", user.name).choose("Outcome", "Denied").press("Search")
        holds(all("AccessDenied" in outcome for outcome in browser.rows("Outcome")), f"{browser.rows('Outcome')}")
        holds(len(browser.rows()) == 1 and "not authorized to perform: kms:Encrypt" in browser.text, browser.text)
        browser.inspect("audit").follow("Usage and quotas")
        holds("of 100000" in browser.text or "100000" in browser.text, browser.text)
        browser.inspect("usage")


@scenario
def who_may_not_is_told_in_awss_words(world):
    key = world.key()["KeyId"]
    nobody = make_user(world)
    looker = make_user(world, may(["kms:DescribeKey"]))
    with visiting(world) as browser:
        browser.sign_in(nobody, path=page(key))
        holds(f"{nobody.arn} is not authorized to perform: kms:DescribeKey" in browser.alert, browser.alert)
    with visiting(world) as browser:
        browser.sign_in(looker, path=page(key))
        holds("SYMMETRIC_DEFAULT" in browser.text, browser.text)
        for part, action in (("policy", "GetKeyPolicy"), ("tags", "ListResourceTags"), ("grants", "ListGrants"),
                             ("activity", "LookupEvents"), ("aliases", "ListAliases")):  # fmt: skip
            browser.open(page(key, part))
            holds(f"{action}" in browser.alert and "not authorized" in browser.alert, f"{part}: {browser.alert}")
        browser.open(page(key)).press("Disable")
        holds("kms:DisableKey" in browser.alert, browser.alert)
        equal(described(world, key)["KeyState"], "Enabled")


if __name__ == "__main__":
    run()
