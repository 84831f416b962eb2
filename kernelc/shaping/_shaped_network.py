"""ShapedNetwork: the rewritten graph with its solved constants and their certificate."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import ClassVar

from .._errors import LoadError
from ..ir import Network, NetworkCarrier
from ._requirements import Rewriting
from ._solve_tokens import certified_tokens
from ._target import Certificate, Solution, Target
from ._token_target import TokenTarget
from ._transform import transformed


_AND = " with tokens="


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ShapedNetwork(Solution, NetworkCarrier):
    """What `shape` returns.

    Arguments:
        network: the rewritten graph, activations transformed or weights chosen.
        target: what was asked for.
        tokens: what was asked for of the covariance of tokens, or None.
        constants: the numbers that the target solved for, of the whole network: "psi" (DKS),
            "kappa" (smooth TAT), "weight_std", "bias_std" and "q" (edge of chaos).
        transforms: solved constants of each activation, by name; none at the edge of chaos.
        certificate: residuals of every condition, by activation and for the network, each
            recomputed by a quadrature rule that the solver does not use.
        changes: what the rewrite did, one line for each node.
        assumptions: what must hold of the data.
    """

    input_q: ClassVar[float | None] = 1.0

    target: Target
    certificate: Certificate
    tokens: TokenTarget | None = None
    changes: tuple[str, ...] = ()

    @property
    def psi(self) -> float | None:
        """Local slope C'(1) (DKS)."""
        return self.constants.get("psi")

    @property
    def kappa(self) -> float | None:
        """Local curvature C''(1) (smooth TAT)."""
        return self.constants.get("kappa")

    @property
    def weight_std(self) -> float | None:
        """sigma_w of layers that read images of the nonlinearity (edge of chaos)."""
        return self.constants.get("weight_std")

    @property
    def bias_std(self) -> float | None:
        """sigma_b of the same layers (edge of chaos)."""
        return self.constants.get("bias_std")

    @property
    def q(self) -> float | None:
        """Fixed point of the Q map that all nonlinearities read (edge of chaos)."""
        return self.constants.get("q")

    @property
    def target_text(self) -> str:
        """What was asked for, in one line."""
        tokens = "" if self.tokens is None else f"{_AND}{self.tokens}"
        return f"{self.target}{tokens}"

    @property
    def residuals(self) -> dict[str, float]:
        """Residual of each condition, under "activation: condition"."""
        return {
            f"{where}: {condition}": value
            for where, conditions in self.certificate.items()
            for condition, value in conditions.items()
        }

    @property
    def largest_residual(self) -> float:
        """The largest residual in absolute value."""
        return max((abs(value) for value in self.residuals.values()), default=math.nan)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network, its constants and the name of the target as JSON, as `network.save`.

        Raises:
            KernelcError: a place that cannot be written to.
        """
        self.network.save(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ShapedNetwork:
        """Read a shaped network: constants as stored, certified again.

        A file does not store the changes, so `changes` is empty.

        Raises:
            LoadError: no such file, or not of a shaped network.
            ShapingError: its target is not known here, or its constants do not meet it.

        Example:
            >>> import tempfile, kernelc as kc
            >>> x = kc.Input((8,))
            >>> net = kc.Network(x, kc.chain(kc.Dense(8), kc.Activation("tanh"), kc.Dense(3))(x))
            >>> with tempfile.NamedTemporaryFile() as file:
            ...     kc.shape(net, kc.DKS(zeta=1.2)).save(file.name)
            ...     kc.ShapedNetwork.load(file.name).target
            DKS(zeta=1.2, q_slope=1.0)
        """
        network = Network.load(path)
        if network.shaped_by is None:
            raise _not_shaped(path, f"the network {network.name}, which was not shaped")
        text, _, tokens_text = network.shaped_by.partition(_AND)
        target = Target.from_text(text)
        tokens = TokenTarget.from_json(tokens_text) if tokens_text else None
        rewriting = Rewriting(tokens=tokens is not None)
        required = target.prepare(network, rewriting).assumptions
        solution = target.read(network)
        if transformed(network, solution.transforms, network.shaped_by) != network:
            raise _not_shaped(path, "other constants in each of several layers of one activation")
        return certified_network(network, target, tokens, solution, required)

    @property
    def remarks(self) -> list[str]:
        """What was changed, equal changes in one line, and what is assumed of the data."""
        nodes: dict[str, list[str]] = {}
        for line in self.changes:
            node, _, change = line.partition(": ")
            nodes.setdefault(change, []).append(node)
        changes = [
            f"changed  {names[0] if len(names) == 1 else f'{len(names)} nodes'}: {change}"
            for change, names in nodes.items()
        ]
        return changes + [f"assumes  {line}" for line in self.assumptions]

    def __str__(self) -> str:
        rows = self.target.lines(self.constants)
        for name, t in self.transforms.items():
            slope = "" if t.negative_slope is None else f" negative_slope={t.negative_slope:.10g}"
            rows.append(
                f"{name}: alpha={t.alpha:.10g} beta={t.beta:.10g} "
                f"gamma={t.gamma:.10g} delta={t.delta:.10g}{slope}"
            )
        rows += [f"largest residual {self.largest_residual:.1e}", *self.remarks]
        return "\n  ".join([f"{self.network.name} shaped by {self.target_text}", *rows])

    def __repr__(self) -> str:
        transforms = dict(self.transforms)
        return f"ShapedNetwork({self.network!r}, target={self.target!r}, transforms={transforms})"


def shaped_text(target: Target, tokens: TokenTarget | None) -> str:
    """The targets, as files store them."""
    return str(target) if tokens is None else f"{target}{_AND}{tokens.to_json()}"


def certified_network(
    network: Network,
    target: Target,
    tokens: TokenTarget | None,
    solution: Solution,
    required: tuple[str, ...],
    changes: tuple[str, ...] = (),
) -> ShapedNetwork:
    """The shaped network of a solution; `required` is what must hold of the data besides."""
    certificate, assumptions = target.certify(solution), required + solution.assumptions
    if tokens is not None:
        found = certified_tokens(network, tokens)
        certificate = {**certificate, **found.residuals}
        assumptions += (tokens.assumption, *found.notes)
    return ShapedNetwork(
        network=network,
        constants=solution.constants,
        transforms=solution.transforms,
        assumptions=assumptions,
        target=target,
        tokens=tokens,
        certificate=certificate,
        changes=changes,
    )


def _not_shaped(path: str | os.PathLike[str], found: str) -> LoadError:
    return LoadError(
        where=str(path),
        found=found,
        law="the file of a shaped network names its target, and holds what was solved for it",
        remedy="read it with kernelc.Network.load, and shape it",
    )
