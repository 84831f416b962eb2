"""KernelFunction: NNGP and NTK matrices of data, compiled from a network."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np
from jax.sharding import Mesh
from numpy.typing import ArrayLike

from .._deprecated import renamed_arguments
from .._errors import KernelcError, shown
from .._limits import real
from ..algebra import refuse_two_tables
from ..ir import Network, NetworkCarrier, as_network
from ._explain import explained
from ._finite import any_nan, checked_matrices, checked_scale
from ._inputs import Inputs, checked
from ._matrices import KernelMatrices
from ._program import Program
from ._readings import zeros
from ._tangent import Parameterization
from ._tiles import sharded, tiled


MATRICES = ("nngp", "ntk", "gap")
_DEFAULT = ("nngp", "ntk")
# Inputs whose q values agree to this many roundings have one q value.
_ALIKE = 16
# Bounds on q values grow by this factor: series for a larger bound are longer.
_STEP = 1.5
# A program for one q value takes a moment to compile: not for fewer pairs than this.
_WORTHWHILE = 1 << 15
# By how much rules reach further, time and again, while they meet q values beyond theirs.
_ROOM, _MOST_ROOM = 8.0, 4096.0

Evaluation = Callable[[Program, Inputs, tuple[str, ...]], KernelMatrices]


class KernelFunction:
    """NNGP and NTK of a network as functions of data; what `kernel_fn` returns.

    Example:
        >>> import kernelc as kc, numpy as np
        >>> x = kc.Input((3,))
        >>> k = kc.kernel_fn(kc.Network(x, kc.chain(kc.Dense(9), kc.Activation("relu"))(x)))
        >>> k(np.eye(3)).nngp.round(6).tolist()[0]
        [0.166667, 0.053052, 0.053052]
    """

    def __init__(
        self,
        network: Network,
        q: float | None,
        largest_q: float,
        natural_q: float | None,
        standard: bool = False,
    ) -> None:
        self.network, self.q, self.natural_q = network, q, natural_q
        self.standard = standard
        refuse_two_tables(network)
        self._at_zero = zeros(network)
        self._programs: dict[tuple[float | None, float, bool, float], Program] = {}
        self._largest = largest_q
        self.program = self._compiled(q, largest_q)

    def __call__(
        self,
        x1: ArrayLike,
        x2: ArrayLike | None = None,
        *,
        get: Sequence[str] = _DEFAULT,
        mesh: Mesh | None = None,
        progress: bool | None = None,
    ) -> KernelMatrices:
        """Kernel matrices of all pairs of inputs.

        K_0 = <x, x'>/channels at every location, Theta_0 = 0. Computed
        in float64 when an input is float64, whatever JAX's settings; in float32 otherwise.

        Arguments:
            x1: (n1, *input_shape) inputs. Where the network starts with `Tokens`, integers of
                shape (n1, length); those of 64 bits ask for float64.
            x2: (n2, *input_shape) inputs; None for the symmetric matrices of x1.
            get: which of "nngp", "ntk", "gap". The gap, 1 - c of the outputs, takes the inputs'
                own differences instead of their product: slower. It keeps its digits as
                c -> 1 as far as the q values of a pair are alike; unlike ones are subtracted
                with the rounding they have. Behind pools it is a difference of kernels.
            mesh: devices to spread the rows over.
            progress: whether to show a bar; None for a bar once it takes over two seconds.

        Returns: JAX arrays, or NumPy arrays when float64 is asked of a JAX that is set to
            float32, which could not compute with them. Of shape (n1, n2), with the locations
            of the output behind where it has any; None for those not asked for.

        Raises:
            ShapeError, DataError: inputs of another shape, or not finite.
            UnsupportedError: q values too large for an activation.
            DataError: kernels beyond the numbers of the type, or a `PLN` without a constant
                that reads zeros. Under `jax.jit` these are NaN or infinite.
        """

        def matrices(program: Program, inputs: Inputs, wanted: tuple[str, ...]) -> KernelMatrices:
            if inputs.known and mesh is not None:
                return sharded(program, inputs, wanted, mesh)
            if inputs.known:
                return tiled(program, inputs, wanted, progress)
            if inputs.symmetric:
                return program.square(inputs.x1, get=wanted)
            return program.compute(inputs.x1, inputs.x2, symmetric=False, paired=False, get=wanted)

        return self._evaluated(x1, x2, get, matrices)

    def diagonal(self, x: ArrayLike, *, get: Sequence[str] = _DEFAULT) -> KernelMatrices:
        """The diagonals of the symmetric matrices, (n, ...), without the matrices.

        Arguments:
            x: (n, *input_shape) inputs.
            get: which of "nngp", "ntk", "gap".
        """

        def matrices(program: Program, inputs: Inputs, wanted: tuple[str, ...]) -> KernelMatrices:
            return program.compute(inputs.x1, inputs.x1, symmetric=True, paired=True, get=wanted)

        return self._evaluated(x, None, get, matrices)

    def explain(self) -> str:
        """Which way the kernel is computed, with error bounds, and why no cheaper one is."""
        return explained(self.network, list(self._programs.values()))

    def __reduce__(self) -> tuple[type[KernelFunction], tuple[object, ...]]:
        # Compiled code stays behind: the network says all of it.
        given = (self.network, self.q, self._largest, self.natural_q, self.standard)
        return KernelFunction, given

    def __repr__(self) -> str:
        kind = "standard" if self.standard else "ntk"
        return f"KernelFunction({self.network!r}, q={self.q}, parameterization={kind!r})"

    def _program(self, inputs: Inputs) -> Program:
        """The program that fits the inputs' q values."""
        singular = self._at_zero.singular
        if self.q is not None or not inputs.known or not (self.program.bounded or singular):
            return self.program
        low, high = inputs.q_range()
        checked_scale(self.network, inputs, inputs.smallest if singular else high, high)
        blank = singular and low == 0
        if not (self.program.bounded or blank):
            return self.program
        alike = _ALIKE * float(np.finfo(inputs.dtype).eps) * high
        if high > 0 and high - low <= alike:
            natural = self.natural_q
            if natural is not None and abs(high - natural) <= alike:
                return self._compiled(natural, natural)
            if inputs.entries >= _WORTHWHILE:
                return self._compiled(high, high)
        if high == 0:
            return self._compiled(None, self._largest, blank)
        return self._compiled(None, _STEP ** math.ceil(math.log(high, _STEP)), blank)

    def _evaluated(
        self, x1: ArrayLike, x2: ArrayLike | None, get: Sequence[str], matrices: Evaluation
    ) -> KernelMatrices:
        """The matrices of a program whose rules reach as far as the q values inside do."""
        wanted = self._wanted(get)
        inputs = checked(self.network.name, x1, x2, self.network.input_format)
        program, room = self._program(inputs), 1.0
        with _precision(inputs) as native:
            found = matrices(program, inputs, wanted)
            if not inputs.known:
                return found
            if self.q is None or inputs.have_q(self.q):  # a broken promise is NaN
                while room < _MOST_ROOM and program.roomy and any_nan(found):
                    room *= _ROOM
                    program = self._compiled(program.q, program.largest, program.blank, room)
                    found = matrices(program, inputs, wanted)
                found = checked_matrices(self.network, inputs, self._at_zero, found)
            return found if native else _on_host(found)

    def _compiled(
        self, q: float | None, largest: float, blank: bool = False, room: float = 1.0
    ) -> Program:
        key = (q, largest, blank, room)
        if key not in self._programs:
            like = next(iter(self._programs.values()), None)
            with np.errstate(all="ignore"):
                program = Program(self.network, q, largest, self.standard, like, blank, room)
            self._programs[key] = program
        return self._programs[key]

    def _wanted(self, get: Sequence[str]) -> tuple[str, ...]:
        wanted = tuple(get) if isinstance(get, tuple | list) else (get,)
        if not wanted or not all(isinstance(name, str) and name in MATRICES for name in wanted):
            raise KernelcError(
                where=self.network.name,
                found=f"get = {shown(get)}",
                law=f"a kernel function gives {', '.join(MATRICES)}",
                remedy="name one or more of them",
            )
        return tuple(name for name in MATRICES if name in wanted)


@renamed_arguments(parametrisation="parameterization")
def kernel_fn(
    network: Network | NetworkCarrier,
    *,
    q: float | None = None,
    largest_q: float = 4.0,
    parameterization: Parameterization = "ntk",
) -> KernelFunction:
    """Compile a network into a function from data to NNGP and NTK matrices.

    Wherever all pairs of inputs share one q value (PLN or layer norm, homogeneous activations
    without biases, or data of one norm) the rest of the network is a function of one variable,
    the gap 1 - c, and becomes a short series with a verified error bound, however deep it is.
    Everything else is folded layer by layer over arrays, repeats as loops.

    The NTK is <df/dtheta, df'/dtheta> over parameters theta. "ntk" writes weights as
    sigma_w omega/sqrt(fan_in), biases as sigma_b beta and takes omega, beta for theta:
    Theta <- K + sigma_w^2 Theta at each layer of weights. "standard" takes the weights and
    biases as `lower` makes them, those of a Delta convolution that start at zero included:
    Theta <- fan_in K_in + (1 with a bias) + sigma_w^2 Theta, K_in the mean of K over what a
    weight reads (Sohl-Dickstein et al. 2020). So widths count, of all layers but the last. Both are
    the limits of `empirical_kernel` of the same name, in the standard parameterization up to a
    relative 1/width: gains, which that one counts there, are no more than this.

    Arguments:
        network: a `Network`, or what `shape` returns.
        q: a promise that all inputs have this q value at every location; results of inputs
            that break it are NaN. Without it the q values of the data decide, but under
            `jax.jit` there are none to look at.
        largest_q: under `jax.jit`, a bound on the q values of inputs; results beyond it are NaN.
        parameterization: "ntk" or "standard": the NTK's; the NNGP is one and the same.

    Raises:
        KernelcError: something else than a network, symbols left in it, a q that is not positive,
            an unknown parameterization.
        UnsupportedError, DependenceError: a network without a known kernel, by node.

    Example:
        >>> import kernelc as kc, numpy as np
        >>> x = kc.Input((16,))
        >>> net = kc.Network(x, kc.chain(kc.PLN(), kc.Dense(9), kc.Activation("tanh"))(x))
        >>> k = kc.kernel_fn(net)
        >>> out = k(np.ones((2, 16)))
        >>> bool(out.nngp[0, 0] == out.nngp[0, 1])
        True
    """
    network, natural = as_network(network, "kernel_fn")
    for name, value in (("q", q), ("largest_q", largest_q)):
        if value is not None and not 0 < real(value) < math.inf:
            raise KernelcError(
                where="kernel_fn",
                found=f"{name} = {shown(value)}",
                law="a q value is a mean square, so positive",
                remedy=f"pass a positive number as {name}",
            )
    if not isinstance(parameterization, str) or parameterization not in ("ntk", "standard"):
        raise KernelcError(
            where="kernel_fn",
            found=f"parameterization = {shown(parameterization)}",
            law="NTKs are those of the parameterizations 'ntk' and 'standard'",
            remedy="choose one of them",
        )
    fixed = network.input_format.q
    if q is not None and fixed is not None and q != fixed:
        raise KernelcError(
            where="kernel_fn",
            found=f"q = {shown(q)}",
            law=f"inputs of this network have the q value {fixed:g}",
            remedy="leave q out",
        )
    promise = fixed if q is None else float(q)
    standard = parameterization == "standard"
    return KernelFunction(network, promise, float(largest_q), natural, standard)


@contextlib.contextmanager
def _precision(inputs: Inputs) -> Iterator[bool]:
    """Float64 for float64 inputs, whatever JAX is set to; its setting comes back after.

    Yields whether JAX was set to what the inputs need. NumPy's warnings of overflow are off: JAX
    casts the numbers of a network with it, and what is not finite is refused by name.
    """
    with np.errstate(all="ignore"):
        if inputs.double and not jax.config.read("jax_enable_x64"):
            with jax.enable_x64(True):
                yield False
        else:
            yield True


def _on_host(found: KernelMatrices) -> KernelMatrices:
    """NumPy arrays: JAX's own operations would cut float64 short where it is set to float32."""
    return KernelMatrices(*(None if m is None else np.asarray(m) for m in found))
