"""What theory asks of a map, as methods of a kernel."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..._errors import KernelcError
from .._evaluate import Given
from .._formulas import Formulas
from ._asymptotics import CosineLaw, cosine_law
from ._c_points import cosines
from ._depth_scales import DepthScales
from ._derivative_kernels import DerivativeKernels, derivative_kernels
from ._expansions import Expansion, expansion
from ._fixed_points import FixedPoint, Value
from ._layer_map import check_digits
from ._q_points import q_fixed_points
from ._sphere import Eigenvalue, Which, sphere_eigenvalues
from ._stationary import q_of_expansion, stationary_q


class Theory(Formulas, ABC):
    """The network as one layer of a deep one: fixed points, expansions, laws of depth."""

    def q_fixed_points(self, *, dps: int = 15, **symbols: Given) -> tuple[FixedPoint, ...]:
        """q* = Q(q*) with Q'(q*), ascending (Poole et al. 2016).

        They are exact where Q is a polynomial of degree 2 at most, and numbers elsewhere: 0 and
        those between 1e-8 and 1e4. Where q is kept whatever it is, the fixed point is the
        symbol q.

        Arguments:
            dps: digits of numbers.
            symbols: values of the symbols in weights, by name.

        Raises:
            KernelcError: a symbol is left without a value where there is no closed form.
            UnsupportedError: a network with batch norm or means over locations.

        Example:
            >>> import kernelc as kc
            >>> x = kc.Input((8,))
            >>> layer = kc.chain(kc.Dense(8, weight_std=1.5), kc.Activation("erf"))
            >>> print(*kc.derive(kc.Network(x, layer(x))).q_fixed_points(), sep=", ")
            0 (slope 2.86479, unstable), 0.478557 (slope 0.394343, stable)
        """
        return q_fixed_points(self, symbols, check_digits(self.network.name, dps))

    def c_fixed_points(
        self, q: Given | None = None, *, dps: int = 15, **symbols: Given
    ) -> tuple[FixedPoint, ...]:
        """c* = C(c*) with C'(c*) at a fixed point of the Q map (Poole et al. 2016).

        These are 1, one in [0, 1) if C'(1) > 1 or C(1) < 1, and -1 if C is odd, and no others.
        Where every c is one, the fixed point is the symbol c.

        Arguments:
            q: the fixed point of the Q map; the stable one unless given.
            dps: digits of numbers.
            symbols: values of the symbols in weights, by name.

        Raises:
            KernelcError: no q value, or several, at which the C map stays the same, or a symbol
                is left without a value where there is no closed form.
            UnsupportedError: a network with batch norm or means over locations.

        Example:
            >>> import kernelc as kc
            >>> x = kc.Input((8,))
            >>> layer = kc.chain(kc.Dense(8), kc.Activation("leaky_relu"))
            >>> print(*kc.derive(kc.Network(x, layer(x))).c_fixed_points())
            1 (slope 1, marginal)
        """
        check_digits(self.network.name, dps)
        at, _ = stationary_q(self, q, symbols, dps, self._uses_q)
        if at == 0:
            raise _vanishing(self.network.name)
        return cosines(self, at, symbols, dps).points

    def depth_scales(
        self, q: Given | None = None, *, dps: int = 15, **symbols: Given
    ) -> DepthScales:
        """xi_q = -1/ln Q'(q*), xi_c = -1/ln C'(c*), chi_1 = C'(1) (Schoenholz et al. 2017).

        Arguments: as `c_fixed_points`.

        Raises: as `c_fixed_points`.

        Example:
            >>> import kernelc as kc
            >>> x = kc.Input((8,))
            >>> layer = kc.chain(kc.Dense(8, weight_std=1.5, bias_std=0.3), kc.Activation("tanh"))
            >>> found = kc.derive(kc.Network(x, layer(x))).depth_scales()
            >>> found.phase, round(found.xi_q, 3), round(found.xi_c, 3)
            ('chaotic', 1.167, 19.916)
        """
        check_digits(self.network.name, dps)
        at, q_star = stationary_q(self, q, symbols, dps, self._uses_q)
        if q_star is not None and at == 0:
            # K'(q, q) and Q'(q) have one limit for values that vanish.
            return DepthScales(q_star, None, q_star.slope)
        found = cosines(self, at, symbols, dps)
        return DepthScales(q_star, found.limit, found.slope)

    def c_series(
        self,
        at: int = 1,
        order: int = 4,
        q: Given | None = None,
        *,
        dps: int = 15,
        **symbols: Given,
    ) -> Expansion:
        """C(c) = sum_j a_j (1 - c)^(j/2) at c = 1, or sum_j a_j c^j at c = 0.

        Kinks of activations make the odd powers of (1 - c)^(1/2): a jump J of the slope at u = a
        gives (1 - c)^(3/2) the coefficient 2 J^2 exp(-a^2/(2q)) q/(3 pi sqrt(2) Q(q)). Formulas
        where all means have closed forms, numbers elsewhere.

        Arguments:
            at: 1 or 0.
            order: largest j.
            q: q value of the inputs; a formula in q unless given, where the C map depends on it.
            dps: digits of numbers.
            symbols: values of the symbols in weights, by name.

        Raises:
            KernelcError: a symbol is left without a value where there is no closed form.
            UnsupportedError: at c = 1, a function that jumps; batch norm or means over locations.

        Example:
            >>> import kernelc as kc
            >>> x = kc.Input((8,))
            >>> net = kc.Network(x, kc.chain(kc.Dense(8), kc.Activation("relu"))(x))
            >>> print(kc.derive(net).c_series(order=3))
            1 - (1 - c) + 2*sqrt(2)/(3*pi)*(1 - c)**(3/2)
        """
        check_digits(self.network.name, dps)
        value = q_of_expansion(self, q, self._uses_q)
        return expansion(self, at, order, value, symbols, dps)

    def hermite_spectrum(
        self, count: int, q: Given | None = None, *, dps: int = 15, **symbols: Given
    ) -> tuple[Value, ...]:
        """a_0, ..., a_(count - 1) of C(c) = sum_k a_k c^k, a_k >= 0 (Daniely et al. 2016).

        Of one activation, a_k is the square of its Hermite coefficient over E phi^2.

        Arguments:
            count: how many.
            q, dps, symbols: as `c_series`.

        Raises: as `c_series`.

        Example:
            >>> import kernelc as kc
            >>> x = kc.Input((8,))
            >>> net = kc.Network(x, kc.chain(kc.Dense(8), kc.Activation("relu"))(x))
            >>> kc.derive(net).hermite_spectrum(5)
            (1/pi, 1/2, 1/(2*pi), 0, 1/(24*pi))
        """
        check_digits(self.network.name, dps)
        value = q_of_expansion(self, q, self._uses_q)
        order = count - 1 if type(count) is int and count != 1 else count
        return expansion(self, 0, order, value, symbols, dps).coefficients[:count]

    def sphere_eigenvalues(
        self,
        dimension: int,
        count: int,
        of: Which = "nngp",
        q: Given | None = None,
        *,
        dps: int = 15,
        **symbols: Given,
    ) -> tuple[Eigenvalue, ...]:
        """lambda_k = |S^(d-2)|/|S^(d-1)| int_-1^1 K(t) P_k(t) (1 - t^2)^((d-3)/2) dt (Bach 2017).

        Inputs are uniform on the sphere of q value q in d dimensions, P_k are the Gegenbauer
        polynomials with P_k(1) = 1 (Funk-Hecke). The sum of eigenvalues times multiplicities is
        K(1). Values are right to 1e-13 K(1), or to `dps` digits of the largest.

        Arguments:
            dimension: d, the number of input features.
            count: degrees k = 0, ..., count - 1.
            of: "nngp" or "ntk".
            q: q value of the inputs; 1 unless given, or the one the kernel was derived for.
            dps: digits wanted.
            symbols: values of the symbols in weights, by name.

        Raises:
            KernelcError: an argument out of range, or a symbol without a value.
            UnsupportedError: an NTK that is infinite on equal inputs; batch norm or means over
                locations; integrals that do not settle.

        Example:
            >>> import kernelc as kc
            >>> x = kc.Input((3,))
            >>> he = kc.chain(kc.Dense(8, weight_std=2**0.5), kc.Activation("relu"))
            >>> net = kc.Network(x, he(x))
            >>> for k, value, count in kc.derive(net).sphere_eigenvalues(3, 4):
            ...     print(k, round(value, 5), count)
            0 0.375 1
            1 0.16667 3
            2 0.02344 5
            3 0.0 7
        """
        check_digits(self.network.name, dps)
        fixed = None if self.symbols.q.is_Symbol else self.symbols.q
        given = {"q": (fixed or 1) if q is None else q, **symbols}
        return sphere_eigenvalues(self, dimension, count, of, given, dps)

    def cosine_law(self, q: Given | None = None, *, dps: int = 15, **symbols: Given) -> CosineLaw:
        """1 - c_L ~ (A (p - 1) L)^(-1/(p - 1)) for 1 - C(1 - x) = x - A x^p, else C'(c*)^L.

        Arguments: as `c_fixed_points`.

        Raises: as `c_fixed_points`.

        Example:
            >>> import kernelc as kc
            >>> x = kc.Input((8,))
            >>> net = kc.Network(x, kc.chain(kc.Dense(8), kc.Activation("relu"))(x))
            >>> print(kc.derive(net).cosine_law())
            1 - c_L ~ 9*pi**2/(2*L**2)
        """
        check_digits(self.network.name, dps)
        at, _ = stationary_q(self, q, symbols, dps, self._uses_q)
        if at == 0:
            raise _vanishing(self.network.name)
        return cosine_law(self, at, symbols, dps)

    def derivative_kernels(self) -> DerivativeKernels:
        """E grad f(x).grad f(x') = K_k + (4 k K_12 + 2 q1 K_1k + 2 q2 K_2k + k K_kk)/d, and others.

        Second derivatives of the NNGP K(q1, q2, k) in its two inputs (Rasmussen & Williams 2006,
        section 9.4), with q1 = |x|^2/d, q2 = |x'|^2/d and k = x.x'/d for d features.

        Raises:
            UnsupportedError: more than six activations, inputs with locations, batch norm.

        Example:
            >>> import kernelc as kc, sympy
            >>> x = kc.Input((8,))
            >>> net = kc.Network(x, kc.chain(kc.Dense(9), kc.Activation("square"))(x))
            >>> found = kc.derive(net).derivative_kernels()
            >>> found.nngp, sympy.factor(found.gradients)
            (2*k**2 + q1*q2, 4*k*(d + 2)/d)
        """
        return derivative_kernels(self)

    @property
    @abstractmethod
    def _uses_q(self) -> bool:
        """Whether the C map depends on q."""


def _vanishing(where: str) -> KernelcError:
    return KernelcError(
        where=where,
        found="q values that go to 0, the only stable fixed point of the Q map",
        law="values that vanish have no cosine",
        remedy="pass larger weight_std, biases, or q=... of another fixed point",
    )
