"""Every constraint of every operation of the API model, broken once."""

import uuid

from harness import equal, holds, run, scenario
from raw import CONTENT_TYPE, Wire
from violations import Violations, taken_apart

MODEL = Violations()


def well_formed(answer, what):
    """An error as wire.md section 3 has it."""
    equal(answer.status, 400, f"status of {what}: {answer!r}")
    equal(answer.headers.get("content-type"), CONTENT_TYPE, f"content type of {what}")
    uuid.UUID(answer.headers["x-amzn-requestid"])
    holds(isinstance(answer.json, dict) and "__type" in answer.json, f"{what}: {answer!r}")
    extra = set(answer.json) - {"__type", "message", "Message"}
    holds(not extra, f"{what}: unexpected members {extra}")


def wrong(case, answer):
    """What is wrong with the answer, or None."""
    try:
        well_formed(answer, f"{case.operation}, {case.name}")
    except (AssertionError, ValueError, KeyError) as error:
        return str(error)
    if case.items is None:
        return None if answer.code == "SerializationException" else f"expected SerializationException, got {answer!r}"
    if answer.code != "ValidationException":
        return f"expected ValidationException, got {answer!r}"
    noun = "error" if len(case.items) == 1 else "errors"
    expected = taken_apart(f"{len(case.items)} validation {noun} detected: {'; '.join(case.items)}")
    got = taken_apart(answer.message)
    return None if got == expected else f"\n    expected {str(expected)[:700]}\n    got      {str(got or answer)[:700]}"


@scenario
def every_broken_constraint_is_told_in_the_words_of_aws(world):
    wire, problems, count = Wire(world.endpoint), [], 0
    for case in MODEL.cases():
        count += 1
        problem = wrong(case, wire.call(case.operation, case.body))
        if problem:
            problems.append(f"{case.operation}, {case.name[:200]}: {problem}")
    holds(count > 1500 and len(MODEL.operations) >= 54, f"only {count} cases")
    print(f"  {count} cases, {len(problems)} problems")
    equal(problems[:60], [], f"{len(problems)} problems in {count} cases")
    world.key()


@scenario
def several_broken_constraints_are_told_together(world):
    wire = Wire(world.endpoint)
    answer = wire.call("TagResource", {"KeyId": "", "Tags": [{"TagKey": "", "TagValue": "v" * 257}, {}]})
    missing = "failed to satisfy constraint: Member must not be null"
    items = [
        "Value '' at 'keyId' failed to satisfy constraint: Member must have length greater than or equal to 1",
        "Value '' at 'tags.1.member.tagKey' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1",
        f"Value '{'v' * 257}' at 'tags.1.member.tagValue' failed to satisfy constraint: "
        "Member must have length less than or equal to 256",
        f"Value null at 'tags.2.member.tagKey' {missing}",
        f"Value null at 'tags.2.member.tagValue' {missing}",
    ]
    equal(answer.code, "ValidationException")
    equal(taken_apart(answer.message), (5, sorted(items)))


@scenario
def every_operation_answers_an_empty_request(world):
    wire, problems = Wire(world.endpoint), []
    for operation, shape in sorted(MODEL.operations.items()):
        required = MODEL.shapes[shape["input"]["shape"]].get("required", [])
        for body in (b"", b"{}", b'{"Unknown":{"a":[1,null]}}'):
            answer = wire.call(operation, body)
            if answer.status == 200 and not required:
                continue
            what = f"{operation} with {body!r}"
            try:
                well_formed(answer, what)
                if required:
                    equal(answer.code, "ValidationException", what)
            except AssertionError as error:
                problems.append(str(error))
    equal(problems, [])


if __name__ == "__main__":
    run()
