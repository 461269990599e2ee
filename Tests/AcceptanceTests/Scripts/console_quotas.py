"""The console under the request quotas of production: what it shows of them, and how it gets through them."""

from browser import visiting
from harness import REGION, equal, holds, run, scenario


def made(world, count):
    """So many keys, made by a client that tries again."""
    client = world.client("kms", retries=10)
    return [client.create_key()["KeyMetadata"]["KeyId"] for _ in range(count)]


@scenario
def more_keys_are_changed_at_once_than_a_second_admits(world):
    keys = made(world, 12)
    with visiting(world) as browser:
        browser.sign_in(path=f"/console/{REGION}/keys")
        browser.tick("Choose all keys of this page").press("Disable")
        equal(browser.notice, "12 keys: disabled.")
    states = {world.kms().describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in keys}
    equal(states, {"Disabled"}, "states")


@scenario
def the_use_of_request_quotas_is_shown(world):
    region = "eu-west-3"
    client = world.client("kms", region=region, retries=10)
    key = client.create_key()["KeyMetadata"]["KeyId"]
    for _ in range(12):
        client.update_key_description(KeyId=key, Description="again")
    with visiting(world) as browser:
        browser.sign_in(path=f"/console/{region}/usage")
        rows = {row[0]: row for row in browser.rows()}
        name, limit, admitted, throttled, _ = rows["UpdateKeyDescription"]
        equal((limit, admitted), ("5", "12"))
        holds(int(throttled) > 0, f"{rows['UpdateKeyDescription']}")
        equal(rows["CreateKey"][1:4], ["5", "1", "0"])
        holds("symmetric" not in browser.text, "what is not in use is folded away")
        browser.element("//summary[.='Quotas that are not in use']").click()
        unused = {row[0]: row[1:] for row in browser.rows() if len(row) == 2}
        equal((unused["symmetric"], unused["GenerateDataKeyPair.RSA_3072"]), (["10000"], ["4"]))
        browser.inspect("usage-of-quotas")


if __name__ == "__main__":
    run("--quotas", "aws")
