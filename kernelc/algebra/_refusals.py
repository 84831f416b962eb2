"""Refusals of the rules of a pair that take more than a line to explain."""

from __future__ import annotations

from .._errors import DependenceError, UnsupportedError


def dependent(where: str, found: str) -> DependenceError:
    """Branches whose dependence has no known kernel."""
    return DependenceError(
        where=where,
        found=found,
        law="branches are independent only if all but one pass through fresh weights "
        "after the fork, and this dependence has no known kernel",
        remedy="put a Dense or Conv layer on one of the branches",
    )


def unlike_locations(what: str) -> tuple[str, str]:
    """Why `what` leaves no uniform q value, and what to do."""
    reason = f"{what} treats locations unlike, so q is not uniform"
    return reason, "use kernelc.kernel_fn, which follows every pair of locations"


def unknown_mean(where: str, what: str, instead: str) -> UnsupportedError:
    """The channel mean of raw inputs, which `what` subtracts; `instead` does not need it."""
    return UnsupportedError(
        where=where,
        found=f"{what} subtracts the mean of raw input channels",
        law="the channel mean of data is not a function of q and c",
        remedy=f"{instead}, or put a Dense or Conv layer first",
    )


def without_length(where: str) -> UnsupportedError:
    """A normalization of a value that is zero whatever the input."""
    return UnsupportedError(
        where=where,
        found="a normalization of a value that is zero for all inputs",
        law="a value of q = 0 has no direction to keep",
        remedy="give the layers before it weights or biases that are not zero",
    )
