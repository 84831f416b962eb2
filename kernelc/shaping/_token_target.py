"""TokenTarget: what the covariance of tokens is to be behind each attention."""

from __future__ import annotations

import ast
import dataclasses
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from .._errors import GraphError, LoadError, ShapingError, shown
from ..ir import FixedAttention, Shape, Table
from ._unit_c_maps import Matrix


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


class TokenTarget(ABC):
    """The goal of shaping for tokens: what `kernelc.shape` solves attentions for.

    A frozen dataclass, as targets are. `covariance` is that of the tokens that enter, None for
    tokens that all differ.
    """

    kinds: ClassVar[dict[str, type[TokenTarget]]] = {}
    covariance: Table | ArrayLike | None

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        TokenTarget.kinds[cls.__name__] = cls

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

    @abstractmethod
    def wanted(self, place: Place) -> Matrix | None:
        """The covariance behind an attention; None where only q = 1 is asked for."""

    def to_text(self) -> str:
        """A call with literal values, which `from_text` reads."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if isinstance(self.covariance, Table):
            values["covariance"] = self.covariance.to_dict()
        arguments = ", ".join(f"{name}={value!r}" for name, value in values.items())
        return f"{type(self).__name__}({arguments})"

    @staticmethod
    def from_text(text: str) -> TokenTarget:
        """The target of a text, whose values are never evaluated.

        Raises:
            ShapingError: another text, or values that the target does not take.
        """
        try:
            call = ast.parse(text.strip(), mode="eval").body
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.args:
                kind = TokenTarget.kinds[call.func.id]
                values = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
                if values.get("covariance") is not None:
                    values["covariance"] = Table.from_dict(values["covariance"])
                return kind(**values)
        except (
            SyntaxError,
            ValueError,
            TypeError,
            KeyError,
            LoadError,
            MemoryError,
            RecursionError,
        ):
            pass  # refused like a text of another form
        raise ShapingError(
            where="tokens",
            found=shown(text, 80),
            law=f"a target for tokens is one of {', '.join(TokenTarget.kinds)}, with its values",
            remedy="shape the network again",
        )


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
