"""Requests that break one constraint of the public API model each, and the error that the model makes of them.

The model is the one that botocore ships; wire.md's rules for the texts are AWS's own.
"""

import base64
import dataclasses
import gzip
import json
import pathlib
import re

import botocore

MODEL = pathlib.Path(botocore.__file__).parent / "data/kms/2014-11-01/service-2.json.gz"
# Valid values of the shapes for which "a" repeated is none.
VALID = {
    "AliasNameType": "alias/a",
    "CloudHsmClusterIdType": "cluster-abcdefghijk",
    "PolicyType": "{}",
    "RegionType": "us-west-2",
    "XksProxyAuthenticationAccessKeyIdType": "A" * 20,
    "XksProxyUriEndpointType": "https://a.example",
    "XksProxyUriPathType": "/kms/xks/v1",
    "XksProxyVpcEndpointServiceNameType": "com.amazonaws.vpce.us-east-1.vpce-svc-example",
}
# Strings that error texts do not quote, beside those that the model calls sensitive.
NEVER_QUOTED = {"GrantTokenType", "GrantTokenList"}
# One that no pattern of the model takes; it has no quote, comma or semicolon, so that texts can be taken apart.
OUTSIDE_EVERY_PATTERN = "\u0100 \u0100"


def load():
    with gzip.open(MODEL) as file:
        model = json.load(file)
    return model["operations"], model["shapes"]


@dataclasses.dataclass(frozen=True)
class Case:
    operation: str
    name: str
    body: object
    # The items of the ValidationException; None where the type is wrong and the answer a SerializationException.
    items: tuple = None


class Violations:
    def __init__(self):
        self.operations, self.shapes = load()

    # A request that breaks nothing.

    def valid(self, name):
        shape = self.shapes[name]
        kind = shape["type"]
        if kind == "structure":
            return {member: self.valid(shape["members"][member]["shape"]) for member in shape.get("required", [])}
        if kind == "list":
            return [self.valid(shape["member"]["shape"])]
        if kind == "map":
            return {"a": "b"}
        if kind == "blob":
            return base64.b64encode(b"a" * max(1, shape.get("min", 1))).decode()
        if kind == "integer":
            return shape.get("min", 1)
        if kind == "boolean":
            return False
        if kind == "timestamp":
            return 1700000000
        return shape["enum"][0] if "enum" in shape else VALID.get(name, "a" * max(1, shape.get("min", 1)))

    # Constraints of one value, in AWS's words.

    def broken(self, name, value):
        """The constraints that `value` breaks, or all there are when it is None."""
        shape = self.shapes[name]
        kind, result = shape["type"], []
        noun = "value" if kind == "integer" else "length"
        size = None
        if value is not None:
            size = value if kind == "integer" else len(base64.b64decode(value)) if kind == "blob" else len(value)
        if "max" in shape and (size is None or size > shape["max"]):
            result.append(f"Member must have {noun} less than or equal to {shape['max']}")
        if "min" in shape and (size is None or size < shape["min"]):
            result.append(f"Member must have {noun} greater than or equal to {shape['min']}")
        pattern = shape.get("pattern")
        if pattern and (value is None or not re.fullmatch(pattern, value, re.ASCII)):
            result.append(f"Member must satisfy regular expression pattern: {pattern}")
        if "enum" in shape and value not in shape["enum"]:
            result.append("Member must satisfy enum value set: [" + ", ".join(shape["enum"]) + "]")
        return result

    def items(self, name, value, path):
        shape = self.shapes[name]
        hidden = shape["type"] == "blob" or shape.get("sensitive") or name in NEVER_QUOTED
        shown = "[" + ", ".join(value) + "]" if isinstance(value, list) else str(value)
        subject = "Value" if hidden else f"Value '{shown}'"
        sentences = self.broken(name, value)
        if shape["type"] == "list":
            element = shape["member"]["shape"]
            if any(self.broken(element, item) for item in value):
                sentences.append("Member must satisfy constraint: [" + ", ".join(self.broken(element, None)) + "]")
        return [f"{subject} at '{path}' failed to satisfy constraint: {sentence}" for sentence in sentences]

    # Values that break something.

    def bad_values(self, name):
        shape = self.shapes[name]
        kind = shape["type"]
        if kind == "string":
            if shape.get("min", 0) > 0:
                yield "too short", "a" * (shape["min"] - 1)
            if "max" in shape:
                yield "too long", "a" * (shape["max"] + 1)
            if "pattern" in shape:
                yield "outside the pattern", OUTSIDE_EVERY_PATTERN
                if self.broken(name, self.valid(name) + "\n"):
                    yield "ended by a line feed", self.valid(name) + "\n"
            if "enum" in shape:
                yield "not in the enumeration", "NOTHING"
                yield "in the wrong case", shape["enum"][0].swapcase()
        elif kind == "integer":
            yield "too small", shape["min"] - 1
            yield "negative", -(2**31)
            yield "too large", shape["max"] + 1
            yield "far too large", 2**31 - 1
        elif kind == "blob":
            yield "empty", ""
            yield "too long", base64.b64encode(b"a" * (shape["max"] + 1)).decode()
        elif kind == "list" and self.shapes[shape["member"]["shape"]]["type"] == "string":
            if "max" in shape:
                yield "too many", [self.valid(shape["member"]["shape"])] * (shape["max"] + 1)
            for label, value in self.bad_values(shape["member"]["shape"]):
                yield f"element {label}", [self.valid(shape["member"]["shape"]), value]

    def wrong_types(self, name):
        kind = self.shapes[name]["type"]
        values = {
            "string": [7, True, [], {}],
            "integer": ["7", True, [], {}, 1.5],
            "boolean": ["true", 1, [], {}],
            "blob": [7, True, [], {}, "*", "YQ", "YQ=", "Y Q=", "YQ==YQ==", "\u00e9\u00e9\u00e9\u00e9"],
            "timestamp": ["yesterday", True, [], {}],
            "list": ["a", 7, {}],
            "map": ["a", 7, [], {"a": 7}, {"a": True}, {"a": {}}, {"a": ["b"]}],
            "structure": ["a", 7, []],
        }[kind]
        yield from values
        if kind == "list":
            wrong = "a" if self.shapes[self.shapes[name]["member"]["shape"]]["type"] == "structure" else 7
            yield [wrong]
            yield [[]]

    # Cases.

    def cases(self):
        for operation in sorted(self.operations):
            name = self.operations[operation]["input"]["shape"]
            for case, body, items in self.structure(name, self.valid(name), ""):
                yield Case(operation, case, body, tuple(items) if items is not None else None)

    def structure(self, name, base, path):
        """(name, structure, items) for each way to break one member of the structure, or one member of its members."""
        shape = self.shapes[name]
        for member in shape.get("required", []):
            at = path + member[0].lower() + member[1:]
            without = {key: value for key, value in base.items() if key != member}
            missing = [f"Value null at '{at}' failed to satisfy constraint: Member must not be null"]
            yield f"{at} missing", without, missing
            yield f"{at} null", {**base, member: None}, missing
        for member, reference in shape["members"].items():
            at = path + member[0].lower() + member[1:]
            kind = reference["shape"]
            for label, value in self.bad_values(kind):
                items = self.items(kind, value, at)
                assert items, f"{at} {label} breaks nothing"
                yield f"{at} {label}", {**base, member: value}, items
            for value in self.wrong_types(kind):
                yield f"{at} = {json.dumps(value)}", {**base, member: value}, None
            yield from self.nested(member, kind, base, at)

    def nested(self, member, kind, base, at):
        inner = self.shapes[kind]
        if inner["type"] == "structure":
            for case, value, items in self.structure(kind, self.valid(kind), at + "."):
                yield case, {**base, member: value}, items
        elif inner["type"] == "list" and self.shapes[inner["member"]["shape"]]["type"] == "structure":
            element = inner["member"]["shape"]
            for case, value, items in self.structure(element, self.valid(element), f"{at}.2.member."):
                yield case, {**base, member: [self.valid(element), value]}, items


# Comparing texts.


def taken_apart(message):
    """The count and the items of a ValidationException, enumerations in one order and without China's own values."""
    match = re.fullmatch(r"(\d+) validation errors? detected: (.*)", message or "", re.DOTALL)
    if not match:
        return None
    return int(match[1]), sorted(map(ordered, re.split(r"; (?=Value)", match[2])))


def ordered(item):
    def sorted_set(match):
        values = [value for value in match[1].split(", ") if not value.startswith("SM2")]
        return "enum value set: [" + ", ".join(sorted(values)) + "]"

    return re.sub(r"enum value set: \[([^\]]*)\]", sorted_set, item)
