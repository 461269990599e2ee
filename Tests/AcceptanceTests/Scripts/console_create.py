"""The console's wizard for keys: from signing in to a key that the AWS CLI uses, and whatever may be wrong on the way."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request

from selenium.webdriver.common.keys import Keys

from browser import MARKUP, visiting
from cli import aws, aws_encrypts, holds_use
from harness import FIRST, REGION, SECOND, allow, equal, holds, policy, refused, run, scenario
from principals import assume, denied_text, fresh, make_role, make_user, may, no_identity_policy, user_arn
from wizard import (
    PATH,
    STEPS,
    console_policy,
    go,
    hurry,
    in_order,
    keys,
    made,
    next_is,
    pick,
    pick_spec,
    problem,
    statements,
    step,
)


@scenario
def a_key_is_made_in_five_steps_and_the_aws_cli_uses_it(world):
    user, keeper = make_user(world), make_user(world)
    role, before = make_role(world, keeper, Path="/keepers/"), keys(world)
    with visiting(world) as browser:
        browser.sign_in(path="/console").follow("Create key")
        equal((browser.path, browser.heading, step(browser)), (PATH, "Create key", STEPS[0]))
        browser.inspect("create-kind")
        next_is(browser, STEPS[1])
        browser.type("Alias", "article").type("Description", "For the article")
        browser.type("Key of tag 1", "team").type("Value of tag 1", "blue").inspect("create-labels")
        next_is(browser, STEPS[2]).tick(f"{role.name} /keepers/").inspect("create-administrators")
        next_is(browser, STEPS[3]).tick(user.name).type("Other accounts", SECOND.number).inspect("create-users")
        next_is(browser, STEPS[4])
        for text in ("Symmetric", "SYMMETRIC_DEFAULT", "alias/article", "For the article", "team=blue", role.arn, user.arn):
            holds(text in browser.text, text)
        browser.inspect("create-review")
        equal(keys(world), before, "nothing is made before the last step")
        go(browser, "create")
        key = made(world, before)
        equal(browser.path, f"/console/{REGION}/keys/{key['KeyId']}")
        equal((browser.notice, browser.heading), ("The key alias/article was created.", "alias/article"))
    equal((key["Description"], key["KeySpec"], key["MultiRegion"]), ("For the article", "SYMMETRIC_DEFAULT", False))
    equal(world.kms().list_resource_tags(KeyId=key["KeyId"])["Tags"], [{"TagKey": "team", "TagValue": "blue"}])
    expected = console_policy("ENCRYPT_DECRYPT", [role.arn], [user.arn, SECOND.root])
    equal(in_order(statements(world, key["KeyId"])), in_order(expected))
    uses_and_does_not_administer(world, user, key["Arn"])
    administers_and_does_not_use(world, assume(world, keeper, role), key["Arn"])
    holds_use(world, SECOND, key["Arn"])


def uses_and_does_not_administer(world, user, key):
    holds_use(world, user, "alias/article")
    equal(aws(world, user, "describe-key", "--key-id", "alias/article")["KeyMetadata"]["Arn"], key)
    for words in (["disable-key"], ["schedule-key-deletion"], ["get-key-policy"]):
        refusal = aws(world, user, *words, "--key-id", key)
        holds("AccessDeniedException" in refusal and user.arn in refusal, f"{words}: {refusal}")
    with refused("AccessDeniedException"):
        world.kms(user).create_grant(KeyId=key, GranteePrincipal=user.arn, Operations=["Decrypt"])


def administers_and_does_not_use(world, keeper, key):
    equal(aws(world, keeper, "describe-key", "--key-id", key)["KeyMetadata"]["Arn"], key)
    refusal = aws_encrypts(world, keeper, key)
    holds("AccessDeniedException" in refusal and "kms:Encrypt" in refusal, f"{refusal}")
    kms = world.kms(keeper)
    kms.update_key_description(KeyId=key, Description="Kept")
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    kms.cancel_key_deletion(KeyId=key)
    kms.enable_key(KeyId=key)


@scenario
def it_needs_no_scripts_and_administrators_may_be_kept_from_deleting(world):
    user, keeper, before = make_user(world), make_user(world), keys(world)
    with visiting(world, scripts=False) as browser:
        browser.sign_in(path=PATH)
        next_is(browser, STEPS[1]).type("Alias", "plain")
        go(browser, "rows")
        equal((step(browser), browser.value("Alias")), (STEPS[1], "plain"))
        browser.type("Key of tag 6", "row").type("Value of tag 6", "six")
        next_is(browser, STEPS[2]).tick(keeper.name, "Administrators may delete this key.")
        next_is(browser, STEPS[3]).tick(user.name)
        next_is(browser, STEPS[4])
        holds("Administrators may not delete it" in browser.text, browser.text)
        go(browser, "create")
        key = made(world, before)["KeyId"]
        equal(browser.heading, "alias/plain")
    expected = console_policy("ENCRYPT_DECRYPT", [keeper.arn], [user.arn], delete=False)
    equal(in_order(statements(world, key)), in_order(expected))
    equal(world.kms().list_resource_tags(KeyId=key)["Tags"], [{"TagKey": "row", "TagValue": "six"}])
    holds_use(world, user, "alias/plain")
    world.kms(keeper).disable_key(KeyId=key)
    with refused("AccessDeniedException"):
        world.kms(keeper).schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


@scenario
def every_kind_of_key_gets_the_policy_for_its_use(world):
    user, keeper = make_user(world), make_user(world)
    kinds = [
        ("rsa", lambda b: pick_spec(b, "asymmetric", "SIGN_VERIFY", "RSA_3072"), "SIGN_VERIFY", []),
        ("mac", lambda b: pick_spec(b, "symmetric", "GENERATE_VERIFY_MAC", "HMAC_384"), "GENERATE_VERIFY_MAC", []),
        ("external", lambda b: pick(b, "origin-EXTERNAL"), "ENCRYPT_DECRYPT", ["kms:ImportKeyMaterial"]),
        ("multi", lambda b: pick(b, "regions-multi"), "ENCRYPT_DECRYPT", ["kms:ReplicateKey", "kms:UpdatePrimaryRegion"]),
    ]
    got = {}
    with visiting(world) as browser:
        browser.sign_in()
        for name, choose, usage, more in kinds:
            before = keys(world)
            choose(browser.open(PATH))
            if name == "rsa":
                browser.inspect("create-kind-asymmetric")
            next_is(browser, STEPS[1])
            next_is(browser, STEPS[2]).tick(keeper.name)
            next_is(browser, STEPS[3]).tick(user.name)
            go(next_is(browser, STEPS[4]), "create")
            got[name] = key = made(world, before)
            expected = console_policy(usage, [keeper.arn], [user.arn], more=more)
            equal(in_order(statements(world, key["KeyId"])), in_order(expected), name)
            if name == "external":
                equal(browser.path, f"/console/{REGION}/keys/{key['KeyId']}/material")
    equal((got["rsa"]["KeySpec"], got["mac"]["KeySpec"], got["multi"]["MultiRegion"]), ("RSA_3072", "HMAC_384", True))
    equal((got["external"]["Origin"], got["external"]["KeyState"]), ("EXTERNAL", "PendingImport"))
    kms = world.kms(user)
    kms.sign(KeyId=got["rsa"]["KeyId"], Message=b"x", SigningAlgorithm="RSASSA_PSS_SHA_256")
    kms.generate_mac(KeyId=got["mac"]["KeyId"], Message=b"x", MacAlgorithm="HMAC_SHA_384")


@scenario
def going_back_keeps_every_answer(world):
    user, keeper = make_user(world), make_user(world)
    before = keys(world)
    with visiting(world) as browser:
        browser.sign_in(path=PATH)
        pick_spec(browser, "asymmetric", "ENCRYPT_DECRYPT", "RSA_4096")
        pick(browser, "regions-multi")
        next_is(browser, STEPS[1]).type("Alias", "kept").type("Description", "One\nTwo")
        browser.type("Key of tag 2", "a").type("Value of tag 2", "b")
        next_is(browser, STEPS[2]).tick(keeper.name, "Administrators may delete this key.")
        typed = assume(world, user, make_role(world, user)).arn
        browser.type("Others, by their ARNs", typed)
        next_is(browser, STEPS[3]).tick(user.name).type("Other accounts", "444455556666\n777788889999")
        next_is(browser, STEPS[4])
        written = browser.value("Policy")
        go(browser, "back")
        equal((browser.field(user.name).is_selected(), browser.field(keeper.name).is_selected()), (True, False))
        equal(browser.value("Other accounts"), "444455556666\n777788889999")
        go(browser, "back")
        equal((browser.field(user.name).is_selected(), browser.field(keeper.name).is_selected()), (False, True))
        may_delete = browser.field("Administrators may delete this key.").is_selected()
        equal((browser.value("Others, by their ARNs"), may_delete), (typed, False))
        go(browser, "back")
        shown = [browser.value(label) for label in ("Alias", "Description", "Key of tag 1", "Value of tag 1")]
        equal(shown, ["kept", "One\nTwo", "a", "b"])
        go(browser, "back")
        equal(step(browser), STEPS[0])
        chosen = browser.element("//select[@id='spec-asymmetric-ENCRYPT_DECRYPT']").get_attribute("value")
        multi = browser.element("//input[@id='regions-multi']").is_selected()
        equal((chosen, multi), ("RSA_4096", True))
        equal(hurry(browser).value("Policy"), written, "the same answers write the same policy")
    equal(keys(world), before)


@scenario
def a_wrong_policy_is_kept_with_what_aws_says_of_it(world):
    before = keys(world)
    with visiting(world) as browser:
        browser.sign_in(path=PATH)
        written = hurry(browser).value("Policy")
        for wrong, sentence in (
            ("{ broken </textarea>" + MARKUP, "MalformedPolicyDocumentException"),
            (policy(allow(FIRST.root, "kms:Describe*")), "will not allow you to update the key policy in the future."),
            (policy(allow(FIRST.root), allow(user_arn("nobody-at-all"))), "one or more invalid principals."),
        ):
            go(browser.type("Policy", wrong), "create")
            equal((step(browser), browser.value("Policy")), (STEPS[4], wrong))
            holds(sentence in problem(browser, "policy"), problem(browser, "policy"))
            equal(browser.field("Policy").get_attribute("aria-invalid"), "true")
        browser.holds_plain()
        browser.inspect("create-policy-refused")
        go(browser, "back")
        go(browser)
        equal(browser.value("Policy"), wrong, "what was edited stays")
        go(browser, "policy")
        equal((step(browser), browser.value("Policy")), (STEPS[4], written))
        equal(keys(world), before)
        own = policy({"Sid": "Mine", **allow(FIRST.root)})
        go(browser.type("Policy", own), "create")
        key = made(world, before)["KeyId"]
        equal(json.loads(world.kms().get_key_policy(KeyId=key)["Policy"]), json.loads(own))


@scenario
def what_cannot_be_is_said_at_its_field(world):
    with visiting(world) as browser:
        browser.sign_in(path=PATH)
        pick_spec(browser, "asymmetric", "SIGN_VERIFY", "ML_DSA_65")
        go(pick(browser, "origin-EXTERNAL"))
        holds("cannot be imported" in problem(browser, "origin"), browser.text)
        holds(browser.element("//input[@id='type-asymmetric']").is_selected(), "choices are kept")
        browser.open(PATH)
        next_is(browser, STEPS[1]).type("Alias", "<bad>").type("Key of tag 1", "aws:x")
        next_is(browser, STEPS[1])
        holds("letters, digits" in problem(browser, "alias") and "reserved" in problem(browser, "tags"), browser.text)
        equal((browser.value("Alias"), browser.value("Key of tag 1")), ("<bad>", "aws:x"))
        browser.inspect("create-labels-refused").type("Alias", "").type("Key of tag 1", "")
        next_is(browser, STEPS[2]).type("Others, by their ARNs", "nonsense")
        next_is(browser, STEPS[2])
        holds("nonsense is not the ARN" in problem(browser, "administrator"), browser.text)
        browser.inspect("create-administrators-refused").type("Others, by their ARNs", "")
        next_is(browser, STEPS[3]).type("Other accounts", "12345")
        next_is(browser, STEPS[3])
        holds("12 digits" in problem(browser, "account"), browser.text)
        equal(browser.value("Other accounts"), "12345")


@scenario
def an_alias_that_is_taken_on_the_way_is_said_at_its_field(world):
    before = keys(world)
    with visiting(world) as browser:
        browser.sign_in(path=PATH)
        next_is(browser, STEPS[1]).type("Alias", "alias/taken")
        hurry(browser)
        world.kms().create_alias(AliasName="alias/taken", TargetKeyId=(other := world.key()["KeyId"]))
        go(browser, "create")
        equal((step(browser), browser.value("Alias")), (STEPS[1], "taken"))
        holds(other in problem(browser, "alias"), problem(browser, "alias"))
        browser.inspect("create-alias-taken")
    equal(keys(world), before | {other})


@scenario
def markup_is_text(world):
    before = keys(world)
    with visiting(world) as browser:
        browser.sign_in(path=PATH)
        next_is(browser, STEPS[1]).type("Description", MARKUP)
        browser.type("Key of tag 1", "<b>").type("Value of tag 1", MARKUP)
        for name in STEPS[2:]:
            next_is(browser, name).holds_plain()
        holds(MARKUP in browser.text and f"<b>={MARKUP}" in browser.text, browser.text)
        go(browser, "create")
        key = made(world, before)
        equal(key["Description"], MARKUP)
        equal(browser.value("Description"), MARKUP)
        browser.holds_plain()
        browser.open(f"/console/{REGION}/keys/{key['KeyId']}/tags")
        holds(MARKUP in browser.text, browser.text)
        browser.holds_plain()


# Forms that no page has


def post(world, browser, **fields):
    """The text of the page that answers a form of somebody's own making, sent as the visitor."""
    cookies = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in browser.driver.get_cookies())
    body = urllib.parse.urlencode(fields, doseq=True).encode()
    request = urllib.request.Request(world.endpoint + PATH, body, {"Cookie": cookies})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


@scenario
def a_crafted_form_is_looked_at_from_its_first_step(world):
    before = keys(world)
    good = {"step": "5", "go": "create", "usage": "ENCRYPT_DECRYPT", "spec": "SYMMETRIC_DEFAULT", "origin": "AWS_KMS"}
    wrong = [
        (STEPS[0], {"usage": "SIGN_VERIFY"}), (STEPS[0], {"spec": "RSA_1"}), (STEPS[0], {"spec": ""}),
        (STEPS[0], {"origin": "AWS_CLOUDHSM"}), (STEPS[1], {"alias": "aws/mine"}),
        (STEPS[1], {"tag-key": [f"k{n}" for n in range(51)], "tag-value": ["v"] * 51}),
        (STEPS[1], {"tag-key": ["a", "a"], "tag-value": ["1", "2"]}), (STEPS[1], {"description": "x" * 8193}),
        (STEPS[2], {"administrator": user_arn("x", SECOND)}), (STEPS[2], {"administrator": "*"}),
        (STEPS[3], {"user": FIRST.root}), (STEPS[3], {"account": FIRST.number}),
        (STEPS[4], {"policy": "{}"}),
    ]  # fmt: skip
    with visiting(world) as browser:
        browser.sign_in(path=PATH)
        token = browser.elements("//input[@name='token']")[0].get_attribute("value")
        for name, fields in wrong:
            text = post(world, browser, token=token, **{**good, **fields})
            holds(f'<li aria-current="step">{name}</li>' in text, f"{fields}: {text[:4000]}")
            equal(keys(world), before, f"{fields}")
        post(world, browser, **good)
        post(world, browser, token="0" * 64, **good)
        equal(keys(world), before, "without the form's token")
        post(world, browser, token=token, **good)
        equal(made(world, before)["KeySpec"], "SYMMETRIC_DEFAULT")


@scenario
def who_may_not_list_users_types_them(world):
    maker = make_user(world, may(["kms:CreateKey", "kms:ListAliases", "kms:DescribeKey", "kms:PutKeyPolicy"]))
    user, before = make_user(world), keys(world)
    with visiting(world) as browser:
        browser.sign_in(maker, path=PATH)
        next_is(browser, STEPS[1])
        next_is(browser, STEPS[2])
        for action, path in (("iam:ListUsers", "user/"), ("iam:ListRoles", "role/")):
            resource = f"resource: arn:aws:iam::{FIRST.number}:{path}"
            sentence = denied_text(maker, action, resource, no_identity_policy(action))
            holds(sentence in browser.text, f"{sentence}\n{browser.text}")
        holds(user.name not in browser.text, "nothing of others")
        browser.inspect("create-unlisted").type("Others, by their ARNs", f"{maker.arn}\n{user.arn}")
        next_is(browser, STEPS[3]).type("Others, by their ARNs", user.arn)
        go(next_is(browser, STEPS[4]), "create")
        key = made(world, before)["KeyId"]
    expected = console_policy("ENCRYPT_DECRYPT", [maker.arn, user.arn], [user.arn])
    equal(in_order(statements(world, key)), in_order(expected))
    world.kms(user).encrypt(KeyId=key, Plaintext=b"x")


@scenario
def everybody_can_be_chosen_of_very_many_also_without_scripts(world):
    iam, before = world.client("iam"), keys(world)
    names = [fresh("crowd") for _ in range(130)]
    for name in names:
        iam.create_user(UserName=name, Path="/crowd/")
    wanted, other = names[-1], names[-2]
    with visiting(world, scripts=False) as browser:
        browser.sign_in(path=PATH)
        next_is(browser, STEPS[1])
        next_is(browser, STEPS[2])
        holds(re.search(r"There are \d+ more\.", browser.text), browser.text)
        browser.type("Show users and roles whose names contain", wanted.upper()).press("Show")
        equal((step(browser), browser.value("Show users and roles whose names contain")), (STEPS[2], wanted.upper()))
        browser.tick(f"{wanted} /crowd/")
        # The enter key shows who is called so; it does not leave the step.
        browser.type("Show users and roles whose names contain", other)
        browser.leaves(lambda: browser.field("Show users and roles whose names contain").send_keys(Keys.ENTER))
        equal(step(browser), STEPS[2])
        holds(browser.field(f"{wanted} /crowd/").is_selected(), "what is ticked stays ticked")
        browser.tick(f"{other} /crowd/").type("Show users and roles whose names contain", "nobody-of-this-name").press("Show")
        holds("There are none of such a name." in browser.text, browser.text)
        next_is(browser, STEPS[3])
        equal(browser.value("Show users and roles whose names contain"), "", "each step has its own")
        go(next_is(browser, STEPS[4]), "create")
        key = made(world, before)["KeyId"]
    arns = [f"arn:aws:iam::{FIRST.number}:user/crowd/{name}" for name in (wanted, other)]
    equal(sorted(statements(world, key)[1]["Principal"]["AWS"]), sorted(arns))
    for name in names:
        iam.delete_user(UserName=name)


@scenario
def who_may_not_make_keys_is_told_so(world):
    nobody, before = make_user(world), keys(world)
    name = fresh("kept")
    with visiting(world) as browser:
        browser.sign_in(nobody, path=PATH)
        next_is(browser, STEPS[1]).type("Alias", name)
        go(hurry(browser), "create")
        expected = denied_text(nobody, "kms:CreateKey", "resource: *", no_identity_policy("kms:CreateKey"))
        holds(expected in browser.alert, browser.alert)
        equal(step(browser), STEPS[4])
        holds(f"alias/{name}" in browser.text, "the answers are kept")
        browser.inspect("create-denied")
    equal(keys(world), before)


if __name__ == "__main__":
    run()
