"""The console's search of the audit log, and its page of quotas."""

import html
import re
import urllib.parse

from browser import MARKUP, visiting
from harness import FIRST, OTHER_REGION, REGION, audit_lines, equal, holds, key_arn, policy, run, scenario
from principals import denied_text, fresh, make_user, may, no_identity_policy
from visitor import signed_in

AUDIT = f"/console/{REGION}/audit"
KEY = "Key (ID, ARN or alias)"


def found(browser, **fields):
    """The operations that a search finds."""
    browser.open(f"{AUDIT}?{urllib.parse.urlencode(fields)}")
    return [what.split()[0] for what in browser.rows("What")] if browser.rows() != [["Nothing found."]] else []


def problem(browser, field):
    return browser.element(f"//*[@id='{field}-problem']").text


@scenario
def records_of_a_key_are_found_by_whatever_names_it(world):
    key = world.key()["KeyId"]
    alias = f"alias/{fresh('audited')}"
    world.kms().create_alias(AliasName=alias, TargetKeyId=key)
    world.kms().encrypt(KeyId=key, Plaintext=b"x")
    arn = key_arn(key)
    names = (key, key.upper(), arn, arn.upper().replace("ARN:AWS:KMS:US-EAST-1", "arn:aws:kms:us-east-1").replace(":KEY/", ":key/"),
             alias, f"arn:aws:kms:{REGION}:{FIRST.number}:{alias}", f"  {key} ")  # fmt: skip
    with visiting(world) as browser:
        browser.sign_in(path=AUDIT)
        for name in names:
            equal(found(browser, key=name, name="Encrypt"), ["Encrypt"], name)
            equal(browser.value(KEY), name, "what was typed is kept")


@scenario
def what_cannot_be_found_is_said_at_its_field(world):
    wrong = {
        "name": ("kms:Encrypt", "An operation is one word, such as Encrypt, or the beginning of one."),
        "key": (MARKUP, f"“{MARKUP}” is neither the ID nor the ARN nor an alias of a key."),
        "from": ("2026-02-30", "“2026-02-30” is no date: write 2026-11-28, or 2026-11-28 17:20."),
        "to": ("yesterday", "“yesterday” is no date: write 2026-11-28, or 2026-11-28 17:20."),
    }
    with visiting(world) as browser:
        browser.sign_in(path=AUDIT)
        browser.open(f"{AUDIT}?" + urllib.parse.urlencode({"outcome": "melted", **{n: text for n, (text, _) in wrong.items()}}))
        equal(browser.alert, "ValidationException Nothing was searched: something has to be changed first.")
        for field, (typed, sentence) in wrong.items():
            equal((browser.element(f"//input[@id='{field}']").get_attribute("value"), problem(browser, field)), (typed, sentence))
            equal(browser.element(f"//input[@id='{field}']").get_attribute("aria-invalid"), "true")
        equal(problem(browser, "outcome"), "There is no outcome “melted”.")
        equal(browser.elements("//table"), [], "nothing was searched")
        browser.holds_plain().inspect("audit-refused")
        for fields, field, sentence in (
            ({"from": "2026-11-28", "to": "2026-11-27"}, "to", "The end is before the beginning."),
            ({"key": "alias/not-there"}, "key", "There is no such alias here, or you may not look at its key."),
            ({"key": key_arn(world.key()["KeyId"], region=OTHER_REGION)}, "key", f"That key is in {OTHER_REGION}: go to that region."),
        ):
            browser.open(f"{AUDIT}?" + urllib.parse.urlencode(fields))
            equal((problem(browser, field), len(browser.elements("//*[@class='problem']"))), (sentence, 1))
        browser.type(KEY, "").press("Search")
        equal(len(browser.elements("//*[@class='problem']")), 0)
    page = signed_in(world).get(f"{AUDIT}?from=soon", 400)
    holds("value=\"soon\"" in page.text, "it is no search that went well")


@scenario
def a_search_can_begin_and_end_at_a_time_of_day(world):
    key = world.key()["KeyId"]
    world.kms().encrypt(KeyId=key, Plaintext=b"x")
    with visiting(world) as browser:
        browser.sign_in(path=AUDIT)
        equal(found(browser, key=key, name="Encrypt"), ["Encrypt"])
        [moment] = browser.rows("When")
        day, second = moment[:10], moment.removesuffix(" UTC")
        minute = second[:16]
        for fields in ({"from": day}, {"to": day}, {"from": minute}, {"to": minute}, {"from": second}, {"to": second},
                       {"from": moment, "to": moment}, {"from": second.replace(" ", "T") + "Z", "to": day}):  # fmt: skip
            equal(found(browser, key=key, name="Encrypt", **fields), ["Encrypt"], f"{fields}")
        for fields in ({"to": f"{day} 00:00:00"}, {"from": "2999-01-01 00:00"}, {"to": "2001-01-01"}):
            if not second.endswith("00:00:00"):
                equal(found(browser, key=key, name="Encrypt", **fields), [], f"{fields}")
                holds("Records" not in browser.text, "no count of nothing")


@scenario
def older_records_leave_none_out(world):
    visitor, kms, key = signed_in(world), world.kms(), world.key()["KeyId"]
    for _ in range(230):
        kms.encrypt(KeyId=key, Plaintext=b"x")
    pages, path = [], f"{AUDIT}?name=Encrypt&key={key}&to=2999-01-01"
    while path:
        page = visitor.get(path)
        first = sum(map(len, pages)) + 1
        pages.append(re.findall(r'aria-label="Record ([^"]*)"', page.text))
        holds(f"Records {first} to {first + len(pages[-1]) - 1}, the newest first" in page.text, path)
        link = re.search(r'rel="next" href="([^"]*)"', page.text)
        path = link and html.unescape(link[1])
        # What comes meanwhile is on none of the pages behind the first, and moves nothing.
        kms.encrypt(KeyId=key, Plaintext=b"y")
    equal([len(page) for page in pages], [100, 100, 30])
    equal(len({record for page in pages for record in page}), 230, "each once")


@scenario
def records_fit_the_screen_and_on_a_phone_each_is_a_card(world):
    key = world.key(Description="x")["KeyId"]
    world.kms().encrypt(KeyId=key, Plaintext=b"x")
    with visiting(world) as browser:
        browser.sign_in(path=f"{AUDIT}?key={key}").inspect("audit-of-a-key")
        fits = "const e = document.querySelector('.scroll'); return e.scrollWidth - e.clientWidth"
        equal(browser.driver.execute_script(fits), 0, "all columns are there at 1280 pixels")
        browser.look(390, "light")
        try:
            browser.element("(//summary[.='Show'])[1]").click()
            wide = browser.driver.execute_script(
                "return [...document.querySelectorAll('.scroll, details[open] pre')].map(e => e.scrollWidth - e.clientWidth)")  # fmt: skip
            equal(wide, [0, 0], "nothing has to be scrolled sideways")
            browser.picture("audit-card-390-light")
            label = browser.driver.execute_script(
                "return getComputedStyle(document.querySelector('td[data-label=Who]'), '::before').content")  # fmt: skip
            equal(label, '"Who"')
        finally:
            browser.look(1280, "light")


@scenario
def the_page_of_quotas_names_whoever_is_nearest_to_them(world):
    region = "ap-northeast-2"
    kms, user, iam = world.kms(region=region), make_user(world, Path="/quota/"), world.client("iam")
    many, few = world.key(region=region)["KeyId"], world.key(region=region, Policy=policy(
        {"Sid": "x" * 3000, "Effect": "Allow", "Principal": {"AWS": FIRST.root}, "Action": "kms:*", "Resource": "*"}))["KeyId"]  # fmt: skip
    kms.create_alias(AliasName="alias/many", TargetKeyId=many)
    kms.create_alias(AliasName="alias/more", TargetKeyId=many)
    for _ in range(3):
        kms.create_grant(KeyId=many, GranteePrincipal=user.arn, Operations=["Decrypt"])
    kms.create_grant(KeyId=few, GranteePrincipal=user.arn, Operations=["Decrypt"])
    kms.tag_resource(KeyId=few, Tags=[{"TagKey": f"k{n}", "TagValue": "v"} for n in range(4)])
    kms.rotate_key_on_demand(KeyId=many)
    iam.create_access_key(UserName=user.name)
    with visiting(world) as browser:
        browser.sign_in(path=f"/console/{region}/usage")
        rows = [row[:4] for row in browser.rows() if len(row) == 5]
        for row in (
            ["Customer managed keys", "", "2", "100000"], ["Grants of one key", "alias/many", "3", "50000"],
            ["Grants of one key", few, "1", "50000"], ["Aliases of one key", "alias/many", "2", "50"],
            ["Tags of one key", few, "4", "50"], ["Rotations of one key on demand", "alias/many", "1", "25"],
            ["Access keys of one user", f"user {user.name}", "2", "2"],
        ):  # fmt: skip
            holds(row in rows, f"{row} in {rows}")
        names = [row[0] for row in rows]
        sizes = [row for row in rows if row[0] == "Key policy as it is kept, in bytes"]
        holds(sizes[0][1] == few and 3000 < int(sizes[0][2]) < 3400 and sizes[0][3] == "32768", f"{sizes}")
        holds(names.index("Users") > names.index("Tags of one key") and "Versions of one policy" in names, f"{names}")
        browser.inspect("usage").follow(f"user {user.name}")
        equal(browser.heading, f"User {user.name}")


@scenario
def who_may_not_look_at_everybody_sees_no_quotas_of_users(world):
    looker, region = make_user(world, may(["kms:ListKeys", "kms:ListAliases", "kms:DescribeKey"])), "ap-northeast-3"
    key = world.key(region=region)["KeyId"]
    world.kms(region=region).create_grant(KeyId=key, GranteePrincipal=looker.arn, Operations=["Decrypt"])
    action = "iam:GetAccountAuthorizationDetails"
    with visiting(world) as browser:
        browser.sign_in(looker, path=f"/console/{region}/usage")
        sentence = denied_text(looker, action, "resource: *", no_identity_policy(action))
        holds(sentence in browser.text, f"{sentence}\n{browser.text}")
        rows = [row[:4] for row in browser.rows() if len(row) == 5]
        holds(["Customer managed keys", "", "1", "100000"] in rows, f"{rows}")
        holds(["Grants of one key", "", "0", "50000"] in rows, f"who may not list grants does not learn how many: {rows}")
        browser.inspect("usage-in-part")
    lines = [line for line in audit_lines(world.data) if looker.arn in line and "GetAccountAuthorizationDetails" in line]
    holds(len(lines) == 1 and '"AccessDenied"' in lines[0], f"{lines}")


@scenario
def each_part_of_the_page_of_quotas_is_for_who_may_see_it(world):
    region = "ap-southeast-1"
    world.key(region=region)
    world.kms(region=region).describe_key(KeyId="alias/aws/sqs")
    lister, reader = make_user(world, may("kms:ListKeys")), make_user(world, may("cloudtrail:LookupEvents"))
    with visiting(world) as browser:
        for user, action in ((lister, "cloudtrail:LookupEvents"), (reader, "kms:ListKeys")):
            browser.sign_in(user, path=f"/console/{region}/usage")
            holds(f"is not authorized to perform: {action}" in browser.text, browser.text)
            rows = [row[:4] for row in browser.rows() if len(row) == 5]
            # Of keys that may not be looked at nobody knows whose they are.
            equal(["Customer managed keys", "", "0", "100000"] in rows, user is lister, f"{rows}")
            equal("not shown\n2" in browser.text, user is lister, browser.text)
            equal("Requests are not limited here." in browser.text, user is reader, browser.text)
            browser.inspect(f"usage-without-{action.partition(':')[2]}").press("Sign out")


if __name__ == "__main__":
    run()
