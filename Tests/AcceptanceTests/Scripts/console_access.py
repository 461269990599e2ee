"""The console's pages of users, groups, roles and policies, and of explanations: what they change, the API then has."""

import json
import urllib.parse

from browser import visiting
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

BASE = f"/console/{REGION}"
MARKUP = "\"><script>alert(1)</script><img src=x onerror=alert(2)>{{7}}&amp;"
# IAM has most of ASCII in paths.
PATH = "/</code><img/src=x/onerror=alert(3)>'\"/"


def subject(kind, name):
    return f"{BASE}/access/{kind}?id={urllib.parse.quote(name, safe='')}"


def value(browser, label):
    return browser.field(label).get_attribute("value")


def labelled(browser, name):
    """Presses the button that is called so for those who do not see what stands beside it."""
    browser.leaves(browser.element(f"//button[@aria-label='{name}']").click)
    return browser


def delete(browser, noun):
    return browser.tick(f"I want to delete this {noun}.").press(f"Delete {noun}")


def holds_plain(browser):
    """Nothing was born of a text."""
    born = browser.elements("//main//script | //main//img | //main//*[@onerror]")
    equal([element.get_attribute("outerHTML") for element in born], [])


def holds_refused(browser, sentence, **fields):
    """AWS's sentence is in plain sight, and the fields have what was typed."""
    holds(sentence in browser.alert, f"{sentence}\n{browser.alert}")
    for label, text in fields.items():
        equal(value(browser, label), text, "what was typed is kept")


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
        identifier, secret = (browser.element(f"//code[@id='{part}']").text for part in ("key-id", "secret"))
        holds(browser.driver.page_source.count(secret) == 1, "the secret is in the page, once")
        browser.inspect("access-key")
        made = Account(FIRST.number, identifier, secret)
        equal(world.client("sts", made).get_caller_identity()["Arn"], user_arn(name))
        for path in (browser.path, subject("user", name), f"{BASE}/audit"):
            browser.open(path)
            holds(secret not in browser.driver.page_source, f"the secret is in {path}")
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
        holds_refused(browser, "NoSuchEntity", **{"Add to a group": "nowhere"})
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
        holds_refused(browser, "DeleteConflict")
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
            holds_refused(browser, "MalformedPolicyDocument", Name="own", Policy=wrong)
            holds_plain(browser)
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
        holds_refused(browser, "MalformedPolicyDocument", Name=name, Description=MARKUP, Tags="a=b", Policy="{ no")
        browser.type("Policy", first).press("Create policy")
        equal(browser.heading, f"Policy {name}")
        holds(MARKUP in browser.text, "the description is text")
        holds_plain(browser)
        arn = f"arn:aws:iam::{FIRST.number}:policy/{name}"
        equal(iam.get_policy(PolicyArn=arn)["Policy"]["Description"], MARKUP)
        browser.open(subject("user", user.name)).type("Attach a policy, by its ARN", arn + "x").press("Attach")
        holds_refused(browser, "NoSuchEntity", **{"Attach a policy, by its ARN": arn + "x"})
        browser.type("Attach a policy, by its ARN", arn).press("Attach")
        world.key(user)
        browser.follow(name)
        box = "Put the new version in force at once"
        if browser.field(box).is_selected():
            browser.tick(box)
        browser.type("Text", "{ no").press("Save as new version")
        holds_refused(browser, "MalformedPolicyDocument", Text="{ no")
        equal(browser.field(box).is_selected(), False, "the box stays as it was")
        browser.type("Text", second).press("Save as new version")
        world.key(user)
        labelled(browser, "Put v2 in force").inspect("policy")
        with refused("AccessDeniedException"):
            world.key(user)
        world.kms(user).generate_random(NumberOfBytes=1)
        browser.follow("v1")
        equal(json.loads(value(browser, "Text")), json.loads(first), "an older version can be looked at")
        holds(user.name in browser.text, "whom it is attached to")
        delete(browser, "policy")
        holds_refused(browser, "DeleteConflict")
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
        equal(value(browser, field), "nothing")
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
        holds_refused(browser, "MalformedPolicyDocument", **{"Name": name, "Description": MARKUP, "Trust policy": "{}"})
        browser.type("Trust policy", policy(trust(user.arn))).press("Create role")
        equal((browser.heading, value(browser, "Description")), (f"Role {name}", MARKUP))
        holds_plain(browser)
        known = world.client("iam").get_role(RoleName=name)["Role"]
        equal((known["Description"], known["AssumeRolePolicyDocument"]), (MARKUP, json.loads(policy(trust(user.arn)))))
        caller = world.client("sts", user)
        session = caller.assume_role(RoleArn=known["Arn"], RoleSessionName="work")["Credentials"]
        worker = Account(FIRST.number, session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
        arn = world.client("sts", worker).get_caller_identity()["Arn"]
        equal(arn, f"arn:aws:sts::{FIRST.number}:assumed-role/{name}/work")
        browser.type("Longest session, in seconds", "10").press("Save settings")
        holds_refused(browser, "ValidationError", **{"Longest session, in seconds": "10"})
        browser.type("Longest session, in seconds", "7200").type("Description", "Works").press("Save settings")
        known = world.client("iam").get_role(RoleName=name)["Role"]
        equal((known["Description"], known["MaxSessionDuration"]), ("Works", 7200))
        browser.type("Who may take on the role", "{ no").press("Save trust policy")
        holds_refused(browser, "MalformedPolicyDocument", **{"Who may take on the role": "{ no"})
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
        holds_refused(browser, "ValidationError", **{"Key of the tag": "<i>", "Value": MARKUP})
        holds_plain(browser)
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
        holds_plain(browser)
        for path in (
            subject("user", user.name), subject("role", role.name), subject("policy", arn), subject("user", MARKUP),
            f"{BASE}/access/policies", f"{BASE}/access/user/inline?id={user.name}&policy=own",
            f"{BASE}/access/users/create", f"{BASE}/access/users?path={urllib.parse.quote(MARKUP)}",
            f"{BASE}/access/users?marker={urllib.parse.quote(MARKUP)}",
            f"{BASE}/explain?principal={urllib.parse.quote(user.arn)}&action=kms:CreateKey",
            f"{BASE}/explain?principal={urllib.parse.quote(MARKUP)}&action={urllib.parse.quote(MARKUP)}",
            f"{BASE}/create",
        ):  # fmt: skip
            holds_plain(browser.open(path))
        browser.open(subject("user", user.name)).follow("Explain what this user may do")
        equal(value(browser, "Principal"), user.arn)
        browser.open(f"{BASE}/access/users/create").type("Name", MARKUP).press("Create user")
        holds_refused(browser, "ValidationError", Name=MARKUP)
        holds_plain(browser)


@scenario
def long_lists_come_in_pages(world):
    iam, path = world.client("iam"), f"/{fresh('many')}/"
    names = sorted(iam.create_user(UserName=fresh("many"), Path=path)["User"]["UserName"] for _ in range(53))
    with visiting(world) as browser:
        browser.sign_in(path=f"{BASE}/access/users").type("Path begins with", path).press("Search")
        listed = browser.inspect("users").rows("Name")
        equal((len(listed), value(browser, "Path begins with")), (50, path))
        equal(sorted(listed + browser.follow("Next page").rows("Name")), names)
        equal(value(browser, "Path begins with"), path)
        browser.follow("First page").type("Path begins with", "bad").press("Search")
        holds_refused(browser, "ValidationError", **{"Path begins with": "bad"})


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
        holds_refused(browser, "is not authorized to perform: iam:CreateUser", Name="evil")
        browser.open(f"{BASE}/explain")
        holds(other.arn not in browser.driver.page_source, "no suggestion of what may not be listed")
        browser.type("Principal", other.arn).choose("Action", "kms:CreateKey").press("Explain")
        holds_refused(browser, "AccessDenied", Principal=other.arn)
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


# Explanations


@scenario
def decisions_are_explained_by_the_statement_that_made_them(world):
    user = make_user(world, {"Sid": "Wide", **may("kms:*")}, {"Sid": "Never", **may_not("kms:ScheduleKeyDeletion")})
    key = world.key(Policy=policy(
        {"Sid": "Enable IAM User Permissions", **allow(FIRST.root)},
        {"Sid": "Sealers", **allow(user.arn, "kms:Encrypt"), **when("StringEquals", "kms:EncryptionContext:team", "blue")},
    ))["KeyId"]  # fmt: skip
    name = f"alias/{fresh('explained')}"
    world.kms().create_alias(AliasName=name, TargetKeyId=key)
    with visiting(world) as browser:
        browser.sign_in(path=f"{BASE}/explain").inspect("explain")

        def ask(action, context="", key=name):
            browser.type("Principal", user.arn).choose("Action", action).type("Key", key)
            browser.type("Encryption context", context).press("Explain")
            parts = ("//h2[@id='decision']", "//section[@aria-labelledby='decision']")
            return tuple(browser.element(part).text for part in parts)

        decision, why = ask("kms:Encrypt", "team=blue")
        equal(decision, "Decision: allowed")
        holds("(“Sealers”)" in why and "statement 1 of" in why, why)
        asked = [value(browser, label) for label in ("Principal", "Key", "Encryption context")]
        equal(asked, [user.arn, name, "team=blue"])
        browser.inspect("explain-allowed")
        decision, why = ask("kms:ScheduleKeyDeletion", key=key)
        equal(decision, "Decision: denied")
        holds("Decided by statement 1 of" in why and "(“Never”)" in why, why)
        browser.inspect("explain-denied")
        decision, why = ask("kms:Decrypt")
        equal((decision, "(“Wide”)" in why), ("Decision: allowed", True))
        permit(world, user)
        decision, why = ask("kms:Decrypt")
        equal((decision, "The identity policies do not allow it." in why), ("Decision: denied", True), why)
        equal(world.kms().describe_key(KeyId=key)["KeyMetadata"]["KeyState"], "Enabled", "nothing is done")


@scenario
def a_wrong_question_keeps_the_form(world):
    user = make_user(world)
    with visiting(world) as browser:
        browser.sign_in(path=f"{BASE}/explain")
        browser.element("//summary").click()
        typed = {
            "Principal": user.arn, "Key": "alias/not-there" + MARKUP, "Encryption context": "a=b\nc=d=e",
            "Alias that is made, changed or deleted": "alias/x", "Further members of the request, as JSON": "{" + MARKUP,
            "Session policy, for sessions of roles": "</textarea>", "Source IP address": "1.2.3.4", "User agent": MARKUP,
        }  # fmt: skip
        for label, text in typed.items():
            browser.type(label, text)
        browser.choose("Action", "kms:ReEncryptTo").press("Explain")
        holds_refused(browser, "ValidationException", Action="kms:ReEncryptTo", **typed)
        holds_plain(browser)
        browser.inspect("explain-refused")
        browser.type("Further members of the request, as JSON", "").press("Explain")
        holds(browser.alert, "the session policy, or the key")
        equal(value(browser, "Session policy, for sessions of roles"), "</textarea>")
        browser.open(f"{BASE}/explain").type("Principal", "nobody").press("Explain")
        holds_refused(browser, "", Principal="nobody")


@scenario
def a_session_is_explained_with_its_own_policy(world):
    caller = make_user(world)
    role = make_role(world, caller, {"Sid": "Role", **may("kms:*")})
    session, key = assume(world, caller, role), world.key()["KeyId"]
    with visiting(world) as browser:
        browser.sign_in(path=f"{BASE}/explain").type("Principal", session.arn)
        browser.choose("Action", "kms:Decrypt").type("Key", key).press("Explain")
        holds("Decision: allowed" in browser.text and "(“Role”)" in browser.text, browser.text)
        browser.element("//summary").click()
        browser.type("Session policy, for sessions of roles", policy(may("kms:Encrypt"))).press("Explain")
        holds("Decision: denied" in browser.text and "session policy" in browser.text, browser.text)


if __name__ == "__main__":
    run()
