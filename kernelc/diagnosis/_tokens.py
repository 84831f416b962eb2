"""The tokens of single inputs, in networks with attention."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir import FixedAttention, Network, Reading
from ..numeric import TokenLevel, token_levels
from ._inputs import Inputs


class AttentionCount(Reading[int]):
    """How many attentions lie on a path, the most of any."""

    def combine(self, values: Sequence[int]) -> int:
        return max(values)

    def attend(self, query: int, key: int, value: int, attention: FixedAttention) -> int:
        return max(query, key, value) + 1


def attentions(network: Network) -> int:
    """How many attentions follow each other."""
    return network.fold(AttentionCount(), 0)[network.last]


def tokens_of(network: Network, inputs: Inputs) -> tuple[TokenLevel, ...]:
    """Levels of tokens, of inputs given or of one whose locations are unrelated."""
    examples = network.input_format.unrelated() if inputs.examples is None else inputs.examples
    return token_levels(network, examples)
