#!/usr/bin/env python3
"""Checks what the formatter does not: that every `package` declaration is documented, and that files stay short.

Usage: scripts/check-sources.py [DIRECTORY...]   (default: Sources, Tests and Benchmarks of this repository)

Generated files are left out. So is what has its documentation elsewhere: a member that fulfils a protocol, and an
initializer that does nothing but set the properties.
"""

import pathlib
import re
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
LONGEST_FILE = 400
MODIFIERS = (
    r"(?:static|class|final|mutating|nonmutating|nonisolated(?:\(\w+\))?|override|convenience|required|consuming"
    r"|borrowing|indirect|lazy|weak|isolated|distributed|prefix|infix|postfix)"
)
DECLARATION = re.compile(
    rf"^\s*(?:@[\w.]+(?:\([^)]*\))?\s+)*(?:{MODIFIERS}\s+)*package(?:\(set\))?\s+(?:{MODIFIERS}\s+)*"
    r"(?P<kind>func|var|let|init|struct|enum|class|actor|protocol|typealias|associatedtype|subscript|macro)\b"
    r"\s*(?P<name>`[^`]+`|[^\s({:]*)"
)
ATTRIBUTE = re.compile(r"^\s*@[\w.]+(?:\(.*\))?\s*$")
PROTOCOL = re.compile(r"^\s*(?:package\s+|public\s+)?protocol\s+\w+")
REQUIREMENT = re.compile(r"^\s+(?:static\s+|mutating\s+)*(?:func|var|init|subscript)\b\s*(`[^`]+`|\w*)")
# Of the standard library's protocols.
INHERITED = {"description", "debugDescription", "==", "<", "hash", "encode"}
ASSIGNMENT = re.compile(r"^\s*(?:self\.)?\w+ = [\w.]+$")


def requirements(files):
    """The names of all members that a protocol of ours asks for, and documents."""
    names = set()
    for path in files:
        inside = False
        for line in path.read_text(encoding="utf-8").splitlines():
            inside = bool(PROTOCOL.match(line)) or (inside and not line.startswith("}"))
            match = REQUIREMENT.match(line) if inside else None
            if match:
                names.add(match[1] or "init")
    return names


def only_sets_properties(lines, number):
    """Whether the body of the initializer that begins on this line is nothing but assignments of its arguments."""
    line = lines[number].rstrip()
    if line.endswith("}"):
        return bool(re.search(r"\{\s*\}$|\{ [^{}]* \}$", line))
    indentation = re.match(r"\s*", line)[0]
    end = next((n for n in range(number, len(lines)) if lines[n].rstrip() == indentation + "}"), None)
    if end is None:
        return False
    start = next(n for n in range(number, end) if lines[n].rstrip().endswith("{"))
    return all(ASSIGNMENT.match(line) for line in lines[start + 1 : end] if line.strip())


def documented_elsewhere(match, lines, number, names):
    if match["kind"] == "init":
        return "init(from" in lines[number] or only_sets_properties(lines, number)
    return match["name"] in INHERITED | names


def undocumented(lines, names):
    """(line number, declaration) of each `package` declaration without a comment in front of it."""
    in_protocol = False
    for number, line in enumerate(lines):
        in_protocol = bool(PROTOCOL.match(line)) or (in_protocol and not line.startswith("}"))
        match = DECLARATION.match(line)
        if not match or (not in_protocol and documented_elsewhere(match, lines, number, names)):
            continue
        above = number - 1
        while above >= 0 and ATTRIBUTE.match(lines[above]):
            above -= 1
        if above < 0 or not lines[above].lstrip().startswith("///"):
            yield number + 1, f"{match['kind']} {match['name']}".strip()


def problems(path, names):
    name = path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) > LONGEST_FILE:
        yield f"{name}:{LONGEST_FILE}: the file has {len(lines)} lines; {LONGEST_FILE} are the most"
    for number, declaration in undocumented(lines, names):
        yield f"{name}:{number}: {declaration} has no documentation comment"


def main(arguments):
    roots = [pathlib.Path(argument).resolve() for argument in arguments]
    roots = roots or [REPOSITORY / name for name in ("Sources", "Tests", "Benchmarks")]
    files = [path for root in roots for path in sorted(root.rglob("*.swift"))]
    files = [path for path in files if not path.name.endswith(".generated.swift")]
    names = requirements(files)
    found = [problem for path in files for problem in problems(path, names)]
    print("\n".join(found + [f"{len(files)} files checked, {len(found)} problems"]))
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
