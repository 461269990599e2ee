"""Signing in to the console and out of it, and what keeps others from doing either, or anything, for somebody."""

import concurrent.futures
import json
import re
import urllib.parse

from browser import visiting
from harness import FIRST, OTHER_REGION, SECOND, Account, audit_lines, equal, holds, run, scenario
from principals import assume, make_role, make_user, may
from visitor import SESSION, SIGN_IN, Visitor, signed_in

KEYS = "/console/us-east-1/keys"
WRONG = ("SignInFailed", "The access key ID, the secret access key or the session token is not right.")


def another(account, **changes):
    known = {"access_key_id": account.access_key_id, "secret_access_key": account.secret_access_key}
    return Account(account.number, **{**known, "session_token": account.session_token, **changes})


def logins(world, access_key_id):
    """The outcome of each sign-in with this access key that the audit log has, with its record."""
    records = [json.loads(line) for line in audit_lines(world.data) if '"ConsoleLogin"' in line]
    mine = [record for record in records if record["userIdentity"].get("accessKeyId") == access_key_id]
    return [(record["responseElements"]["ConsoleLogin"], record) for record in mine]


@scenario
def whoever_has_an_access_key_and_its_secret_comes_in(world):
    caller = make_user(world, may("kms:*"))
    session = assume(world, caller, make_role(world, caller, may("kms:*")))
    for who, arn in ((FIRST, FIRST.root), (caller, caller.arn), (session, session.arn), (SECOND, SECOND.root)):
        with visiting(world) as browser:
            browser.sign_in(who)
            equal(browser.heading, "Customer managed keys")
            holds(arn in browser.text, f"{arn} on the page:\n{browser.text}")
            browser.press("Sign out")
            equal((browser.heading, browser.notice), ("Sign in", "You are signed out."))
            equal(browser.open(KEYS).heading, "Sign in")


@scenario
def the_console_works_without_scripts(world):
    with visiting(world, scripts=False) as browser:
        browser.sign_in(path=f"{KEYS}?q=nothing&page=3")
        equal(browser.driver.execute_script("return document.documentElement.className"), "", "signs of a script")
        equal((browser.heading, browser.rows()), ("Customer managed keys", [["No keys here."]]))
        browser.choose("Region", OTHER_REGION).press("Go")
        equal(browser.path, f"/console/{OTHER_REGION}/keys?q=nothing")
        browser.press("Sign out")
        equal(browser.heading, "Sign in")


@scenario
def a_person_gets_to_the_page_that_was_asked_for(world):
    goal = f"/console/{OTHER_REGION}/keys?q=a%20b&sort=-id"
    with visiting(world) as browser:
        browser.sign_in(path=goal)
        equal(browser.path, goal)
        equal(browser.field("Search by alias, key ID, description or tag").get_attribute("value"), "a b")


@scenario
def what_was_typed_is_kept_but_no_secret(world):
    with visiting(world) as browser:
        browser.sign_in(another(FIRST, secret_access_key="wrong-secret"), path=KEYS)
        equal((browser.heading, browser.alert), ("Sign in", " ".join(WRONG)))
        equal(browser.field("Access key ID").get_attribute("value"), FIRST.access_key_id)
        equal(browser.field("Secret access key").get_attribute("value"), "")
        holds("wrong-secret" not in browser.driver.page_source, "the secret is not sent back")
        equal(browser.elements("//details[@open]"), [], "nothing is open that was not needed")
        browser.inspect("sign-in-failed")
        browser.type("Secret access key", FIRST.secret_access_key).press("Sign in")
        equal(browser.path, KEYS)


@scenario
def temporary_credentials_are_typed_once(world):
    user = make_user(world, may("kms:*"))
    session = assume(world, user, make_role(world, user))
    with visiting(world) as browser:
        browser.sign_in(another(session, secret_access_key="wrong-secret"))
        equal(browser.field("Session token").get_attribute("value"), session.session_token)
        holds("wrong-secret" not in browser.driver.page_source, "the secret is not sent back")
        browser.type("Secret access key", session.secret_access_key).press("Sign in")
        holds(session.arn in browser.text, browser.text)


@scenario
def whoever_guesses_learns_nothing(world):
    user, visitor = make_user(world, may("kms:*")), Visitor(world, "127.0.0.2")
    session = assume(world, user, make_role(world, user))
    wrong = [
        another(user, secret_access_key=user.secret_access_key[:-1]),
        another(user, secret_access_key=""),
        another(user, access_key_id="AKIAABCDEFGHIJKLMNOP"),
        another(user, access_key_id=user.access_key_id + "\u0301"),
        another(user, session_token="x"),
        another(session, session_token=None),
        another(session, session_token=session.session_token[:-2]),
        another(user, secret_access_key="x" * 100_000),
    ]
    for account in wrong:
        page = visitor.sign_in(account, status=403)
        equal(page.alert, WRONG, f"{account}")
        holds(SESSION not in visitor.cookies, "no session")
        holds(account.secret_access_key not in page.text or not account.secret_access_key, "no secret in the page")


@scenario
def ten_guesses_are_all_for_a_while(world):
    user, guesser = make_user(world), Visitor(world, "127.0.0.3")
    bad = another(user, secret_access_key="guess")

    def guess(_):
        return Visitor(world, "127.0.0.3").send("POST", SIGN_IN, form, cookie=cookie).status

    form = guesser.form(bad)
    cookie = "; ".join(f"{name}={value}" for name, value in guesser.cookies.items())
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(guess, range(60)))
    holds(10 <= statuses.count(403) <= 11, f"ten are looked at, also of many at once: {statuses}")
    equal(set(statuses), {403, 429}, "statuses")
    equal(guesser.sign_in(bad, status=429).alert[0], "TooManyRequests")
    recorded = [outcome for outcome, _ in logins(world, user.access_key_id)]
    equal(recorded, ["Failure"] * statuses.count(403), "no more failures are recorded than are counted")
    # Whoever knows the secret is kept out by nobody, here as elsewhere.
    signed_in(world, user, "127.0.0.3")
    signed_in(world, user, "127.0.0.4")


@scenario
def what_is_made_up_makes_no_guess_be_forgotten(world):
    user, guesser = make_user(world), Visitor(world, "127.0.0.7")
    form = guesser.form(another(user, secret_access_key="guess"))
    cookie = "; ".join(f"{name}={value}" for name, value in guesser.cookies.items())

    def guess(access_key_id):
        sent = {**form, "access-key-id": access_key_id}
        return Visitor(world, "127.0.0.7").send("POST", SIGN_IN, sent, cookie=cookie).status

    equal([guess(user.access_key_id) for _ in range(10)], [403] * 10)
    equal({guess(f"AKIA{number:016}") for number in range(200)}, {403, 429}, "of many that are made up the last ones wait")
    equal(guess(user.access_key_id), 429)
    signed_in(world, user, "127.0.0.7")


@scenario
def made_up_access_keys_are_nobodys_failures(world):
    user, guesser = make_user(world), Visitor(world, "127.0.0.6")
    for number in range(30):
        made_up = another(user, access_key_id=f"AKIA{number:016}")
        equal(guesser.sign_in(made_up, status=403).alert, WRONG)
    equal(guesser.sign_in(another(user, secret_access_key="slip"), status=403).alert, WRONG, "the first slip of a user's")
    signed_in(world, user, "127.0.0.6")


@scenario
def those_who_come_in_are_not_slowed_down(world):
    for _ in range(15):
        signed_in(world, address="127.0.0.5")


@scenario
def the_cookie_of_a_session_is_for_the_console_alone(world):
    visitor = Visitor(world)
    host = visitor.host
    plain, tls = (SESSION, ["Path=/console"]), (f"__Host-{SESSION}", ["Path=/", "Secure"])
    for origin, (name, more) in ((None, plain), (f"http://{host}", plain), (f"https://{host}", tls)):
        page = visitor.sign_in(**({"origin": origin} if origin else {}))
        equal(page.location, KEYS)
        cookies = [text for text in page.all("set-cookie") if SESSION in text]
        value, *attributes = cookies[0].split("; ")
        holds(re.fullmatch(f"{name}=[0-9a-f]{{64}}", value) and len(cookies) == 1, f"{cookies}")
        equal(sorted(attributes), sorted(["HttpOnly", "SameSite=Strict", *more]), f"from {origin}")
    equal(visitor.get(KEYS).header("cache-control"), "no-store")


@scenario
def a_session_ends_on_the_server(world):
    visitor, other = signed_in(world), signed_in(world)
    old = dict(visitor.cookies)
    page = visitor.post("/console/sign-out", {"token": visitor.get(KEYS).token})
    equal((page.location, SESSION in visitor.cookies), (f"{SIGN_IN}?ended=signedOut", False))
    visitor.cookies = old
    holds(not visitor.is_signed_in, "the old cookie is worth nothing")
    holds(other.is_signed_in, "another session of the same access key goes on")
    # A new sign-in with the cookie of a session ends that one.
    first = dict(other.cookies)
    other.sign_in()
    holds(other.is_signed_in and other.cookies[SESSION] != first[SESSION], "a session of a new name")
    other.cookies = first
    holds(not other.is_signed_in, "the session before")
    # Whoever signs out by a page of a session that has ended is told so; where another has begun, it can be ended.
    token = visitor.sign_in() and visitor.get(KEYS).token
    visitor.sign_in()
    page = visitor.post("/console/sign-out", {"token": token}, 403)
    holds("“Sign out” above ends it" in page.alert[1] and 'action="/console/sign-out"' in page.text, f"{page.alert}")
    holds(visitor.is_signed_in, "it goes on")
    visitor.post("/console/sign-out", {"token": page.token})
    equal(visitor.post("/console/sign-out", {"token": page.token}).location, f"{SIGN_IN}?ended=signedOut")
    for value in ("", "0" * 64, "x"):
        other.cookies = {SESSION: value}
        holds(not other.is_signed_in, f"a cookie that nobody was given: {value!r}")


@scenario
def what_was_sent_too_late_is_said_to_be_lost(world):
    visitor = signed_in(world)
    token = visitor.get(KEYS).token
    visitor.cookies = {}
    page = visitor.post(KEYS, {"token": token, "action": "disable"})
    holds("ended=lost" in page.location and "to=" in page.location, page.location)
    holds("What you sent was not done" in visitor.get(page.location).text, "what became of it")
    page = visitor.sign_in(to=KEYS)
    equal(page.location, KEYS, "from where it goes on")


@scenario
def nobody_ends_the_sessions_of_others(world):
    root, user = signed_in(world), make_user(world)
    sessions = [signed_in(world, user) for _ in range(22)]
    holds(not sessions[0].is_signed_in and not sessions[1].is_signed_in, "the oldest of one that has too many")
    holds(all(visitor.is_signed_in for visitor in sessions[2:]) and root.is_signed_in, "all others")


@scenario
def a_form_is_no_larger_than_any_page_sends(world):
    visitor = signed_in(world)
    token = visitor.get(KEYS).token
    page = visitor.post("/console/us-east-1/create", {"token": token, "account": "1" * (1 << 18)}, 413)
    holds("larger than any" in page.text, page.text)
    accounts = " ".join(f"{number:012}" for number in range(1, 10_000))
    page = visitor.post("/console/us-east-1/create", {"token": token, "step": "4", "go": "next", "account": accounts}, 400)
    holds(len(page.text) < 100_000, f"{len(page.text)} characters in answer to a form of {len(accounts)}")


@scenario
def nobody_signs_out_by_a_link(world):
    visitor = signed_in(world)
    visitor.get("/console/sign-out", 404)
    holds(visitor.is_signed_in, "still signed in")


@scenario
def whose_access_key_is_inactive_is_out_at_once(world):
    iam = world.client("iam")
    for end in (
        lambda user: iam.update_access_key(UserName=user.name, AccessKeyId=user.access_key_id, Status="Inactive"),
        lambda user: iam.delete_access_key(UserName=user.name, AccessKeyId=user.access_key_id),
    ):
        user = make_user(world, may("kms:*"))
        visitor, key = signed_in(world, user), world.key()["KeyId"]
        token = visitor.get(KEYS).token
        end(user)
        page = visitor.post(KEYS, {"token": token, "action": "disable", "key": key})
        holds(page.location.startswith(SIGN_IN), page.location)
        equal(world.kms().describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Enabled")
        holds(not visitor.is_signed_in, "the session is over")


@scenario
def a_form_must_be_of_this_session_and_of_this_server(world):
    visitor, other, key = signed_in(world), signed_in(world), world.key()["KeyId"]
    token, host = visitor.get(KEYS).token, visitor.host
    change = {"action": "disable", "key": key, "token": token}
    refused = [
        ({**change, "token": ""}, {}), ({**change, "token": token[:-1]}, {}), ({**change, "token": other.get(KEYS).token}, {}),
        ({name: change[name] for name in ("action", "key")}, {}),
        ([("token", "x"), *change.items()], {}),
    ]  # fmt: skip
    for origin in ("http://evil.example", "null", f"http://{host}.evil.example", "http://127.0.0.1"):
        refused.append((change, {"origin": origin}))
    for site in ("cross-site", "same-site"):
        refused.append((change, {"sec_fetch_site": site}))
        refused.append((change, {"sec_fetch_site": site, "origin": f"http://{host}"}))
    for form, headers in refused:
        page = visitor.post(KEYS, form, 403, **headers)
        equal(page.alert[0], "WrongOrigin" if headers else "FormExpired", f"{form} {headers}")
        equal(world.kms().describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Enabled", f"{form} {headers}")
        visitor.post("/console/sign-out", form, 403, **headers)
    holds(visitor.is_signed_in, "nobody was signed out")
    # The token in the address is none of the form.
    visitor.post(f"{KEYS}?token={token}", {"action": "disable", "key": key}, 403)
    for headers in ({}, {"origin": f"http://{host}", "sec_fetch_site": "same-origin"}):
        visitor.post(KEYS, {**change, "action": "disable"}, 303, **headers)
        equal(world.kms().describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Disabled", f"{headers}")


@scenario
def nobody_is_signed_in_by_another_site(world):
    visitor = Visitor(world)
    host = visitor.host
    for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"},
                    {"sec_fetch_site": "same-site", "origin": f"http://{host}"}):  # fmt: skip
        equal(visitor.sign_in(status=403, **headers).alert[0], "WrongOrigin", f"{headers}")
    stranger = Visitor(world)
    for form in (visitor.form(token=""), visitor.form(token=stranger.get(SIGN_IN).token)):
        equal(visitor.post(SIGN_IN, form, 403).alert[0], "FormExpired")
    form = visitor.form()
    visitor.cookies = {}
    equal(visitor.post(SIGN_IN, form, 403).alert[0], "FormExpired", "without the cookie")
    equal(SESSION in visitor.cookies, False)


@scenario
def nobody_is_sent_to_another_site(world):
    visitor = Visitor(world)
    for goal in (
        "//evil.example", "https://evil.example", "/\\evil.example", "/console//evil.example\\", "\\\\evil.example",
        "javascript:alert(1)", "console/keys", "/consolex", "/ping", "/console/\r\nX: y", "/console/\u00e9",
        "/console/sign-in", "/console/sign-out", "/console/" + "x" * 3000, " /console/", "/\t/evil.example",
    ):  # fmt: skip
        page = visitor.get(f"{SIGN_IN}?" + urllib.parse.urlencode({"to": goal}))
        equal(page.values("to"), [""], f"{goal!r} in the form")
        equal(visitor.sign_in(to=goal).location, KEYS, f"{goal!r}")
    # A browser takes these for pages of this server.
    for goal in ("/console/eu-central-1/keys?q=%2F%2Fevil.example", "/console//evil.example"):
        where = urllib.parse.urljoin(world.endpoint + SIGN_IN, visitor.sign_in(to=goal).location)
        holds(where.startswith(world.endpoint + "/console/"), where)


@scenario
def answers_are_plain_about_what_is_not_there(world):
    visitor, stranger = signed_in(world), Visitor(world)
    for path in ("/console/us-east-1", "/console"):
        equal(visitor.get(path, 303).location, KEYS)
    for path in ("/console/nowhere", "/console/us-east-1/nothing", f"{KEYS}/", "/console/cn-north-1/keys",
                 "/console/us-east-1/%00", "/console/%2e%2e/keys", "/console/us-east-1/../../x"):  # fmt: skip
        page = visitor.send("GET", path)
        if path != f"{KEYS}/":
            equal(page.status, 404, path)
            equal(page.alert, ("NotFound", "There is no such page."), path)
        holds(stranger.send("GET", path).status == 303, f"a stranger learns nothing of {path}")
    for path in ("/console/assets/none.css", "/console/assets", "/console/assets/../keys"):
        equal(stranger.get(path, 404).alert[0], "NotFound", path)
    for path in ("/console/%", "/console/%FF", f"{KEYS}?q=%"):
        visitor.get(path, 400)
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        for path in (KEYS, SIGN_IN, "/console/assets/x"):
            page = visitor.send(method, path)
            equal((page.status, page.header("allow")), (405, "GET, HEAD, POST"), f"{method} {path}")
    # A page without its body.
    for path in (KEYS, SIGN_IN, "/console/assets/x", "/console/us-east-1", "/console/%"):
        page, head = visitor.send("GET", path), visitor.send("HEAD", path)
        equal((head.status, head.body, head.header("content-type")), (page.status, b"", page.header("content-type")), path)
        equal(head.header("location"), page.header("location"), path)


@scenario
def too_much_is_refused_as_everything_else_is(world):
    page = signed_in(world).send("POST", KEYS, b"token=" + b"x" * (2 << 20))
    equal(page.status, 413, f"{page!r}")


@scenario
def what_a_page_is_made_of_is_kept_by_browsers(world):
    visitor = Visitor(world)
    page = visitor.get(SIGN_IN)
    paths = re.findall(r'(?:href|src)="(/console/assets/[^"]+)"', page.text)
    types = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
    equal(len(paths), 3, f"{paths}")
    for path in paths:
        asset = visitor.get(path)
        equal(asset.header("content-type"), types[path.rpartition(".")[2]])
        equal(asset.header("cache-control"), "public, max-age=31536000, immutable")
    holds("<style" not in page.text and " style=" not in page.text, "no style in the page")
    holds(all(" src=" in tag for tag in re.findall("<script[^>]*>", page.text)), "no script in the page")


@scenario
def the_audit_log_has_who_came_in_and_who_did_not(world):
    user = make_user(world, may("kms:*"))
    visitor = Visitor(world)
    visitor.sign_in(user, user_agent="Somebody's browser")
    visitor.sign_in(another(user, secret_access_key="wrong"), status=403)
    session = assume(world, user, make_role(world, user))
    visitor.sign_in(session)
    equal([outcome for outcome, _ in logins(world, user.access_key_id)], ["Success", "Failure"])
    good, bad = [record for _, record in logins(world, user.access_key_id)]
    for record in (good, bad):
        equal((record["eventSource"], record["readOnly"]), ("signin.amazonaws.com", False))
        equal(record["userIdentity"]["arn"], user.arn)
        equal((record["sourceIPAddress"], record["recipientAccountId"]), ("127.0.0.1", user.number))
    equal(good["userAgent"], "Somebody's browser")
    equal(("errorCode" in good, bad["errorMessage"]), (False, "Failed authentication"))
    equal(bad["awsRegion"], good["awsRegion"], "both are looked for in one place")
    searcher = signed_in(world)
    for region in ("us-east-1", OTHER_REGION):
        text = searcher.get(f"/console/{region}/audit?name=ConsoleLogin&who={user.name}").text
        equal((text.count("Failed authentication</span>"), text.count('good">Succeeded<')), (1, 1), f"found in {region}")
    [(outcome, record)] = logins(world, session.access_key_id)
    equal((outcome, record["userIdentity"]["arn"]), ("Success", session.arn))
    log = "\n".join(audit_lines(world.data)) + world.server.log_text()
    for secret in (user.secret_access_key, session.secret_access_key, session.session_token, visitor.cookies[SESSION]):
        holds(secret not in log, "no secret is written down")


run()
