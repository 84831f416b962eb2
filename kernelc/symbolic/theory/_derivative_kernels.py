"""Covariances of the derivatives of a network in its inputs."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import sympy

from ..._errors import UnsupportedError
from ...algebra import PairAlgebra, SecondMoments
from .._formulas import Formulas
from .._maps import Mean
from ._layer_map import check_pairs
from ._q_points import nonlinearities
from ._two_inputs import PerInput, TwoInputBackend


# Formulas of more layers, one in the other, are too long to differentiate.
_MOST_LAYERS = 6


@dataclasses.dataclass(frozen=True)
class DerivativeKernels:
    """Covariances of an output f and its derivatives at two inputs x and x'.

    The covariance of derivatives is the derivative of the covariance (Rasmussen & Williams 2006,
    section 9.4). With d features, q1 = |x|^2/d, q2 = |x'|^2/d and k = x.x'/d.

    Arguments:
        nngp: K = E f(x) f(x') as a formula in q1, q2 and k.
        q1, q2, k, d: its symbols, and that of the number of features.
    """

    nngp: sympy.Expr
    q1: sympy.Symbol
    q2: sympy.Symbol
    k: sympy.Symbol
    d: sympy.Symbol

    @cached_property
    def gradients(self) -> sympy.Expr:
        """E grad f(x).grad f(x') = K_k + (4 k K_12 + 2 q1 K_1k + 2 q2 K_2k + k K_kk)/d."""
        k, q1, q2 = self.k, self.q1, self.q2
        inner = (
            4 * k * self._derivative(q1, q2)
            + 2 * q1 * self._derivative(q1, k)
            + 2 * q2 * self._derivative(q2, k)
            + k * self._derivative(k, k)
        )
        return self._derivative(k) + inner / self.d

    @cached_property
    def directional(self) -> sympy.Expr:
        """E (a.grad f(x)) (b.grad f(x')), a formula in the symbols xa, xb, ya, yb, ab.

        These are the products x.a, x.b, x'.a, x'.b and a.b:
        (4 xa yb K_12 + 2 xa xb K_1k + 2 ya yb K_2k + ya xb K_kk)/d^2 + ab K_k/d.
        """
        xa, xb, ya, yb, ab = sympy.symbols("xa xb ya yb ab", real=True)
        k, q1, q2, d = self.k, self.q1, self.q2, self.d
        outer = (
            4 * xa * yb * self._derivative(q1, q2)
            + 2 * xa * xb * self._derivative(q1, k)
            + 2 * ya * yb * self._derivative(q2, k)
            + ya * xb * self._derivative(k, k)
        )
        return outer / d**2 + ab * self._derivative(k) / d

    @cached_property
    def value_and_derivative(self) -> sympy.Expr:
        """E f(x) (b.grad f(x')) = (2 yb K_2 + xb K_k)/d, a formula in xb = x.b, yb = x'.b."""
        xb, yb = sympy.symbols("xb yb", real=True)
        return (2 * yb * self._derivative(self.q2) + xb * self._derivative(self.k)) / self.d

    @cached_property
    def value_and_laplacian(self) -> sympy.Expr:
        """E f(x) (laplacian f)(x') = 2 K_2 + (4 q2 K_22 + 4 k K_2k + q1 K_kk)/d."""
        return self._laplacian(self.nngp, self.q2, self.q1)

    @cached_property
    def laplacians(self) -> sympy.Expr:
        """E (laplacian f)(x) (laplacian f)(x'): the same operator once more, in x."""
        return self._laplacian(self.value_and_laplacian, self.q1, self.q2)

    def _derivative(self, *symbols: sympy.Symbol) -> sympy.Expr:
        return self.nngp.diff(*symbols)

    def _laplacian(
        self, function: sympy.Expr, own: sympy.Symbol, other: sympy.Symbol
    ) -> sympy.Expr:
        second = (
            4 * own * function.diff(own, 2)
            + 4 * self.k * function.diff(own, self.k)
            + other * function.diff(self.k, 2)
        )
        return 2 * function.diff(own) + second / self.d


def derivative_kernels(kernel: Formulas) -> DerivativeKernels:
    """The covariances for a network of few layers whose inputs have features alone.

    Raises:
        UnsupportedError: other networks.
    """
    check_pairs(kernel)
    network = kernel.network
    if nonlinearities(network) > _MOST_LAYERS or len(network.nodes[0].shape) != 1:
        raise UnsupportedError(
            where=network.name,
            found=f"{nonlinearities(network)} activations, inputs of shape "
            f"{network.nodes[0].shape}",
            law=f"formulas of at most {_MOST_LAYERS} activations, one in the other, are short "
            "enough to differentiate; q and k are means over the features of an input",
            remedy="take a part of the network, or a Flatten of the input",
        )
    q1, q2 = sympy.symbols("q1 q2", positive=True)
    k, d = sympy.Symbol("k", real=True), sympy.Symbol("d", positive=True)
    algebra = PairAlgebra(TwoInputBackend())
    start = algebra.state_of(SecondMoments(PerInput(q1, q2), (k,), None), None)
    found = sympy.sympify(network.fold(algebra, start)[network.last].second.k[0])
    if found.has(Mean):
        raise UnsupportedError(
            where=network.name,
            found="a mean of an activation without a closed form",
            law="its derivative in the q value has no rule",
            remedy="take activations with closed means, such as GELU or erf, or odd ones",
        )
    return DerivativeKernels(found, q1, q2, k, d)
