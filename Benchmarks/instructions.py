"""How many instructions a call takes, from the bytes of its request to those of its answer, without a socket.

Valgrind counts them, so nothing else that the machine does is in it: the figure of two runs can be compared, and a change that
makes a call dearer shows. It fails when a call takes over 10 % more than Benchmarks/instructions.json says, or less by as
much: then that is to be written anew, with `--record`. Valgrind's processor has no instructions for SHA-256, so hashing counts
for more than it takes.

What libraries choose by the processor is recorded with the figures: on another kind of processor nothing is compared.

Environment: BENCH_CALLS (500).
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
RECORD = pathlib.Path(__file__).with_suffix(".json")
CALLS = int(os.environ.get("BENCH_CALLS", "500"))
OPERATIONS = ("Encrypt", "Decrypt", "GenerateDataKey")
TOLERANCE = 0.1


def count(program, operation, directory):
    """Instructions of one call."""
    out = directory / f"{operation}.out"
    command = [
        "valgrind", "--tool=callgrind", "--toggle-collect=*8measured*", f"--callgrind-out-file={out}", str(program),
        "--count", str(CALLS), "--operation", operation,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL)
    totals = re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.MULTILINE) if out.exists() else None
    if done.returncode or not totals or not int(totals.group(1)):
        sys.exit(f"valgrind counted nothing:\n{done.stdout}{done.stderr}")
    return int(totals.group(1)) // CALLS


def processor():
    """What libraries look at of the processor, as far as Valgrind has it."""
    flags = re.search(r"^flags\s*:(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    present = set(flags.group(1).split()) if flags else set()
    return f"{os.uname().machine} " + " ".join(sorted({"avx", "avx2", "bmi2"} & present))


def main():
    for tool in ("valgrind", "strip"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not on this machine")
    known = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    with tempfile.TemporaryDirectory(prefix="instructions-") as directory:
        # Valgrind does not read the debugging information of this compiler.
        program = pathlib.Path(directory) / "hot-path"
        built = pathlib.Path(os.environ.get("HOT_PATH", REPOSITORY / ".build" / "release" / "hot-path"))
        subprocess.run(["strip", "--strip-debug", "-o", str(program), str(built)], check=True)
        counts = {operation: count(program, operation, pathlib.Path(directory)) for operation in OPERATIONS}
    if known and known.pop("processor", None) != processor() and "--record" not in sys.argv:
        print(f"recorded on another kind of processor than this, so nothing is compared: {counts}")
        return
    changed = False
    for operation, found in counts.items():
        ratio = found / known[operation] if operation in known else float("inf")
        changed = changed or abs(ratio - 1) > TOLERANCE
        print(f"{operation:>16}: {found:,} instructions, {ratio:.3f} of what is recorded")
    if "--record" in sys.argv:
        RECORD.write_text(json.dumps({"processor": processor()} | counts, indent=2) + "\n")
    elif changed:
        sys.exit("That is another cost than is recorded: find out why, or record it with --record.")


if __name__ == "__main__":
    main()
