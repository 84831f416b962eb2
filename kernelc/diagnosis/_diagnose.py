"""Diagnose: what is wrong with a network at initialization, and what to do."""

from __future__ import annotations

import dataclasses

from ..ir import Network, NetworkCarrier, PairKind, as_network, pairs_read
from ..reading import ReadNetwork
from ._findings import case_of, findings, some
from ._inputs import inputs_of
from ._measure import profile_of
from ._profile import Profile
from ._quality import assumed, quality_of
from ._reach import reached
from ._report import Report
from ._tokens import attentions, tokens_of
from ._verdict import verdict_of


def diagnose(network: Network | NetworkCarrier, data: object = None) -> Report:
    """Measure q values, C maps and slopes node by node, and predict how the network trains.

    The kernel rules (Martens et al. 2021) are folded in float64 over nine cosines; C_f'(1) by
    the chain rule. A C_f(0) above 0.95 is called collapse, a C_f'(1) above 1000 explosion: both
    make deep networks untrainable (Martens et al. 2021). The layers' own rules say what shaping
    would ask of them. Where a layer has no exact kernel, the closest layer that has one
    replaces it, and a finding says so. In networks with attention, all pairs of locations of one
    input are followed too: q values and cosines of tokens.

    A network that was read is diagnosed as it is: locations at borders are taken like those
    inside, and where a layer has no kernel rule, Gaussian values with the moments that were
    derived pass through the layer itself, which gives the figures beyond. The report begins with
    what was read and how well, and names each assumption.

    Arguments:
        network: a `Network`, or what `shape` or `read` returns.
        data: what `fit` takes: a `kernelc.data.Dataset`, or arrays (inputs, targets); or inputs
            alone. Their q value and mean cosine are taken, from 500 of them at most. With targets,
            2,000 at most, the verdict rests on the share of their variance that lies in
            eigendirections of the tangent kernel which 300 steps of gradient descent reach. When
            None, inputs of q = 1 that are unrelated, and the verdict is about data like
            scikit-learn's digits.

    Returns:
        A `Report`: print it, `plot(path)` it, or take `to_dict()`.

    Raises:
        KernelcError: the argument is no network.
        DataError: data are no inputs of the network, or targets are not one for each of them.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> block = kc.chain(kc.Dense(64, weight_std=2.0), kc.Activation("tanh"))
        >>> report = diagnose(kc.Network(x, kc.chain(kc.repeat(block, 50), kc.Dense(3))(x)))
        >>> report.findings[0].kind, report.findings[0].severity
        ('explosion', 'critical')
    """
    read = network if isinstance(network, ReadNetwork) else None
    network = as_network(network, "diagnose").network
    inputs = inputs_of(data, network.input_format, None if read is None else read.examples)
    profile, count = profile_of(network, inputs, read is not None), attentions(network)
    profile = dataclasses.replace(
        profile,
        reached=reached(network, profile),
        # Their recursion ends where the first layer is sampled.
        tokens=tokens_of(network, inputs) if count and not profile.sampled else (),
        attentions=count,
    )
    case = case_of(network, profile)
    found = findings(case)
    return Report(
        network=network.name,
        findings=found,
        levels=profile.levels,
        assumptions=tuple(_assumptions(network, profile)),
        verdict=verdict_of(case, found),
        source=network,
        ntk=None if profile.ntk is None else profile.ntk[:-1],
        tokens=profile.tokens,
        quality=None if read is None else quality_of(read, profile),
    )


def _assumptions(network: Network, profile: Profile) -> list[str]:
    inputs = profile.inputs
    reads = pairs_read(network)
    found = [f"{inputs.text()}, layers of infinite width"]
    if PairKind.LOCATION in reads:
        found.append("locations of one input unrelated (s = 0)")
    if PairKind.BATCH in reads:
        found.append("large batches of typical inputs, batch norm in training mode")
        if inputs.least > -1:
            least = f"{inputs.least:.3g}"
            found.append(
                f"no cosines below {least}, which such batches cannot have: they count as it"
            )
    found += assumed(profile)
    if profile.far:
        found.append(f"tails alone count at {some(profile.far)}, where q is above 1000")
    return found
