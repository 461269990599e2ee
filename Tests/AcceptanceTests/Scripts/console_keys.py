"""The console's list of keys: finding, sorting, paging, doing something to several, and what others may see of it."""

import concurrent.futures
import json
import time

from selenium.webdriver.common.keys import Keys

from browser import visiting
from harness import FIRST, OTHER_REGION, allow, audit_lines, equal, holds, policy, run, scenario
from principals import denied_text, make_user, may, no_identity_policy
from visitor import signed_in

SEARCH = "Search by alias, key ID, description or tag"
# Text that would be markup if any of it was not escaped; a mark behind a quotation mark makes another character of it for
# whoever reads characters, and the same quotation mark for a browser.
MARKUP = "\"><script>alert(1)</script><img src=x onerror=alert(2)>"
MARKED = "\"\u0301 onmouseover=\"\u0301alert(3) x='\u0301 <\u0301b id=born>\u0301 &lt;i&gt; &quot;"
# A region of its own for each scenario that counts keys.
REGIONS = {"finding": "eu-west-1", "bulk": "eu-west-2", "markup": "eu-west-3", "many": "ap-south-1", "audit": "sa-east-1",
           "pictures": "ca-central-1", "hidden": "eu-north-1", "doomed": "eu-south-1"}  # fmt: skip


def place(name):
    return f"/console/{REGIONS[name]}/keys"


def make_keys(world, region, *descriptions, **parameters):
    return [world.key(region=region, Description=text, **parameters)["KeyId"] for text in descriptions]


def states(world, region, keys):
    return [world.kms(region=region).describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in keys]


def name(world, region, alias, key):
    world.kms(region=region).create_alias(AliasName=alias, TargetKeyId=key)


def search(browser, text="", status="Any"):
    """The identifiers of the keys that are found."""
    browser.type(SEARCH, text).choose("Status", status).press("Search")
    return browser.rows("Key ID") if browser.rows() != [["No keys here."]] else []


@scenario
def keys_are_found_by_whatever_is_known_of_them(world):
    region = REGIONS["finding"]
    kms = world.kms(region=region)
    first, second, third = make_keys(world, region, "Cards of customers", "Backups", "Backups of cards")
    name(world, region, "alias/payments", first)
    name(world, region, "alias/zebra", first)
    name(world, region, "alias/backups", second)
    kms.tag_resource(KeyId=third, Tags=[{"TagKey": "team", "TagValue": "Blue & green"}])
    kms.disable_key(KeyId=second)
    with visiting(world) as browser:
        browser.sign_in(path=place("finding"))
        equal(browser.rows("Key ID"), [second, first, third], "by alias, those without one last")
        equal(browser.rows("Alias"), ["alias/backups", "alias/payments and 1 more", "none"])
        for text, found in (
            ("payments", [first]), ("ZEBRA", [first]), (second[9:], [second]), ("cards", [first, third]),
            ("team=blue", [third]), ("cards backups", [third]), ("& green", [third]), ("nothing", []),
        ):  # fmt: skip
            equal(search(browser, text), found, f"search for {text}")
            equal(browser.field(SEARCH).get_attribute("value"), text)
            holds(f"{len(found)} of 3 keys" in browser.text, f"the count of {text}")
        equal(search(browser, status="Disabled"), [second])
        equal(search(browser, "cards", "Disabled"), [])
        search(browser)
        for column, order in (("Key ID", sorted([first, second, third])), ("Created", [first, second, third])):
            browser.follow(column)
            equal(browser.rows("Key ID"), order, f"by {column}") if column == "Key ID" else None
            equal(browser.element("//th[@aria-sort='ascending']").text.split("\n")[0].rstrip(" ▲"), column)
        browser.follow("Key ID").follow("Key ID ▲")
        equal(browser.rows("Key ID"), sorted([first, second, third], reverse=True))
        browser.choose_region(OTHER_REGION)
        equal(browser.path, f"/console/{OTHER_REGION}/keys?sort=-id")


@scenario
def several_keys_are_changed_at_once(world):
    region = REGIONS["bulk"]
    kms = world.kms(region=region)
    keys = make_keys(world, region, "a", "b", "c")
    first, second, third = keys
    with visiting(world) as browser:
        browser.sign_in(path=place("bulk")).press("Disable")
        equal(browser.alert, "ValidationException No key was chosen. Nothing was done.")
        browser.tick(f"Choose {first}", f"Choose {second}").press("Disable")
        equal(browser.notice, "2 keys: disabled.")
        equal(states(world, region, keys), ["Disabled", "Disabled", "Enabled"])
        browser.tick(f"Choose {first}").press("Enable")
        equal((browser.notice, states(world, region, keys)), ("1 key: enabled.", ["Enabled", "Disabled", "Enabled"]))
        browser.tick("Choose all keys of this page").type("Tag key", "team").type("Tag value", "blue")
        # The enter key sets the tag, as whoever has just typed one expects.
        browser.leaves(lambda: browser.field("Tag value").send_keys(Keys.ENTER))
        equal(browser.notice, "3 keys: tagged.")
        equal(browser.rows("Tags"), ["team=blue"] * 3)
        equal(states(world, region, keys), ["Enabled", "Disabled", "Enabled"], "nothing else was done")

        browser.tick(f"Choose {first}", f"Choose {third}").press("Schedule deletion…")
        equal(browser.heading, "Schedule key deletion")
        holds("Nothing brings the data back." in browser.text and second not in browser.text, browser.text)
        equal(states(world, region, keys), ["Enabled", "Disabled", "Enabled"], "it only asks")
        browser.follow("Keep the keys")
        equal(states(world, region, keys), ["Enabled", "Disabled", "Enabled"], "they are kept")
        browser.tick(f"Choose {first}", f"Choose {third}").press("Schedule deletion…")
        browser.choose("Waiting period", "7 days")
        browser.tick("I understand that these keys, and what was encrypted under them, will be lost.")
        browser.press("Schedule deletion")
        equal(browser.notice, "2 keys: deletion scheduled.")
        equal(states(world, region, keys), ["PendingDeletion", "Disabled", "PendingDeletion"])
        due = kms.describe_key(KeyId=first)["KeyMetadata"]["DeletionDate"].timestamp() - time.time()
        holds(6.9 < due / 86400 < 7.1, f"{due} seconds until the deletion")

        # One is refused with AWS's own sentence, and does not hold up the other.
        browser.tick("Choose all keys of this page").press("Cancel deletion")
        equal(browser.notice, "2 keys: deletion canceled; the key is disabled.")
        equal(browser.alert, f"KMSInvalidStateException {second}: arn:aws:kms:{region}:{FIRST.number}:key/{second} "
              "is not pending deletion.")  # fmt: skip
        equal(states(world, region, keys), ["Disabled"] * 3)
        ticked = [browser.field(f"Choose {key}").is_selected() for key in keys]
        equal(ticked, [False, True, False], "what was refused can be tried again")


@scenario
def whoever_deletes_several_keys_sees_which_they_are(world):
    region = REGIONS["doomed"]
    kms = world.kms(region=region)
    used, named, plain = make_keys(world, region, "Cards <b>", "Backups", "")
    kms.encrypt(KeyId=used, Plaintext=b"x")
    for number in range(7):
        name(world, region, f"alias/doomed-{number}", named)
    keeper = make_user(world, may(["kms:ListKeys", "kms:ListAliases", "kms:DescribeKey", "kms:ScheduleKeyDeletion"]))
    for who in (FIRST, keeper):
        with visiting(world) as browser:
            browser.sign_in(who, place("doomed"))
            browser.tick("Choose all keys of this page").press("Schedule deletion…").inspect("schedule-deletions")
            shown = {row[0]: dict(zip(browser.columns, row)) for row in browser.rows()}
            equal(set(shown), {used, named, plain})
            texts = [shown[key]["Description"] for key in (used, named, plain)]
            equal(texts, ["Cards <b>", "Backups", ""])
            equal(shown[named]["Aliases"].split("\n"), [f"alias/doomed-{n}" for n in range(5)] + ["and more"])
            uses = [shown[key]["Last used"] for key in (used, plain)]
            if who is FIRST:
                holds(uses[0].startswith("Encrypt, 20") and uses[1] == "not known to have been used", f"{uses}")
            else:
                equal(uses, ["not shown", "not shown"], "who may not know of the use")


@scenario
def a_deletion_is_confirmed_or_not_done(world):
    key, visitor = world.key()["KeyId"], signed_in(world)
    path = "/console/us-east-1/keys"
    form = {"token": visitor.get(path).token, "action": "delete", "key": key}
    holds("I understand" in visitor.post(path, form, 200).text, "it asks")
    for days in ("6", "31", "-1", "0"):
        page = visitor.post(path, {**form, "confirmed": "on", "days": days}, 200)
        holds("ValidationException" in page.text, f"{days} days: {page!r}")
    for days in ("", "seven", "7.5"):
        visitor.post(path, {**form, "confirmed": "on", "days": days}, 200)
        equal(world.kms().describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Enabled", f"{days!r} days")
    for action in ("", "melt"):
        page = visitor.post(path, {**form, "action": action}, 200)
        holds("Choose what to do." in page.text, f"{page!r}")


@scenario
def markup_in_names_is_text(world):
    region = REGIONS["markup"]
    for text in (MARKUP, MARKED):
        make_keys(world, region, text, Tags=[{"TagKey": "note", "TagValue": "@=+"}])
    # The API takes only some characters into tags; a page must not rely on it.
    with visiting(world) as browser:
        browser.sign_in(path=place("markup"))
        for text in (MARKUP, MARKED):
            equal(len(search(browser, text)), 2 if text == "" else 1, f"search for {text}")
            equal(browser.field(SEARCH).get_attribute("value"), text)
            intact(browser)
            browser.open(f"{place('markup')}?state=%22%3E%3Cb%20id=born%3E&sort=%22%3E%3Cb%20id=born%3E")
            intact(browser)
        browser.open(place("markup"))
        [first, second] = browser.rows("Key ID")
        browser.tick(f"Choose {first}", f"Choose {second}").type("Tag key", MARKUP).type("Tag value", MARKED)
        browser.press("Set tag")
        intact(browser)
        # Whatever is sent as a key stands in the page as it was sent.
        visitor = signed_in(world)
        form = {"token": visitor.get(place("markup")).token, "key": MARKUP + MARKED}
        for action in ("delete", "enable", MARKUP):
            page = visitor.post(place("markup"), {**form, "action": action}, 200)
            holds("<script>alert" not in page.text and "<img" not in page.text and "\"\u0301 on" not in page.text, action)


def intact(browser):
    """No element and no attribute of the page is born of a text, and no script of one has run."""
    found = browser.driver.execute_script(
        "const all = [...document.querySelectorAll('*')];"
        "return {born: all.filter(e => e.id.startsWith('born') || ['IMG', 'B', 'I'].includes(e.tagName)).length,"
        "scripts: all.filter(e => e.tagName === 'SCRIPT' && (!e.src || e.textContent)).length,"
        "handlers: all.filter(e => [...e.attributes].some(a => /^(on|x$|style$)/.test(a.name))).length}"
    )
    equal(found, {"born": 0, "scripts": 0, "handlers": 0}, f"what a text became on {browser.path}")


@scenario
def whoever_may_not_list_is_told_so(world):
    user = make_user(world, may("kms:DescribeKey"))
    sentence = denied_text(user, "kms:ListKeys", "resource: *", no_identity_policy("kms:ListKeys"))
    with visiting(world) as browser:
        browser.sign_in(user)
        equal(browser.heading, "Something went wrong")
        equal(browser.alert, f"AccessDeniedException {sentence}")
        browser.inspect("denied")
    visitor = signed_in(world, user)
    equal(visitor.get("/console/us-east-1/keys", 403).alert, ("AccessDeniedException", sentence))


@scenario
def whoever_may_list_but_not_describe_sees_identifiers_only(world):
    region = REGIONS["hidden"]
    [key] = make_keys(world, region, "Secret plans", Tags=[{"TagKey": "project", "TagValue": "moon"}])
    [shown] = make_keys(world, region, "For all", Policy=policy(allow(FIRST.root), allow("*", "kms:DescribeKey")))
    name(world, region, "alias/plans", key)
    user = make_user(world, may("kms:ListKeys"))
    with visiting(world) as browser:
        browser.sign_in(user, place("hidden"))
        row = dict(zip(browser.columns, next(row for row in browser.rows() if key in row)))
        equal([row[c] for c in ("Alias", "Status", "Key spec", "Usage", "Created", "Tags")],
              ["none", "not shown", "", "", "", ""])  # fmt: skip
        seen = dict(zip(browser.columns, next(row for row in browser.rows() if shown in row)))
        equal((seen["Status"], seen["Tags"]), ("Enabled", ""))
        for text in ("secret", "moon", "plans"):
            equal(search(browser, text), [], f"nothing is learnt by a search for {text}")
        equal(search(browser, key[:8]), [key])
        equal(search(browser, status="Enabled"), [shown])
        search(browser)
        browser.tick(f"Choose {key}").press("Disable")
        holds("AccessDeniedException" in browser.alert and "kms:DisableKey" in browser.alert, browser.alert)
    equal(states(world, region, [key]), ["Enabled"])


@scenario
def what_is_shown_is_recorded_as_calls_of_whoever_looks(world):
    region = REGIONS["audit"]
    keys = make_keys(world, region, "a", "b")
    user = make_user(world, may("kms:*"))
    visitor = signed_in(world, user)
    visitor.get(place("audit"))
    records = [json.loads(line) for line in audit_lines(world.data)]
    mine = [r for r in records if r["userIdentity"].get("arn") == user.arn and r["eventSource"] == "kms.amazonaws.com"]
    calls = [(r["eventName"], (r["requestParameters"] or {}).get("keyId")) for r in mine]
    expected = [("ListKeys", None), ("ListAliases", None)]
    expected += [(call, key) for key in keys for call in ("DescribeKey", "ListResourceTags")]
    equal(sorted(calls, key=str), sorted(expected, key=str), "calls in the audit log")
    equal({(r["awsRegion"], r["userIdentity"]["accessKeyId"]) for r in mine}, {(region, user.access_key_id)})


@scenario
def many_keys_are_paged_through_and_found_fast(world):
    region, count = REGIONS["many"], 2000
    kms = world.kms(region=region)

    def make(number):
        key = kms.create_key(Description=f"number {number:04}")["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=f"alias/key-{number:04}", TargetKeyId=key)

    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(count)))
    print(f"{count} keys with aliases made in {time.monotonic() - begin:.1f} s", flush=True)
    user = make_user(world, may("kms:*"))
    for who in (FIRST, user):
        visitor = signed_in(world, who)
        for query in ("", "?q=number+0777", "?sort=-created&page=40"):
            begin = time.monotonic()
            visitor.get(place("many") + query)
            took = time.monotonic() - begin
            print(f"{place('many')}{query} for {who.access_key_id}: {took * 1000:.0f} ms", flush=True)
            holds(took < 10, "a page in a time that people wait")
    with visiting(world) as browser:
        browser.sign_in(path=place("many"))
        names = browser.rows("Alias")
        equal(names, [f"alias/key-{n:04}" for n in range(25)])
        browser.follow("Next page").follow("Next page")
        equal(browser.rows("Alias")[0], "alias/key-0050")
        browser.follow("Previous page")
        equal(browser.rows("Alias")[0], "alias/key-0025")
        browser.follow("Alias ▲")
        equal(browser.rows("Alias")[0], f"alias/key-{count - 1:04}", "from the first page on")
        equal(len(search(browser, "key-01")), 25, "the first of a hundred")
        holds(f"100 of {count} keys" in browser.text, browser.text[:300])
        browser.follow("Next page")
        equal(browser.rows("Alias")[0], "alias/key-0174", "the search and the order stay")
        browser.open(f"{place('many')}?page=99999")
        equal(browser.rows("Alias")[-1], f"alias/key-{count - 1:04}", "the last page")


@scenario
def pages_are_good_to_look_at_and_to_hear(world):
    region = REGIONS["pictures"]
    kms = world.kms(region=region)
    keys = make_keys(world, region, "Cards of customers", "Backups", "Sessions", "Old invoices")
    for key, alias, team in zip(keys, ("payments/cards", "backups", "web-sessions", "invoices-2019"), "blue red blue green".split()):
        name(world, region, f"alias/{alias}", key)
        kms.tag_resource(KeyId=key, Tags=[{"TagKey": "team", "TagValue": team}, {"TagKey": "cost-center", "TagValue": "4711"}])
    make_keys(world, region, "Signatures", KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    kms.disable_key(KeyId=keys[2])
    kms.schedule_key_deletion(KeyId=keys[3])
    with visiting(world) as browser:
        browser.open("/console/sign-in").inspect("sign-in")
        browser.sign_in(path=place("pictures")).inspect("keys")
        browser.tick(f"Choose {keys[0]}", f"Choose {keys[1]}").press("Schedule deletion…").inspect("schedule-deletion")
        kms.describe_key(KeyId="alias/aws/sqs")
        browser.open(f"/console/{region}/managed").inspect("managed-keys")
        equal(browser.rows("Alias"), ["alias/aws/sqs"])
        equal(browser.elements("//input[@type='checkbox'] | //fieldset"), [], "nothing can be done to AWS's keys")
        browser.open("/console/nowhere").inspect("not-found")


run()
