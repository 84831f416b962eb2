"""Shape: from a network and a target to a certified shaped network."""

from __future__ import annotations

from .._errors import ShapingError
from ..ir import Network, as_network
from ._dks import DKS
from ._requirements import PLNMode, Rewriting
from ._shaped_network import ShapedNetwork, certified_network, shaped_text
from ._solve_tokens import solved_tokens
from ._target import Target
from ._token_target import TokenTarget
from ._transform import transformed


def shape(
    network: Network | ShapedNetwork,
    target: Target | None = None,
    *,
    tokens: TokenTarget | None = None,
    rewrite: bool = False,
    pln: PLNMode | None = "one",
    shortcut_weight: float | None = None,
) -> ShapedNetwork:
    """Solve the activations' constants so that the whole network's kernel meets a target.

    The graph function (largest slope, curvature or C value over subnetworks) is read off the
    graph; the local conditions are solved in float64 and certified by another rule. Towards
    `EdgeOfChaos` the variances of weights and biases are solved for instead. With `tokens` the
    biases and row scales of attentions are solved for too, in float64.

    Arguments:
        network: the network, or an already shaped one to be shaped again.
        target: `DKS()` (the default), `TAT(eta=...)`, `TAT(tau=...)` or `EdgeOfChaos()`.
        tokens: `SPA(...)` for a chosen covariance of tokens behind each attention whose logits are
            zero at initialization, `RowScale()` for q = 1 alone; None refuses attention that
            averages tokens.
        rewrite: mend what breaks a requirement: normalize sums, replace pools, remove norm
            layers and dropout, use Delta convolutions and zero biases, put PLN in front, turn
            ReLU into leaky ReLU for DKS and TAT(eta=...). Each change is listed in the result.
            Without it such a network is refused. DKS and TAT use scaled uniform orthogonal
            initialization in both cases.
        pln: mode of the per-location normalization a rewrite inserts; None to leave it to you.
        shortcut_weight: weight of the shortcut when a rewrite normalizes a sum of two branches;
            the weights are scaled by a common factor unless given.

    Returns:
        A `ShapedNetwork`.

    Raises:
        ShapingError: requirements are broken (all are listed), or activations do not fit.
        UnreachableError: the target is out of reach; the message says what can be reached.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> layers = kc.chain(kc.Dense(64), kc.Activation("tanh"))
        >>> net = kc.Network(x, kc.chain(kc.repeat(layers, 50), kc.Dense(3))(x))
        >>> shaped = kc.shape(net, kc.DKS(zeta=1.5))
        >>> round(shaped.psi, 10), round(shaped.transforms["tanh"].alpha, 8)
        (1.0081422716, 0.12844048)
    """
    network = as_network(network, "shape", ShapingError).network
    target = _checked(DKS() if target is None else target)
    if tokens is not None and not isinstance(tokens, TokenTarget):
        raise _no_token_target(tokens)
    rewriting = Rewriting(rewrite, pln, shortcut_weight, tokens is not None)
    start, changes = target.rewritten(network) if rewrite else (network, ())
    ready = target.prepare(start, rewriting)
    solution = target.solve(ready.network)
    changes += _changes_between(start, solution.network)
    shaped_by = shaped_text(target, tokens)
    shaped = transformed(solution.network, solution.transforms, shaped_by)
    if tokens is not None:
        before, shaped = shaped, solved_tokens(shaped, tokens, shaped_by)
        changes += _changes_between(before, shaped)
    return certified_network(shaped, target, tokens, solution, ready.assumptions, changes)


def _checked(target: object) -> Target:
    if isinstance(target, Target):
        return target
    kinds = [f"kernelc.{name}" for name in Target.kinds]
    raise ShapingError(
        where="shape",
        found=f"a target of type {type(target).__name__}",
        law="shape takes a network, a target and options in their ranges",
        remedy=f"pass {', '.join(kinds[:-1])} or {kinds[-1]}",
    )


def _no_token_target(found: object) -> ShapingError:
    return ShapingError(
        where="shape",
        found=f"tokens of type {type(found).__name__}",
        law=f"tokens is {' or '.join(f'kernelc.{name}' for name in TokenTarget.kinds)}",
        remedy="pass one of them, or None",
    )


def _changes_between(before: Network, after: Network) -> tuple[str, ...]:
    """What happened to the layers, one line for each node."""
    old = {node.name: node.layer for node in before}
    new = {node.name: node.layer for node in after}
    changed = []
    for name, layer in old.items():
        if name not in new:
            changed.append(f"{name}: {layer.text()} removed")
        elif new[name] != layer:
            changed.append(f"{name}: {layer.text()} -> {new[name].text()}")
    for node in after:
        if node.name not in old:
            entry = after.nodes[node.inputs[0]]
            place = entry.name if entry.inputs else "the input"
            changed.append(f"{node.name}: {node.layer.text()} inserted after {place}")
    return tuple(changed)
