"""TokenTarget: what the covariance of tokens is to be behind each attention."""

from __future__ import annotations

import dataclasses
import json
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from .._errors import GraphError, LoadError, ShapingError, shown
from ..ir import FixedAttention, Shape, Table, strict_json
from ._named_targets import from_call, register
from ._unit_c_maps import Matrix


_AGAIN = "shape the network again"


@dataclasses.dataclass(frozen=True)
class Place:
    """An attention among those that are solved for.

    Arguments:
        name: of the node.
        number: 1 for the first.
        count: how many there are.
        mean_cosine: of two tokens of the values that the first one reads.
        locations: sizes of the location axes of keys and values.
        outputs: of those of queries.
    """

    name: str
    number: int
    count: int
    mean_cosine: float
    locations: Shape
    outputs: Shape


@dataclasses.dataclass(frozen=True, eq=False)
class SolvedPattern:
    """What was solved for one attention.

    Arguments:
        pattern: P, or None where the layer keeps what it has.
        row_scale: D.
        clipped: how far the covariance behind it is from the wanted one, entry by entry, because
            negative weights were set to zero; 0 where none was.
    """

    pattern: Matrix | None
    row_scale: Float64[np.ndarray, " outputs"]
    clipped: float = 0.0


@dataclasses.dataclass(frozen=True)
class TokenTarget(ABC):
    """The goal of shaping for tokens: what `kernelc.shape` solves attentions for.

    A frozen dataclass, as targets are: `SPA` or `RowScale`.

    Arguments:
        covariance: of the tokens that enter, with q = 1: `kernelc.token_covariance` of a data
            set. None for tokens that all differ.
    """

    kinds: ClassVar[dict[str, type[TokenTarget]]] = {}
    covariance: Table | ArrayLike | None = dataclasses.field(default=None, kw_only=True)

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        register(TokenTarget.kinds, cls)

    def __post_init__(self) -> None:
        if self.covariance is not None:
            object.__setattr__(self, "covariance", checked_covariance(self.covariance))

    @property
    def entering(self) -> Matrix | None:
        """The covariance of the tokens that enter; None for tokens that all differ."""
        return self.covariance.array if isinstance(self.covariance, Table) else None

    @property
    def assumption(self) -> str:
        """What must hold of the data."""
        if self.covariance is None:
            return "tokens of an input differ: their covariance is the identity"
        return "tokens have the covariance that was given, on average over inputs"

    @abstractmethod
    def solve(self, place: Place, attention: FixedAttention, values: Matrix) -> SolvedPattern:
        """Pattern and row scale of one attention, from the covariance of its values.

        Raises:
            UnreachableError: there is none.
        """

    def misses(self, place: Place, attention: FixedAttention, values: Matrix) -> bool:
        """Whether the wanted covariance is out of reach and was missed knowingly."""
        return False

    @abstractmethod
    def wanted(self, place: Place) -> Matrix | None:
        """The covariance behind an attention; None where only q = 1 is asked for."""

    def __str__(self) -> str:
        fields = [f for f in dataclasses.fields(self) if getattr(self, f.name) != f.default]
        given = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields)
        return f"{type(self).__name__}({given})"

    def to_json(self) -> str:
        """Its name and values, as files store them."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if isinstance(self.covariance, Table):
            values["covariance"] = self.covariance.to_dict()
        return json.dumps({"kind": type(self).__name__, "values": values})

    @staticmethod
    def from_json(text: str) -> TokenTarget:
        """What `to_json` wrote; nothing is evaluated.

        Raises:
            LoadError: another text.
            ShapingError: values that the target does not take.
        """
        where, law = "target for tokens", "a target for tokens is a kind and its values"
        found = strict_json(text, where, law, _AGAIN)
        entry = found if isinstance(found, dict) and set(found) == {"kind", "values"} else {}
        kind, values = TokenTarget.kinds.get(str(entry.get("kind"))), entry.get("values")
        if kind is None or not isinstance(values, dict):
            raise LoadError(where, shown(found), law, _AGAIN)
        if values.get("covariance") is not None:
            values["covariance"] = Table.from_dict(values["covariance"])
        try:
            return kind(**values)
        except TypeError as error:
            raise LoadError(where, f"other values ({error})", law, _AGAIN) from error

    @staticmethod
    def from_text(text: str) -> TokenTarget:
        """The target that a short text names, as Python writes it; nothing is evaluated.

        Raises:
            ShapingError: another text, or values that the target does not take.

        Example:
            >>> import kernelc as kc
            >>> kc.TokenTarget.from_text("SPA(end_cosine=0.7)").end_cosine
            0.7
        """
        return from_call(text, TokenTarget.kinds, "write for example SPA(end_cosine=0.5)")


def checked_covariance(given: Table | ArrayLike) -> Table:
    """A covariance of tokens with q = 1.

    Raises:
        ShapingError: another array.
    """
    try:
        table = Table(given)
    except GraphError as error:
        raise _no_covariance(error.found) from None
    matrix = table.array
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise _no_covariance(f"a shape {table.shape}")
    if not np.allclose(matrix, matrix.T, rtol=0, atol=1e-12):
        raise _no_covariance("a matrix that is not symmetric")
    if not np.allclose(np.diagonal(matrix), 1, rtol=0, atol=1e-12):
        raise _no_covariance("a diagonal other than 1")
    if np.linalg.eigvalsh(matrix)[0] < -1e-10 * len(matrix):
        raise _no_covariance("a matrix with negative eigenvalues")
    return table


def _no_covariance(found: str) -> ShapingError:
    return ShapingError(
        where="tokens",
        found=f"covariance: {found}",
        law="the covariance of tokens is symmetric and positive, with q = 1 on its diagonal",
        remedy="make it with kernelc.token_covariance(network, inputs)",
    )
