"""The console's frame: going from region to region, and the menu on a phone."""

import urllib.parse

from browser import visiting
from harness import OTHER_REGION, REGION, equal, holds, run, scenario, settled
from principals import make_user, may
from visitor import signed_in

BASE, OTHER = f"/console/{REGION}", f"/console/{OTHER_REGION}"


@scenario
def whoever_changes_the_region_stays_on_the_page(world):
    user = make_user(world)
    subject = f"/access/user?id={user.name}"
    with visiting(world) as browser:
        browser.sign_in(path=f"{BASE}/audit?who=somebody&from=2026-01-01&before=1.2&shown=100")
        browser.choose_region(OTHER_REGION)
        equal(browser.path, f"{OTHER}/audit?who=somebody&from=2026-01-01", "without what is about the pages of the other log")
        equal(browser.value("Who (part of the ARN)"), "somebody")
        for page in ("/usage", "/access/roles", subject, "/explain?action=kms%3AEncrypt", "/create", "/managed", "/keys"):
            browser.open(BASE + page).choose_region(OTHER_REGION)
            equal(browser.path, OTHER + page)
            equal(browser.element("//select[@id='region']").get_attribute("value"), OTHER_REGION)
        # Also of the page that answers a form.
        browser.open(f"{BASE}{subject}").type("Add to a group", "nowhere").press("Add").choose_region(OTHER_REGION)
        equal((urllib.parse.unquote(browser.path), browser.heading), (OTHER + subject, f"User {user.name}"))
        browser.open(f"{BASE}/nothing").choose_region(OTHER_REGION)
        equal(browser.path, f"{OTHER}/keys")


@scenario
def of_keys_only_related_ones_are_in_both_regions(world):
    related, alone, plain = world.key(MultiRegion=True)["KeyId"], world.key(MultiRegion=True)["KeyId"], world.key()["KeyId"]
    world.kms().replicate_key(KeyId=related, ReplicaRegion=OTHER_REGION)
    settled(world, related, OTHER_REGION)
    with visiting(world) as browser:
        browser.sign_in(path=f"{BASE}/keys/{related}/tags").choose_region(OTHER_REGION)
        equal(browser.path, f"{OTHER}/keys/{related}/tags")
        for key in (alone, plain):
            browser.open(f"{BASE}/keys/{key}/tags").choose_region(OTHER_REGION)
            equal((browser.path, browser.heading), (f"{OTHER}/keys", "Customer managed keys"))
            equal(browser.notice, f"That key is not in {OTHER_REGION}. These are the keys that are.")
        browser.open(f"{BASE}/audit?key={related}&name=a").choose_region(OTHER_REGION)
        equal(browser.path, f"{OTHER}/audit?key={related}&name=a")
        browser.open(f"{BASE}/audit?key={plain}&name=a").choose_region(OTHER_REGION)
        equal(browser.path, f"{OTHER}/audit?name=a")
    looker = signed_in(world, make_user(world, may("kms:ListKeys")))
    path = looker.get(f"/console/region?name={OTHER_REGION}&page=keys/{related}", 303).location
    equal(path, f"{OTHER}/keys", "who may not look at the key")


@scenario
def nobody_is_sent_to_another_site_by_the_region(world):
    visitor = signed_in(world)
    for page in ("", "//evil.example", "/evil.example", "\\evil.example", "audit\\..", "https://evil.example", "../../ping",
                 "audit/../../../ping", "audit/%2E%2e/x", "sign-out", "audit\r\nX: y", "audit\u00e9", "audit?" + "x" * 3000, "nothing", "keys/%FF", "keys/../x"):  # fmt: skip
        query = urllib.parse.urlencode({"name": OTHER_REGION, "page": page})
        equal(visitor.get(f"/console/region?{query}", 303).location, f"{OTHER}/keys", f"{page!r}")
    equal(visitor.get("/console/region?name=nowhere&page=audit", 404).alert[0], "NotFound")


@scenario
def the_menu_of_a_phone_is_one_line_until_it_is_opened(world):
    with visiting(world, scripts=False) as browser:
        browser.sign_in(path=f"{BASE}/audit")
        browser.follow("Usage and quotas").follow("Audit")
        browser.look(390, "light")
        try:
            top = browser.element("//main").rect["y"]
            holds(top < 180, f"the content begins at {top} pixels of 844")
            equal([link for link in browser.elements("//nav[@aria-label='Console']//a") if link.is_displayed()], [])
            summary = browser.element("//nav[@class='menu']//summary")
            equal(summary.text, "Menu: Audit")
            summary.click()
            browser.picture("menu-390-light")
            equal(browser.element("//nav[@aria-label='Console']//a[@aria-current='page']").text, "Audit")
            browser.follow("Usage and quotas")
            equal(browser.heading, "Usage and quotas")
        finally:
            browser.look(1280, "light")


if __name__ == "__main__":
    run()
