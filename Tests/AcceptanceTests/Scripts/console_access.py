"""The console's pages of users, groups, roles and policies, and of explanations: what they change, the API then has."""

import json
import re
import urllib.parse

from browser import MARKUP, visiting
from harness import FIRST, REGION, Account, allow, equal, holds, policy, refused, run, scenario
from principals import (
    STRANGER,
    assume,
    denied_text,
    forbidden,
    fresh,
    make_role,
    make_user,
    managed_policy,
    may,
    may_not,
    no_boundary,
    no_identity_policy,
    permit,
    trust,
    user_arn,
    when,
)
from visitor import signed_in

BASE = f"/console/{REGION}"
# IAM has most of ASCII in paths.
PATH = "/</code><img/src=x/onerror=alert(3)>'\"/"


def subject(kind, name):
    return f"{BASE}/access/{kind}?id={urllib.parse.quote(name, safe='')}"


def labelled(browser, name):
    """Presses the button that is called so for those who do not see what stands beside it."""
    browser.leaves(browser.element(f"//button[@aria-label='{name}']").click)
    return browser


def delete(browser, noun):
    return browser.tick(f"I want to delete this {noun}.").press(f"Delete {noun}")


@scenario
def a_users_access_key_is_shown_once_and_works(world):
    name, iam = fresh("made"), world.client("iam")
    with visiting(world) as browser:
        browser.sign_in(path=f"{BASE}/access/users").follow("Create user")
        browser.inspect("create-user").type("Name", name).type("Tags", "team=blue sky\nsum=1+1=2").press("Create user")
        equal(browser.heading, f"User {name}")
        tags = sorted((tag["Key"], tag["Value"]) for tag in iam.list_user_tags(UserName=name)["Tags"])
        equal(tags, [("sum", "1+1=2"), ("team", "blue sky")])
        browser.press("Create access key")
        equal(browser.heading, "New access key")
        holds(browser.path.startswith(f"{BASE}/access/new-key?id=AKIA"), browser.path)
        identifier, secret = (browser.element(f"//code[@id='{part}']").text for part in ("key-id", "secret"))
        holds(browser.driver.page_source.count(secret) == 1, "the secret is in the page, once")
        browser.inspect("access-key")
        made = Account(FIRST.number, identifier, secret)
        equal(world.client("sts", made).get_caller_identity()["Arn"], user_arn(name))
        for path in (browser.path, subject("user", name), f"{BASE}/audit"):
            browser.open(path)
            equal(secret in browser.driver.page_source, "new-key" in path, path)
            if "new-key" in path:
                browser.leaves(browser.driver.refresh)
                equal(browser.element("//code[@id='secret']").text, secret, "for a minute")
                browser.open(f"{BASE}/access/new-key?id={identifier[:-1]}")
                holds(f"The secret of {identifier[:-1]} cannot be shown again." in browser.text, browser.text)
                browser.inspect("access-key-shown")
        equal(len(iam.list_access_keys(UserName=name)["AccessKeyMetadata"]), 1, "looking makes no other key")
        holds_nowhere(world, secret)
        browser.open(subject("user", name)).press("Deactivate")
        equal((browser.notice, "Inactive" in browser.text), (f"The access key {identifier} is inactive.", True))
        with refused("InvalidClientTokenId", STRANGER, http=403):
            world.client("sts", made).get_caller_identity()
        browser.press("Activate")
        equal(world.client("sts", made).get_caller_identity()["Account"], FIRST.number)
        browser.press("Deactivate").press("Delete")
        equal(iam.list_access_keys(UserName=name)["AccessKeyMetadata"], [])
        delete(browser, "user")
        equal((browser.path, browser.notice), (f"{BASE}/access/users", "The user was deleted."))
    with refused("NoSuchEntity", http=404):
        iam.get_user(UserName=name)


@scenario
def a_secret_is_for_the_session_that_made_the_access_key(world):
    user = world.client("iam").create_user(UserName=fresh("made"))["User"]["UserName"]
    maker, other = signed_in(world), signed_in(world)

    def make(status=303):
        form = {"token": maker.get(subject("user", user)).token, "create-key": "1"}
        return maker.post(subject("user", user), form, status)

    led = [make().location for _ in range(2)]
    for path in led:
        holds(re.fullmatch(f"{BASE}/access/new-key\\?id=AKIA[A-Z2-7]{{16}}", path), path)
        holds("cannot be shown again" in other.get(path).text, "another session of the same principal")
    for path in led:
        [secret] = re.findall('id="secret">([A-Za-z0-9/+]{40})<', maker.get(path).text)
        holds(secret in maker.get(path).text, "a page that was interrupted can be loaded again")
        holds("cannot be shown again" in other.get(path).text, "another session, afterwards too")
    page = make(409)
    equal(page.alert[0], "LimitExceeded", "what is refused is said on the page of the user")
    maker.get(f"{BASE}/access/new-key", 404)
    holds("cannot be shown again" in maker.get(f"{BASE}/access/new-key?id=%3Cb%3E").text, "whatever is asked for")


def holds_nowhere(world, secret):
    """Neither the audit log has it, nor another file of the server's."""
    files = [path for path in world.data.rglob("*") if path.is_file()]
    holds(any(path.suffix == ".jsonl" for path in files), "there is an audit log")
    equal([str(path) for path in files if secret.encode() in path.read_bytes()], [], "files with the secret")
    holds(secret not in world.server.log_text(), "the secret is in the server's log")


@scenario
def groups_have_members_who_get_their_policies(world):
    user, name, iam = make_user(world), fresh("group"), world.client("iam")
    with visiting(world) as browser:
        browser.sign_in(path=f"{BASE}/access/groups").inspect("groups").follow("Create group")
        browser.inspect("create-group").type("Name", name).press("Create group")
        browser.open(subject("user", user.name)).type("Add to a group", "nowhere").press("Add")
        browser.holds_refused("NoSuchEntity", **{"Add to a group": "nowhere"})
        browser.type("Add to a group", name).press("Add")
        equal([group["GroupName"] for group in iam.list_groups_for_user(UserName=user.name)["Groups"]], [name])
        browser.follow(name)
        equal(browser.heading, f"Group {name}")
        holds(user.name in browser.text, browser.text)
        browser.follow("Create inline policy").type("Name", "make").type("Policy", policy(may("kms:CreateKey")))
        browser.press("Save policy")
        world.key(user)
        browser.open(subject("group", name)).inspect("group")
        delete(browser, "group")
        browser.holds_refused("DeleteConflict")
        labelled(browser, f"Remove {user.name}")
        equal(iam.get_group(GroupName=name)["Users"], [])
        with refused("AccessDeniedException"):
            world.key(user)
        browser.type("Add a user", user.name).press("Add")
        equal([each["UserName"] for each in iam.get_group(GroupName=name)["Users"]], [user.name])


@scenario
def an_inline_policy_is_written_mended_changed_and_deleted(world):
    user, iam = make_user(world), world.client("iam")
    with visiting(world) as browser:
        browser.sign_in(path=subject("user", user.name)).follow("Create inline policy")
        for wrong in ("{ </textarea>" + MARKUP, policy({"Effect": "Perhaps", "Action": "kms:*", "Resource": "*"})):
            browser.type("Name", "own").type("Policy", wrong).press("Save policy")
            browser.holds_refused("MalformedPolicyDocument", Name="own", Policy=wrong)
            browser.holds_plain()
        browser.inspect("inline-policy-refused").type("Policy", policy(may("kms:CreateKey"))).press("Save policy")
        stored = iam.get_user_policy(UserName=user.name, PolicyName="own")["PolicyDocument"]
        equal(stored, json.loads(policy(may("kms:CreateKey"))))
        world.key(user)
        browser.follow("own").inspect("inline-policy")
        browser.type("Policy", policy(may_not("kms:CreateKey"))).press("Save policy")
        with refused("AccessDeniedException"):
            world.key(user)
        browser.open(subject("user", user.name)).follow("own")
        delete(browser, "policy")
        equal(iam.list_user_policies(UserName=user.name)["PolicyNames"], [])
        long = make_user(world, may("kms:*"), name="n" * 64)
        browser.open(f"{BASE}/access/user/inline?id={long.name}&policy=own").inspect("inline-policy-long-name")


@scenario
def managed_policies_have_versions_and_are_attached(world):
    user, name, iam = make_user(world), fresh("policy"), world.client("iam")
    first, second = policy(may("kms:CreateKey")), policy(may("kms:GenerateRandom"))
    with visiting(world) as browser:
        browser.sign_in(path=f"{BASE}/access/policies").follow("Create policy").inspect("create-policy")
        browser.type("Name", name).type("Description", MARKUP).type("Tags", "a=b").type("Policy", "{ no")
        browser.press("Create policy")
        browser.holds_refused("MalformedPolicyDocument", Name=name, Description=MARKUP, Tags="a=b", Policy="{ no")
        browser.type("Policy", first).press("Create policy")
        equal(browser.heading, f"Policy {name}")
        holds(MARKUP in browser.text, "the description is text")
        browser.holds_plain()
        arn = f"arn:aws:iam::{FIRST.number}:policy/{name}"
        equal(iam.get_policy(PolicyArn=arn)["Policy"]["Description"], MARKUP)
        browser.open(subject("user", user.name)).type("Attach a policy, by its ARN", arn + "x").press("Attach")
        browser.holds_refused("NoSuchEntity", **{"Attach a policy, by its ARN": arn + "x"})
        browser.type("Attach a policy, by its ARN", arn).press("Attach")
        world.key(user)
        browser.follow(name)
        box = "Put the new version in force at once"
        if browser.field(box).is_selected():
            browser.tick(box)
        browser.type("Text", "{ no").press("Save as new version")
        browser.holds_refused("MalformedPolicyDocument", Text="{ no")
        equal(browser.field(box).is_selected(), False, "the box stays as it was")
        browser.type("Text", second).press("Save as new version")
        world.key(user)
        labelled(browser, "Put v2 in force").inspect("policy")
        with refused("AccessDeniedException"):
            world.key(user)
        world.kms(user).generate_random(NumberOfBytes=1)
        browser.follow("v1")
        equal(json.loads(browser.value("Text")), json.loads(first), "an older version can be looked at")
        holds(user.name in browser.text, "whom it is attached to")
        delete(browser, "policy")
        browser.holds_refused("DeleteConflict")
        labelled(browser, "Delete version v1")
        equal([version["VersionId"] for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]], ["v2"])
        browser.open(f"{BASE}/access/policies").inspect("policies")
        labelled(browser.open(subject("user", user.name)), f"Detach {name}")
        delete(browser.open(subject("policy", arn)), "policy")
    with refused("NoSuchEntity", http=404):
        iam.get_policy(PolicyArn=arn)


@scenario
def a_boundary_limits_a_user(world):
    user, arn = make_user(world, may("kms:*")), managed_policy(world, may("kms:List*"))
    field = "Set a managed policy as the boundary, by its ARN"
    with visiting(world) as browser:
        browser.sign_in(path=subject("user", user.name)).type(field, "nothing").press("Set")
        holds(browser.alert, "refused")
        equal(browser.value(field), "nothing")
        browser.type(field, arn).press("Set")
        expected = denied_text(user, "kms:CreateKey", "resource: *", no_boundary("kms:CreateKey"))
        with refused("AccessDeniedException", expected):
            world.key(user)
        holds(arn in browser.text, browser.text)
        browser.inspect("user").press("Remove the boundary")
        world.key(user)


@scenario
def a_role_trusts_whom_its_policy_says(world):
    user, other, name = make_user(world), make_user(world), fresh("role")
    with visiting(world) as browser:
        browser.sign_in(path=f"{BASE}/access/roles").follow("Create role").inspect("create-role")
        browser.type("Name", name).type("Description", MARKUP).type("Trust policy", "{}")
        browser.press("Create role")
        browser.holds_refused("MalformedPolicyDocument", **{"Name": name, "Description": MARKUP, "Trust policy": "{}"})
        browser.type("Trust policy", policy(trust(user.arn))).press("Create role")
        equal((browser.heading, browser.value("Description")), (f"Role {name}", MARKUP))
        browser.holds_plain()
        known = world.client("iam").get_role(RoleName=name)["Role"]
        equal((known["Description"], known["AssumeRolePolicyDocument"]), (MARKUP, json.loads(policy(trust(user.arn)))))
        caller = world.client("sts", user)
        session = caller.assume_role(RoleArn=known["Arn"], RoleSessionName="work")["Credentials"]
        worker = Account(FIRST.number, session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
        arn = world.client("sts", worker).get_caller_identity()["Arn"]
        equal(arn, f"arn:aws:sts::{FIRST.number}:assumed-role/{name}/work")
        browser.type("Longest session, in seconds", "10").press("Save settings")
        browser.holds_refused("ValidationError", **{"Longest session, in seconds": "10"})
        browser.type("Longest session, in seconds", "7200").type("Description", "Works").press("Save settings")
        known = world.client("iam").get_role(RoleName=name)["Role"]
        equal((known["Description"], known["MaxSessionDuration"]), ("Works", 7200))
        browser.type("Who may take on the role", "{ no").press("Save trust policy")
        browser.holds_refused("MalformedPolicyDocument", **{"Who may take on the role": "{ no"})
        browser.type("Who may take on the role", policy(trust(other.arn))).press("Save trust policy")
        browser.inspect("role").open(f"{BASE}/access/roles").inspect("roles")
        with forbidden("AccessDenied"):
            caller.assume_role(RoleArn=known["Arn"], RoleSessionName="work")
        world.client("sts", other).assume_role(RoleArn=known["Arn"], RoleSessionName="work")


@scenario
def tags_are_set_and_taken_away(world):
    user, iam = make_user(world), world.client("iam")
    with visiting(world) as browser:
        browser.sign_in(path=subject("user", user.name))
        browser.type("Key of the tag", "team:x").type("Value", "blue sky").press("Set tag")
        equal(iam.list_user_tags(UserName=user.name)["Tags"], [{"Key": "team:x", "Value": "blue sky"}])
        browser.type("Key of the tag", "<i>").type("Value", MARKUP).press("Set tag")
        browser.holds_refused("ValidationError", **{"Key of the tag": "<i>", "Value": MARKUP})
        browser.holds_plain()
        labelled(browser, "Remove the tag team:x")
        equal(iam.list_user_tags(UserName=user.name)["Tags"], [])


@scenario
def what_is_still_used_is_not_deleted(world):
    user = make_user(world, may("kms:ListKeys"))
    with visiting(world) as browser:
        browser.sign_in(path=subject("user", user.name))
        delete(browser, "user")
        holds(browser.alert.startswith("DeleteConflict") and "Cannot delete entity, must " in browser.alert, browser.alert)
        browser.inspect("user-conflict")
        world.client("iam").get_user(UserName=user.name)


@scenario
def markup_is_text(world):
    user = make_user(world, Path=PATH)
    role = make_role(world, user, Path="/a/", Description="plain")
    strange = may("kms:*", **when("StringNotEquals", "aws:UserAgent", "</textarea>" + MARKUP))
    arn = managed_policy(world, strange, Description=MARKUP)
    iam = world.client("iam")
    iam.attach_user_policy(UserName=user.name, PolicyArn=arn)
    permit(world, user, strange)
    with visiting(world) as browser:
        browser.sign_in(path=f"{BASE}/access/users?path={urllib.parse.quote(PATH)}")
        equal(browser.rows("ARN"), [user.arn])
        browser.holds_plain()
        for path in (
            subject("user", user.name), subject("role", role.name), subject("policy", arn), subject("user", MARKUP),
            f"{BASE}/access/policies", f"{BASE}/access/user/inline?id={user.name}&policy=own",
            f"{BASE}/access/users/create", f"{BASE}/access/users?path={urllib.parse.quote(MARKUP)}",
            f"{BASE}/access/users?marker={urllib.parse.quote(MARKUP)}",
            f"{BASE}/explain?principal={urllib.parse.quote(user.arn)}&action=kms:CreateKey",
            f"{BASE}/explain?principal={urllib.parse.quote(MARKUP)}&action={urllib.parse.quote(MARKUP)}",
            f"{BASE}/create",
        ):  # fmt: skip
            browser.open(path).holds_plain()
        browser.open(subject("user", user.name)).follow("Explain what this user may do")
        equal(browser.value("Principal"), user.arn)
        browser.open(f"{BASE}/access/users/create").type("Name", MARKUP).press("Create user")
        browser.holds_refused("ValidationError", Name=MARKUP)
        browser.holds_plain()


@scenario
def long_lists_come_in_pages(world):
    iam, path = world.client("iam"), f"/{fresh('many')}/"
    names = sorted(iam.create_user(UserName=fresh("many"), Path=path)["User"]["UserName"] for _ in range(53))
    with visiting(world) as browser:
        browser.sign_in(path=f"{BASE}/access/users").type("Path begins with", path).press("Search")
        listed = browser.inspect("users").rows("Name")
        equal((len(listed), browser.value("Path begins with")), (50, path))
        equal(sorted(listed + browser.follow("Next page").rows("Name")), names)
        equal(browser.value("Path begins with"), path)
        browser.follow("First page").type("Path begins with", "bad").press("Search")
        browser.holds_refused("ValidationError", **{"Path begins with": "bad"})


@scenario
def who_may_not_is_told_in_awss_words_and_sees_nothing_of_others(world):
    other = make_user(world, Tags=[{"Key": "of", "Value": "other-secret"}])
    role, arn = make_role(world, other), managed_policy(world, may("kms:*"))
    nobody = make_user(world)
    with visiting(world) as browser:
        browser.sign_in(nobody, path=f"{BASE}/access/users")
        users = f"resource: arn:aws:iam::{FIRST.number}:user/"
        expected = denied_text(nobody, "iam:ListUsers", users, no_identity_policy("iam:ListUsers"))
        holds(expected in browser.alert, browser.alert)
        browser.inspect("denied")
        for path, action in (
            (f"{BASE}/access/groups", "ListGroups"), (f"{BASE}/access/roles", "ListRoles"),
            (f"{BASE}/access/policies", "ListPolicies"), (subject("user", other.name), "GetUser"),
            (subject("user", "not-there"), "GetUser"), (subject("role", role.name), "GetRole"),
            (subject("policy", arn), "GetPolicy"),
        ):  # fmt: skip
            browser.open(path)
            holds(f"{nobody.arn} is not authorized to perform: iam:{action} " in browser.alert, f"{path}: {browser.alert}")
            holds("other-secret" not in browser.text and other.identifier not in browser.driver.page_source, path)
        browser.open(f"{BASE}/access/users/create").type("Name", "evil").press("Create user")
        browser.holds_refused("is not authorized to perform: iam:CreateUser", Name="evil")
        browser.open(f"{BASE}/explain")
        holds(other.arn not in browser.driver.page_source, "no suggestion of what may not be listed")
        browser.type("Principal", other.arn).choose("Action", "kms:CreateKey").press("Explain")
        browser.holds_refused("AccessDenied", Principal=other.arn)
        permit(world, nobody, may("iam:GetUser"))
        browser.open(subject("user", other.name))
        equal(browser.heading, f"User {other.name}")
        for part in ("AccessKeys", "GroupsForUser", "AttachedUserPolicies", "UserPolicies", "UserTags"):
            action = f"List{part}"
            holds(f"is not authorized to perform: iam:{action} " in browser.text, action)
        browser.inspect("user-in-part").type("Key of the tag", "x").press("Set tag")
        holds("is not authorized to perform: iam:TagUser" in browser.alert, browser.alert)
    with refused("NoSuchEntity", http=404):
        world.client("iam").get_user(UserName="evil")


if __name__ == "__main__":
    run()
