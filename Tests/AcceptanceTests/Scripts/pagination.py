"""ListKeys, ListAliases, ListResourceTags, ListKeyPolicies: pages, markers and limits."""

from harness import ABSENT, OTHER_REGION, SECOND, equal, holds, members, refused, run, scenario, shape_error


def walk(operation, result, limit, **parameters):
    """All items, and the sizes of the pages."""
    items, sizes, marker = [], [], {}
    while True:
        answer = operation(Limit=limit, **parameters, **marker) if limit else operation(**parameters, **marker)
        items += answer[result]
        sizes.append(len(answer[result]))
        if not answer["Truncated"]:
            members(answer, result, "Truncated")
            return items, sizes
        members(answer, result, "Truncated", "NextMarker")
        text = answer["NextMarker"]
        holds(1 <= len(text) <= 1024 and all("\u0020" <= c <= "\u00ff" for c in text), f"marker {text!r}")
        marker = {"Marker": text}
        holds(len(sizes) < 1000, "the pages never end")


@scenario
def keys_come_in_pages_of_the_wanted_size(world):
    kms = world.kms(SECOND)
    made = {world.key(account=SECOND)["KeyId"] for _ in range(105)}
    for limit in (1, 7, 100, 1000, None):
        items, sizes = walk(kms.list_keys, "Keys", limit)
        equal({item["KeyId"] for item in items}, made, f"keys with limit {limit}")
        equal(len(items), len(made), "no key comes twice")
        holds(max(sizes) <= (limit or 100), f"a page has {max(sizes)} keys")
        equal(sorted(items[0]), ["KeyArn", "KeyId"])
    equal(walk(kms.list_keys, "Keys", None)[1], [100, 5])


@scenario
def aliases_come_in_pages(world):
    kms, keys = world.kms(), [world.key() for _ in range(3)]
    for number in range(110):
        kms.create_alias(AliasName=f"alias/page/{number:03}", TargetKeyId=keys[number % 3]["KeyId"])
    for limit in (9, 100, 1000, None):
        items, sizes = walk(kms.list_aliases, "Aliases", limit)
        own = [item["AliasName"] for item in items if not item["AliasName"].startswith("alias/aws/")]
        equal(own, [f"alias/page/{number:03}" for number in range(110)])
        holds(max(sizes) <= min(limit or 50, 100), f"a page has {max(sizes)} aliases")
    items, _ = walk(kms.list_aliases, "Aliases", 10, KeyId=keys[1]["KeyId"])
    equal([item["TargetKeyId"] for item in items], [keys[1]["KeyId"]] * len(items))
    equal(len(items), 37)


@scenario
def a_listing_of_tags_does_not_start_over_when_its_place_is_gone(world):
    kms, key = world.kms(), world.key(Tags=[{"TagKey": name, "TagValue": ""} for name in "dbca"])["KeyId"]
    first = kms.list_resource_tags(KeyId=key, Limit=2)
    kms.untag_resource(KeyId=key, TagKeys=["d"])
    rest = kms.list_resource_tags(KeyId=key, Limit=2, Marker=first["NextMarker"])
    equal([tag["TagKey"] for tag in rest["Tags"]], ["c", "a"])
    kms.untag_resource(KeyId=key, TagKeys=["b"])
    with refused("InvalidMarkerException"):
        kms.list_resource_tags(KeyId=key, Limit=2, Marker=first["NextMarker"])


@scenario
def a_page_survives_insertions(world):
    kms = world.kms(region=OTHER_REGION)
    key = world.key(region=OTHER_REGION)
    for name in ("b", "d", "f"):
        kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=key["KeyId"])
    last = [item["AliasName"] for item in kms.list_aliases()["Aliases"]].index("alias/d")
    first = kms.list_aliases(Limit=last + 1)
    equal([item["AliasName"] for item in first["Aliases"]][-2:], ["alias/b", "alias/d"])
    kms.create_alias(AliasName="alias/a", TargetKeyId=key["KeyId"])
    kms.create_alias(AliasName="alias/e", TargetKeyId=key["KeyId"])
    kms.delete_alias(AliasName="alias/d")
    rest = kms.list_aliases(Limit=10, Marker=first["NextMarker"])
    equal([item["AliasName"] for item in rest["Aliases"]], ["alias/e", "alias/f"])


@scenario
def tags_and_policy_names_come_in_pages(world):
    kms, key = world.kms(), world.key(Tags=[{"TagKey": f"t{n}", "TagValue": str(n)} for n in range(50)])
    for limit in (1, 20, 50, 1000, None):
        items, sizes = walk(kms.list_resource_tags, "Tags", limit, KeyId=key["KeyId"])
        equal([item["TagKey"] for item in items], [f"t{n}" for n in range(50)])
        holds(max(sizes) <= (limit or 50), f"a page has {max(sizes)} tags")
    for limit in (1, 1000, None):
        items, _ = walk(kms.list_key_policies, "PolicyNames", limit, KeyId=key["KeyId"])
        equal(items, ["default"])


@scenario
def a_marker_belongs_to_its_list(world):
    kms, one, two = world.kms(), world.key(), world.key()
    for key in (one, two):
        kms.tag_resource(KeyId=key["KeyId"], Tags=[{"TagKey": n, "TagValue": ""} for n in "abc"])
        for name in "xyz":
            kms.create_alias(AliasName=f"alias/marker/{key['KeyId']}/{name}", TargetKeyId=key["KeyId"])
    keys = kms.list_keys(Limit=1)["NextMarker"]
    aliases = kms.list_aliases(Limit=1)["NextMarker"]
    of_one = kms.list_aliases(Limit=1, KeyId=one["KeyId"])["NextMarker"]
    tags = kms.list_resource_tags(KeyId=one["KeyId"], Limit=1)["NextMarker"]
    foreign = [
        lambda: kms.list_keys(Marker=aliases),
        lambda: kms.list_keys(Marker="nonsense"),
        lambda: kms.list_keys(Marker=keys[:-1]),
        lambda: kms.list_keys(Marker=keys + "A"),
        lambda: kms.list_aliases(Marker=keys),
        lambda: kms.list_aliases(Marker=of_one),
        lambda: kms.list_aliases(Marker=of_one, KeyId=two["KeyId"]),
        lambda: kms.list_resource_tags(KeyId=two["KeyId"], Marker=tags),
        lambda: kms.list_resource_tags(KeyId=one["KeyId"], Marker=keys),
        lambda: kms.list_resource_tags(KeyId=one["KeyId"], Marker="\u00ff" * 1024),
    ]
    for number, attempt in enumerate(foreign):
        try:
            with refused("InvalidMarkerException", ABSENT):
                attempt()
        except AssertionError as error:
            raise AssertionError(f"marker {number}: {error}") from None


@scenario
def limits_are_between_1_and_1000(world):
    kms, key = world.kms(), world.key()
    lists = [
        kms.list_keys,
        kms.list_aliases,
        lambda **more: kms.list_resource_tags(KeyId=key["KeyId"], **more),
        lambda **more: kms.list_key_policies(KeyId=key["KeyId"], **more),
    ]
    for operation in lists:
        for limit, bound in ((0, "greater than or equal to 1"), (1001, "less than or equal to 1000")):
            text = f"Value '{limit}' at 'limit' failed to satisfy constraint: Member must have value {bound}"
            with refused("ValidationException", shape_error(text)):
                operation(Limit=limit)


if __name__ == "__main__":
    run()
