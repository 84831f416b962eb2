"""Solve the attentions of a network for the covariance of tokens, and certify them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from .._errors import ShapingError, UnreachableError
from ..ir import DenseMap, FixedAttention, Layer, Network, NetworkNode, Reading
from ._channel_groups import ChannelGroups
from ._target import Residuals
from ._token_covariance import SeenAttention, TokenReading, covariance_of_input
from ._token_target import Place, SolvedPattern, TokenTarget
from ._unit_c_maps import Matrix, certified_c_map, solved_c_map


TOLERANCE = 1e-10
# Seconds before a bar is shown.
_WAIT = 2.0


@dataclasses.dataclass(frozen=True, eq=False)
class TokenCertificate:
    """What the constants of a network give.

    Arguments:
        residuals: of the conditions behind each attention, by name.
        notes: what was missed, one sentence each.
    """

    residuals: dict[str, Residuals]
    notes: tuple[str, ...]


def solved_tokens(network: Network, target: TokenTarget, shaped_by: str) -> Network:
    """The network with a pattern and a row scale for each attention.

    Raises:
        ShapingError: there is no attention to solve for.
        UnreachableError: the target is out of reach at some node.
    """
    names = _solved_for(network)
    with tqdm(total=len(names), desc="attention", delay=_WAIT, disable=None) as bar:
        reading = _SolvingReading(target, names, bar)
        network.fold(reading, ChannelGroups.one(covariance_of_input(network, target.entering)))

    def change(node: NetworkNode) -> Layer:
        found = reading.solved.get(node.name)
        if found is None:
            return node.layer
        return node.layer.with_pattern(found.pattern, found.row_scale)

    return network.rebuild(change, shaped_by=shaped_by)


def certified_tokens(network: Network, target: TokenTarget) -> TokenCertificate:
    """Residuals behind each attention, from the constants of the network and other C maps.

    "q-1" is the largest deviation of q from 1 at any location, "covariance" that of any entry
    from what is wanted, where attention can give it.

    Raises:
        ShapingError: one is larger than 1e-10.
    """
    reading = TokenReading(certified_c_map)
    network.fold(reading, ChannelGroups.one(covariance_of_input(network, target.entering)))
    names = _solved_for(network)
    residuals, notes = {}, []
    for name in names:
        seen = reading.seen[name]
        found = {"q-1": float(np.abs(np.diagonal(seen.behind) - 1).max())}
        place = _place(name, names, reading.seen)
        wanted = target.wanted(place)
        if wanted is not None:
            distance = float(np.abs(seen.behind - wanted).max())
            if target.misses(place, seen.attention, seen.values):
                notes.append(
                    f"{name}: negative weights were set to zero; cosines are within "
                    f"{distance:.2g} of the wanted ones"
                )
            else:
                found["covariance"] = distance
        _check(name, found)
        residuals[name] = found
    return TokenCertificate(residuals, tuple(notes))


class _SolvingReading(TokenReading):
    """Solves attentions on the way; `solved` has what was found for each."""

    def __init__(self, target: TokenTarget, names: Sequence[str], bar: tqdm) -> None:
        super().__init__(solved_c_map)
        self.target, self.names, self._bar = target, names, bar
        self.solved: dict[str, SolvedPattern] = {}

    def attend(
        self,
        query: ChannelGroups,
        key: ChannelGroups,
        value: ChannelGroups,
        attention: FixedAttention,
    ) -> ChannelGroups:
        name = self.site.name
        behind = super().attend(query, key, value, attention)
        if name not in self.names:
            return behind
        _check_values(name, value.mean)
        place = _place(name, self.names, self.seen)
        found = self.solved[name] = self.target.solve(place, attention, value.mean)
        self._bar.update()
        patterns = [each.matrices[0] for each in attention.patterns]
        if found.pattern is not None:
            patterns = [found.pattern]
        gains = attention.gain * found.row_scale[:, None]
        maps = [
            DenseMap((gains * pattern + attention.fixed)[None], place.locations, place.outputs)
            for pattern in patterns
        ]
        return self.mixed(value, attention, maps)


class _AttentionReading(Reading[None]):
    """Lists the attentions whose pattern shows at initialization."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def combine(self, values: Sequence[None]) -> None:
        return None

    def attend(self, query: None, key: None, value: None, attention: FixedAttention) -> None:
        # Shaped attention is the identity by its skip and centering, and stays so.
        chosen = attention.fixed.any() and all(each.identity for each in attention.maps)
        if attention.gain and not chosen:
            self.names.append(self.site.name)


def _solved_for(network: Network) -> list[str]:
    reading = _AttentionReading()
    network.fold(reading, None)
    if not reading.names:
        raise ShapingError(
            where=network.name,
            found="no attention whose bias and row scale show at initialization",
            law="a target for tokens is one for attention",
            remedy="leave out tokens=...",
        )
    return reading.names


def _check_values(name: str, values: Matrix) -> None:
    """UnreachableError where values are zero, so that no pattern of attention shows."""
    q = np.diagonal(values)
    if not q.min() > 0:
        raise UnreachableError(
            where=name,
            found=f"values of q = {q.min():g} at location {int(np.argmin(q)) + 1}",
            law="attention mixes values that are not zero at initialization",
            remedy='leave init="zero" to queries',
        )


def _place(name: str, names: Sequence[str], seen: dict[str, SeenAttention]) -> Place:
    first = seen[names[0]].values
    root = np.sqrt(np.diagonal(first))
    cosines = (first / np.outer(root, root))[~np.eye(len(first), dtype=bool)]
    mean = max(0.0, float(cosines.mean())) if cosines.size else 0.0
    place = seen[name].attention.maps[0]
    number = names.index(name) + 1
    return Place(name, number, len(names), mean, place.locations, place.outputs)


def _check(name: str, residuals: Residuals) -> None:
    condition, worst = max(residuals.items(), key=lambda item: item[1])
    if not worst <= TOLERANCE:
        raise ShapingError(
            where=name,
            found=f"{condition} = {worst:.3e}",
            law=f"constants are returned only if the covariance of tokens holds to {TOLERANCE:.0e}",
            remedy="choose a smaller end_cosine: tokens of high cosines leave few digits",
        )
