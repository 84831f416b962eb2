"""The derived kernel as equations, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from ..._errors import KernelcError
from ...ir import Network
from ...symbolic import Kernel, derive
from ._markup import Markup, joined, tag
from ._mathml import equation


_MOST_EQUATIONS = 24
_LONGEST = 2000
"""Characters of an equation that is still worth reading."""
_LONG = 300

_WHOLE = "print(kernelc.derive(net))"
_LEGEND = (
    "Inputs have q value q and cosine similarity c. Q and K with an activation's name are its "
    "local maps of q values and covariances, C that of cosines at q = 1, K\u2032 that of its "
    "derivative, F\u2218n a map applied n times. Q_f is the q value of the output, C_f its cosine "
    "similarity, \u0398_f its tangent kernel, \u03bc(\u03c8) the largest slope of a subnetwork "
    "when each nonlinearity has slope \u03c8."
)


def formulas(network: Network) -> Markup:
    """Paragraphs and equations of `derive`.

    Arguments:
        network: what was diagnosed.
    """
    try:
        kernel = derive(network)
    except KernelcError as error:
        return joined(
            tag("p", "No formula: ", tag("code", error.where), f" is {error.found}."),
            tag("p", f"Because {error.law}. Remedy: {error.remedy}."),
        )
    pairs = list(_pairs(kernel))
    named, results = pairs[: len(kernel.equations)], pairs[len(kernel.equations) :]
    left_out = len(named) - _MOST_EQUATIONS
    parts = [tag("p", _LEGEND)]
    parts += [_shown(*pair) for pair in named[:_MOST_EQUATIONS]]
    if left_out > 0:
        parts.append(
            tag("p", f"{left_out} more equations are not shown: ", tag("code", _WHOLE), ".")
        )
    parts += [_shown(*pair) for pair in results]
    return joined(*parts)


def _pairs(kernel: Kernel) -> Iterator[tuple[str, sympy.Basic]]:
    for name, expr in kernel.equations:
        yield str(name), expr
    yield "Q_f", kernel.q_map
    if len(str(kernel.c_map)) <= _LONG:
        yield "C_f", kernel.c_map
    else:
        yield "K_f", kernel.nngp
        yield "C_f", sympy.Symbol("K_f") / sympy.Symbol("Q_f")
    if kernel.theta is not None:
        yield "Theta_f", kernel.theta
    try:
        yield "mu(psi)", kernel.max_slope
    except KernelcError:
        # Batch norm and the like: no slope in psi alone. The findings say so.
        return


def _shown(name: str, expr: sympy.Basic) -> Markup:
    text = str(expr)
    if len(text) > _LONGEST:
        size = f" is {len(text):,} characters long: "
        return tag("p", tag("code", name), size, tag("code", _WHOLE), " shows it.")
    try:
        shown = equation(name, expr)
    except (ValueError, AttributeError, NotImplementedError):
        # ValueError: `equation` met an element that MathML Core lacks. The others are how SymPy's
        # printer gives up on expressions it has no method for, which layers of others may bring.
        # The formula is still shown, as text.
        shown = tag("pre", tag("code", f"{name} = {text}"))
    label = f"formula of {name}"
    return tag("div", shown, class_="formula", tabindex="0", role="group", aria_label=label)
