"""Linear algebra of one training matrix, which refuses what its precision cannot answer."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from jaxtyping import Float
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from .._errors import DataError


Factor = tuple[Float[np.ndarray, "n n"], bool]
Operator = Callable[[Float[np.ndarray, "n columns"]], Float[np.ndarray, "n columns"]]

# Entries right to a relative eps move eigenvalues by eps times the largest. Where the smallest
# is not ten times that, no digit of the solution along its eigenvector is left.
_DIGIT = 0.1
# The estimate of the condition number may be too low by a small factor (Higham 1987).
_ESTIMATE = 10.0
# Of eigenvalues that decide alone whether there is a digit.
_TOLERANCE = 1e-3
# The whole spectrum of a smaller matrix costs next to nothing.
_SMALL = 256


@dataclass(frozen=True, eq=False)
class TrainingMatrix:
    """The kernel of the training inputs, with its factorizations.

    Arguments:
        name: "nngp" or "ntk", for messages.
        values: the symmetric matrix T.
        precision: error of its entries, relative to the largest.
    """

    name: str
    values: Float[np.ndarray, "n n"]
    precision: float

    @functools.cached_property
    def spectrum(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n n"]]:
        """Eigenvalues, ascending, and eigenvectors."""
        return scipy.linalg.eigh(self.values, driver="evd")

    @property
    def limit(self) -> float:
        """The largest condition number that leaves a digit."""
        return _DIGIT / self.precision

    def operator(self, ridge: float, pace: float | None) -> Operator:
        """b ↦ M⁻¹ (I - exp(-pace M)) b with M = T + ridge I; M⁻¹ b for pace None.

        Raises: DataError when M is indefinite or too ill-conditioned for that.
        """
        # Cholesky costs a tenth of the spectrum or less; that answers for the hard cases.
        if pace is None and "spectrum" not in self.__dict__:
            factor = self._factor(ridge)
            if factor is not None:
                return lambda b: scipy.linalg.cho_solve(factor, b, check_finite=False)
        gains, vectors = self.gains(ridge, pace)[:, None], self.spectrum[1]
        return lambda b: vectors @ (gains * (vectors.T @ b))

    def gains(self, ridge: float, pace: float | None) -> Float[np.ndarray, " n"]:
        """g(z) = (1 - exp(-pace z)) / z at the eigenvalues z of M; 1 / z for pace None.

        g falls with z, and its largest value times the largest z is what errors of T grow by.

        Raises: DataError when that is too much.
        """
        z = self.spectrum[0] + ridge
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            if pace is None:
                gains = 1 / z
                growth = z[-1] * gains[0] if z[0] > 0 else math.inf
            else:
                gains = np.where(z == 0, pace, -np.expm1(-pace * z) / np.where(z == 0, 1, z))
                growth = z[-1] * gains[0] if z[0] >= -z[-1] / self.limit else math.inf
        if not growth <= self.limit:
            raise self._refusal(ridge, pace)
        return gains

    def factor(self, ridge: float) -> Factor:
        """The Cholesky factor of T + ridge I, and whether it is the lower one.

        Raises: DataError when the matrix is indefinite or too ill-conditioned.
        """
        found = self._factor(ridge)
        if found is None:
            raise self._refusal(ridge, None)
        return found

    def _factor(self, ridge: float) -> Factor | None:
        """The factor, None where no digit of a solution would be left."""
        shifted = np.array(self.values, order="F")
        np.fill_diagonal(shifted, shifted.diagonal() + ridge)
        norm = float(scipy.linalg.lapack.dlange("1", shifted))
        try:
            factor = scipy.linalg.cho_factor(
                shifted, lower=True, overwrite_a=True, check_finite=False
            )
        except scipy.linalg.LinAlgError:
            return None
        reciprocal, _ = scipy.linalg.lapack.dpocon(factor[0], norm, uplo="L")
        if reciprocal * self.limit >= _ESTIMATE or self._admitted(factor, ridge):
            return factor
        return None

    def _admitted(self, factor: Factor, ridge: float) -> bool:
        """Whether the condition number is within the limit, where its estimate does not tell.

        Lanczos iterations with the factor find the two ends of the spectrum and nothing else.
        """
        n = len(self.values)
        if n < _SMALL:
            return False
        start = np.ones(n) / np.sqrt(n)
        shifted = LinearOperator((n, n), lambda b: self.values @ b + ridge * b, dtype=np.float64)
        inverse = LinearOperator(
            (n, n),
            lambda b: scipy.linalg.cho_solve(factor, b, check_finite=False),
            dtype=np.float64,
        )
        try:
            largest, gain = (
                eigsh(each, k=1, v0=start, tol=_TOLERANCE, return_eigenvectors=False)[0]
                for each in (shifted, inverse)
            )
        except ArpackNoConvergence:
            return False
        return bool(largest * gain * (1 + 2 * _TOLERANCE) <= self.limit)

    def _refusal(self, ridge: float, pace: float | None) -> DataError:
        low, high = (float(end) for end in self.spectrum[0][[0, -1]])
        smallest = low + ridge
        condition = (high + ridge) / abs(smallest) if smallest else math.inf
        kind = "indefinite" if smallest < 0 else "positive"
        remedy = f"pass ridge={self._enough(low, high):g} or more, remove inputs that occur twice"
        if pace is not None:
            remedy += ", choose an earlier time"
        if self.precision > 1e-12:
            remedy += ", or evaluate the kernel in float64"
        return DataError(
            where=f"predict: {self.name} of the training inputs",
            found=f"a matrix with eigenvalues from {low:.3g} to {high:.3g}, {kind} with "
            f"condition number {condition:.2g} at ridge {ridge:g}",
            law=f"the precision of the kernel, {self.precision:.2g}, leaves a digit up to the "
            f"condition number {self.limit:.2g} of a positive matrix",
            remedy=remedy,
        )

    def _enough(self, low: float, high: float) -> float:
        """A ridge, of two digits, that halves the largest condition number admitted."""
        admitted = self.limit / 2
        # A kernel that is zero everywhere is mended by any ridge.
        ridge = (high - low * admitted) / (admitted - 1) if high > 0 else 1.0 - low
        unit = 10.0 ** (math.floor(math.log10(ridge)) - 1)
        return math.ceil(ridge / unit) * unit
