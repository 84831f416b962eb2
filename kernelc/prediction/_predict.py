"""predict: what infinitely wide networks say about test inputs after training."""

from __future__ import annotations

from numpy.typing import ArrayLike

from ._evaluate import KernelFunction, Part
from ._regression import KernelRegression, Prediction


def predict(
    k: KernelFunction,
    x_train: ArrayLike,
    y_train: ArrayLike,
    x_test: ArrayLike,
    *,
    kernel: Part = "nngp",
    ridge: float = 0.0,
    time: float | None = None,
    learning_rate: float = 1.0,
    variance: bool = True,
    covariance: bool = False,
    observation_noise: bool = False,
    progress: bool | None = None,
) -> Prediction:
    """Mean A y and covariance K** - A K*ᵀ - K* Aᵀ + A (K + νI) Aᵀ of trained wide networks.

    K is the NNGP kernel, T the kernel that trains (K for "nngp", the NTK Θ for "ntk"), λ the
    ridge; * stands for a test input. With M = T + λI, n examples, rate η and time t:

        A = T* M⁻¹ (I - exp(-η M t / n)),   or T* M⁻¹ when `time` is None.

    A network linear in its parameters, J = ∂f/∂θ and J Jᵀ = T, that follows the gradient of
    (|f - y|² + λ |θ - θ₀|²) / 2n at rate η keeps θ - θ₀ = Jᵀ a with n a' = η (y - f₀ - M a).
    So a = M⁻¹ (I - exp(-η M t / n)) (y - f₀), and f* = f₀* + A (y - f₀) with f₀ ~ N(0, K):
    the ridge is weight decay towards the initial weights, at finite time too. Without a ridge
    these are eqs. 14 and 15 of Lee et al. 2019 (Jacot et al. 2018 for the mean).

    "ntk": all layers train, each network on the same y, so ν = 0. "nngp": the last layer alone
    trains, each network on its own y + N(0, λ), so ν = λ; for `time` None that ensemble is the
    posterior with noise λ (Matthews et al. 2017), A (K + λI) Aᵀ = A K*ᵀ (Williams and
    Rasmussen 2006, eqs. 2.23 and 2.24). The prior mean is 0: center y when its mean is not.

    Inputs of any type go to k as float64, and the solution is computed in float64: it multiplies
    the rounding of the kernel by its condition number.

    Arguments:
        k: a kernel function such as `kernel_fn(net)`; k(x1, x2) has attributes nngp and ntk.
        x_train: training examples, (n, ...).
        y_train: their targets as floats, (n,) or (n, outputs); classes as one-hot rows.
        x_test: test examples, (m, ...).
        kernel: "nngp" or "ntk", the kernel that trains.
        ridge: λ, in the units of the kernel: for "nngp", the variance of the noise of y.
        time: t of the gradient flow on the mean squared error; None for its limit.
        learning_rate: η.
        variance: whether to compute variances; most of the work when m exceeds n.
        covariance: whether to compute covariances of all pairs of test outputs.
        observation_noise: whether variances are those of new observations, λ larger than those
            of the function; for "nngp", where λ is the variance of noise.
        progress: whether to show a bar for work over two seconds; None: on a terminal only.

    Returns: mean (m,) or (m, outputs), variance (m,) and covariance (m, m), float64 whatever
        JAX's settings; None for what was not asked for. All outputs share their variance.

    Raises:
        DataError: bad data or numbers; a matrix with no solution in the kernel's precision.
        UnsupportedError: an unknown kernel, or one that k does not give.
        ShapeError: kernel matrices of another shape than inputs ask for.

    Example:
        >>> from types import SimpleNamespace
        >>> def linear(a, b=None):
        ...     return SimpleNamespace(nngp=a @ (a if b is None else b).T, ntk=None)
        >>> found = predict(linear, [[1.0]], [3.0], [[2.0]], ridge=1.0)
        >>> found.mean.round(6).tolist(), found.variance.round(6).tolist()
        ([3.0], [2.0])
    """
    return KernelRegression(k, x_train, y_train, kernel=kernel, progress=progress).predict(
        x_test,
        ridge=ridge,
        time=time,
        learning_rate=learning_rate,
        variance=variance,
        covariance=covariance,
        observation_noise=observation_noise,
    )
