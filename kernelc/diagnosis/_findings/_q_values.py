"""q values that leave the range in which activations bend."""

from __future__ import annotations

from collections.abc import Iterator

from ._finding import Case, Finding, Severity


_LOST, _FAR = 1e6, 1e2
_SCALED = (
    "scale the inputs: kernelc.data.as_dataset(data).standardized(), or kernelc.PLN() as the first "
    "layer"
)


def q_values(case: Case) -> Iterator[Finding]:
    """The first pre-activation whose q value is lost, or else is far from 1.

    What comes after the last nonlinearity is left out: a pool there lowers q and harms nothing.
    """
    network, profile = case.network, case.profile
    read = {i for node in network if node.layer.nonlinearity() is not None for i in node.inputs}
    names = [network.nodes[i].name for i in sorted(read or {len(network) - 1})]
    values = [(name, profile.q[name]) for name in names if name in profile.q]
    levels: tuple[tuple[float, Severity], ...] = ((_LOST, "critical"), (_FAR, "warning"))
    for bound, severity in levels:
        for node, q in values:
            if 1 / bound <= q <= bound:
                continue
            grows = q > 1
            end = values[-1][1]
            given = profile.q.get(network.nodes[0].name, 1.0)
            # The data are off where the network alone keeps q in these bounds.
            network_alone = not given or not 1 / bound <= q / given <= bound
            yield Finding(
                node=node,
                severity=severity,
                kind="q",
                measured=f"q = {q:.3g} here and {end:.3g} at {values[-1][0]}, for inputs of "
                f"q = {given:.3g}",
                value=end,
                law=f"q values {'grow' if grows else 'shrink'} where weights, sums and "
                f"activations together do not keep the mean square"
                if network_alone
                else "layers keep the scale of their inputs, and activations bend near q = 1",
                prediction="activations saturate or overflow, and the scale of the outputs "
                "swamps the loss"
                if grows
                else "activations act as their tangent at 0, and signals and gradients vanish",
                remedy=case.remedy if network_alone else _SCALED,
            )
            return
