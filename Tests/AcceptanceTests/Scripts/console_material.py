"""The console's guided import of key material: what a key has and lacks, and how more of it comes in."""

import base64
import datetime
import html
import os
import re

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from browser import visiting
from harness import CHINESE, REGION, equal, holds, run, scenario
from principals import make_user, may, may_not
from visitor import signed_in



def page(key, region=REGION):
    return f"/console/{region}/keys/{key}/material"


def wrapped(public_key, material):
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    return serialization.load_der_public_key(public_key).encrypt(material, oaep)


def bring(world, key, material=None, kind=None, **more):
    """Imports key material by the API; gives it back with its identifier."""
    material, kms = material or os.urandom(32), world.kms()
    given = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    more = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE", **more, **({"ImportType": kind} if kind else {})}
    answer = kms.import_key_material(
        KeyId=key, ImportToken=given["ImportToken"], EncryptedKeyMaterial=wrapped(given["PublicKey"], material), **more)  # fmt: skip
    return material, answer["KeyMaterialId"]


def state(world, key):
    return world.kms().describe_key(KeyId=key)["KeyMetadata"]["KeyState"]


def material_rows(text):
    """Of each material the identifier, the status, what it is, its end, and whether it can be imported again."""
    table = re.search(r"<tbody>(.*?)</tbody>", text, re.DOTALL)[1]
    rows = [re.findall(r"<td>(.*?)</td>", row, re.DOTALL) for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)]
    plain = [[html.unescape(re.sub("<[^>]*>", "", cell)).strip() for cell in row] for row in rows]
    return {row[0]: row[1:] for row in plain if len(row) == 5}


@scenario
def all_material_is_listed_deleted_and_brought_back(world):
    key = world.key(Origin="EXTERNAL")["KeyId"]
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)
    old, first = bring(world, key)
    _, second = bring(world, key, kind="NEW_KEY_MATERIAL", ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=end)
    visitor = signed_in(world)
    rows = material_rows(visitor.get(page(key)).text)
    equal(rows[first], ["imported", "In use", "never", ""])
    equal(rows[second], ["imported", "Waits for the next rotation", f"{end:%Y-%m-%d %H:%M} UTC", ""])
    holds("This is new key material" not in visitor.get(page(key)).text, "there is some that waits")
    world.kms().rotate_key_on_demand(KeyId=key)
    delete = {"token": visitor.get(page(key)).token, "action": "delete", "material-id": first, "lost": "on"}
    visitor.post(page(key), delete)
    holds("cannot be used until the same material" in (text := visitor.get(page(key)).text), text)
    rows = material_rows(text)
    equal(rows[first], ["waiting for key material", "Older, for what was encrypted with it", "", "Import again"])
    equal(rows[second][:2], ["imported", "In use"])
    with visiting(world) as browser:
        browser.sign_in(path=page(key))
        browser.inspect("key-material-missing")
        browser.leaves(browser.element(f"//a[@aria-label='Import {first} again']").click)
        holds(f"This imports {first} again" in browser.text, browser.text)
        browser.choose("Wrapping key spec", "RSA_2048").press("Get wrapping key")
        pem = browser.element("//pre[@aria-label='Wrapping key']").text
        der = serialization.load_pem_public_key(pem.encode()).public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)  # fmt: skip
        for material, sentence in ((os.urandom(32), "IncorrectKeyMaterialException"), (old, None)):
            browser.type("Encrypted key material (Base64)", base64.b64encode(wrapped(der, material)).decode())
            browser.press("Import key material")
            if sentence:
                holds(sentence in browser.alert and f"This imports {first} again" in browser.text, browser.text)
        equal(browser.notice, "The key material is imported. The key can be used.")
    equal((state(world, key), material_rows(visitor.get(page(key)).text)[first][0]), ("Enabled", "imported"))


def send(world, visitor, key, material):
    """Imports key material on the key's page, with parameters that the API gave; the text of the page that follows."""
    given = world.kms().get_parameters_for_import(
        KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")  # fmt: skip
    form = {"action": "import", "import-token": base64.b64encode(given["ImportToken"]).decode(), "ends": "never",
            "material": base64.b64encode(wrapped(given["PublicKey"], material)).decode()}  # fmt: skip
    visitor.post(page(key), {**form, "token": visitor.get(page(key)).token})
    return visitor.get(page(key)).text


@scenario
def what_the_key_can_do_after_an_import_is_said(world):
    key = world.key(Origin="EXTERNAL")["KeyId"]
    old, first = bring(world, key)
    new, second = bring(world, key, kind="NEW_KEY_MATERIAL")
    world.kms().rotate_key_on_demand(KeyId=key)
    visitor = signed_in(world)
    holds("The import enables it" not in visitor.get(page(key)).text, "an enabled key")
    world.kms().disable_key(KeyId=key)
    holds("This key is disabled. The import enables it" in visitor.get(page(key)).text, "a disabled key")
    holds("The key was disabled: the import has enabled it." in (text := send(world, visitor, key, new)), text)
    for id in (first, second):
        world.kms().delete_imported_key_material(KeyId=key, KeyMaterialId=id)
    text = send(world, visitor, key, old)
    holds("The key cannot be used before its other key material is imported too." in text, text)
    equal(state(world, key), "PendingImport")
    holds("The key can be used." in (text := send(world, visitor, key, new)), text)


@scenario
def a_key_that_waits_for_its_end_takes_nothing_in(world):
    empty, full = world.key(Origin="EXTERNAL")["KeyId"], world.key(Origin="EXTERNAL")["KeyId"]
    pair = world.key(Origin="EXTERNAL", KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyId"]
    _, id = bring(world, full)
    visitor = signed_in(world)
    for key in (empty, full, pair):
        world.kms().schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        text = visitor.get(page(key)).text
        holds("the key takes no key material in" in text and "Get wrapping key" not in text, text)
        equal("Delete key material" in text, key == full, "what is there can be destroyed before")
    equal(material_rows(visitor.get(page(full)).text)[id][0], "imported")
    holds("waiting for key material" in visitor.get(page(pair)).text, "a pair that never had any")
    equal(material_rows(visitor.get(page(empty)).text), {})


@scenario
def the_token_is_good_without_its_page(world):
    key = world.key(Origin="EXTERNAL")["KeyId"]
    visitor = signed_in(world)
    begun = visitor.post(
        page(key), {"token": visitor.get(page(key)).token, "action": "begin", "spec": "RSA_2048", "algorithm": "RSAES_OAEP_SHA_256"}, 200)  # fmt: skip
    files = {name: begun.values(name)[0] for name in ("import-token", "public-key")}
    saved = visitor.post(page(key), {**files, "token": begun.token, "action": "import-token"}, 200)
    equal(saved.body, base64.b64decode(files["import-token"]))
    equal(saved.header("content-disposition"), 'attachment; filename="import-token.bin"')
    sealed = wrapped(base64.b64decode(files["public-key"]), os.urandom(32))
    with visiting(world) as browser:
        # Another day, another browser: two files.
        token_file, material_file = world.directory / "import-token.bin", world.directory / "encrypted.bin"
        token_file.write_bytes(saved.body)
        material_file.write_bytes(sealed)
        browser.sign_in(path=page(key))
        for label, file in (("Import token, as a file", token_file), ("Encrypted key material, as a file", material_file)):
            browser.field(label).send_keys(str(file))
        filled = "return document.getElementById('material').value && document.getElementById('import-token').value"
        browser.driver.execute_async_script(
            f"const done = arguments[0]; (function wait() {{ (() => {{ {filled} }})() ? done() : setTimeout(wait, 20) }})()")
        browser.press("Import key material")
        equal(browser.notice, "The key material is imported. The key can be used.")
    equal(state(world, key), "Enabled")
    for wrong in ("", "%%%", "A" * 40_000):
        visitor.post(page(key), {"import-token": wrong, "token": begun.token, "action": "import-token"}, 200 if not wrong else 400)


@scenario
def a_file_that_is_too_large_is_said_to_be(world):
    key = world.key(Origin="EXTERNAL")["KeyId"]
    large = world.directory / "large.bin"
    large.write_bytes(bytes(300_000))
    with visiting(world) as browser:
        browser.sign_in(path=page(key))
        file = browser.field("Encrypted key material, as a file")
        file.send_keys(str(large))
        wait = (
            "const [file, done] = arguments; (function wait() { file.validationMessage ? done() : setTimeout(wait, 20) })()"
        )
        browser.driver.execute_async_script(wait, file)
        holds("large.bin has more than" in file.get_attribute("validationMessage"), "the reason")
        equal(browser.field("Encrypted key material (Base64)").get_attribute("value"), "")
        # A choice that is taken back is no file.
        browser.driver.execute_script("arguments[0].value = ''; arguments[0].dispatchEvent(new Event('change'))", file)
        equal(file.get_attribute("validationMessage"), "")


@scenario
def an_end_is_chosen_and_written_as_a_time(world):
    key = world.key(Origin="EXTERNAL")["KeyId"]
    visitor = signed_in(world)
    given = world.kms().get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=40)
    form = {"action": "import", "import-token": base64.b64encode(given["ImportToken"]).decode(),
            "material": base64.b64encode(wrapped(given["PublicKey"], os.urandom(32))).decode()}  # fmt: skip
    for more in ({"ends": "never", "end": f"{end:%Y-%m-%dT%H:%M}"}, {"end": f"{end:%Y-%m-%dT%H:%M}"}, {"ends": "at"},
                 {"ends": "at", "end": f"{end:%Y-%m-%d}T99:99"}, {"ends": "at", "end": "soon"}):  # fmt: skip
        refusal = visitor.post(page(key), {**form, **more, "token": visitor.get(page(key)).token}, 400)
        equal(refusal.alert[0], "ValidationException", f"{more}")
        holds(f'id="end" name="end" type="datetime-local" value="{more.get("end", "")}"' in refusal.text, "it is kept")
        equal(state(world, key), "PendingImport", f"{more}")
    visitor.post(page(key), {**form, "ends": "at", "end": f"{end:%Y-%m-%dT%H:%M}", "token": visitor.get(page(key)).token})
    equal(world.kms().describe_key(KeyId=key)["KeyMetadata"]["ValidTo"], end.replace(second=0, microsecond=0))


@scenario
def only_what_can_wrap_the_material_is_offered(world):
    def offered(visitor, key, region=REGION):
        text = visitor.get(page(key, region)).text
        return {
            name: re.findall(r'<option value="([^"]*)"', re.search(rf'<select id="{name}".*?</select>', text, re.DOTALL)[0])
            for name in ("spec", "algorithm")
        }

    visitor = signed_in(world)
    rsa, oaep = ["RSA_2048", "RSA_3072", "RSA_4096"], ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]
    wrap = ["RSA_AES_KEY_WRAP_SHA_1", "RSA_AES_KEY_WRAP_SHA_256"]
    for spec, usage, algorithms in (
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", oaep), ("HMAC_256", "GENERATE_VERIFY_MAC", oaep),
        ("RSA_2048", "SIGN_VERIFY", wrap), ("ECC_NIST_P256", "SIGN_VERIFY", oaep + wrap),
    ):  # fmt: skip
        key = world.key(Origin="EXTERNAL", KeySpec=spec, KeyUsage=usage)["KeyId"]
        equal(offered(visitor, key), {"spec": rsa, "algorithm": algorithms}, spec)


    key = world.key(CHINESE, "cn-north-1", Origin="EXTERNAL")["KeyId"]
    chinese = offered(signed_in(world, CHINESE), key, "cn-north-1")
    equal(chinese, {"spec": [*rsa, "SM2"], "algorithm": [*oaep, "SM2PKE"]}, "in China")


@scenario
def who_may_not_list_the_material_is_told(world):
    key = world.key(Origin="EXTERNAL")["KeyId"]
    bring(world, key)
    text = signed_in(world, make_user(world, may("kms:DescribeKey"))).get(page(key)).text
    holds("Not all of it is shown to you." in text and "kms:ListKeyRotations" in text, text)
    holds("Key material of the key" in text, "what DescribeKey tells of it")


@scenario
def the_material_that_was_chosen_stays_chosen(world):
    key = world.key(Origin="EXTERNAL")["KeyId"]
    (_, first), (_, second) = bring(world, key), bring(world, key, kind="NEW_KEY_MATERIAL")
    user = make_user(world, may("kms:*"), may_not("kms:DeleteImportedKeyMaterial"))
    visitor = signed_in(world, user)

    def chosen(answer):
        return re.findall('value="([^"]*)" selected', re.search('<select id="deleted".*?</select>', answer.text, re.DOTALL)[0])

    shown = visitor.get(page(key))
    equal(chosen(shown), [first], "the one in use")
    form = {"token": shown.token, "material-id": second, "lost": "on", "action": "delete"}
    equal(chosen(visitor.post(page(key), form, 403)), [second], "after a refusal")
    visitor.sign_in(user)
    answer = visitor.post(page(key), form, 403, sec_fetch_site="same-origin")
    equal((answer.alert[0], chosen(answer)), ("FormExpired", [second]), "with another session")
    given = {"action": "wrapping-key", "public-key": "QUJD", "import-token": "REVG", "valid-to": "soon", "token": shown.token,
             "algorithm": "RSAES_OAEP_SHA_1"}  # fmt: skip
    answer = visitor.post(page(key), given, 403, sec_fetch_site="same-origin")
    holds("RSAES_OAEP_SHA_1. Key and token are good until soon" in answer.text and ">\nREVG</textarea>" in answer.text, answer.text)


if __name__ == "__main__":
    run()
