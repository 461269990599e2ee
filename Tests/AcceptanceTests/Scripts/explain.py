"""`chatelaine explain` and the API behind it: allowed or denied, which statement decided, and why the others did not.

Each explanation is held against what the server answers to the request itself.
"""

import json
import subprocess

import boto3
import botocore.config
import botocore.exceptions

from harness import (
    FIRST, OTHER_REGION, REGION, SECOND, allow, audit_lines, deny, equal, holds, policy, run, scenario, settled,
)  # fmt: skip
from raw import Wire, amz_date, sign
from server import binary

DELEGATING = {"Sid": "Enable IAM User Permissions", **allow(FIRST.root)}


def explained(world, question, account=FIRST, region=REGION, code=0):
    """What the command prints with --json for a request."""
    done = subprocess.run(
        [binary(), "explain", "--json", "--endpoint", world.endpoint, "--region", region,
         "--access-key-id", account.access_key_id, "--secret-access-key", account.secret_access_key,
         "--request", json.dumps(question)],
        capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    equal(done.returncode, code, f"exit code for {question}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout) if code == 0 else done.stderr


def user(world, name, *documents):
    """A user with these policies, and the secret half of an access key."""
    iam = world.client("iam")
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    for number, document in enumerate(documents):
        iam.put_user_policy(UserName=name, PolicyName=f"p{number}", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return arn, key


def kms_of(world, key):
    return boto3.client(
        "kms", endpoint_url=world.endpoint, region_name=REGION, aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"], config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip


def identity(effect, actions, **more):
    return json.dumps(
        {"Version": "2012-10-17",
         "Statement": [{"Sid": "Mine", "Effect": effect, "Action": actions, "Resource": "*", **more}]}
    )  # fmt: skip


def may_encrypt(kms, key_id, context=None):
    try:
        kms.encrypt(KeyId=key_id, Plaintext=b"x", EncryptionContext=context or {})
        return True
    except botocore.exceptions.ClientError as error:
        equal(error.response["Error"]["Code"], "AccessDeniedException")
        return False


def statements(answer, role):
    return [s for document in answer["Documents"] if document["Role"] == role for s in document["Statements"]]


@scenario
def an_allow_names_both_statements_that_it_rests_on(world):
    arn, key = user(world, "allowed", identity("Allow", ["kms:Encrypt"]))
    key_id = world.key(Policy=policy(DELEGATING))["KeyId"]
    answer = explained(world, {"Principal": arn, "Action": "kms:Encrypt", "KeyId": key_id})
    equal(answer["Decision"], "ALLOWED")
    equal(
        [(d["Document"], d["Statement"], d["Sid"]) for d in answer["DecidedBy"]],
        [
            (f"the policy of arn:aws:kms:{REGION}:{FIRST.number}:key/{key_id}", 0, "Enable IAM User Permissions"),
            ("the inline policy p0 of the user allowed", 0, "Mine"),
        ],
    )
    holds(may_encrypt(kms_of(world, key), key_id), "the server itself allows it")
    answer = explained(world, {"Principal": arn, "Action": "kms:Decrypt", "KeyId": key_id})
    equal((answer["Decision"], answer["DecidedBy"]), ("DENIED", []))
    equal(statements(answer, "identity policy")[0]["Why"], "It is not about this action.")
    equal(answer["Reason"], "Denied: it is left to the caller's identity policies, and they do not allow it.")


@scenario
def a_condition_that_does_not_hold_is_shown_with_what_the_request_has(world):
    condition = {"StringEquals": {"kms:EncryptionContext:team": ["blue", "red"]}}
    arn, key = user(world, "conditional", identity("Allow", "kms:*", Condition=condition))
    key_id = world.key(Policy=policy(DELEGATING))["KeyId"]
    kms = kms_of(world, key)
    question = {"Principal": arn, "Action": "kms:Encrypt", "KeyId": key_id}
    cases = [
        (None, False, "the request has no kms:EncryptionContext:team."),
        ({"team": "green"}, False, 'the request has "green".'),
        ({"team": "red"}, True, None),
    ]
    for context, allowed, text in cases:
        answer = explained(world, question | ({"EncryptionContext": context} if context else {}))
        equal(answer["Decision"] == "ALLOWED", allowed, str(context))
        equal(may_encrypt(kms, key_id, context), allowed, str(context))
        if text:
            why = statements(answer, "identity policy")[0]["Why"]
            equal(why, 'Its condition does not hold: StringEquals kms:EncryptionContext:team ["blue", "red"], and ' + text)


@scenario
def an_explicit_deny_is_named_wherever_it_stands(world):
    iam = world.client("iam")
    arn, key = user(world, "denied", identity("Allow", "kms:*"))
    key_id = world.key(Policy=policy(DELEGATING, {"Sid": "NotHer", **deny(arn, "kms:Encrypt")}))["KeyId"]
    question = {"Principal": arn, "Action": "kms:Encrypt", "KeyId": key_id}
    answer = explained(world, question)
    equal((answer["Decision"], answer["DecidedBy"][0]["Sid"]), ("DENIED", "NotHer"))
    world.kms().put_key_policy(KeyId=key_id, Policy=policy(DELEGATING))
    iam.put_user_policy(UserName="denied", PolicyName="no", PolicyDocument=identity("Deny", "kms:Enc*"))
    answer = explained(world, question)
    equal(answer["DecidedBy"][0]["Document"], "the inline policy no of the user denied")
    iam.delete_user_policy(UserName="denied", PolicyName="no")
    boundary = iam.create_policy(PolicyName="limit", PolicyDocument=identity("Allow", "kms:Decrypt"))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="denied", PermissionsBoundary=boundary)
    answer = explained(world, question)
    equal((answer["Decision"], answer["DecidedBy"]), ("DENIED", []))
    equal(answer["Reason"], "Denied: the permissions boundary does not allow it.")
    holds(not may_encrypt(kms_of(world, key), key_id), "the server itself denies it")


@scenario
def sessions_are_explained_with_the_policy_that_they_would_have(world):
    iam = world.client("iam")
    trust = policy({"Effect": "Allow", "Principal": {"AWS": FIRST.root}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName="explained", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="explained", PolicyName="p", PolicyDocument=identity("Allow", "kms:*"))
    key_id = world.key()["KeyId"]
    question = {"Principal": role, "Action": "kms:DescribeKey", "KeyId": key_id}
    equal(explained(world, question)["Decision"], "ALLOWED")
    narrowed = question | {"SessionPolicy": identity("Allow", "kms:Encrypt")}
    answer = explained(world, narrowed)
    equal((answer["Decision"], answer["Reason"]), ("DENIED", "Denied: the session policies do not allow it."))
    session = f"arn:aws:sts::{FIRST.number}:assumed-role/explained/ci"
    equal(explained(world, question | {"Principal": session})["Decision"], "ALLOWED")


@scenario
def grants_are_named_and_say_why_they_do_not_apply(world):
    arn, key = user(world, "grantee")
    key_id = world.key()["KeyId"]
    constraint = {"EncryptionContextSubset": {"a": "1"}}
    grant = world.kms().create_grant(
        KeyId=key_id, GranteePrincipal=arn, Operations=["Encrypt"], Constraints=constraint)["GrantId"]
    question = {"Principal": arn, "Action": "kms:Encrypt", "KeyId": key_id}
    answer = explained(world, question)
    equal((answer["Decision"], answer["Grants"][0]["Why"]),
          ("DENIED", "Its encryption context constraint is not met."))  # fmt: skip
    answer = explained(world, question | {"EncryptionContext": {"a": "1", "b": "2"}})
    equal((answer["Decision"], answer["DecidedBy"]), ("ALLOWED", [{"Document": f"grant {grant}"}]))
    holds(may_encrypt(kms_of(world, key), key_id, {"a": "1", "b": "2"}), "the server itself allows it")
    answer = explained(world, question | {"Action": "kms:Decrypt"})
    equal(answer["Grants"][0]["Why"], "It does not list kms:Decrypt.")


@scenario
def another_accounts_documents_stay_hidden(world):
    arn, _ = user(world, "visitor", identity("Allow", "kms:*"))
    shared = world.key(account=SECOND, Policy=policy(allow(SECOND.root), {"Sid": "Secret", **allow(FIRST.root)}))
    answer = explained(world, {"Principal": arn, "Action": "kms:Encrypt", "KeyId": shared["Arn"]})
    equal(answer["Decision"], "ALLOWED")
    equal([d.get("Withheld") for d in answer["Documents"]], ["It is another account's.", None])
    holds("Secret" not in json.dumps(answer), "the other account's policy is not shown")
    equal(answer["Documents"][0]["Document"], "the policy of the key")
    equal(answer["Reason"],
          "Allowed: the key's account lets the caller use it, and nothing of the caller's own forbids it.")  # fmt: skip
    text = explained(world, {"Principal": arn, "Action": "kms:Encrypt", "KeyId": shared["Arn"]}, account=SECOND, code=1)
    holds("must be the ARN of a principal of your account" in text, text)


@scenario
def a_foreign_key_that_is_denied_is_as_one_that_is_not_there(world):
    arn, _ = user(world, "outsider", identity("Allow", "kms:*"))
    silent = world.key(account=SECOND)["Arn"]
    denying = world.key(account=SECOND, Policy=policy(allow(SECOND.root), deny(FIRST.root, "kms:*")))["Arn"]
    absent = silent[:-12] + "0" * 12
    for action in ["kms:Encrypt", "kms:DescribeKey", "kms:ReEncryptTo", "kms:ScheduleKeyDeletion"]:
        texts = {explained(world, {"Principal": arn, "Action": action, "KeyId": key}, code=1)
                 for key in (silent, denying, absent)}  # fmt: skip
        equal(len(texts), 1, str(texts))
        holds("AccessDeniedException" in texts.pop(), action)


@scenario
def retiring_a_grant_is_explained_as_it_is_decided(world):
    grantee, grantee_key = user(world, "retiree")
    retiring, key = user(world, "retiring")
    # Whoever may do everything by the key policy still needs the grant, or an identity policy, to retire it.
    key_id = world.key(Policy=policy(DELEGATING, allow(grantee)))["KeyId"]
    grant = world.kms().create_grant(
        KeyId=key_id, GranteePrincipal=grantee, RetiringPrincipal=retiring, Operations=["Encrypt"])["GrantId"]
    question = {"Action": "kms:RetireGrant", "KeyId": key_id, "Request": {"GrantId": grant}}
    answer = explained(world, question | {"Principal": grantee})
    equal(answer["Decision"], "DENIED")
    try:
        kms_of(world, grantee_key).retire_grant(KeyId=key_id, GrantId=grant)
        holds(False, "the server itself denies it")
    except botocore.exceptions.ClientError as error:
        equal(error.response["Error"]["Code"], "AccessDeniedException")
    answer = explained(world, question | {"Principal": retiring})
    equal((answer["Decision"], answer["DecidedBy"]), ("ALLOWED", [{"Document": f"grant {grant}"}]))
    kms_of(world, key).retire_grant(KeyId=key_id, GrantId=grant)


@scenario
def retiring_is_explained_for_one_grant(world):
    arn, _ = user(world, "no-grant")
    question = {"Principal": arn, "Action": "kms:RetireGrant", "KeyId": world.key()["KeyId"]}
    holds("ValidationException" in explained(world, question, code=1), "which grant is to be said")


@scenario
def what_another_accounts_key_has_is_not_shown(world):
    theirs = world.key(
        SECOND, Policy=policy(allow(SECOND.root), allow(FIRST.root, "kms:Encrypt")),
        Tags=[{"TagKey": "cost", "TagValue": "classified-42"}],
    )["Arn"]  # fmt: skip
    world.kms(SECOND).create_alias(AliasName="alias/secret-project", TargetKeyId=theirs)
    conditions = (
        {"StringEquals": {"aws:ResourceTag/cost": "x"}}, {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "x"}},
        {"StringEquals": {"kms:KeySpec": "x"}}, {"StringEquals": {"kms:EncryptionContext:purpose": "x"}},
    )  # fmt: skip
    documents = [identity("Allow", "kms:Encrypt", Condition=condition) for condition in conditions]
    arn, key = user(world, "inquisitive", *documents)
    question = {"Principal": arn, "Action": "kms:Encrypt", "EncryptionContext": {"purpose": "own"}}
    text = json.dumps(explained(world, {**question, "KeyId": theirs}))
    for secret in ("classified-42", "secret-project", "SYMMETRIC_DEFAULT"):
        holds(secret not in text, text)
    holds('the request has \\"own\\"' in text and "what the key has is not shown" in text, text)
    own = world.key(Tags=[{"TagKey": "cost", "TagValue": "known-42"}])["Arn"]
    holds("known-42" in json.dumps(explained(world, {**question, "KeyId": own})), "of an own key all is shown")


@scenario
def re_encrypt_is_explained_with_both_its_keys(world):
    condition = {"Bool": {"kms:ReEncryptOnSameKey": "true"}}
    arn, key = user(world, "mover", identity("Allow", "kms:*"), identity("Deny", "kms:ReEncrypt*", Condition=condition))
    first, second = world.key()["KeyId"], world.key()["KeyId"]
    blob = kms_of(world, key).encrypt(KeyId=first, Plaintext=b"x")["CiphertextBlob"]
    for target, decision in ((first, "DENIED"), (second, "ALLOWED")):
        for action, own, name, other in (
            ("ReEncryptTo", target, "SourceKeyId", first), ("ReEncryptFrom", first, "DestinationKeyId", target),
        ):  # fmt: skip
            question = {"Principal": arn, "Action": f"kms:{action}", "KeyId": own, "Request": {name: other}}
            equal(explained(world, question)["Decision"], decision, f"{question}")
        try:
            kms_of(world, key).re_encrypt(CiphertextBlob=blob, DestinationKeyId=target)
            equal(decision, "ALLOWED")
        except botocore.exceptions.ClientError as error:
            equal((decision, error.response["Error"]["Code"]), ("DENIED", "AccessDeniedException"))


@scenario
def what_a_question_leaves_out_is_asked_for(world):
    arn, _ = user(world, "vague", identity("Allow", "kms:*"))
    for action in ("Encrypt", "Decrypt", "PutKeyPolicy", "CreateGrant", "ReEncryptTo", "CreateAlias", "ListRetirableGrants"):
        text = explained(world, {"Principal": arn, "Action": f"kms:{action}"}, code=1)
        holds("ValidationException" in text and "is needed" in text, text)
    key_id = world.key()["KeyId"]
    for action, request in (
        ("Encrypt", {"KeyId": key_id}), ("ReEncryptFrom", {"SourceKeyId": key_id}), ("ReEncryptTo", {"DestinationKeyId": key_id}),
        ("CreateKey", {}), ("ListKeys", {}), ("GenerateRandom", {}), ("ListAliases", {}),
    ):  # fmt: skip
        answer = explained(world, {"Principal": arn, "Action": f"kms:{action}", "Request": request})
        equal(answer["Decision"], "ALLOWED", f"{action}: {answer}")


@scenario
def all_that_a_request_needs_is_decided(world):
    arn, key = user(
        world, "partial", identity("Allow", ["kms:CreateKey", "kms:CreateAlias"]),
        json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "kms:CreateAlias", "Resource": "*:key/*"}]})
        .replace("*:key", "arn:aws:kms:*:*:key"),
    )  # fmt: skip
    key_id = world.key()["KeyId"]
    for question, decision, attempt in (
        ({"Action": "kms:CreateKey"}, "ALLOWED", lambda kms: kms.create_key()),
        ({"Action": "kms:CreateKey", "Request": {"Tags": [{"TagKey": "a", "TagValue": "b"}]}}, "DENIED",
         lambda kms: kms.create_key(Tags=[{"TagKey": "a", "TagValue": "b"}])),
        ({"Action": "kms:CreateAlias", "AliasName": "alias/partial", "KeyId": key_id}, "DENIED",
         lambda kms: kms.create_alias(AliasName="alias/partial", TargetKeyId=key_id)),
        ({"Action": "kms:CreateAlias", "AliasName": "alias/partial"}, "ALLOWED", None),
    ):  # fmt: skip
        equal(explained(world, {"Principal": arn, **question})["Decision"], decision, f"{question}")
        if attempt:
            try:
                attempt(kms_of(world, key))
                equal(decision, "ALLOWED", f"{question}")
            except botocore.exceptions.ClientError as error:
                equal((decision, error.response["Error"]["Code"]), ("DENIED", "AccessDeniedException"))


def compared(world, who, question, decision, attempt):
    """The explanation says this, and the server does it to the request itself, as a dry look at what is allowed."""
    answer = explained(world, {"Principal": who[0], **question})
    equal(answer["Decision"], decision, f"{question}: {answer['Reason']}")
    try:
        attempt(kms_of(world, who[1]))
        equal(decision, "ALLOWED", f"{question}")
    except botocore.exceptions.ClientError as error:
        equal((decision, error.response["Error"]["Code"]), ("DENIED", "AccessDeniedException"), f"{question}")
    return answer


@scenario
def an_alias_is_taken_from_a_key_and_given_to_another(world):
    who = user(world, "renamer", identity("Allow", "kms:*"))
    kms = world.kms()
    refusing = policy(allow(FIRST.root), {"Sid": "NotHers", **deny(who[0], ["kms:UpdateAlias", "kms:DeleteAlias"])})
    open_key, closed_key, third = world.key()["KeyId"], world.key(Policy=refusing)["KeyId"], world.key()["KeyId"]
    kms.create_alias(AliasName="alias/of-open", TargetKeyId=open_key)
    kms.create_alias(AliasName="alias/of-closed", TargetKeyId=closed_key)
    for name, target, decision in (
        ("alias/of-closed", third, "DENIED"), ("alias/of-open", closed_key, "DENIED"), ("alias/of-open", third, "ALLOWED"),
    ):  # fmt: skip
        question = {"Action": "kms:UpdateAlias", "AliasName": name, "Request": {"TargetKeyId": target}}
        answer = compared(
            world, who, question, decision, lambda kms: kms.update_alias(AliasName=name, TargetKeyId=target))
        if decision == "DENIED":
            equal([d.get("Sid") for d in answer["DecidedBy"]], ["NotHers"], f"{question}")
    for name, decision in (("alias/of-closed", "DENIED"), ("alias/of-open", "ALLOWED")):
        question = {"Action": "kms:DeleteAlias", "AliasName": name}
        compared(world, who, question, decision, lambda kms: kms.delete_alias(AliasName=name))


@scenario
def a_replica_needs_a_key_that_may_be_made_and_tagged(world):
    tags = [{"TagKey": "a", "TagValue": "b"}]
    key_id = world.key(MultiRegion=True)["KeyId"]
    replicate = {"Action": "kms:ReplicateKey", "KeyId": key_id}
    for name, actions, request, decision in (
        ("no-maker", ["kms:ReplicateKey"], {}, "DENIED"),
        ("no-tagger", ["kms:ReplicateKey", "kms:CreateKey"], {"Tags": tags}, "DENIED"),
        ("no-copier", ["kms:CreateKey", "kms:TagResource"], {}, "DENIED"),
        ("copier", ["kms:ReplicateKey", "kms:CreateKey", "kms:TagResource"], {"Tags": tags}, "ALLOWED"),
    ):  # fmt: skip
        request = {"ReplicaRegion": OTHER_REGION, **request}
        compared(
            world, user(world, name, identity("Allow", actions)), {**replicate, "Request": request}, decision,
            lambda kms: kms.replicate_key(KeyId=key_id, **request))  # fmt: skip


@scenario
def a_primary_and_its_successor_are_both_asked(world):
    who = user(world, "promoter", identity("Allow", "kms:*"))
    refusing = policy(allow(FIRST.root), deny(who[0], "kms:UpdatePrimaryRegion"))
    promote = {"Action": "kms:UpdatePrimaryRegion", "Request": {"PrimaryRegion": OTHER_REGION}}
    for primary, replica, decision in ((None, refusing, "DENIED"), (refusing, None, "DENIED"), (None, None, "ALLOWED")):
        key_id = world.key(MultiRegion=True, **({"Policy": primary} if primary else {}))["KeyId"]
        world.kms().replicate_key(
            KeyId=key_id, ReplicaRegion=OTHER_REGION, **({"Policy": replica} if replica else {}))
        settled(world, key_id, OTHER_REGION)
        compared(
            world, who, {**promote, "KeyId": key_id}, decision,
            lambda kms: kms.update_primary_region(KeyId=key_id, PrimaryRegion=OTHER_REGION))  # fmt: skip


@scenario
def who_has_no_part_in_a_grant_is_told_nothing_of_it(world):
    """Own policies that ask about the grant would answer differently for each guess of what is in it."""
    grantee, _ = user(world, "part")
    theirs = world.key(SECOND)["Arn"]
    secret = {"EncryptionContextSubset": {"patient": "17"}}
    grant = world.kms(SECOND).create_grant(
        KeyId=theirs, GranteePrincipal=SECOND.root, Operations=["Decrypt"], Constraints=secret)["GrantId"]
    guesses = [
        {"StringEquals": {"kms:EncryptionContext:patient": value}} for value in ("17", "18")
    ] + [{"StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"}}]
    texts = set()
    for number, guess in enumerate(guesses):
        documents = [identity("Allow", "kms:*"), identity("Deny", "kms:RetireGrant", Condition=guess)]
        arn, key = user(world, f"guessing-{number}", *documents)
        question = {"Principal": arn, "Action": "kms:RetireGrant", "KeyId": theirs, "Request": {"GrantId": grant}}
        explanation = explained(world, question, code=1)
        try:
            kms_of(world, key).retire_grant(KeyId=theirs, GrantId=grant)
            holds(False, "who has no part in a grant cannot retire it")
        except botocore.exceptions.ClientError as error:
            texts.add((explanation.replace(arn, "ARN"), str(error).replace(arn, "ARN")))
    equal(len(texts), 1, f"{texts}")
    holds("17" not in str(texts) and "patient" not in str(texts), f"{texts}")
    # The retiring principal has a part in the grant, but still does not see what it is limited to.
    documents = [identity("Deny", "kms:RetireGrant", Condition=guess) for guess in guesses[1:]]
    arn, _ = user(world, "limited", *documents)
    grant = world.kms(SECOND).create_grant(
        KeyId=theirs, GranteePrincipal=SECOND.root, RetiringPrincipal=arn, Operations=["Decrypt"],
        Constraints=secret)["GrantId"]  # fmt: skip
    question = {"Principal": arn, "Action": "kms:RetireGrant", "KeyId": theirs, "Request": {"GrantId": grant}}
    answer = explained(world, question)
    equal((answer["Decision"], answer["Grants"]), ("DENIED", []))
    holds('the request has \"17\"' not in json.dumps(answer), f"{answer}")
    holds("what the key has is not shown" in json.dumps(answer), f"{answer}")


@scenario
def a_session_policy_is_as_long_as_a_session_takes(world):
    role = world.client("iam").create_role(
        RoleName="long", AssumeRolePolicyDocument=policy({"Effect": "Allow", "Principal": {"AWS": FIRST.root}, "Action": "sts:AssumeRole"})
    )["Role"]["Arn"]  # fmt: skip
    question = {"Principal": role, "Action": "kms:ListKeys"}
    document = identity("Allow", "kms:*")
    for length, code in ((2048, 0), (2049, 1)):
        padded = document + " " * (length - len(document))
        answer = explained(world, question | {"SessionPolicy": padded}, code=code)
        holds(code == 0 or "ValidationException" in answer, f"{answer}")


@scenario
def a_grant_of_a_key_that_is_not_shared_tells_nothing(world):
    arn, _ = user(world, "prober", identity("Allow", "kms:*"))
    real = world.key(SECOND)["Arn"]
    for request in ({}, {"GrantId": "zz"}, {"GrantId": "0" * 64}):
        texts = {
            explained(world, {"Principal": arn, "Action": "kms:RetireGrant", "KeyId": key, "Request": request}, code=1)
            for key in (real, real[:-12] + "0" * 12)
        }  # fmt: skip
        equal(len(texts), 1, f"{request}: {texts}")


@scenario
def nothing_is_explained_to_those_who_may_not_see_it(world):
    arn, key = user(world, "curious", identity("Allow", "kms:*"))
    key_id = world.key()["KeyId"]
    question = {"Principal": arn, "Action": "kms:Encrypt", "KeyId": key_id}

    class Curious:
        access_key_id, secret_access_key = key["AccessKeyId"], key["SecretAccessKey"]

    text = explained(world, question, account=Curious, code=1)
    holds("is not authorized to perform: chatelaine:ExplainAccess" in text, text)
    world.client("iam").put_user_policy(
        UserName="curious", PolicyName="see", PolicyDocument=identity("Allow", "chatelaine:ExplainAccess"))
    equal(explained(world, question, account=Curious)["Decision"], "ALLOWED")
    wire = Wire(world.endpoint)
    headers = {"Host": wire.host, "Content-Type": "application/x-amz-json-1.1", "X-Amz-Date": amz_date(0),
               "X-Amz-Target": "Chatelaine.ExplainAccess"}  # fmt: skip
    body = json.dumps(question).encode()
    equal(wire.send(headers, body).status, 400)
    headers["Authorization"] = sign("POST", "/", headers, body, FIRST, service="kms")
    equal(Wire(world.endpoint).send(headers, body).status, 400)


@scenario
def wrong_questions_get_an_answer_that_says_what_is_wrong(world):
    arn, _ = user(world, "wrong")
    cases = [
        ({"Action": "kms:Encrypt"}, "Principal and Action are needed."),
        ({"Principal": arn, "Action": "kms:Guess"}, "kms:Guess is not an action of this server."),
        ({"Principal": arn, "Action": "kms:ReEncrypt"}, "Ask for kms:ReEncryptFrom or kms:ReEncryptTo."),
        ({"Principal": arn + "x", "Action": "kms:Encrypt"}, "does not exist."),
        ({"Principal": "x", "Action": "kms:Encrypt"}, "must be the ARN of a principal of your account."),
        ({"Principal": arn, "Action": "kms:Encrypt", "Colour": "red"}, "Colour is not a member"),
        ({"Principal": arn, "Action": "kms:Encrypt", "KeyId": "alias/none"}, "NotFoundException"),
        ({"Principal": arn, "Action": "kms:Encrypt", "Request": 1}, "Request must be an object."),
    ]
    for question, text in cases:
        got = explained(world, question, code=1)
        holds(text in got, f"{question}: {got}")


@scenario
def the_text_for_people_says_the_same(world):
    arn, _ = user(world, "reader", identity("Allow", "kms:DescribeKey"))
    key_id = world.key(Policy=policy(DELEGATING))["KeyId"]
    done = subprocess.run(
        [binary(), "explain", "--endpoint", world.endpoint, "--region", REGION, "--principal", arn,
         "--action", "kms:Encrypt", "--key", key_id, "--context", "a=b"],
        capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    equal(done.returncode, 0, done.stderr)
    lines = done.stdout.splitlines()
    equal(lines[0], "Denied: it is left to the caller's identity policies, and they do not allow it.")
    holds("1. The key policy admits the caller, or its account, by statement 0." in lines, done.stdout)
    holds("  - 0 (Mine) Allow: It is not about this action." in lines, done.stdout)
    holds("  * 0 (Enable IAM User Permissions) Allow: It applies: it names the caller's account." in lines,
          done.stdout)  # fmt: skip
    holds(all(len(line) <= 100 or " " not in line.strip() for line in lines), done.stdout)


@scenario
def questions_leave_a_record(world):
    arn, _ = user(world, "recorded")
    explained(world, {"Principal": arn, "Action": "kms:ListKeys"})
    record = [json.loads(line) for line in audit_lines(world.data) if '"ExplainAccess"' in line][-1]
    equal(record["requestParameters"], {"principal": arn, "action": "kms:ListKeys"})
    equal((record["eventSource"], record["readOnly"]), ("chatelaine", True))


if __name__ == "__main__":
    run()
