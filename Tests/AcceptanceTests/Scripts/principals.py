"""What the scripts about identities share: users, roles and sessions with policies of their own."""

import contextlib
import dataclasses
import html
import itertools
import re
import urllib.parse

import botocore.exceptions

from harness import FIRST, REGION, Account, equal, holds, policy, status
from raw import Wire, amz_date, sign

VERSIONS = {"iam": "2010-05-08", "sts": "2011-06-15"}
FORM = "application/x-www-form-urlencoded; charset=utf-8"
STRANGER = "The security token included in the request is invalid."
EXPIRED = "The security token included in the request is expired"
_numbers = itertools.count(1)


@dataclasses.dataclass(frozen=True)
class Principal(Account):
    """A user, or a session, with credentials: whatever takes an account takes it too."""

    arn: str = ""
    name: str = ""
    identifier: str = ""


@dataclasses.dataclass(frozen=True)
class Role:
    account: Account
    arn: str
    name: str
    identifier: str

    def session_arn(self, session):
        return f"arn:aws:sts::{self.account.number}:assumed-role/{self.name}/{session}"


def fresh(kind):
    """A name that no scenario before had."""
    return f"{kind}-{next(_numbers)}"


# Policies


def may(action, resource="*", **more):
    """A statement of an identity's policy."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def may_not(action, resource="*", **more):
    return {**may(action, resource, **more), "Effect": "Deny"}


def trust(principal, action="sts:AssumeRole", **more):
    """A statement of a role's trust policy."""
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, **more}


def when(operator, key, value):
    return {"Condition": {operator: {key: value}}}


def managed_policy(world, *statements, account=FIRST, **parameters):
    """The ARN of a new managed policy."""
    parameters = {"PolicyName": fresh("policy"), "PolicyDocument": policy(*statements), **parameters}
    return world.client("iam", account).create_policy(**parameters)["Policy"]["Arn"]


# Principals


def user_arn(name, account=FIRST):
    return f"arn:aws:iam::{account.number}:user/{name}"


def role_arn(name, account=FIRST):
    return f"arn:aws:iam::{account.number}:role/{name}"


def make_user(world, *statements, account=FIRST, name=None, **parameters):
    """A new user with an access key, and with a policy of these statements, if any."""
    name, iam = name or fresh("user"), world.client("iam", account)
    user = iam.create_user(UserName=name, **parameters)["User"]
    permit(world, name, *statements, account=account)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Principal(
        account.number, key["AccessKeyId"], key["SecretAccessKey"], None, user["Arn"], name, user["UserId"]
    )


def permit(world, who, *statements, account=FIRST):
    """Makes these statements the only ones of a user or a role: none at all takes its policy away."""
    iam, name = world.client("iam", account), who if isinstance(who, str) else who.name
    kind = "role" if isinstance(who, Role) else "user"
    owner = {"RoleName" if kind == "role" else "UserName": name, "PolicyName": "own"}
    if statements:
        getattr(iam, f"put_{kind}_policy")(**owner, PolicyDocument=policy(*statements))
    else:
        with contextlib.suppress(iam.exceptions.NoSuchEntityException):
            getattr(iam, f"delete_{kind}_policy")(**owner)


def delete_user(world, user, account=FIRST):
    """Deletes a user with what it has."""
    iam, who = world.client("iam", account), {"UserName": user.name}
    for key in iam.list_access_keys(**who)["AccessKeyMetadata"]:
        iam.delete_access_key(AccessKeyId=key["AccessKeyId"], **who)
    permit(world, user.name, account=account)
    iam.delete_user(**who)


def delete_role(world, role):
    permit(world, role, account=role.account)
    world.client("iam", role.account).delete_role(RoleName=role.name)


def make_role(world, trusted, *statements, account=FIRST, name=None, **parameters):
    """A new role; `trusted`: a principal that may assume it, or the statements of its trust policy."""
    if isinstance(trusted, (Account, Role)):
        trusted = getattr(trusted, "arn", None) or trusted.root
    document = policy(*([trust(trusted)] if isinstance(trusted, str) else trusted))
    parameters = {"RoleName": name or fresh("role"), "AssumeRolePolicyDocument": document, **parameters}
    made = world.client("iam", account).create_role(**parameters)["Role"]
    role = Role(account, made["Arn"], made["RoleName"], made["RoleId"])
    permit(world, role, *statements, account=account)
    return role


def session_of(answer, number, arn, name, identifier):
    """Who has the credentials of an answer of STS."""
    given = answer["Credentials"]
    equal(set(given), {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}, "members of the credentials")
    holds(re.fullmatch("ASIA[A-Z2-7]{16}", given["AccessKeyId"]), given["AccessKeyId"])
    holds(re.fullmatch("[A-Za-z0-9/+]{40}", given["SecretAccessKey"]), "a secret of 40 characters")
    return Principal(
        number, given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], arn, name, identifier
    )


def assume(world, caller, role, session="work", **parameters):
    """A session of the role, of the caller's making."""
    answer = world.client("sts", caller).assume_role(RoleArn=role.arn, RoleSessionName=session, **parameters)
    known = {"Arn": role.session_arn(session), "AssumedRoleId": f"{role.identifier}:{session}"}
    equal(answer["AssumedRoleUser"], known, "AssumedRoleUser")
    return session_of(answer, role.account.number, known["Arn"], session, known["AssumedRoleId"])


def working(world, *statements, account=FIRST, session="work", **parameters):
    """A session of a new role with a policy of these statements."""
    caller = make_user(world, account=account)
    return assume(world, caller, make_role(world, caller, *statements, account=account, **parameters), session)


def user_session(world, user, **parameters):
    """A session that the user made of its own access key."""
    answer = world.client("sts", user).get_session_token(**parameters)
    return session_of(answer, user.number, user.arn, user.name, user.identifier)


# Refusals


def denied_text(who, action, resource, reason=""):
    """AWS's text for what is not allowed; `resource` as it follows `on `."""
    text = f"User: {who.arn} is not authorized to perform: {action} on {resource}"
    return f"{text} {reason}" if reason else text


def no_identity_policy(action):
    return f"because no identity-based policy allows the {action} action"


def no_resource_policy(action):
    return f"because no resource-based policy allows the {action} action"


def no_boundary(action):
    return f"because no permissions boundary allows the {action} action"


def no_session_policy(action):
    return f"because no session policy allows the {action} action"


# AWS may say which managed policy denies.
def denied_by(who, action, resource, kind):
    text = denied_text(who, action, resource, f"with an explicit deny in {kind}")
    return re.compile(re.escape(text) + "(: arn:aws:iam::.*)?")


@contextlib.contextmanager
def forbidden(*codes):
    """The block must be answered 403, with one of these codes."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        holds(error.response["Error"]["Code"] in codes, f"one of {codes}, and not {error}")
        equal(status(error), 403, "HTTP status")
        return
    raise AssertionError(f"it was answered, and not refused with one of {codes}")


# Below the SDK


def ask(world, action, parameters=(), account=FIRST, service="iam", region=REGION, **headers):
    """A call of the query protocol, with parameters named as they are sent."""
    fields = {"Action": action, "Version": VERSIONS[service], **dict(parameters)}
    body = urllib.parse.urlencode(fields, quote_via=urllib.parse.quote).encode()
    wire = Wire(world.endpoint)
    sent = {"Host": wire.host, "Content-Type": FORM, "X-Amz-Date": amz_date(), **headers}
    if account.session_token:
        sent["X-Amz-Security-Token"] = account.session_token
    sent["Authorization"] = sign("POST", "/", sent, body, account, region, service)
    answer = wire.send(sent, body)
    wire.close()
    return answer


def element(answer, name):
    """The text of the one element of that name."""
    found = re.findall(rf"<{name}>(.*?)</{name}>", answer.body.decode(), re.DOTALL)
    equal(len(found), 1, f"elements {name} of {answer!r}")
    return html.unescape(found[0])


def kms_call(world, account, operation, body=b"{}", unsigned=(), **headers):
    """A call of KMS by anybody; `unsigned`: headers that are added after signing."""
    wire = Wire(world.endpoint)
    sent = wire.headers(operation, **headers)
    sent["Authorization"] = sign("POST", "/", sent, body, account)
    answer = wire.send({**sent, **dict(unsigned)}, body)
    wire.close()
    return answer
