"""Whether the cost of a request grows with keys, grants and statements: in one process, without a socket."""

import table
import worlds


def rows(layers, directories, rounds):
    """`directories`: data directories by how many keys they have."""
    arguments = [part for count, path in directories.items() for part in ("--data-dir", f"{count}={path}")]
    found = worlds.figures("scaling", "--rounds", rounds, *arguments)
    sorted_by_count = {
        what: dict(sorted(times.items(), key=lambda pair: int(pair[0]))) for what, times in found.items()
    }
    decisions = sorted_by_count["decisions"]
    costs = {layer["name"]: layer["microseconds"] for layer in layers}
    seal = next(cost for name, cost in costs.items() if name.startswith("AES-256-GCM seal"))
    mismatch = max(cost for name, cost in costs.items() if name.startswith("one more statement"))
    return [
        table.flat("cost per request against keys", sorted_by_count["keys"]),
        table.flat("cost per request against grants of its key", sorted_by_count["grants"]),
        table.at_most("a decision by 100 statements, beside 10", decisions["100"] / decisions["10"], 10, "times"),
        table.under(
            "a statement that does not match, of the dearest kind", mismatch / seal, 0.1, "seals of 32 bytes", digits=3),
    ], found
