"""Rows of what was to be reached and what was measured, and the tables that are made of them."""

import dataclasses
import re
import sys


@dataclasses.dataclass
class Row:
    what: str
    target: str
    measured: str
    # The figure that was held against the target, to compare runs by.
    value: float
    met: bool


def at_least(what, value, least, of):
    return Row(what, f"at least {least} of {of}", f"{value:.2f}", value, value >= least)


def under(what, value, most, unit, of="", digits=2):
    return Row(what, f"under {most:g} {unit} {of}".strip(), f"{value:.{digits}f} {unit}", value, value < most)


def at_most(what, value, most, unit, of=""):
    return Row(what, f"at most {most:g} {unit} {of}".strip(), f"{value:.2f} {unit}", value, value <= most)


def flat(what, times, within=0.1):
    """`times`: what one call takes by how many there are; the first is what the others are compared with."""
    base, *others = times.values()
    growth = max(time / base - 1 for time in others)
    counts = ", ".join(f"{int(count):,}" for count in times)
    return Row(f"{what} ({counts})", f"flat within {within:.0%}", f"{growth:+.1%}", growth, growth <= within)


def markdown(head, rows, align):
    lines = [head, align, *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)


def of_targets(rows):
    return markdown(
        ("what", "target", "measured", "met"),
        [(row.what, row.target, row.measured, "yes" if row.met else "**no**") for row in rows],
        ("---", "---", "---:", "---"),
    )


def of_rates(rates):
    """`rates`: requests a second by operation and server."""
    names = list(dict.fromkeys(name for found in rates.values() for name in found))
    rows = [
        (operation, *(f"{found[name]:,.0f}" if name in found else "" for name in names))
        for operation, found in rates.items()
    ]
    return markdown(("requests a second", *names), rows, ("---", *["---:"] * len(names)))


def of_layers(layers):
    """`layers`: as hot-path says them."""
    times = {layer["name"]: layer["microseconds"] for layer in layers}
    seal = next(time for name, time in times.items() if name.startswith("AES-256-GCM seal"))
    rows = [(name, f"{time:.2f}", f"{time / seal:.2f}") for name, time in times.items()]
    return markdown(("layer", "µs", "seals"), rows, ("---", "---:", "---:"))


def changes(rows, kept):
    """How the rows differ from those of a run that was kept, one line for each."""
    before = {(row.what, row.target): row for row in kept}
    pairs = [(before[row.what, row.target], row) for row in rows if (row.what, row.target) in before]
    return "\n".join(f"{late.what}: {soon.measured} then, {late.measured} now" for soon, late in pairs)


def put(text, page, begin):
    """Puts a text where a page of the documentation shows it: between its mark and the next end."""
    end = "<!-- until here -->"
    changed, count = re.subn(
        f"{re.escape(begin)}.*{re.escape(end)}", lambda _: f"{begin}\n{text}\n\n{end}", page.read_text(), flags=re.DOTALL)
    if count != 1:
        sys.exit(f"{page} has no place for the result")
    page.write_text(changed)
