"""Tokens: where a network of sequences of tokens starts."""

from __future__ import annotations

import dataclasses
from typing import final

from .._errors import ShapeError, shown
from .._input_format import InputFormat, TokenSequences
from .._limits import MOST_TOKENS
from ..ir import Node, Shape
from ._entry import EntryLayer, entry
from ._fields import positive_integers


@final
@dataclasses.dataclass(frozen=True)
class TokensLayer(EntryLayer):
    """Tokens of one example, at each location an integer that stands for a vector."""

    length: int
    vocabulary: int

    def __post_init__(self) -> None:
        positive_integers(self, "length", "vocabulary")
        if self.vocabulary > MOST_TOKENS:
            raise ShapeError(
                where="Tokens",
                found=f"vocabulary = {shown(self.vocabulary)}",
                law=f"a vocabulary has at most {MOST_TOKENS:,} tokens",
                remedy="use a smaller vocabulary",
            )

    @property
    def value(self) -> Shape:
        return (self.length, self.vocabulary)

    def input_format(self) -> InputFormat:
        return TokenSequences(self.length, self.vocabulary)


def Tokens(length: int, vocabulary: int, name: str = "input") -> Node:
    """The node that a network of token sequences starts from: q = 1, K = [t = t'].

    Its value at a location is by definition a vector of `vocabulary` channels, sqrt(vocabulary)
    at the token and 0 elsewhere, so covariances are 1 for equal tokens and 0 for others. The
    vector is never made. Models, kernels and data sets take integers of shape (n, length), from 0
    to vocabulary - 1; whole numbers stored as float32 or float64 are taken too. An `Embedding`
    comes next.

    Arguments:
        length: tokens in a sequence.
        vocabulary: how many tokens there are, at most 2^24.
        name: name of the node.

    Raises:
        ShapeError: a length or vocabulary that is not a positive integer, or too large.
        GraphError: a name that is no short text.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Tokens(64, vocabulary=256)
        >>> kc.Network(x, kc.Embedding(128)(x)).output_shape
        (64, 128)
    """
    return entry("Tokens", TokensLayer(length, vocabulary), name)
