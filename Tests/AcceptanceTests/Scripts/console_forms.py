"""The console's forms: what was typed is not lost with a session, and what is sent twice is done once."""

import concurrent.futures
import html
import re

from browser import visiting
from harness import FIRST, REGION, allow, equal, holds, policy, run, scenario
from principals import fresh, make_user, may, may_not, user_arn
from visitor import SESSION, SIGN_IN, Visitor, signed_in

BASE = f"/console/{REGION}"
CREATE = f"{BASE}/create"
KIND = {"usage": "ENCRYPT_DECRYPT", "spec": "SYMMETRIC_DEFAULT", "origin": "AWS_KMS"}
TYPED = "{\n  \"typed\": \"<b> & 'more' \u00e9\"\n}"


def key_page(key, part="general"):
    return f"{BASE}/keys/{key}/{part}"


def own(visitor):
    """What browsers say of a form that a page of this server has sent."""
    return {"origin": f"http://{visitor.host}", "sec_fetch_site": "same-origin"}


def hidden(page):
    """The hidden fields of the page's forms; the token of the last."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page.text)
    return {html.unescape(name): html.unescape(value) for name, value in found}


def area(page, name):
    """What stands in a text area."""
    found = re.search(rf'<textarea [^>]*name="{name}"[^>]*>\n?(.*?)</textarea>', page.text, re.DOTALL)
    return html.unescape(found[1])


def notice(page):
    return html.unescape(re.search(r'role="status">(.*?)</p>', page.text)[1])


def come_back(visitor, page, account):
    """Signs in by a page that brings a form along, and follows to where that is shown."""
    fields = {**hidden(page), "access-key-id": account.access_key_id, "secret-access-key": account.secret_access_key}
    answer = visitor.post(SIGN_IN, fields, 303, **own(visitor))
    return answer.location, visitor.get(answer.location)


def keys(world):
    return {key["KeyId"] for key in world.kms().get_paginator("list_keys").paginate().search("Keys[]")}


# Sessions that end


@scenario
def what_was_typed_goes_through_the_sign_in(world):
    user, key = make_user(world, may("kms:*")), world.key()["KeyId"]
    visitor, path = signed_in(world, user), key_page(key, "policy")
    before = world.kms().get_key_policy(KeyId=key)["Policy"]
    form = {"token": visitor.get(path).token, "policy": TYPED, "bypass": "on", "action": "put"}
    visitor.cookies = {}
    page = visitor.post(path, form, 403, **own(visitor))
    holds("What you sent was not done" in notice(page), notice(page))
    holds(form["token"] not in page.text, "the old token is not kept")
    # A secret that is mistyped on the way loses nothing either.
    wrong = {**hidden(page), "access-key-id": user.access_key_id, "secret-access-key": "wrong"}
    page = visitor.post(SIGN_IN, wrong, 403, **own(visitor))
    equal(page.alert[0], "SignInFailed")
    location, page = come_back(visitor, page, user)
    equal((location, area(page, "policy")), (path, TYPED))
    holds(user.arn in notice(page) and "was not done" in notice(page), notice(page))
    holds(re.search('name="bypass" checked', page.text), "a tick is kept too")
    equal(world.kms().get_key_policy(KeyId=key)["Policy"], before, "nothing is done")
    page = visitor.post(path, {**form, "token": page.token}, 400, **own(visitor))
    equal(page.alert[0], "MalformedPolicyDocumentException", "sent anew it is done")
    equal(area(visitor.get(path), "policy") == TYPED, False, "shown once")


@scenario
def the_wizard_goes_on_where_it_was(world):
    before = keys(world)
    with visiting(world) as browser:
        browser.sign_in(path=CREATE)
        for press in range(4):
            if press == 1:
                browser.type("Alias", "kept/through").type("Description", "Two\nlines <b>")
            browser.leaves(browser.element("//button[@name='go'][@value='next'][not(@class='skip')]").click)
        browser.type("Policy", TYPED)
        browser.driver.delete_all_cookies()
        browser.leaves(browser.element("//button[@value='create']").click)
        equal(browser.heading, "Sign in")
        holds("shown to you as you typed it" in browser.notice, browser.notice)
        browser.inspect("sign-in-kept")
        browser.type("Access key ID", FIRST.access_key_id).type("Secret access key", FIRST.secret_access_key).press("Sign in")
        equal((browser.path, browser.heading), (CREATE, "Create key"))
        equal(browser.field("Policy").get_attribute("value"), TYPED)
        holds("alias/kept/through" in browser.text and "lines <b>" in browser.text, browser.text)
        equal(keys(world), before, "nothing is made")
        browser.press("Write it anew from what was chosen")
        browser.leaves(browser.element("//button[@value='create']").click)
        equal(browser.notice, "The key alias/kept/through was created.")


@scenario
def a_form_of_the_session_before_is_shown_with_what_was_typed(world):
    visitor, key = signed_in(world), world.key()["KeyId"]
    path = key_page(key, "policy")
    form = {"token": visitor.get(path).token, "policy": TYPED, "action": "put"}
    visitor.sign_in()
    page = visitor.post(path, form, 403, **own(visitor))
    equal(page.alert[0], "FormExpired")
    equal(area(page, "policy"), TYPED)
    equal(visitor.post(path, {**form, "token": page.token}, 400).alert[0], "MalformedPolicyDocumentException")
    # Every part of the console does so.
    iam = f"{BASE}/access"
    user = make_user(world)
    pages = [
        (f"{BASE}/keys", {"action": "tag", "key": key, "tag-key": "kept", "tag-value": "v"}), (CREATE, {**KIND, "step": "2", "alias": "kept"}),
        (key_page(key, "tags"), {"action": "set", "tag-key": "kept"}), (key_page(key, "grants"), {"action": "create", "name": "kept"}),
        (key_page(key, "aliases"), {"action": "create", "alias": "kept"}), (key_page(key), {"action": "describe", "description": "kept"}),
        (f"{iam}/users/create", {"name": "kept"}), (f"{iam}/user?id={user.name}", {"attach": "kept"}),
        (f"{iam}/user/inline?id={user.name}", {"name": "new", "document": "kept"}), (f"{BASE}/explain", {"principal": "kept", "action": "kms:Sign"}),
    ]  # fmt: skip
    for where, fields in pages:
        page = visitor.post(where, {**fields, "token": form["token"]}, 403, **own(visitor))
        equal(page.alert[0], "FormExpired", where)
        holds(re.search(r'(value="|>\s*)kept["<]', page.text), f"{where}: {page.text}")
    holds(f'value="{key}" checked' in visitor.post(*pages[0][:1], {**pages[0][1], "token": form["token"]}, 403, **own(visitor)).text,
          "ticks of the list")  # fmt: skip
    equal(world.kms().list_aliases(KeyId=key)["Aliases"] + world.kms().list_grants(KeyId=key)["Grants"], [])


@scenario
def what_one_has_typed_is_not_shown_to_another(world):
    one, other = make_user(world, may("kms:*")), make_user(world, may("kms:*"))
    key = world.key()["KeyId"]
    visitor, path = signed_in(world, one), key_page(key)
    form = {"token": visitor.get(path).token, "description": "typed by one", "action": "describe"}
    visitor.cookies = {}
    page = visitor.post(path, form, 403, **own(visitor))
    location, page = come_back(visitor, page, other)
    equal(location, path)
    holds("somebody else" in notice(page) and "typed by one" not in page.text, page.text)
    page = visitor.post(path, form, 403, **own(visitor))
    equal(page.alert[0], "FormExpired")
    holds("typed by one" not in page.text, "nor where the form comes after another sign-in")


@scenario
def no_other_site_has_a_form_shown(world):
    visitor, key = signed_in(world), world.key()["KeyId"]
    path = key_page(key)
    form = {"token": visitor.get(path).token, "description": "planted", "action": "describe"}
    visitor.cookies = {}
    for headers in ({}, {"origin": "http://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"},
                    {"sec_fetch_site": "same-site", "origin": "http://evil.example"}):  # fmt: skip
        equal(visitor.post(path, form, 303, **headers).location.split("?")[0], SIGN_IN, f"{headers}")
    planted = {"to": path, "kept-mark": form["token"][64:80], "kept.description": "planted", "token": ""}
    for headers in ({"origin": "http://evil.example"}, {"sec_fetch_site": "cross-site"}, {}):
        page = visitor.post(SIGN_IN, planted, 403, **headers)
        holds("planted" not in page.text, f"{headers}")
    # What is too long to be brought along is said to be lost.
    page = visitor.post(path, {**form, "description": "x" * 200_000}, 303, **own(visitor))
    holds("ended=lost" in page.location, page.location)


@scenario
def whose_access_key_ends_keeps_what_was_typed(world):
    user, key = make_user(world, may("kms:*")), world.key()["KeyId"]
    visitor, path, iam = signed_in(world, user), key_page(key), world.client("iam")
    form = {"token": visitor.get(path).token, "description": "typed", "action": "describe"}
    iam.update_access_key(UserName=user.name, AccessKeyId=user.access_key_id, Status="Inactive")
    page = visitor.post(path, form, 403, **own(visitor))
    holds("not valid any more" in notice(page) and SESSION not in visitor.cookies, notice(page))
    iam.update_access_key(UserName=user.name, AccessKeyId=user.access_key_id, Status="Active")
    equal(area(come_back(visitor, page, user)[1], "description"), "typed")


# Sent twice


@scenario
def what_is_sent_twice_is_done_once(world):
    visitor, key, user = signed_in(world), world.key()["KeyId"], make_user(world)
    grant = {"action": "create", "grantee": user.arn, "operation": "Encrypt"}
    for path, form, count in (
        (key_page(key, "rotation"), {"action": "rotate"}, lambda: len(world.kms().list_key_rotations(KeyId=key)["Rotations"])),
        (key_page(key, "grants"), grant, lambda: len(world.kms().list_grants(KeyId=key)["Grants"])),
        (CREATE, {**KIND, "step": "5", "go": "create"}, lambda: len(keys(world))),
    ):
        before, form = count(), {**form, "token": visitor.get(path).token}
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: visitor.send("POST", path, form, **own(visitor)), range(8)))
        equal({answer.status for answer in answers}, {303}, path)
        equal(len({answer.location for answer in answers}), 1, f"one answer for all of {path}")
        equal(count(), before + 1, path)
        # Who wants it once more asks for the page once more.
        visitor.post(path, {**form, "token": visitor.get(path).token})
        equal(count(), before + 2, path)


@scenario
def a_button_rests_after_it_was_pressed(world):
    key = world.key(Origin="EXTERNAL")["KeyId"]
    with visiting(world) as browser:
        browser.sign_in(path=key_page(key, "material")).press("Get wrapping key")
        button = browser.element("//button[.='Download wrapping key']")
        browser.driver.execute_script(
            "const form = arguments[0].form; form.addEventListener('submit', e => e.preventDefault());"
            "form.addEventListener('submit', () => setTimeout(() => window.off = arguments[0].disabled, 50)); arguments[0].click()",
            button)  # fmt: skip
        browser.driver.execute_async_script("setTimeout(arguments[0], 200)")
        equal(browser.driver.execute_script("return window.off"), True)


@scenario
def a_form_that_was_done_before_is_not_done_without_a_word(world):
    visitor, key = signed_in(world), world.key()["KeyId"]
    path = key_page(key)
    form = {"token": visitor.get(path).token, "action": "disable"}
    visitor.post(path, form)
    visitor.post(path, form)
    holds("The key is disabled" in notice(visitor.get(path)), "nobody has read yet what was done")
    world.kms().enable_key(KeyId=key)
    visitor.post(path, form)
    equal(notice(visitor.get(path)), "This form was sent before. It was done then, and nothing was done now.")
    equal(world.kms().describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Enabled")


# Buttons alone, and fields of other forms


@scenario
def of_a_button_it_is_said_what_was_not_done(world):
    user, key = make_user(world, may("*")), world.key(MultiRegion=True)["KeyId"]
    visitor, subject = signed_in(world, user), f"{BASE}/access/user?id={user.name}"
    token = visitor.get(subject).token
    visitor.sign_in(user)
    forms = (
        (key_page(key), {"action": "disable"}, "The key was not disabled."),
        (key_page(key), {"action": "enable"}, "The key was not enabled."),
        (key_page(key), {"action": "cancel"}, "The deletion of the key was not canceled."),
        (key_page(key, "tags"), {"action": "remove", "tag-key": "team"}, "The tag team was not removed."),
        (key_page(key, "aliases"), {"action": "delete", "alias": "alias/a"}, "alias/a was not deleted."),
        (key_page(key, "rotation"), {"action": "stop"}, "Automatic rotation was not stopped."),
        (key_page(key, "rotation"), {"action": "rotate"}, "The key was not rotated."),
        (key_page(key, "grants"), {"action": "revoke", "grant": "abc"}, "The grant abc was not revoked."),
        (key_page(key, "regions"), {"action": "promote", "region": "eu-west-1"}, "The key in eu-west-1 was not made the primary."),
        (subject, {"create-key": "1"}, "No access key was created."),
        (subject, {"deactivate": "AKIA1"}, "The access key AKIA1 was not deactivated."),
        (subject, {"activate": "AKIA1"}, "The access key AKIA1 was not activated."),
        (subject, {"delete-key": "AKIA1"}, "The access key AKIA1 was not deleted."),
        (subject, {"detach": "arn:x"}, "The policy arn:x was not detached."), (subject, {"leave": "team"}, "team was not removed."),
        (subject, {"remove-boundary": "1"}, "The permissions boundary was not removed."),
        (subject, {"make-default": "v2"}, "Version v2 was not put in force."), (subject, {"delete-version": "v2"}, "Version v2 was not deleted."),
        (subject, {"untag": "team"}, "The tag team was not removed."),
        (subject, {"delete": "1"}, "Nothing was deleted."),
    )  # fmt: skip
    for path, form, sentence in forms:
        page = visitor.post(path, {**form, "token": token}, 403, **own(visitor))
        equal(page.alert, ("FormExpired", "The form is of a session that has ended. Nothing was changed. "
              f"{sentence} Press the button again if it is still to be done."))  # fmt: skip
        for value in set(form.values()) - {"1", "eu-west-1"}:
            equal(re.findall(f'<input id="[^"]*" name="[^"]*" value="{re.escape(value)}"', page.text), [], f"a field has {value}")
        holds(not re.search('<select id="replica-region".*"eu-west-1" selected', page.text), "nor a choice")
    visitor.cookies = {}
    page = visitor.post(subject, {"create-key": "1", "token": token}, 403, **own(visitor))
    holds(notice(page).endswith("What you sent was not done. No access key was created."), notice(page))
    _, page = come_back(visitor, page, user)
    equal(notice(page), f"You are signed in as {user.arn}. What you sent before was not done. No access key was created. "
          "Press the button again if it is still to be done.")  # fmt: skip
    equal(len(world.client("iam").list_access_keys(UserName=user.name)["AccessKeyMetadata"]), 1)


@scenario
def a_refused_button_fills_no_field(world):
    key = world.key(Tags=[{"TagKey": "team", "TagValue": "blue"}])["KeyId"]
    user = make_user(world, may("kms:*"), may_not(["kms:UntagResource", "kms:DeleteAlias"]))
    visitor, name = signed_in(world, user), f"alias/{fresh('kept')}"
    world.kms().create_alias(AliasName=name, TargetKeyId=key)
    path = key_page(key, "tags")
    page = visitor.post(path, {"token": visitor.get(path).token, "tag-key": "team", "action": "remove"}, 403)
    holds('id="tag-key" name="tag-key" value=""' in page.text, page.text)
    path = key_page(key, "aliases")
    page = visitor.post(path, {"token": visitor.get(path).token, "alias": name, "action": "delete"}, 403)
    holds('id="alias" name="alias" value=""' in page.text, page.text)


@scenario
def a_refused_deletion_of_an_inline_policy_shows_the_policy(world):
    user, deleter = make_user(world, may("kms:Encrypt")), make_user(world, may("iam:*"), may_not("iam:DeleteUserPolicy"))
    (name,) = world.client("iam").list_user_policies(UserName=user.name)["PolicyNames"]
    visitor, path = signed_in(world, deleter), f"{BASE}/access/user/inline?id={user.name}&policy={name}"
    form = {"token": visitor.get(path).token, "delete": "1"}
    holds("kms:Encrypt" in area(visitor.post(path, form, 403), "document"), "after a refusal")
    visitor.sign_in(deleter)
    page = visitor.post(path, form, 403, **own(visitor))
    holds("kms:Encrypt" in area(page, "document") and "The policy was not deleted." in page.alert[1], page.text)


@scenario
def a_confirmed_deletion_of_keys_is_asked_about_again(world):
    visitor, chosen, path = signed_in(world), [world.key()["KeyId"] for _ in range(2)], f"{BASE}/keys"
    form = [("token", visitor.get(path).token), ("action", "delete"), *(("key", key) for key in chosen), ("days", "9")]

    def asked(page):
        holds("<h1>Schedule key deletion</h1>" in page.text and 'name="confirmed" required' in page.text, page.text)
        equal(page.values("key"), chosen)
        return re.findall('<option value="([^"]*)" selected', re.search('<select id="days".*?</select>', page.text)[0])

    equal(asked(visitor.post(path, form, 200)), ["9"], "the days that were sent")
    equal(asked(visitor.post(path, [*form[:-1], ("days", "6")], 200)), ["30"])
    visitor.sign_in()
    page = visitor.post(path, [*form, ("confirmed", "on")], 403, **own(visitor))
    equal((page.alert[0], asked(page)), ("FormExpired", ["9"]))
    equal({world.kms().describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in chosen}, {"Enabled"})
    visitor.post(path, [("token", page.token), *form[1:], ("confirmed", "on")])
    equal({world.kms().describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in chosen}, {"PendingDeletion"})


@scenario
def what_was_typed_for_no_key_is_kept(world):
    visitor, path = signed_in(world), f"{BASE}/keys"
    form = {"token": visitor.get(path).token, "action": "tag", "tag-key": "my key", "tag-value": "my value"}
    page = visitor.post(path, form, 400)
    equal(page.alert, ("ValidationException", "No key was chosen. Nothing was done."))
    holds('value="my key"' in page.text and 'value="my value"' in page.text, page.text)


@scenario
def line_feeds_at_the_beginning_stay(world):
    text, user = "\n\nindented", make_user(world)
    key = world.key(Description=text)["KeyId"]
    with visiting(world) as browser:
        browser.sign_in(path=key_page(key)).press("Change description")
        equal(world.kms().describe_key(KeyId=key)["KeyMetadata"]["Description"], text)
    # Of a line feed that a text area begins with, browsers take no notice.
    visitor = signed_in(world)
    for path in (key_page(key, "policy"), key_page(key, "grants"), f"{BASE}/access/users/create", f"{BASE}/access/roles/create",
                 f"{BASE}/access/policies/create", f"{BASE}/access/user/inline?id={user.name}", f"{BASE}/explain"):  # fmt: skip
        page = visitor.get(path)
        equal(len(re.findall("<textarea[^>]*>\n", page.text)), page.text.count("<textarea") or None, path)


# The wizard


@scenario
def an_alias_is_looked_for_before_the_key_is_made(world):
    named = world.key()["KeyId"]
    name = fresh("looked")
    world.kms().create_alias(AliasName=f"alias/{name}", TargetKeyId=named)
    visitor, before = signed_in(world), keys(world)
    for go, step in (("next", "2"), ("create", "5")):
        form = {**KIND, "step": step, "go": go, "alias": name, "token": visitor.get(CREATE).token}
        page = visitor.post(CREATE, form, 400)
        holds('<li aria-current="step">Add labels</li>' in page.text, go)
        holds(f"alias/{name} is the name of the key {named}" in page.text, page.text)
        holds(f'id="alias" name="alias" value="{name}"' in page.text, "what was typed is kept")
    equal(keys(world), before)


@scenario
def a_refused_alias_can_be_given_anew(world):
    named = world.key()["KeyId"]
    name, other = fresh("taken"), fresh("other")
    world.kms().create_alias(AliasName=f"alias/{name}", TargetKeyId=named)
    # Whoever may not see the other key does not learn of its name before.
    maker = make_user(world, may(["kms:*"]), may_not("kms:DescribeKey", f"arn:aws:kms:*:*:key/{named}"))
    visitor, before = signed_in(world, maker), keys(world)
    form = {**KIND, "step": "5", "go": "create", "alias": name, "token": visitor.get(CREATE).token}
    location = visitor.post(CREATE, form).location
    (key,) = keys(world) - before
    equal(location, key_page(key, "aliases"))
    equal(visitor.post(CREATE, form).location, location, "the form once more")
    page = visitor.get(location)
    equal(page.alert[0], "AlreadyExistsException")
    holds(key in notice(page) and f'value="alias/{name}"' in page.text, page.text)
    visitor.post(location, {"token": page.token, "action": "create", "alias": other})
    equal(world.kms().describe_key(KeyId=f"alias/{other}")["KeyMetadata"]["KeyId"], key)
    equal(keys(world), before | {key})


@scenario
def an_emptied_policy_is_no_standard_policy(world):
    visitor, before = signed_in(world), keys(world)
    form = {**KIND, "step": "5", "go": "create", "policy": " \r\n", "token": visitor.get(CREATE).token}
    page = visitor.post(CREATE, form, 400)
    holds("A key has a policy. Nothing was created" in page.text, page.text)
    holds("Enable IAM User Permissions" in area(page, "policy"), "what was chosen")
    equal(keys(world), before)


@scenario
def a_slip_in_a_name_is_found_at_its_step(world):
    user, blind = make_user(world), make_user(world, may("kms:*"))
    visitor, gone = signed_in(world), user_arn("nobody-of-this-name")
    for step, field, name in (("3", "administrator", "Key administrators"), ("4", "user", "Key users")):
        for wrong in (gone, gone.replace("user/", "role/"), f"arn:aws:sts::{FIRST.number}:assumed-role/nobody/session"):
            form = {**KIND, "step": step, "go": "next", f"{field}-arns": f"{user.arn}\n{wrong}", "token": visitor.get(CREATE).token}
            page = visitor.post(CREATE, form, 400)
            holds(f'<li aria-current="step">{name}</li>' in page.text, f"{step} {wrong}")
            holds(f"There is no {wrong} in this account." in page.text, page.text)
    other = signed_in(world, blind)
    form = {**KIND, "step": "3", "go": "next", "administrator-arns": gone, "token": other.get(CREATE).token}
    holds('<li aria-current="step">Key users</li>' in other.post(CREATE, form, 200).text, "who may not list is not kept up")


@scenario
def a_refused_policy_says_where_it_is_wrong(world):
    key, user = world.key()["KeyId"], make_user(world)
    visitor, gone = signed_in(world), user_arn("nobody-of-this-name")
    good = allow(FIRST.root)
    cases = (
        ('{\n  "Version": "2012-10-17",\n  oops', "line 3, column 3"),
        (policy(good, {**allow(user.arn), "Sid": "Mine", "Effect": "Maybe"}), "Statement 2 (Mine) is the one."),
        (policy(good, allow(gone)), f"Statement 2 is the one: there is no {gone}."),
    )
    for text, place in cases:
        form = {"token": visitor.get(CREATE).token, "policy": text, "action": "put", **KIND, "step": "5", "go": "create"}
        for path in (key_page(key, "policy"), CREATE):
            code, message = visitor.post(path, form, 400).alert
            equal(code, "MalformedPolicyDocumentException")
            holds("olicy" in message and message.endswith(place if place.endswith(".") else f"{place}."), f"{path}: {message}")


# What is typed in lines, and what comes late


@scenario
def lines_that_are_no_pairs_are_named(world):
    visitor, key, user = signed_in(world), world.key()["KeyId"], make_user(world)
    grants, users, explain = key_page(key, "grants"), f"{BASE}/access/users/create", f"{BASE}/explain"
    token = visitor.get(grants).token
    forms = (
        (grants, "context", {"action": "create", "grantee": user.arn, "operation": "Encrypt"}),
        (users, "tags", {"name": fresh("lines")}), (explain, "context", {"principal": user.arn, "action": "kms:Sign"}),
    )  # fmt: skip
    for path, field, form in forms:
        for text, sentence in (
            ("a=1\r\n\r\npurpose tour", "Line 3 of"), ("a=1\r\nb=2\r\na=3", "Lines 1 and 3 of"),
        ):  # fmt: skip
            page = visitor.send("POST", path, {**form, field: text, "token": token})
            code, message = page.alert
            holds(message.startswith(sentence), f"{path} {text!r}: {code} {message}")
            equal(area(page, field), text.replace("\r\n", "\n"), "it is kept")
    equal(world.kms().list_grants(KeyId=key)["Grants"], [])


@scenario
def an_alias_that_has_moved_is_not_deleted(world):
    key, other, name = world.key()["KeyId"], world.key()["KeyId"], f"alias/{fresh('moved')}"
    world.kms().create_alias(AliasName=name, TargetKeyId=key)
    visitor, path = signed_in(world), key_page(key, "aliases")
    form = {"token": visitor.get(path).token, "action": "delete", "alias": name}
    world.kms().update_alias(AliasName=name, TargetKeyId=other)
    page = visitor.post(path, form, 400)
    equal(page.alert[0], "AliasMoved")
    holds(other in page.alert[1], page.alert[1])
    equal(world.kms().describe_key(KeyId=name)["KeyMetadata"]["KeyId"], other)
    world.kms().update_alias(AliasName=name, TargetKeyId=key)
    visitor.post(path, form)
    equal(world.kms().list_aliases(KeyId=key)["Aliases"], [])


@scenario
def tags_have_no_white_space_around_them(world):
    visitor, key = signed_in(world), world.key()["KeyId"]
    for path, action in ((key_page(key, "tags"), "set"), (f"{BASE}/keys", "tag")):
        form = {"token": visitor.get(path).token, "action": action, "key": key, "tag-key": " team ", "tag-value": f" {action}\t"}
        visitor.post(path, form)
        equal(world.kms().list_resource_tags(KeyId=key)["Tags"], [{"TagKey": "team", "TagValue": action}])


@scenario
def every_refusal_has_a_sentence(world):
    visitor, key = signed_in(world), world.key()["KeyId"]
    path = key_page(key, "aliases")
    alert = visitor.post(path, {"token": visitor.get(path).token, "action": "create", "alias": "aws/mine"}, 400).alert
    equal(alert[0], "NotAuthorizedException")
    holds("alias/aws/" in alert[1], alert[1])
    alert = visitor.get(key_page(key, "grants") + "?marker=none", 400).alert
    holds(alert[0] == "InvalidMarkerException" and len(alert[1]) > 20, f"{alert}")


# Whose form it is


@scenario
def a_form_behind_a_proxy_says_what_is_wrong(world):
    visitor, key = signed_in(world), world.key()["KeyId"]
    path = key_page(key)
    form = {"token": visitor.get(path).token, "description": "x", "action": "describe"}
    code, message = visitor.post(path, form, 403, origin="http://kms.example:8443").alert
    equal(code, "WrongOrigin")
    holds("http://kms.example:8443" in message and visitor.host in message, message)
    equal(visitor.post(SIGN_IN, visitor.form(), 403, origin="http://kms.example").alert[0], "WrongOrigin")
    visitor.post(path, form, origin="http://kms.example", sec_fetch_site="same-origin")
    equal(world.kms().describe_key(KeyId=key)["KeyMetadata"]["Description"], "x")


@scenario
def a_development_server_answers_to_this_machine_only(world):
    visitor = Visitor(world)
    port = visitor.host.rpartition(":")[2]
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", f"rebound.example:{port}"):
        for path in (SIGN_IN, f"{BASE}/keys", "/console/assets/x.css"):
            page = visitor.get(path, 403, host=host)
            equal(page.alert[0], "WrongHost", f"{host} {path}")
        visitor.post(SIGN_IN, {"access-key-id": FIRST.access_key_id}, 403, host=host, origin=f"http://{host}")
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "kms.localhost"):
        equal(Visitor(world).get(SIGN_IN, host=host).status, 200)


if __name__ == "__main__":
    run()
