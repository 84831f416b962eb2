"""Quality: how well a network was read, and what that means for the figures of its diagnosis."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ..reading import ReadNetwork
from ._findings import some
from ._profile import Profile


@dataclasses.dataclass(frozen=True)
class Quality:
    """How well a network was read.

    Arguments:
        name: of the network.
        counts: how many nodes are known how well: see `kernelc.Answer`.
        replay: relative difference of the outputs of model and network; None with opaque nodes.
        lost: the node at which figures end, and why; None where they reach the output.

    Example:
        >>> print(Quality("MLP", {"exact": 5, "measured": 1}, 1e-7, None))
        read MLP: 5 of 6 nodes exact, 1 measured; outputs agree to 1.0e-07. Figures reach the \
output; those that are not exact rest on what is assumed below
    """

    name: str
    counts: Mapping[str, int]
    replay: float | None
    lost: str | None

    def __str__(self) -> str:
        total = sum(self.counts.values())
        rest = [f"{n} {level}" for level, n in self.counts.items() if n and level != "exact"]
        told = ", ".join([f"{self.counts.get('exact', 0)} of {total} nodes exact", *rest])
        replay = "not compared, as an opaque node has no finite layer"
        if self.replay is not None:
            replay = f"agree to {self.replay:.1e}"
        return f"read {self.name}: {told}; outputs {replay}. {self._meaning(bool(rest))}"

    def _meaning(self, assumed: bool) -> str:
        if self.lost is not None:
            return f"Figures end at {self.lost}, so that nothing is known of training"
        if not assumed:
            return "All figures are those of the limit of infinite width"
        return "Figures reach the output; those that are not exact rest on what is assumed below"


def quality_of(read: ReadNetwork, profile: Profile) -> Quality:
    """The quality of a network that was read and measured."""
    end = profile.end
    lost = None if end is None else f"{end.node} ({end.error.law})"
    return Quality(read.network.name, read.counts(), read.replay, lost)


def assumed(profile: Profile) -> Iterator[str]:
    """What was assumed to go on past nodes without an exact rule, a line for each reason."""
    for why, nodes in _by_reason(profile.inside):
        yield f"locations alike at {some(nodes)}, as far from borders ({why})"
    for why, nodes in _by_reason(profile.sampled):
        yield f"Gaussian values drawn and run through {some(nodes)} ({why})"


def _by_reason(reasons: Mapping[str, str]) -> Sequence[tuple[str, list[str]]]:
    return [
        (why, [node for node, other in reasons.items() if other == why])
        for why in Counter(reasons.values())
    ]
