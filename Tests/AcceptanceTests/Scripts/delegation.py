"""Who may hand on permissions, and how far: ways around a limit, each of which must be closed."""

import json
import subprocess

from harness import (
    FIRST, OTHER_REGION, REGION, SECOND, World, allow, deny, equal, first, holds, policy, refused, run, scenario, settled,
)  # fmt: skip
from principals import (
    ask, assume, element, forbidden, fresh, make_role, make_user, managed_policy, may, may_not, permit, trust,
    user_arn, when, working,
)  # fmt: skip
from server import Server, binary

ANYTHING = policy(may("*"))


@scenario
def a_boundary_is_that_of_the_user_and_not_one_that_the_request_pretends(world):
    boundary = managed_policy(world, may("kms:*"))
    limited = when("StringEquals", "iam:PermissionsBoundary", boundary)
    clerk = make_user(world, may(["iam:PutUserPolicy", "iam:CreateUser", "iam:AttachUserPolicy"], **limited))
    iam, name = world.client("iam", clerk), fresh("user")
    with forbidden("AccessDenied"):
        iam.create_user(UserName=name)
    iam.create_user(UserName=name, PermissionsBoundary=boundary)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=ANYTHING)
    iam.attach_user_policy(UserName=name, PolicyArn=boundary)
    with forbidden("AccessDenied"):
        iam.put_user_policy(UserName=clerk.name, PolicyName="p", PolicyDocument=ANYTHING)
    for pretended in ({"PermissionsBoundary": boundary}, {"permissionsBoundary": boundary}):
        members = {"UserName": clerk.name, "PolicyName": "p", "PolicyDocument": ANYTHING, **pretended}
        answer = ask(world, "PutUserPolicy", members, clerk)
        equal((answer.status, element(answer, "Code")), (403, "AccessDenied"), f"{answer!r}")


@scenario
def a_policy_arn_and_tags_are_those_of_the_operation(world):
    allowed = managed_policy(world, may("kms:*"))
    clerk = make_user(
        world,
        may(["iam:AttachUserPolicy", "iam:PutUserPolicy"], **when("ArnEquals", "iam:PolicyARN", allowed)),
        may("iam:*", **when("StringEquals", "aws:RequestTag/team", "blue")),
        may("iam:*", **when("ForAnyValue:StringEquals", "aws:TagKeys", "team")),
        may_not("iam:TagUser", **when("StringNotEquals", "aws:RequestTag/team", "blue")),
    )  # fmt: skip
    iam = world.client("iam", clerk)
    iam.attach_user_policy(UserName=clerk.name, PolicyArn=allowed)
    iam.tag_user(UserName=clerk.name, Tags=[{"Key": "team", "Value": "blue"}])
    own = {"UserName": clerk.name, "PolicyName": "p", "PolicyDocument": ANYTHING}
    tag = {"Tags.member.1.Key": "team", "Tags.member.1.Value": "blue"}
    for pretended in ({"PolicyArn": allowed}, tag, {"TagKeys.member.1": "team"}):
        answer = ask(world, "PutUserPolicy", {**own, **pretended}, clerk)
        equal((answer.status, element(answer, "Code")), (403, "AccessDenied"), f"{pretended}: {answer!r}")


@scenario
def credentials_are_those_of_one_partition(world):
    name = fresh("user")
    user = make_user(world, may("*"), may_not("iam:*", f"arn:aws:iam::{FIRST.number}:user/{name}"), name=name)
    session = working(world, may("*"))
    for who in (user, session, FIRST):
        for region in ("cn-north-1", "us-gov-west-1"):
            for service, action in (("iam", "ListUsers"), ("sts", "GetCallerIdentity")):
                answer = ask(world, action, account=who, service=service, region=region)
                equal((answer.status, element(answer, "Code")), (403, "InvalidClientTokenId"), f"{answer!r}")
            with refused("UnrecognizedClientException", "The security token included in the request is invalid."):
                world.kms(who, region).list_keys()
    china = first("cn-north-1")
    with refused("UnrecognizedClientException"):
        world.kms(china, REGION).list_keys()
    arn = world.client("sts", region="cn-north-1").get_caller_identity()["Arn"]
    equal(arn, f"arn:aws-cn:iam::{china.number}:root")
    role = world.client("iam", region="cn-north-1").create_role(
        RoleName=fresh("role"), AssumeRolePolicyDocument=policy(trust(FIRST.number)))["Role"]["Arn"]  # fmt: skip
    holds(role.startswith(f"arn:aws-cn:iam::{china.number}:role/"), role)
    for arn in (role, role.replace("aws-cn", "aws")):
        with forbidden("AccessDenied"):
            world.client("sts", session).assume_role(RoleArn=arn, RoleSessionName="work")


@scenario
def a_new_name_must_be_permitted_as_the_old_one_is(world):
    clerk = make_user(
        world, may(["iam:UpdateUser", "iam:UpdateGroup"], [user_arn("interns/*"), user_arn("interns/*").replace(":user", ":group")])
    )
    root, iam = world.client("iam"), world.client("iam", clerk)
    for kind, word in (("user", "User"), ("group", "Group")):
        names = [fresh(kind) for _ in range(3)]
        update = getattr(iam, f"update_{kind}")
        getattr(root, f"create_{kind}")(**{f"{word}Name": names[0], "Path": "/interns/"})
        update(**{f"{word}Name": names[0], f"New{word}Name": names[1]})
        update(**{f"{word}Name": names[1], "NewPath": "/interns/a/"})
        for change in ({"NewPath": "/"}, {f"New{word}Name": names[2], "NewPath": "/admins/"}):
            with forbidden("AccessDenied"):
                update(**{f"{word}Name": names[1], **change})
        getattr(root, f"create_{kind}")(**{f"{word}Name": names[2]})
        with forbidden("AccessDenied"):
            update(**{f"{word}Name": names[2], "NewPath": "/interns/"})


@scenario
def a_user_of_an_account_made_later_is_not_whoever_a_policy_named_before(world):
    data, number = world.directory / "later", "333344445555"
    server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(data))
    later = World(server.start(), world.directory)
    try:
        arn = f"arn:aws:iam::{number}:user/ana"
        key = later.key(Policy=policy(allow(FIRST.root), allow(arn, ["kms:Encrypt", "kms:GetKeyPolicy"]),
            allow(f"arn:aws:iam::{number}:root", "kms:DescribeKey"), deny(arn, "kms:DescribeKey")))["Arn"]
        later.kms().create_grant(KeyId=key, GranteePrincipal=arn, Operations=["Decrypt"])
        server.stop()
        made = subprocess.run(
            [binary(), "account", "create", "--account", number, "--data-dir", str(data)],
            capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        equal(made.returncode, 0, made.stderr)
        values = dict(line.removeprefix("export ").split("=", 1) for line in made.stdout.splitlines() if "=" in line)
        root = type(FIRST)(number, values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"])
        server.start()
        ana = make_user(later, may("kms:*"), account=root, name="ana")
        # What was allowed to the name is nobody's; what was refused to it stays refused.
        with refused("AccessDeniedException"):
            later.kms(ana).describe_key(KeyId=key)
        ben = make_user(later, may("kms:*"), account=root, name="ben")
        later.kms(ben).describe_key(KeyId=key)
        blob = later.kms().encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        for attempt in (
            lambda: later.kms(ana).encrypt(KeyId=key, Plaintext=b"x"),
            lambda: later.kms(ana).decrypt(KeyId=key, CiphertextBlob=blob),
        ):
            with refused("AccessDeniedException"):
                attempt()
        later.kms().put_key_policy(KeyId=key, Policy=policy(allow(FIRST.root), allow(arn, "kms:Encrypt")))
        later.kms(ana).encrypt(KeyId=key, Plaintext=b"x")
    finally:
        server.stop()
        server.forget_log()


@scenario
def tags_of_identities_can_be_asked_for(world):
    role = make_role(world, FIRST.root, Tags=[{"Key": "team", "Value": "red"}])
    for key in ("iam:ResourceTag/team", "aws:ResourceTag/team", "IAM:resourcetag/TEAM"):
        clerk = make_user(world, may(["iam:*", "sts:*"]), may_not(["iam:*", "sts:*"], **when("StringEquals", key, "red")))
        with forbidden("AccessDenied"):
            world.client("iam", clerk).get_role(RoleName=role.name)
        with forbidden("AccessDenied"):
            assume(world, clerk, role)
    caller = make_user(world)
    condition = when("StringEquals", "aws:ResourceTag/team", "red")
    refusing = [trust(caller.arn), {**trust(caller.arn, **condition), "Effect": "Deny"}]
    for statements, tags, isAllowed in (
        ([trust(caller.arn, **condition)], ["red"], True), ([trust(caller.arn, **condition)], [], False),
        (refusing, ["red"], False), (refusing, [], True),
    ):  # fmt: skip
        role = make_role(world, statements, Tags=[{"Key": "team", "Value": value} for value in tags])
        if isAllowed:
            assume(world, caller, role)
        else:
            with forbidden("AccessDenied"):
                assume(world, caller, role)


@scenario
def a_list_with_a_gap_narrows_nothing_because_it_is_refused(world):
    caller = make_user(world)
    role = make_role(world, caller, may("*"))
    narrow = managed_policy(world, may("kms:ListKeys"))
    sent = {"RoleArn": role.arn, "RoleSessionName": "work"}
    for wrong in ("PolicyArns.member.2.arn", "PolicyArns.member.1.Arn", "PolicyArns.member.1", "PolicyArns.1.arn"):
        answer = ask(world, "AssumeRole", {**sent, wrong: narrow}, caller, "sts")
        equal((answer.status, element(answer, "Code")), (400, "MalformedInput"), f"{wrong}: {answer!r}")
    equal(ask(world, "AssumeRole", {**sent, "PolicyArns.member.1.arn": narrow}, caller, "sts").status, 200)


@scenario
def a_source_identity_must_be_admitted_by_each_role_of_a_chain(world):
    caller = make_user(world)
    both = ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
    begin = make_role(world, [trust(caller.arn, both)], may("sts:*"))
    plain = make_role(world, [trust(begin.arn)])
    admitting = make_role(world, [trust(begin.arn, both)])
    named = assume(world, caller, begin, SourceIdentity="ana")
    with forbidden("AccessDenied"):
        assume(world, named, plain)
    assume(world, named, admitting)
    tagged = assume(
        world, caller, begin, Tags=[{"Key": "team", "Value": "red"}, {"Key": "own", "Value": "1"}],
        TransitiveTagKeys=["team"],
    )  # fmt: skip
    with forbidden("AccessDenied"):
        assume(world, tagged, plain)
    assume(world, tagged, admitting)
    unmarked = assume(world, caller, begin, Tags=[{"Key": "own", "Value": "1"}])
    assume(world, unmarked, plain)


@scenario
def a_condition_sees_what_a_session_passes_on(world):
    caller = make_user(world)
    both = ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
    begin = make_role(world, [trust(caller.arn, both)], may("sts:*"))

    def second(action, condition):
        return make_role(world, [trust(begin.arn, [a for a in both if a != action]), trust(begin.arn, action, **condition)])

    def begun(**parameters):
        return assume(world, caller, begin, **parameters)

    named = second("sts:SetSourceIdentity", when("StringEquals", "sts:SourceIdentity", "ana"))
    assume(world, begun(SourceIdentity="ana"), named)
    with forbidden("AccessDenied"):
        assume(world, begun(SourceIdentity="ben"), named)
    tags = [{"Key": "team", "Value": "red"}, {"Key": "cost", "Value": "1"}]
    only = when("ForAllValues:StringEquals", "sts:TransitiveTagKeys", ["team"])
    tagged = second("sts:TagSession", only)
    assume(world, begun(Tags=tags, TransitiveTagKeys=["team"]), tagged)
    with forbidden("AccessDenied"):
        assume(world, begun(Tags=tags, TransitiveTagKeys=["team", "cost"]), tagged)


@scenario
def identities_are_reached_where_their_partition_has_them(world):
    """IAM and STS answer in the global region of a partition that is served, even if no key may be there."""
    for served, place, partition in (
        ("cn-northwest-1", "cn-north-1", "aws-cn"), ("us-gov-east-1", "us-gov-west-1", "aws-us-gov"),
        ("eu-central-1", "us-east-1", "aws"),
    ):  # fmt: skip
        data = world.directory / f"served-{served}"
        server = Server("dev", "--listen", "127.0.0.1:0", "--data-dir", str(data), "--regions", served)
        there = World(server.start(), world.directory)
        try:
            equal(there.client("iam", FIRST, place).list_users()["Users"], [], place)
            arn = there.client("sts", FIRST, place).get_caller_identity()["Arn"]
            equal(arn, f"arn:{partition}:iam::{FIRST.number}:root", place)
            there.kms(FIRST, served).list_keys()
            with refused("InvalidSignatureException"):
                there.kms(FIRST, place).list_keys()
            with forbidden("SignatureDoesNotMatch"):
                there.client("iam", FIRST, "us-east-2").list_users()
        finally:
            server.stop()
            server.forget_log()


@scenario
def who_may_not_ask_about_an_access_key_learns_nothing_of_it(world):
    owner, nobody = make_user(world), make_user(world)
    asker = make_user(world, may("iam:GetAccessKeyLastUsed", user_arn(owner.name)))
    unknown = "AKIAABCDEFGHIJKLMNOP"
    texts = set()
    for key in (owner.access_key_id, unknown, SECOND.access_key_id, FIRST.access_key_id):
        with forbidden("AccessDenied"):
            try:
                world.client("iam", nobody).get_access_key_last_used(AccessKeyId=key)
            except Exception as error:
                texts.add(str(error).replace(key, "KEY"))
                raise
    equal(len(texts), 1, f"one text for all keys: {texts}")
    world.client("iam", asker).get_access_key_last_used(AccessKeyId=owner.access_key_id)
    with forbidden("AccessDenied"):
        world.client("iam", asker).get_access_key_last_used(AccessKeyId=nobody.access_key_id)
    permit(world, asker, may("iam:GetAccessKeyLastUsed"))
    with refused("NoSuchEntity", http=404):
        world.client("iam", asker).get_access_key_last_used(AccessKeyId=unknown)


@scenario
def an_explanation_of_a_session_is_one_of_its_role(world):
    caller = make_user(world)
    role = make_role(world, caller, may("kms:ListKeys"))
    asker = make_user(world, may("chatelaine:ExplainAccess"), may_not("chatelaine:ExplainAccess", role.arn))
    for who, code in ((role.arn, 1), (role.session_arn("any"), 1), (caller.arn, 0)):
        done = subprocess.run(
            [binary(), "explain", "--json", "--endpoint", world.endpoint, "--region", REGION,
             "--access-key-id", asker.access_key_id, "--secret-access-key", asker.secret_access_key,
             "--request", json.dumps({"Principal": who, "Action": "kms:ListKeys"})],
            capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        equal(done.returncode == 0, code == 0, f"{who}: {done.stdout}{done.stderr}")


@scenario
def re_encrypt_does_not_tell_which_keys_of_others_exist(world):
    ours, theirs = world.kms(), world.kms(SECOND)
    own = world.key()
    blob = ours.encrypt(KeyId=own["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    closed = world.key(Policy=policy(allow(FIRST.root, ["kms:PutKeyPolicy", "kms:Encrypt"])))
    sealed = ours.encrypt(KeyId=closed["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    real = world.key(SECOND)["Arn"]
    absent = real.rsplit("/", 1)[0] + "/" + "1234abcd-12ab-34cd-56ef-1234567890ab"
    foreign = theirs.encrypt(KeyId=real, Plaintext=b"x")["CiphertextBlob"]

    def texts(**parameters):
        seen = set()
        for key in (real, absent):
            with refused("AccessDeniedException"):
                try:
                    ours.re_encrypt(**{name: key if value is None else value for name, value in parameters.items()})
                except Exception as error:
                    seen.add(str(error).replace(key, "KEY"))
                    raise
        return seen

    for parameters, action in (
        ({"CiphertextBlob": blob, "DestinationKeyId": None}, "ReEncryptTo"),
        ({"CiphertextBlob": sealed, "DestinationKeyId": None}, "ReEncryptFrom"),
        ({"CiphertextBlob": foreign, "SourceKeyId": None, "DestinationKeyId": own["KeyId"]}, "ReEncryptFrom"),
        ({"CiphertextBlob": foreign, "SourceKeyId": None, "DestinationKeyId": closed["KeyId"]}, "ReEncryptFrom"),
    ):  # fmt: skip
        seen = texts(**parameters)
        equal(len(seen), 1, f"one text for {parameters.keys()}: {seen}")
        holds(f"kms:{action} " in seen.pop(), action)


@scenario
def a_grant_that_does_not_apply_is_no_parent(world):
    kms, key = world.kms(), world.key()["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]

    def escape(who, grantee):
        with refused("AccessDeniedException"):
            world.kms(who).decrypt(KeyId=key, CiphertextBlob=blob)
        with refused("AccessDeniedException"):
            world.kms(who).create_grant(KeyId=key, GranteePrincipal=grantee, Operations=["Decrypt"])
        world.kms(who).create_grant(KeyId=key, GranteePrincipal=grantee, Operations=["DescribeKey"])

    # What is given to the account is left to identity policies, and this user has none.
    user = make_user(world)
    kms.create_grant(KeyId=key, GranteePrincipal=user.arn, Operations=["CreateGrant", "DescribeKey"])
    kms.create_grant(KeyId=key, GranteePrincipal=FIRST.root, Operations=["CreateGrant", "Decrypt", "DescribeKey"])
    escape(user, user.arn)
    # What is given to a role is narrowed by the policies of a session.
    caller = make_user(world)
    role = make_role(world, caller, may("kms:*"))
    session = assume(world, caller, role, Policy=policy(may("kms:ListKeys")))
    kms.create_grant(KeyId=key, GranteePrincipal=session.arn, Operations=["CreateGrant", "DescribeKey"])
    kms.create_grant(KeyId=key, GranteePrincipal=role.arn, Operations=["CreateGrant", "Decrypt", "DescribeKey"])
    escape(session, session.arn)
    # A grant that names the caller is one.
    kms.create_grant(KeyId=key, GranteePrincipal=user.arn, Operations=["CreateGrant", "Decrypt"])
    world.kms(user).create_grant(KeyId=key, GranteePrincipal=SECOND.root, Operations=["Decrypt"])


@scenario
def a_replica_gets_no_tags_that_could_not_be_set(world):
    tags = [{"TagKey": "Owner", "TagValue": "me"}]
    listing = when("ForAllValues:StringEquals", "aws:TagKeys", ["Dept"])
    refusing = when("ForAnyValue:StringEquals", "aws:TagKeys", ["Owner"])
    for statements in (
        [may(["kms:ReplicateKey", "kms:CreateKey"]), may("kms:TagResource", **listing)],
        [may("kms:*"), may_not("kms:TagResource", **refusing)],
        [may("kms:*"), may_not("kms:CreateKey", **refusing)],
    ):
        kms, key = world.kms(make_user(world, *statements)), world.key(MultiRegion=True)["KeyId"]
        with refused("AccessDeniedException"):
            kms.replicate_key(KeyId=key, ReplicaRegion=OTHER_REGION, Tags=tags)
        kms.replicate_key(KeyId=key, ReplicaRegion=OTHER_REGION, Tags=[{"TagKey": "Dept", "TagValue": "me"}])


@scenario
def a_primary_is_moved_by_who_may_in_both_regions(world):
    for region, isAllowed in ((OTHER_REGION, False), (REGION, False), ("eu-west-1", True)):
        user = make_user(world, may("kms:*"), may_not("kms:*", **when("StringEquals", "aws:RequestedRegion", region)))
        key = world.key(MultiRegion=True)["KeyId"]
        world.kms().replicate_key(KeyId=key, ReplicaRegion=OTHER_REGION)
        settled(world, key, OTHER_REGION)
        if isAllowed:
            world.kms(user).update_primary_region(KeyId=key, PrimaryRegion=OTHER_REGION)
        else:
            with refused("AccessDeniedException"):
                world.kms(user).update_primary_region(KeyId=key, PrimaryRegion=OTHER_REGION)


@scenario
def no_variable_says_which_account_or_service_a_resource_is_of(world):
    key = world.key(Tags=[{"TagKey": "team", "TagValue": "x"}])["KeyId"]
    for resource, isAllowed in (
        ("arn:aws:kms:*:${aws:PrincipalAccount}:key/*", False), ("arn:aws:${aws:PrincipalTag/service}:*:*:key/*", False),
        ("arn:aws:kms:*:*:${aws:PrincipalTag/kind}/*", True),
    ):  # fmt: skip
        tags = [{"Key": "service", "Value": "kms"}, {"Key": "kind", "Value": "key"}]
        user = make_user(world, may("kms:*", resource), Tags=tags)
        if isAllowed:
            world.kms(user).describe_key(KeyId=key)
        else:
            with refused("AccessDeniedException"):
                world.kms(user).describe_key(KeyId=key)


@scenario
def an_action_is_written_as_actions_are(world):
    user = make_user(world)
    for action, isAction in (
        ("s3:Get Object", False), ("kms:Encrypt,kms:Decrypt", False), ("kms:", False), ("kms:Encr\u00fdpt", False),
        ("kms:Enc?ypt*", True), ("sso-directory:Search-Users", True), ("*:*", True), ("kms:ReEncrypt*", True),
    ):  # fmt: skip
        document = policy(may_not(action))
        if isAction:
            world.client("iam").put_user_policy(UserName=user.name, PolicyName="p", PolicyDocument=document)
        else:
            with refused("MalformedPolicyDocument"):
                world.client("iam").put_user_policy(UserName=user.name, PolicyName="p", PolicyDocument=document)


@scenario
def a_referer_can_be_asked_for(world):
    user = make_user(world, may("iam:ListUsers", **when("StringLike", "aws:Referer", "https://console.example/*")))
    equal(ask(world, "ListUsers", account=user).status, 403)
    equal(ask(world, "ListUsers", account=user, Referer="https://console.example/users").status, 200)


run()
