"""Compare kernelc with the evaluator on one network; say every disagreement."""

from __future__ import annotations

import dataclasses
import random
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

import kernelc as kc

from . import networks, oracle
from .moments import Refused


TOLERANCE, LARGEST = 1e-8, 1e100
DERIVE_SECONDS, EVALUATE_SECONDS, ORACLE_SECONDS, CALL_SECONDS = 15, 40, 60, 100
CHECKS = ("derive", "expand", "kernel_fn", "standard", "float32", "shape", "lower", "json")
# Of float32, whose kernels lose digits in the layers.
TOLERANCE32, LARGEST32 = 3e-4, 1e25


class Late(BaseException):
    """More seconds than allowed."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """A disagreement: its kind, the network and the values."""

    kind: str
    seed: int
    seen: str
    spec: oracle.Spec


@dataclasses.dataclass
class Attack:
    """Findings and counts of a run.

    Arguments:
        what: which of CHECKS to do.
        patience: factor on the seconds allowed; crowded machines need more.
        point: q, c, s and c_b to derive at; drawn unless given.
    """

    what: Sequence[str] = CHECKS
    patience: float = 1.0
    point: tuple[float, ...] | None = None
    findings: list[Finding] = dataclasses.field(default_factory=list)
    counts: Counter[str] = dataclasses.field(default_factory=Counter)

    def seed(self, seed: int) -> None:
        """The random network of this seed."""
        self.network(networks.of_seed(seed), seed)

    def network(self, spec: oracle.Spec, seed: int = 0) -> None:
        """One network given as plain data."""
        self.counts["networks"] += 1
        net = self._limited(20, networks.build, spec, networks.real_of_seed(seed))
        if isinstance(net, BaseException):
            self._refused("build", net, seed, spec)
            return
        for name in self.what:
            getattr(self, f"_{name}")(net, spec, seed, random.Random(f"{name} {seed}"))

    # -- one check each ---------------------------------------------------------------

    def _derive(self, net: kc.Network, spec: oracle.Spec, seed: int, r: random.Random) -> None:
        q, c, s, c_b = self.point or _point(r)
        kernel = self._limited(DERIVE_SECONDS, kc.derive, net)
        if isinstance(kernel, BaseException):
            self._refused("derive", kernel, seed, spec)
            return
        names = {str(v) for v in kernel.nngp.free_symbols | kernel.q_map.free_symbols}
        if kernel.theta is not None:
            names |= {str(v) for v in kernel.theta.free_symbols}
        more = {name: v for name, v in (("s", s), ("c_b", c_b)) if name in names}
        truth = self._limited(ORACLE_SECONDS, oracle.at_cosine, spec, c, q, s, c_b)
        if not self._usable("derive", truth, seed, spec):
            return
        found = self._limited(EVALUATE_SECONDS, lambda: kernel.evaluate(c, q, **more))
        if isinstance(found, BaseException):
            self._refused("evaluate", found, seed, spec)
            return
        self.counts["derive compared"] += 1
        size = max(abs(truth[0]), abs(truth[1]))
        errors = [_off(found.q, truth[0], size), _off(found.nngp, truth[1], size)]
        if found.ntk is not None and "BN" not in _kinds(spec):
            errors.append(_off(found.ntk, truth[2], max(abs(truth[2]), size)))
        if max(errors) > TOLERANCE:
            seen = f"c={c} q={q} {more} errors={errors} found={found} truth={truth}"
            self._found("derive differs", seed, seen, spec)

    def _expand(self, net: kc.Network, spec: oracle.Spec, seed: int, r: random.Random) -> None:
        """Compares the expanded kernel with the kernel, in floats and evaluated by SymPy."""
        q, c, s, c_b = self.point or _point(r)
        kernel = self._limited(DERIVE_SECONDS, kc.derive, net)
        if isinstance(kernel, BaseException):
            return  # `_derive` tells of it
        names = {str(v) for v in kernel.nngp.free_symbols | kernel.q_map.free_symbols}
        names |= set() if kernel.theta is None else {str(v) for v in kernel.theta.free_symbols}
        more = {name: v for name, v in (("s", s), ("c_b", c_b)) if name in names}
        plain = self._limited(EVALUATE_SECONDS, lambda: kernel.evaluate(c, q, **more))
        if isinstance(plain, BaseException):
            return
        whole = self._limited(EVALUATE_SECONDS, lambda: kernel.expand())
        if isinstance(whole, BaseException):
            self._refused("expand", whole, seed, spec)
            return
        found = self._limited(EVALUATE_SECONDS, lambda: whole.evaluate(c, q, **more))
        if isinstance(found, BaseException):
            self._refused("expand evaluate", found, seed, spec)
            return
        self.counts["expand compared"] += 1
        size = max(abs(plain.q), abs(plain.nngp))
        errors = [_off(found.q, plain.q, size), _off(found.nngp, plain.nngp, size)]
        if max(errors) > 10 * TOLERANCE or not whole.latex():
            seen = f"c={c} q={q} {more} errors={errors} plain={plain} expanded={found}"
            self._found("expand differs", seed, seen, spec)

    def _kernel_fn(self, net: kc.Network, spec: oracle.Spec, seed: int, r: random.Random) -> None:
        self._matrices("kernel_fn", net, spec, seed, r)

    def _standard(self, net: kc.Network, spec: oracle.Spec, seed: int, r: random.Random) -> None:
        self._matrices("standard", net, spec, seed, r)

    def _float32(self, net: kc.Network, spec: oracle.Spec, seed: int, r: random.Random) -> None:
        self._matrices("float32", net, spec, seed, r)

    def _matrices(
        self, what: str, net: kc.Network, spec: oracle.Spec, seed: int, r: random.Random
    ) -> None:
        standard, single = what == "standard", what == "float32"
        options = {"parameterization": "standard"} if standard else {}
        kernel = self._limited(30, kc.kernel_fn, net, **options)
        if isinstance(kernel, BaseException):
            self._refused(what, kernel, seed, spec)
            return
        x = _inputs(r, spec["shape"]).astype(np.float32 if single else np.float64)
        truth = self._limited(ORACLE_SECONDS, oracle.kernels, spec, x.astype(np.float64), standard)
        if not self._usable(what, truth, seed, spec, LARGEST32 if single else LARGEST):
            return
        found = self._limited(CALL_SECONDS, kernel, x)
        if isinstance(found, BaseException):
            self._refused(f"{what} call", found, seed, spec)
            return
        self.counts[f"{what} compared"] += 1
        q, nngp, ntk = truth
        size = np.sqrt(q[:, None] * q[None])
        finite = np.where(np.isfinite(ntk), abs(ntk), 0)
        # Rounding of the largest NTK shows in the smallest.
        least = finite.max((0, 1), keepdims=True) * 1e-3 if single else 0
        scale = np.maximum(size, np.maximum(finite, least))
        errors = [_off(found.nngp, nngp, size), _off(found.ntk, ntk, scale)]
        if max(errors) > (TOLERANCE32 if single else TOLERANCE):
            self._found(f"{what} differs", seed, f"errors={errors} x={x.tolist()}", spec)

    def _shape(self, net: kc.Network, spec: oracle.Spec, seed: int, r: random.Random) -> None:
        target = r.choice([kc.DKS(), kc.TAT(tau=0.3), kc.TAT(eta=0.9), kc.EdgeOfChaos()])
        shaped = self._limited(60, kc.shape, net, target, rewrite=r.random() < 0.5)
        if isinstance(shaped, BaseException):
            self._refused("shape", shaped, seed, spec)
            return
        self.counts["shape certified"] += 1
        again = kc.Network.from_json(shaped.network.to_json())
        if again != shaped.network or not shaped.certificate:
            self._found("shape without a certificate", seed, str(target), spec)

    def _lower(self, net: kc.Network, spec: oracle.Spec, seed: int, r: random.Random) -> None:
        if _kinds(spec) & {"BN", "Dropout"}:
            return  # their state and keys have tests of their own
        model = self._limited(60, lambda: kc.lower(net, key=jax.random.key(seed)))
        if isinstance(model, BaseException):
            self._refused("lower", model, seed, spec)
            return
        x = np.random.default_rng(seed).normal(size=(2, *spec["shape"])).astype(np.float32)
        out = self._limited(60, lambda: np.asarray(model.batched(x)))
        if isinstance(out, BaseException):
            self._refused("lower call", out, seed, spec)
            return
        self.counts["lower ran"] += 1
        if out.shape != (2, *net.nodes[-1].shape):
            self._found("lower shape", seed, f"{out.shape} of {net.nodes[-1].shape}", spec)
        elif not np.isfinite(out).all() and not _steep(spec):
            self._found("lower not finite", seed, f"{out}", spec)

    def _json(self, net: kc.Network, spec: oracle.Spec, seed: int, r: random.Random) -> None:
        again = self._limited(60, lambda: kc.Network.from_json(net.to_json()))
        if isinstance(again, BaseException):
            self._found("json refused", seed, repr(again), spec)
            return
        self.counts["json compared"] += 1
        if again != net or again.to_json() != net.to_json():
            self._found("json differs", seed, "", spec)

    # -- what is done with an answer --------------------------------------------------

    def _limited(self, seconds: float, call: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """The result or the exception of a call; `Late` after too many CPU seconds."""
        signal.signal(signal.SIGVTALRM, _late)
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds * self.patience)
        try:
            return call(*args, **more)
        except (Exception, Late) as error:
            return error
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def _refused(self, what: str, error: BaseException, seed: int, spec: oracle.Spec) -> None:
        """A refusal in words is an answer; anything else is a finding."""
        self.counts[f"{what}: {type(error).__name__}"] += 1
        if not isinstance(error, kc.KernelcError):
            seen = "".join(traceback.format_exception(error))[-800:]
            kind = "slow" if isinstance(error, Late) else "crash"
            self._found(f"{what} {kind}", seed, seen, spec)

    def _usable(
        self, what: str, truth: Any, seed: int, spec: oracle.Spec, largest: float = LARGEST
    ) -> bool:
        """Whether the evaluator has an answer, of a size that can be compared."""
        if isinstance(truth, Refused):
            self._found(f"{what} accepts what the evaluator refuses", seed, str(truth), spec)
        if isinstance(truth, BaseException):
            self.counts[f"evaluator: {type(truth).__name__}"] += 1
            return False
        moments = np.concatenate([np.ravel(part) for part in truth[:2]])
        if np.isfinite(moments).all() and abs(moments).max(initial=0) < largest:
            return True
        self.counts["evaluator: not finite"] += 1
        return False

    def _found(self, kind: str, seed: int, seen: str, spec: oracle.Spec) -> None:
        self.findings.append(Finding(kind, seed, seen, spec))


def _late(*_: Any) -> None:
    raise Late


def _off(found: Any, truth: Any, size: Any) -> float:
    """The largest |found - truth| / size; infinite values agree with themselves alone."""
    found, truth = np.asarray(found, dtype=float), np.asarray(truth, dtype=float)
    with np.errstate(all="ignore"):
        apart = abs(found - truth) / np.maximum(size, 1e-300)
    apart = np.where(found == truth, 0.0, apart)
    return float(np.max(np.where(np.isnan(apart), np.inf, apart), initial=0.0))


def _kinds(spec: oracle.Spec) -> set[str]:
    return {node["kind"] for node in spec["nodes"]}


def _steep(spec: oracle.Spec) -> bool:
    """Whether values may grow beyond float32 as they should."""
    named = [node.get("name") or node.get("expr") for node in spec["nodes"]]
    large = any(abs(node.get("w", 1.0)) > 4 for node in spec["nodes"])
    return large or any(name in networks.STEEP for name in named)


def _point(r: random.Random) -> tuple[float, float, float, float]:
    """q, c, s and c_b, the edges among them."""
    q = r.choice([1.0, 1.0, 0.3, 2.5])
    c = r.choice([1.0, -1.0, 0.0, 0.5, r.uniform(-1, 1), r.uniform(-1, 1), 1 - 1e-6])
    return q, c, r.uniform(0, 1), r.uniform(-0.3, 0.6)


def _inputs(r: random.Random, shape: Sequence[int], n: int = 4) -> np.ndarray:
    """Inputs with a twin or an opposite, of mixed norms or of one."""
    rng = np.random.default_rng(r.randrange(2**31))
    x = rng.normal(size=(n, *shape)) * r.choice([1.0, 1.0, 0.2, 3.0])
    if r.random() < 0.4:
        x /= np.sqrt((x**2).mean(-1, keepdims=True))
    x[1] = x[0] if r.random() < 0.5 else -x[0]
    if r.random() < 0.2:
        x[2] = x[0] * (1 + 1e-9) if r.random() < 0.5 else x[0] + 1e-5 * x[2]
    return x
