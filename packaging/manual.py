"""Writes the manual page of the program, from what `chatelaine --experimental-dump-help` says of its commands."""

import json
import os
import sys
import time

FILES = [
    ("/etc/chatelaine/chatelaine.json", "Options of the packaged service."),
    ("/var/lib/chatelaine", "Its data directory: the root key, the store and the audit log."),
]


def text(words):
    """As roff has it: a hyphen is one to copy, and no line begins with a control character."""
    escaped = (words or "").replace("\\", "\\e").replace("-", "\\-").replace("\n", " ")
    return "\\&" + escaped if escaped[:1] in (".", "'") else escaped


def spelling(argument):
    names = [("-" if name["kind"] == "short" else "--") + name["name"] for name in argument.get("names", [])]
    shown = ", ".join(f"\\fB{text(name)}\\fR" for name in names)
    if argument["kind"] == "positional":
        return f"\\fI{text(argument['valueName'])}\\fR"
    return shown if argument["kind"] == "flag" else f"{shown} \\fI{text(argument['valueName'])}\\fR"


def options(command):
    for argument in command.get("arguments", []):
        if argument["shouldDisplay"] and argument["valueName"] not in ("help", "version"):
            yield ".TP"
            yield spelling(argument)
            yield text(argument.get("abstract"))


def commands(command, path=()):
    """Each command that does something, with its full name."""
    path = (*path, command["commandName"])
    inner = [one for one in command.get("subcommands", []) if one["shouldDisplay"] and one["commandName"] != "help"]
    if not inner:
        yield path, command
    for one in inner:
        yield from commands(one, path)


def page(program, version, date):
    yield f'.TH CHATELAINE 1 "{date}" "chatelaine {version}" "User Commands"'
    yield ".SH NAME"
    yield f"chatelaine \\- {text(program['abstract'][0].lower() + program['abstract'][1:].rstrip('.'))}"
    yield ".SH SYNOPSIS"
    yield "\\fBchatelaine\\fR \\fIcommand\\fR [\\fIoptions\\fR]"
    yield ".SH DESCRIPTION"
    yield text(program.get("discussion"))
    yield ".SH COMMANDS"
    for path, command in commands(program):
        yield f".SS {text(' '.join(path))}"
        yield text(command.get("abstract"))
        if command.get("discussion"):
            yield ".PP"
            yield text(command["discussion"])
        yield from options(command)
    yield ".SH FILES"
    for name, meaning in FILES:
        yield ".TP"
        yield f"\\fI{text(name)}\\fR"
        yield text(meaning)
    yield ".SH EXIT STATUS"
    yield "0 for success, 2 for a wrong command line, environment or configuration file, 1 for anything else."
    yield ".SH SEE ALSO"
    yield "The documentation in \\fI/usr/share/doc/chatelaine\\fR."


def main(version):
    program = json.load(sys.stdin)["command"]
    # Of the package's last change, so that two builds of it are the same.
    date = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    print("\n".join(page(program, version, date)))


if __name__ == "__main__":
    main(sys.argv[1])
