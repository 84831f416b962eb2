"""as_network: how every entry point takes a network, or a value that carries one."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from .._errors import KernelcError
from ._network import Network
from ._symbols import require_numbers


class NetworkCarrier:
    """Base of values that every entry point accepts in place of their network.

    A type opts in by inheriting from this class. An attribute named `network` is not enough:
    a `Kernel`, a `Report` or a namespace of the user may have one and mean something else.

    Arguments:
        network: the network.
        input_q: the q value of inputs for which its constants hold; None for any.
    """

    network: Network
    input_q: ClassVar[float | None] = None


class Accepted(NamedTuple):
    """A network and the q value of inputs for which its constants hold, if there is one."""

    network: Network
    input_q: float | None


def as_network(
    value: object,
    where: str,
    error: type[KernelcError] = KernelcError,
    symbols: bool = False,
) -> Accepted:
    """The network of an argument.

    Arguments:
        value: a `Network` or a `NetworkCarrier` such as `kernelc.ShapedNetwork`.
        where: the entry point, for the error.
        error: the error to raise.
        symbols: whether its layers may have symbols; otherwise they need numbers.

    Raises:
        KernelcError: (or `error`) a value of another type, or a symbol where a number is needed.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((4,))
        >>> as_network(kc.Network(x, kc.Dense(3)(x), name="small"), "derive").network.name
        'small'
    """
    if isinstance(value, Network):
        found = Accepted(value, None)
    elif isinstance(value, NetworkCarrier):
        found = Accepted(value.network, value.input_q)
    else:
        raise error(
            where=where,
            found=f"an argument of type {type(value).__name__}",
            law=f"{where} takes a network",
            remedy="pass a kernelc.Network or the result of kernelc.shape",
        )
    if not symbols:
        require_numbers(found.network, where, error)
    return found
