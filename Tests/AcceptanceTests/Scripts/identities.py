"""Users, groups and roles: how they are made, found, renamed, listed and deleted."""

import datetime
import re

from harness import FIRST, SECOND, equal, holds, members, policy, refused, run, scenario
from principals import (
    fresh, make_role, make_user, managed_policy, may, permit, role_arn, trust, user_arn, working,
)  # fmt: skip

ALLOWED = "It must contain only alphanumeric characters and/or the following: +=,.@_-"
TRUST = policy(trust(FIRST.root))


def recent(date):
    """A moment of a minute ago or less, in whole seconds."""
    age = datetime.datetime.now(datetime.timezone.utc) - date
    holds(date.microsecond == 0 and -2 < age.total_seconds() < 60, f"{date} is now, in whole seconds")


def named(entries, name):
    """The one entry with that ARN's end."""
    (entry,) = [entry for entry in entries if entry["Arn"].endswith(f"/{name}")]
    return entry


@scenario
def a_user_is_made_found_and_deleted(world):
    iam, name = world.client("iam"), fresh("user")
    made = iam.create_user(UserName=name)["User"]
    members(made, "Path", "UserName", "UserId", "Arn", "CreateDate")
    equal((made["Path"], made["UserName"], made["Arn"]), ("/", name, user_arn(name)))
    holds(re.fullmatch("AIDA[A-Z2-7]{17}", made["UserId"]), made["UserId"])
    recent(made["CreateDate"])
    equal(iam.get_user(UserName=name)["User"], made)
    equal(named(iam.list_users()["Users"], name), made)
    members(iam.delete_user(UserName=name))
    for call in (iam.get_user, iam.delete_user):
        with refused("NoSuchEntity", f"The user with name {name} cannot be found.", 404):
            call(UserName=name)
    again = iam.create_user(UserName=name)["User"]
    holds(again["UserId"] != made["UserId"], "an identifier is not used twice")


@scenario
def a_user_can_have_a_path_and_tags(world):
    iam, name = world.client("iam"), fresh("user")
    tags = [{"Key": "Cost center", "Value": "a+b=c@d:/._-\u00e9"}, {"Key": "empty", "Value": ""}]
    made = iam.create_user(UserName=name, Path="/division/unit-1/", Tags=tags)["User"]
    equal((made["Path"], made["Arn"]), ("/division/unit-1/", user_arn(f"division/unit-1/{name}")))
    equal(made["Tags"], tags)
    equal(iam.get_user(UserName=name)["User"], made)
    listed = named(iam.list_users(PathPrefix="/division/")["Users"], name)
    holds("Tags" not in listed, "lists have no tags")
    equal(iam.list_users(PathPrefix="/other/")["Users"], [])
    names = [entry["UserName"] for entry in iam.list_users(PathPrefix="/division/unit")["Users"]]
    equal(names, [name], "users under the beginning of a path")


@scenario
def a_role_is_made_found_changed_and_deleted(world):
    iam, name = world.client("iam"), fresh("role")
    made = iam.create_role(
        RoleName=name, Path="/service/", AssumeRolePolicyDocument=TRUST, Description="What it is + for 100%",
        MaxSessionDuration=7200, Tags=[{"Key": "a", "Value": "b"}],
    )["Role"]  # fmt: skip
    members(made, "Path", "RoleName", "RoleId", "Arn", "CreateDate", "AssumeRolePolicyDocument", "Description", "Tags")
    equal((made["Path"], made["RoleName"], made["Arn"]), ("/service/", name, role_arn(f"service/{name}")))
    holds(re.fullmatch("AROA[A-Z2-7]{17}", made["RoleId"]), made["RoleId"])
    recent(made["CreateDate"])
    got = iam.get_role(RoleName=name)["Role"]
    equal(got.pop("RoleLastUsed", {}), {})
    equal(got, {**made, "MaxSessionDuration": 7200})
    members(iam.update_role(RoleName=name, Description="Another", MaxSessionDuration=3600))
    got = iam.get_role(RoleName=name)["Role"]
    equal((got["Description"], got["MaxSessionDuration"]), ("Another", 3600))
    changed = iam.update_role_description(RoleName=name, Description="A third")["Role"]
    equal((changed["RoleId"], changed["Description"]), (made["RoleId"], "A third"))
    members(iam.update_assume_role_policy(RoleName=name, PolicyDocument=policy(trust(SECOND.root))))
    got = iam.get_role(RoleName=name)["Role"]
    equal(got["AssumeRolePolicyDocument"]["Statement"], [trust(SECOND.root)])
    listed = named(iam.list_roles(PathPrefix="/service/")["Roles"], name)
    equal((listed["RoleId"], listed["Description"], "Tags" in listed), (made["RoleId"], "A third", False))
    members(iam.delete_role(RoleName=name))
    missing = f"The role with name {name} cannot be found."
    for call in (
        lambda: iam.get_role(RoleName=name), lambda: iam.delete_role(RoleName=name),
        lambda: iam.update_role(RoleName=name), lambda: iam.update_role_description(RoleName=name, Description="x"),
        lambda: iam.update_assume_role_policy(RoleName=name, PolicyDocument=TRUST),
    ):  # fmt: skip
        with refused("NoSuchEntity", missing, 404):
            call()


@scenario
def a_role_has_bounds(world):
    iam = world.client("iam")
    for duration in (3599, 43201, 0, -1):
        with refused("ValidationError"):
            iam.create_role(RoleName=fresh("role"), AssumeRolePolicyDocument=TRUST, MaxSessionDuration=duration)
    for duration in (3600, 43200):
        iam.create_role(RoleName=fresh("role"), AssumeRolePolicyDocument=TRUST, MaxSessionDuration=duration)
    name = fresh("role")
    with refused("ValidationError"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, Description="d" * 1001)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, Description="d" * 1000)
    with refused("ValidationError"):
        iam.update_role(RoleName=name, MaxSessionDuration=3599)
    equal(iam.get_role(RoleName=name)["Role"]["MaxSessionDuration"], 3600, "unless it is said otherwise")


@scenario
def a_group_has_members(world):
    iam, name = world.client("iam"), fresh("group")
    made = iam.create_group(GroupName=name, Path="/staff/")["Group"]
    members(made, "Path", "GroupName", "GroupId", "Arn", "CreateDate")
    equal(made["Arn"], f"arn:aws:iam::{FIRST.number}:group/staff/{name}")
    holds(re.fullmatch("AGPA[A-Z2-7]{17}", made["GroupId"]), made["GroupId"])
    equal(named(iam.list_groups(PathPrefix="/staff/")["Groups"], name), made)
    empty = iam.get_group(GroupName=name)
    equal((empty["Group"], empty["Users"], empty["IsTruncated"]), (made, [], False))
    users = sorted(fresh("user") for _ in range(3))
    for user in users:
        iam.create_user(UserName=user)
        for _ in range(2):
            members(iam.add_user_to_group(GroupName=name, UserName=user))
    equal(sorted(user["UserName"] for user in iam.get_group(GroupName=name)["Users"]), users)
    equal(iam.list_groups_for_user(UserName=users[0])["Groups"], [made])
    members(iam.remove_user_from_group(GroupName=name, UserName=users[0]))
    equal(iam.list_groups_for_user(UserName=users[0])["Groups"], [])
    with refused("DeleteConflict", "Cannot delete entity, must remove users from group first.", 409):
        iam.delete_group(GroupName=name)
    for user in users[1:]:
        with refused("DeleteConflict", http=409):
            iam.delete_user(UserName=user)
        iam.remove_user_from_group(GroupName=name, UserName=user)
        iam.delete_user(UserName=user)
    members(iam.delete_group(GroupName=name))
    with refused("NoSuchEntity", f"The group with name {name} cannot be found.", 404):
        iam.get_group(GroupName=name)


@scenario
def a_user_is_in_ten_groups_at_most(world):
    iam, user = world.client("iam"), fresh("user")
    iam.create_user(UserName=user)
    groups = [fresh("group") for _ in range(11)]
    for group in groups:
        iam.create_group(GroupName=group)
    for group in groups[:10]:
        iam.add_user_to_group(GroupName=group, UserName=user)
    with refused("LimitExceeded", http=409):
        iam.add_user_to_group(GroupName=groups[10], UserName=user)
    iam.remove_user_from_group(GroupName=groups[3], UserName=user)
    iam.add_user_to_group(GroupName=groups[10], UserName=user)
    equal(len(iam.list_groups_for_user(UserName=user)["Groups"]), 10)


@scenario
def names_are_unique_whatever_their_case_and_path(world):
    iam, theirs = world.client("iam"), world.client("iam", SECOND)
    name = fresh("Same")
    document = policy(may("kms:Encrypt"))
    makers = {
        "User": lambda iam, name, path: iam.create_user(UserName=name, Path=path),
        "Group": lambda iam, name, path: iam.create_group(GroupName=name, Path=path),
        "Role": lambda iam, name, path: iam.create_role(
            RoleName=name, Path=path, AssumeRolePolicyDocument=policy(trust("*"))),
        "policy": lambda iam, name, path: iam.create_policy(PolicyName=name, Path=path, PolicyDocument=document),
    }  # fmt: skip
    for kind, make in makers.items():
        make(iam, name, "/one/")
        for other in (name, name.lower(), name.upper()):
            text = f"{kind} with name {other} already exists."
            if kind == "policy":
                text = f"A policy called {other} already exists. Duplicate names are not allowed."
            with refused("EntityAlreadyExists", text, 409):
                make(iam, other, "/two/")
        make(theirs, name.lower(), "/one/")
    equal(iam.get_user(UserName=name)["User"]["UserName"], name, "its case is kept")


@scenario
def what_a_name_may_be(world):
    iam = world.client("iam")
    most = {"User": 64, "Group": 128, "Role": 64}
    calls = {
        "User": lambda name, **more: iam.create_user(UserName=name, **more),
        "Group": lambda name, **more: iam.create_group(GroupName=name, **more),
        "Role": lambda name, **more: iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, **more),
    }
    for kind, make in calls.items():
        member = kind.lower() + "Name"
        for good in ("a+=,.@_-Z9", "x" * most[kind]):
            equal(make(good)[kind][f"{kind}Name"], good)
        for bad in ("a b", "a/b", "a:b", "\u00e9", "a\n", "*", "<a>", "a'b", "a\u0000"):
            with refused("ValidationError", f"The specified value for {member} is invalid. {ALLOWED}"):
                make(bad)
        text = f"Value at '{member}' failed to satisfy constraint: Member must have length "
        with refused("ValidationError", f"1 validation error detected: {text}less than or equal to {most[kind]}"):
            make("x" * (most[kind] + 1))
        with refused("ValidationError"):
            make("")
        for path in ("x", "/x", "x/", "/a b/", "/\u00e9/", "/" + "x" * 511 + "/"):
            with refused("ValidationError"):
                make(fresh("bad"), Path=path)
        make(fresh("good"), Path="/" + "x" * 510 + "/")
        make(fresh("good"), Path="/!\"#$%&'()*+,-.0:;<=>?@[]^_`{|}~/")


@scenario
def tags_can_be_added_replaced_and_taken_away(world):
    iam = world.client("iam")
    user, role, document = fresh("user"), fresh("role"), managed_policy(world, may("kms:Encrypt"))
    iam.create_user(UserName=user)
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)
    duplicates = "Duplicate tag keys found. Please note that Tag keys are case insensitive."
    with refused("InvalidInput", duplicates):
        iam.create_user(UserName=fresh("user"), Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}])
    for kind, owner in (("user", {"UserName": user}), ("role", {"RoleName": role}), ("policy", {"PolicyArn": document})):
        tag, untag = getattr(iam, f"tag_{kind}"), getattr(iam, f"untag_{kind}")

        def tags():
            return {entry["Key"]: entry["Value"] for entry in getattr(iam, f"list_{kind}_tags")(**owner)["Tags"]}

        equal(tags(), {})
        members(tag(**owner, Tags=[{"Key": "Team", "Value": "blue"}, {"Key": "k" * 128, "Value": "v" * 256}]))
        tag(**owner, Tags=[{"Key": "Team", "Value": "red"}])
        equal(tags(), {"Team": "red", "k" * 128: "v" * 256})
        tag(**owner, Tags=[{"Key": "TEAM", "Value": "green"}])
        equal(sorted(tags().values()), ["green", "v" * 256], "keys are the same whatever their case")
        members(untag(**owner, TagKeys=["k" * 128, "nothing"]))
        equal(list(tags().values()), ["green"])
        for bad in ([{"Key": "", "Value": ""}], [{"Key": "k" * 129, "Value": ""}], [{"Key": "k", "Value": "v" * 257}]):
            with refused("ValidationError"):
                tag(**owner, Tags=bad)
        with refused("InvalidInput", duplicates):
            tag(**owner, Tags=[{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "1"}])
        tag(**owner, Tags=[{"Key": f"k{number}", "Value": ""} for number in range(49)])
        with refused("LimitExceeded", http=409):
            tag(**owner, Tags=[{"Key": "one more", "Value": ""}])
        tag(**owner, Tags=[{"Key": "k7", "Value": "again"}])
        equal(len(tags()), 50)
        missing = {name: value + "x" for name, value in owner.items()}
        for call in (lambda: tag(**missing, Tags=[{"Key": "a", "Value": ""}]), lambda: untag(**missing, TagKeys=["a"]),
                     lambda: getattr(iam, f"list_{kind}_tags")(**missing)):  # fmt: skip
            with refused("NoSuchEntity", http=404):
                call()


@scenario
def a_renamed_user_is_the_same_user(world):
    iam = world.client("iam")
    user, other = make_user(world, may("kms:GenerateRandom"), Tags=[{"Key": "a", "Value": "b"}]), make_user(world)
    group, new = fresh("group"), fresh("renamed")
    iam.create_group(GroupName=group)
    iam.add_user_to_group(GroupName=group, UserName=user.name)
    before = iam.get_user(UserName=user.name)["User"]
    members(iam.update_user(UserName=user.name, NewUserName=new, NewPath="/moved/"))
    after = iam.get_user(UserName=new)["User"]
    equal(after, {**before, "UserName": new, "Path": "/moved/", "Arn": user_arn(f"moved/{new}")})
    with refused("NoSuchEntity", f"The user with name {user.name} cannot be found.", 404):
        iam.get_user(UserName=user.name)
    equal([entry["UserName"] for entry in iam.get_group(GroupName=group)["Users"]], [new])
    equal(iam.list_user_policies(UserName=new)["PolicyNames"], ["own"])
    equal(iam.list_access_keys(UserName=new)["AccessKeyMetadata"][0]["AccessKeyId"], user.access_key_id)
    equal(world.client("sts", user).get_caller_identity()["Arn"], after["Arn"])
    world.kms(user).generate_random(NumberOfBytes=1)
    with refused("EntityAlreadyExists", f"User with name {other.name} already exists.", 409):
        iam.update_user(UserName=new, NewUserName=other.name)
    iam.update_user(UserName=new, NewPath="/")
    equal(iam.get_user(UserName=new)["User"]["Arn"], user_arn(new))
    iam.update_user(UserName=new, NewUserName=new.upper())
    equal(iam.get_user(UserName=new.upper())["User"]["UserId"], user.identifier)
    iam.create_user(UserName=user.name)
    with refused("NoSuchEntity", http=404):
        iam.update_user(UserName=fresh("nobody"), NewPath="/x/")
    with refused("ValidationError"):
        iam.update_user(UserName=other.name, NewUserName="a b")


@scenario
def a_renamed_group_is_the_same_group(world):
    iam, name, new, user = world.client("iam"), fresh("group"), fresh("renamed"), make_user(world)
    before = iam.create_group(GroupName=name)["Group"]
    iam.put_group_policy(GroupName=name, PolicyName="own", PolicyDocument=policy(may("kms:GenerateRandom")))
    iam.add_user_to_group(GroupName=name, UserName=user.name)
    members(iam.update_group(GroupName=name, NewGroupName=new, NewPath="/x/"))
    after = iam.get_group(GroupName=new)
    arn = f"arn:aws:iam::{FIRST.number}:group/x/{new}"
    equal(after["Group"], {**before, "GroupName": new, "Path": "/x/", "Arn": arn})
    equal([entry["UserName"] for entry in after["Users"]], [user.name])
    world.kms(user).generate_random(NumberOfBytes=1)
    with refused("NoSuchEntity", f"The group with name {name} cannot be found.", 404):
        iam.update_group(GroupName=name, NewGroupName=fresh("other"))
    iam.create_group(GroupName=name)
    with refused("EntityAlreadyExists", f"Group with name {new} already exists.", 409):
        iam.update_group(GroupName=name, NewGroupName=new)


@scenario
def get_user_without_a_name_is_about_the_caller(world):
    user = make_user(world, may("iam:GetUser", "arn:aws:iam::*:user/x/${aws:username}"), Path="/x/")
    iam = world.client("iam", user)
    equal(iam.get_user()["User"], world.client("iam").get_user(UserName=user.name)["User"])
    with refused("AccessDenied", http=403):
        world.client("iam", make_user(world)).get_user()
    root = world.client("iam").get_user()["User"]
    equal((root["Arn"], root["UserId"]), (FIRST.root, FIRST.number))
    with refused("ValidationError"):
        world.client("iam", working(world, may("iam:*"))).get_user()


@scenario
def what_is_in_use_is_not_deleted(world):
    iam, attached = world.client("iam"), managed_policy(world, may("kms:Encrypt"))
    user, role = make_user(world), make_role(world, FIRST)
    keys = "Cannot delete entity, must delete access keys first."
    with refused("DeleteConflict", keys, 409):
        iam.delete_user(UserName=user.name)
    iam.delete_access_key(UserName=user.name, AccessKeyId=user.access_key_id)
    for kind, who in (("user", user), ("role", role)):
        owner = {f"{kind.capitalize()}Name": who.name}
        delete = getattr(iam, f"delete_{kind}")
        permit(world, who, may("kms:Encrypt"))
        with refused("DeleteConflict", "Cannot delete entity, must delete policies first.", 409):
            delete(**owner)
        permit(world, who)
        getattr(iam, f"attach_{kind}_policy")(**owner, PolicyArn=attached)
        with refused("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409):
            delete(**owner)
        with refused("DeleteConflict", "Cannot delete a policy attached to entities.", 409):
            iam.delete_policy(PolicyArn=attached)
        getattr(iam, f"detach_{kind}_policy")(**owner, PolicyArn=attached)
        delete(**owner)
    group = fresh("group")
    iam.create_group(GroupName=group)
    iam.attach_group_policy(GroupName=group, PolicyArn=attached)
    with refused("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409):
        iam.delete_group(GroupName=group)
    iam.detach_group_policy(GroupName=group, PolicyArn=attached)
    iam.put_group_policy(GroupName=group, PolicyName="own", PolicyDocument=policy(may("kms:Encrypt")))
    with refused("DeleteConflict", "Cannot delete entity, must delete policies first.", 409):
        iam.delete_group(GroupName=group)
    iam.delete_group_policy(GroupName=group, PolicyName="own")
    iam.delete_group(GroupName=group)
    iam.delete_policy(PolicyArn=attached)


if __name__ == "__main__":
    run()
