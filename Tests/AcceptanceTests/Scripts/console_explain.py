"""The console's page of explanations: which statement decides, and what is said of questions that make no sense."""

import urllib.parse

from browser import MARKUP, visiting
from harness import FIRST, REGION, allow, equal, holds, policy, run, scenario
from principals import assume, fresh, make_role, make_user, may, may_not, permit, when

BASE = f"/console/{REGION}"


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
        asked = [browser.value(label) for label in ("Principal", "Key", "Encryption context")]
        equal(asked, [user.arn, name, "team=blue"])
        holds(f"for the key that {name} points to now" in why, "policies are about keys")
        browser.inspect("explain-allowed")
        decision, why = ask("kms:ScheduleKeyDeletion", key=key)
        equal((decision, "points to now" in why), ("Decision: denied", False))
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
        browser.holds_refused("ValidationException", Action="kms:ReEncryptTo", **typed)
        browser.holds_plain()
        browser.inspect("explain-refused")
        browser.type("Further members of the request, as JSON", "").press("Explain")
        holds(browser.alert, "the session policy, or the key")
        equal(browser.value("Session policy, for sessions of roles"), "</textarea>")
        browser.open(f"{BASE}/explain").type("Principal", "nobody").press("Explain")
        browser.holds_refused("", Principal="nobody")


@scenario
def a_link_with_an_action_that_there_is_not_says_so(world):
    user, key = make_user(world, may("kms:*")), world.key()["KeyId"]
    link = f"{BASE}/explain?principal={urllib.parse.quote(user.arn)}&key={key}&action="
    with visiting(world) as browser:
        browser.sign_in(path=link + urllib.parse.quote(MARKUP))
        sentence = f"There is no action “{MARKUP}” of KMS. Choose one."
        browser.holds_refused(sentence, Action="", Key=key, Principal=user.arn)
        equal(browser.element("//*[@id='action-problem']").text, sentence)
        holds("Decision:" not in browser.text, "nothing is answered about another action")
        browser.holds_plain().inspect("explain-no-action")
        browser.choose("Action", "kms:Encrypt").press("Explain")
        holds("Decision: allowed" in browser.text, browser.text)
        for action in ("", "kms:describekey"):
            browser.open(f"{link}{action}")
            equal(browser.value("Action"), "kms:DescribeKey" if action else "kms:Decrypt")
        holds("Decision: allowed" in browser.text, "policies look at no case either")


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


@scenario
def long_names_do_not_make_a_phone_scroll_sideways(world):
    key, user = world.key()["KeyId"], make_user(world, name=fresh("payments-service-production"), Path="/applications/payments/")
    world.client("iam").put_user_policy(
        UserName=user.name, PolicyName="AllowPaymentsServiceToUseCustomerManagedKeys",
        PolicyDocument=policy(may("kms:*", Sid="AllowPaymentsServiceToUseKeys")))  # fmt: skip
    world.kms().put_key_policy(KeyId=key, PolicyName="default", Policy=policy(
        allow(FIRST.root), allow(user.arn, ["kms:CreateGrant"], Sid="AllowAttachmentOfPersistentResourcesForPaymentsService",
                                 Condition={"Bool": {"kms:GrantIsForAWSResource": "true"}})))  # fmt: skip
    question = urllib.parse.urlencode({"principal": user.arn, "action": "kms:Encrypt", "key": key})
    with visiting(world) as browser:
        browser.sign_in(path=f"/console/{REGION}/explain?{question}").inspect("explain-long-names")
        browser.open(f"/console/{REGION}/keys/{key}/policy").inspect("key-policy-long-names")


if __name__ == "__main__":
    run()
