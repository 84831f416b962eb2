"""Where the figures are not exact."""

from __future__ import annotations

from collections.abc import Iterator

from ._finding import Case, Finding, some


def not_gaussian(case: Case) -> Iterator[Finding]:
    """Nonlinearities that read what no layer of fresh weights made."""
    profile = case.profile
    if profile.approximated:
        yield Finding(
            node=some(profile.approximated),
            severity="warning",
            kind="not_gaussian",
            measured=f"{len(profile.approximated)} nonlinearities read a value that is not "
            "Gaussian; figures take it as Gaussian",
            value=float(len(profile.approximated)),
            law="only a layer of fresh weights makes its output Gaussian at infinite width",
            prediction="figures beyond are approximate",
            remedy="put a Dense or Conv layer before each of them",
        )


def no_kernel(case: Case) -> Iterator[Finding]:
    """Nodes whose kernel has no exact rule, by the reason."""
    groups: dict[tuple[str, str, str | None], list[str]] = {}
    for refusal in case.profile.refusals:
        key = (refusal.error.law, refusal.error.remedy, refusal.instead)
        groups.setdefault(key, []).append(refusal.node)
    tokens = "beyond, tokens of one input alone are measured" if case.profile.tokens else None
    for (law, remedy, instead), nodes in groups.items():
        yield Finding(
            node=some(nodes),
            severity="warning",
            kind="no_kernel",
            measured=f"no exact kernel at {len(nodes)} node(s)",
            value=float(len(nodes)),
            law=law,
            prediction=tokens or "nothing is measured beyond"
            if instead is None
            else f"figures beyond are those of {instead}",
            remedy=remedy,
        )
