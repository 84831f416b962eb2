"""KernelRegression: training data with their kernel, factored once for many predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from tqdm import tqdm

from .. import numeric
from ..data import examples, same_example_shape, same_length
from . import _check
from ._evaluate import KernelFunction, Part, absent, ask, blocks, diagonal, matrix, square
from ._likelihood import Likelihood, slope, value
from ._solve import TrainingMatrix
from ._spread import Ensemble


# Test inputs at a time: that many rows of each kernel are held at once.
_ROWS = 2048


class Prediction(NamedTuple):
    """What trained networks say about test inputs; None for what was not asked for.

    Arguments:
        mean: mean over networks, (m,) or (m, outputs) as the targets were.
        variance: variance over networks of each output, (m,).
        covariance: covariance over networks of an output at two test inputs, (m, m).
    """

    mean: Float[np.ndarray, "m ..."]
    variance: Float[np.ndarray, " m"] | None = None
    covariance: Float[np.ndarray, "m m"] | None = None


class KernelRegression:
    """Training data with their kernel matrix, for predictions at several ridges or times.

    Arguments:
        k, x_train, y_train, kernel, progress: as in `predict`.

    Raises: as `predict`.

    Example:
        >>> from types import SimpleNamespace
        >>> def linear(a, b=None):
        ...     return SimpleNamespace(nngp=a @ (a if b is None else b).T, ntk=None)
        >>> fitted = KernelRegression(linear, [[1.0], [2.0]], [1.0, 2.0])
        >>> fitted.predict([[4.0]], ridge=5.0).mean.round(6).tolist()
        [2.0]
        >>> fitted.leave_one_out([1.0, 4.0]).round(3).tolist()
        [0.52, 1.405]
    """

    def __init__(
        self,
        k: KernelFunction,
        x_train: ArrayLike,
        y_train: ArrayLike,
        *,
        kernel: Part = "nngp",
        progress: bool | None = None,
    ) -> None:
        self.k, self.progress = _check.function(k), progress
        self.kernel: Part = _check.part(kernel)
        self.x_train = _wide(x_train, "predict: x_train")
        self.y_train = _check.targets(y_train)
        same_length(self.x_train, self.y_train, "predict: training data")
        found, n = ask(k, self._parts(True), progress, self.x_train), len(self.x_train)
        self._trains = TrainingMatrix(kernel, *square(found, kernel, n))
        self._prior: TrainingMatrix | None = self._trains
        if kernel == "ntk":
            given = getattr(found, "nngp", None) is not None
            self._prior = TrainingMatrix("nngp", *square(found, "nngp", n)) if given else None

    def predict(
        self,
        x_test: ArrayLike,
        *,
        ridge: float = 0.0,
        time: float | None = None,
        learning_rate: float = 1.0,
        variance: bool = True,
        covariance: bool = False,
        observation_noise: bool = False,
    ) -> Prediction:
        """As `kernelc.predict`, where the arguments are explained."""
        x_test = _wide(x_test, "predict: x_test")
        same_example_shape(self.x_train, x_test, "predict")
        ridge = _check.number("ridge", ridge)
        if observation_noise:
            _check.noisy(self.kernel)
        noise = ridge if observation_noise else 0.0
        solve = self._trains.operator(ridge, self._pace(time, learning_rate))
        coefficients = solve(self._columns())
        ensemble = self._ensemble(ridge) if variance or covariance else None
        means, variances, kept = [], [], []
        for rows, count, found in self._evaluated(x_test, self._parts(ensemble is not None)):
            tangent = self._cross(found, self.kernel, len(rows))[:count]
            means.append(tangent @ coefficients)
            if ensemble is None:
                continue
            cross, weights = self._cross(found, "nngp", len(rows))[:count], solve(tangent.T)
            if covariance:
                kept.append((cross, weights))
            else:
                own = diagonal(self.k, rows)[:count]
                variances.append(ensemble.variances(own, cross, weights) + noise)
        mean = np.concatenate(means).reshape(len(x_test), *self.y_train.shape[1:])
        if ensemble is None or not covariance:
            return Prediction(mean, np.concatenate(variances) if variances else None)
        cross, weights = (
            np.concatenate(parts, i) for i, parts in enumerate(zip(*kept, strict=True))
        )
        own, _ = square(ask(self.k, ("nngp",), self.progress, x_test), "nngp", len(x_test))
        between = ensemble.covariances(own, cross, weights) + noise * np.eye(len(own))
        return Prediction(mean, between.diagonal().copy(), between)

    def leave_one_out(self, ridges: Sequence[float]) -> Float[np.ndarray, " ridges"]:
        """Mean squared error of each training example predicted from all others, exactly.

        y_i - f_i = [M⁻¹ y]_i / [M⁻¹]_ii with M = T + ridge I, for the mean at infinite time
        (Williams and Rasmussen 2006, eq. 5.12). One eigendecomposition serves all ridges.

        Arguments:
            ridges: what to try, each in the units of the kernel.

        Returns: an error for each ridge, averaged over examples and outputs.

        Raises: DataError when a ridge is too small for the precision of the kernel.
        """
        vectors = self._trains.spectrum[1]
        rotated, squares = vectors.T @ self._columns(), vectors**2
        errors = []
        for ridge in _check.several("ridges", ridges):
            gains = self._trains.gains(ridge, None)
            residuals = vectors @ (gains[:, None] * rotated) / (squares @ gains)[:, None]
            errors.append(np.mean(residuals**2))
        return np.array(errors)

    def log_marginal_likelihood(self, ridge: float, *, gradient: bool = False) -> Likelihood:
        """log p(y) for y ~ N(0, T + ridge I), each output on its own, summed over outputs.

        -yᵀ M⁻¹ y / 2 - log|M| / 2 - n log(2π) / 2 with M = T + ridge I; its derivative in a
        number t of M is tr((a aᵀ - M⁻¹) ∂M/∂t) / 2, a = M⁻¹ y (Williams and Rasmussen 2006,
        eqs. 2.30 and 5.9). One backward pass through the layers gives those of all of them.

        Arguments:
            ridge: the variance of the noise of y.
            gradient: whether to compute derivatives too, which needs what `kernel_fn` returns.

        Raises:
            DataError: a ridge too small for the precision of the kernel.
            UnsupportedError: gradients of another kernel function.

        Example:
            >>> from types import SimpleNamespace
            >>> def linear(a, b=None):
            ...     return SimpleNamespace(nngp=a @ (a if b is None else b).T, ntk=None)
            >>> fitted = KernelRegression(linear, [[1.0], [2.0]], [1.0, 2.0])
            >>> round(fitted.log_marginal_likelihood(1.0).value, 4)
            -3.1504
        """
        ridge = _check.number("ridge", ridge)
        found, solved = value(self._trains, self._columns(), ridge)
        if not gradient:
            return Likelihood(found)
        k = _check.differentiable(self.k)
        along = slope(self._trains, solved, ridge)
        kernel = numeric.StdKernel(k.network, self.kernel, k.standard)
        weight, bias = kernel.gradients(self.x_train, along)
        return Likelihood(found, float(np.trace(along)), weight, bias)

    def _columns(self) -> Float[np.ndarray, "n outputs"]:
        return self.y_train.reshape(len(self.y_train), -1)

    def _pace(self, time: float | None, learning_rate: float) -> float | None:
        rate = _check.number("learning_rate", learning_rate, "above 0")
        if time is None:
            return None
        return rate * _check.number("time", time) / len(self.x_train)

    def _ensemble(self, ridge: float) -> Ensemble:
        if self._prior is None:
            raise absent("nngp")
        noise = ridge if self.kernel == "nngp" else 0.0
        return Ensemble(self._prior.values, noise, self._prior.precision)

    def _evaluated(
        self, x_test: Float[np.ndarray, "m ..."], get: tuple[Part, ...]
    ) -> Iterator[tuple[Float[np.ndarray, "rows ..."], int, object]]:
        """Test inputs a block at a time, how many of them count, and their kernels."""
        # disable=None is how tqdm is told to show the bar on a terminal only.
        hidden = None if self.progress is None else not self.progress
        parts = blocks(len(x_test), _ROWS)
        for at, places in tqdm(parts, disable=hidden, delay=2, unit="block"):
            rows = x_test[places]
            yield rows, at.stop - at.start, ask(self.k, get, False, rows, self.x_train)

    def _parts(self, spread: bool) -> tuple[Part, ...]:
        """The kernels that means, and with `spread` variances, are made of."""
        return ("nngp", "ntk") if spread and self.kernel == "ntk" else (self.kernel,)

    def _cross(self, found: object, part: Part, count: int) -> Float[np.ndarray, "rows n"]:
        return matrix(found, part, (count, len(self.x_train))).astype(np.float64)


def _wide(x: object, where: str) -> Float[np.ndarray, "n ..."]:
    """Examples in float64: a solution multiplies the rounding of a kernel by its condition."""
    return examples(x, where).astype(np.float64)
