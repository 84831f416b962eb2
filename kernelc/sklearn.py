"""Kernels of networks for scikit-learn's Gaussian processes; needs the extra "data"."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from jaxtyping import Float

from ._errors import ShapeError, UnsupportedError
from ._packages import needed
from .ir import Network, as_network
from .numeric import StdKernel


kernels = needed("sklearn.gaussian_process.kernels", extra="data", use="kernelc.sklearn")

_DIAGONAL_ROWS = 256


class NetworkKernel(kernels.Kernel):
    """The NNGP or NTK of a network as a kernel of `sklearn.gaussian_process`.

    Its hyperparameters are two factors: one on all weight_std of the network, one on all its
    bias_std. Where the regressor optimizes, it follows their exact derivatives. Kernels are
    computed in float64, layer by layer.

    Arguments:
        network: a network of flat inputs, (features,), or of tokens; or what `kernelc.shape`
            returns.
        kernel: "nngp" or "ntk".
        weight_std: the factor on the standard deviations of weights.
        bias_std: the factor on those of biases.
        weight_std_bounds, bias_std_bounds: where the optimizer may move them, (low, high), or
            "fixed".

    Raises:
        ShapeError: inputs or outputs with locations.
        UnsupportedError: another kernel.

    Example:
        >>> import kernelc as kc, numpy as np
        >>> x = kc.Input((2,))
        >>> net = kc.Network(x, kc.chain(kc.Dense(64), kc.Activation("relu"), kc.Dense(1))(x))
        >>> NetworkKernel(net)(np.eye(2)).round(4).tolist()
        [[0.25, 0.0796], [0.0796, 0.25]]
    """

    def __init__(
        self,
        network: object,
        kernel: str = "nngp",
        weight_std: float = 1.0,
        bias_std: float = 1.0,
        weight_std_bounds: object = (0.1, 10.0),
        bias_std_bounds: object = "fixed",
    ) -> None:
        # scikit-learn clones a kernel from these attributes, so they stay as they were given.
        self.network, self.kernel = network, kernel
        self.weight_std, self.bias_std = weight_std, bias_std
        self.weight_std_bounds, self.bias_std_bounds = weight_std_bounds, bias_std_bounds

    @property
    def hyperparameter_bias_std(self) -> Any:
        """How scikit-learn knows of the factor on biases."""
        return kernels.Hyperparameter("bias_std", "numeric", self.bias_std_bounds)

    @property
    def hyperparameter_weight_std(self) -> Any:
        """How scikit-learn knows of the factor on weights."""
        return kernels.Hyperparameter("weight_std", "numeric", self.weight_std_bounds)

    def __call__(
        self, X: object, Y: object = None, eval_gradient: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """K of all pairs of rows; with `eval_gradient` also ∂K/∂θ, (n, n, len(theta))."""
        function = _function(as_network(self.network, "NetworkKernel").network, self.kernel)
        X = np.asarray(X, np.float64)
        if not eval_gradient:
            Y = None if Y is None else np.asarray(Y, np.float64)
            return function.matrix(X, Y, self.weight_std, self.bias_std)
        if Y is not None:
            raise UnsupportedError(
                where="NetworkKernel",
                found="eval_gradient=True with a second set of inputs",
                law="gradients are those of the kernel of one set with itself",
                remedy="leave Y out",
            )
        value, slopes = function.slopes(X, self.weight_std, self.bias_std)
        # In the order of theta, which is that of the names.
        free = (
            (self.hyperparameter_bias_std, slopes[:, :, 1]),
            (self.hyperparameter_weight_std, slopes[:, :, 0]),
        )
        kept = [slope for parameter, slope in free if not parameter.fixed]
        return value, np.stack(kept, axis=-1) if kept else np.empty((*value.shape, 0))

    def diag(self, X: object) -> Float[np.ndarray, " n"]:
        """K of each row with itself."""
        X = np.asarray(X, np.float64)
        parts = (X[i : i + _DIAGONAL_ROWS] for i in range(0, len(X), _DIAGONAL_ROWS))
        return np.concatenate([np.diag(np.asarray(self(part))) for part in parts])

    def is_stationary(self) -> bool:
        """False: kernels of networks see more than differences of inputs."""
        return False

    def __repr__(self) -> str:
        factors = f"weight_std={self.weight_std:.3g}, bias_std={self.bias_std:.3g}"
        name = as_network(self.network, "NetworkKernel").network.name
        return f"NetworkKernel({name}, {self.kernel!r}, {factors})"


@functools.lru_cache(maxsize=64)
def _function(network: Network, kernel: str) -> StdKernel:
    """One for all clones of a kernel: what is compiled serves them all."""
    if kernel not in ("nngp", "ntk"):
        raise UnsupportedError(
            where="NetworkKernel: kernel",
            found=repr(kernel),
            law="networks have the kernels 'nngp' and 'ntk'",
            remedy="choose one of them",
        )
    inputs = network.input_format.shape
    if len(inputs) > 1 or len(network.output_shape) > 1:
        raise ShapeError(
            where="NetworkKernel: network",
            found=f"inputs of shape {inputs}, outputs of {network.output_shape}",
            law="scikit-learn has rows of features, and one number for a pair of them",
            remedy="use a network of flat inputs, or precomputed matrices (kernelc.kernel_fn)",
        )
    return StdKernel(network, kernel)
