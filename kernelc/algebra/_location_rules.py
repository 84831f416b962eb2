"""Second moments of a pair under linear maps of locations that are all alike."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

from ..ir import UNCHANGED, Exchangeable, KernelAlgebra, LocationMap, Share
from ._channels import alike
from ._cross_moments import CrossMoments
from ._kernel_state import KernelState, N, SecondMoments
from ._refusals import unlike_locations


class LocationRules(CrossMoments[N], KernelAlgebra[KernelState[N]]):
    """The rule of `mix` for pairs of one location and, where they are carried, of two."""

    probes: tuple[str, ...]

    @abstractmethod
    def state_of(
        self,
        second: SecondMoments[N],
        mean: N | None,
        support: frozenset[int] | None = None,
        gaussian: bool = False,
        odd: frozenset[int] = frozenset(),
    ) -> KernelState[N]:
        """A state of one new term."""

    def _by_channels(
        self,
        terms: Sequence[KernelState[N]],
        rule: Callable[[Sequence[KernelState[N]]], KernelState[N]],
    ) -> KernelState[N]:
        """A rule that acts channel by channel, on each group of channels that are alike."""
        groups = alike(terms, self.site.name)
        return self.concat([rule(group) for _, group in groups], [share for share, _ in groups])

    def mix(self, s: KernelState[N], locations: LocationMap) -> KernelState[N]:
        if locations.identity:
            return s
        if locations.uneven is not None:
            return self.unsupported([s], *locations.uneven)
        return self.mixed_inside(s, locations)

    def mixed_inside(self, s: KernelState[N], locations: LocationMap) -> KernelState[N]:
        """What a map makes of a value at locations far from all borders."""
        shares = locations.exchangeable()
        carried = any(kind in self.probes for kind in ("s", "sc"))
        if shares is None and locations.own_share is not None and not carried:
            return self._shared_out(s, locations.own_share)
        if shares is None:
            return self.unsupported([s], *unlike_locations(locations.text()))
        if shares == UNCHANGED or (shares.far == 0 and not carried):
            return self._elsewhere(s) if locations.moves else s
        if s.parts:
            return self._by_channels([s], lambda group: self.mix(group[0], locations))
        second, mean = self._mixed(s.second, shares), self._mixed_mean(s.mean, locations)
        return self.state_of(second, mean, s.support, s.gaussian, s.odd)

    def _elsewhere(self, s: KernelState[N]) -> KernelState[N]:
        """The value at other locations: a term of its own, on the same weights."""
        if s.parts:
            return self._by_channels([s], lambda group: self._elsewhere(group[0]))
        return self.state_of(s.second, s.mean, s.support, s.gaussian)

    def _shared_out(self, s: KernelState[N], share: Share) -> KernelState[N]:
        """K, and Theta, times one number."""
        if share == 1:
            return s
        if s.parts:
            return self._by_channels([s], lambda group: self._shared_out(group[0], share))
        number = self.backend.number(share)
        second = self._linear([s.second], [(number, number)])
        return self.state_of(second, None, s.support, s.gaussian, s.odd)

    def _mixed_mean(self, mean: N | None, locations: LocationMap) -> N | None:
        total = locations.row_sum
        if mean is None or total == 1 or self.backend.is_zero(mean):
            return mean
        return None if total is None else self.backend.number(total) * mean

    def _mixed(self, second: SecondMoments[N], shares: Exchangeable) -> SecondMoments[N]:
        """Pairs of one location and of two, blended; Theta of one input is read by nothing."""
        near, far, other_near, other_far = shares
        c, s, sc = (self.probes.index(label) for label in ("c", "s", "sc"))
        k = list(second.k)
        q = self._blend(near, second.q, far, k[s])
        k[c], k[sc] = (
            self._blend(near, k[c], far, k[sc]),
            self._blend(other_near, k[c], other_far, k[sc]),
        )
        k[s] = self._blend(other_near, second.q, other_far, k[s])
        theta = second.theta
        if theta is not None:
            tangents = list(theta)
            tangents[c] = self._blend(near, theta[c], far, theta[sc])
            tangents[sc] = self._blend(other_near, theta[c], other_far, theta[sc])
            tangents[s] = self._blend(0, theta[s], other_far, theta[s])
            theta = tuple(tangents)
        return SecondMoments(q, tuple(k), theta)

    def _blend(self, near: object, here: N, far: object, there: N) -> N:
        total: N | None = None
        for share, value in ((near, here), (far, there)):
            if share != 0:
                term = value if share == 1 else self.backend.number(share) * value
                total = term if total is None else total + term
        return self.backend.number(0) if total is None else total
