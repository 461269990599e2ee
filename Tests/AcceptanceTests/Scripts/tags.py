"""TagResource, UntagResource, ListResourceTags, and the tags of CreateKey."""

from harness import equal, members, refused, run, scenario, shape_error


def tags(*pairs):
    return [{"TagKey": key, "TagValue": value} for key, value in pairs]


def listed(kms, key):
    return [
        (tag["TagKey"], tag["TagValue"])
        for page in kms.get_paginator("list_resource_tags").paginate(KeyId=key["KeyId"]) for tag in page["Tags"]
    ]  # fmt: skip


@scenario
def tags_keep_the_order_in_which_they_came(world):
    kms, key = world.kms(), world.key(Tags=tags(("z", "1"), ("a", "2")))
    members(kms.tag_resource(KeyId=key["Arn"], Tags=tags(("m", ""), ("z", "3"), ("A", "4"))))
    equal(listed(kms, key), [("z", "3"), ("a", "2"), ("m", ""), ("A", "4")])
    members(kms.untag_resource(KeyId=key["KeyId"], TagKeys=["a", "unknown"]))
    equal(listed(kms, key), [("z", "3"), ("m", ""), ("A", "4")])
    answer = kms.list_resource_tags(KeyId=key["KeyId"])
    members(answer, "Tags", "Truncated")
    equal(answer["Truncated"], False)


@scenario
def tags_may_be_long_and_of_any_script(world):
    kms, key = world.kms(), world.key()
    pairs = [("ключ _./=+-:@", "значение"), ("k" * 128, "v" * 256), ("\U0001f511" * 2, "\U0001f512")]
    kms.tag_resource(KeyId=key["KeyId"], Tags=tags(*pairs))
    equal(listed(kms, key), pairs)


@scenario
def a_key_has_fifty_tags_at_most(world):
    kms, key = world.kms(), world.key()
    kms.tag_resource(KeyId=key["KeyId"], Tags=tags(*((f"tag{number}", "x") for number in range(49))))
    with refused("TagException", "Too many tags"):
        kms.tag_resource(KeyId=key["KeyId"], Tags=tags(("more1", "x"), ("more2", "x")))
    equal(len(listed(kms, key)), 49, "tags after a refused change")
    kms.tag_resource(KeyId=key["KeyId"], Tags=tags(("tag0", "y"), ("last", "x")))
    equal(len(listed(kms, key)), 50)
    with refused("TagException", "Too many tags"):
        kms.create_key(Tags=tags(*((f"tag{number}", "x") for number in range(51))))


@scenario
def bad_tags_are_refused_whole(world):
    kms, key = world.kms(), world.key()
    with refused("TagException", "Duplicate tag keys"):
        kms.tag_resource(KeyId=key["KeyId"], Tags=tags(("a", "1"), ("b", "1"), ("a", "1")))
    for reserved in ("aws:a", "AWS:a", "aWs:", "aws:cloudformation:stack-name", "aws:\u0301x"):
        with refused("TagException", "Tags beginning with aws: are reserved"):
            kms.tag_resource(KeyId=key["KeyId"], Tags=tags(("good", "1"), (reserved, "1")))
        with refused("TagException", "Tags beginning with aws: are reserved"):
            kms.create_key(Tags=tags((reserved, "1")))
    text = "Value '' at 'tags.2.member.tagKey' failed to satisfy constraint: "
    with refused("ValidationException", shape_error(text + "Member must have length greater than or equal to 1")):
        kms.tag_resource(KeyId=key["KeyId"], Tags=tags(("good", "1"), ("", "1")))
    long = "v" * 257
    text = f"Value '{long}' at 'tags.1.member.tagValue' failed to satisfy constraint: "
    with refused("ValidationException", shape_error(text + "Member must have length less than or equal to 256")):
        kms.tag_resource(KeyId=key["KeyId"], Tags=tags(("a", long)))
    with refused(
        "ValidationException",
        shape_error("Value null at 'tags.1.member.tagValue' failed to satisfy constraint: Member must not be null"),
    ):
        kms.tag_resource(KeyId=key["KeyId"], Tags=[{"TagKey": "a"}])
    equal(listed(kms, key), [])


if __name__ == "__main__":
    run()
