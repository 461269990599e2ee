"""Writes the terms of everything that is linked into the packaged program, each text once.

Usage: packaging/licenses.py CHECKOUTS TOOLCHAIN
"""

import pathlib
import sys


def terms(folder):
    """The files of a source tree that say under which terms it is."""
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name.startswith(("LICENSE", "NOTICE")))


def main(checkouts, toolchain):
    texts = {}
    for project in sorted(pathlib.Path(checkouts).iterdir()):
        found = terms(project) if project.is_dir() else []
        if not any(path.name.startswith("LICENSE") for path in found):
            sys.exit(f"{project.name} says nowhere under which terms it is")
        for path in found:
            texts.setdefault(path.read_text(encoding="utf-8"), []).append(f"{project.name}/{path.name}")
    runtime = pathlib.Path(toolchain, "usr/share/swift/LICENSE.txt").read_text(encoding="utf-8")
    texts.setdefault(runtime, []).append("the Swift standard library, Foundation and Dispatch")
    for text, names in texts.items():
        print("=" * 80, *names, "=" * 80, "", text, sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
