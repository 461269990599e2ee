"""How long an answer may take: calls that are measured, of which the best attempt counts."""

import time

import botocore.exceptions

# What a request may take at best, in seconds; one without conditions takes a thousandth or two.
BOUND = 0.04

# How often it may be tried, as what else the machine does takes its time too; what is slow is so each time.
ATTEMPTS = 40


def duration(call):
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def quick(call, what):
    """The call takes no longer than the bound, or its refusal does; the best attempt counts."""
    outcome, best = None, float("inf")

    def attempt():
        nonlocal outcome
        try:
            call()
            outcome = "allowed"
        except botocore.exceptions.ClientError as error:
            outcome = error.response["Error"]["Code"]

    for _ in range(ATTEMPTS):
        best = min(best, duration(attempt))
        if best < BOUND:
            return outcome
    raise AssertionError(f"{what}: {best * 1000:.0f} ms")


def as_quick(call, other, margin, what):
    """The call takes hardly longer than the other; of each the best of as many attempts counts."""
    best, least = float("inf"), float("inf")
    for _ in range(ATTEMPTS):
        best, least = min(best, duration(call)), min(least, duration(other))
        if best < least + margin:
            return
    raise AssertionError(f"{what}: {best * 1000:.0f} ms, not {least * 1000:.0f}")
