"""The identity of a run, in a form that can be stored, compared and described."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr
from jax.tree_util import KeyPath
from jaxtyping import Array, PyTree
from numpy.typing import ArrayLike

from ..curvature import KFAC
from ..data import Part, Parts, Rows, Targets, Weighted
from ..modules import Model
from ._check import Traced
from ._losses import Loss, by_example
from ._settings import Plan
from ._step import Carry, updated


Identity = dict[str, Any]
"""As JSON; `_compare.py` describes how two of them differ."""

_FORMAT = 2
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_LITERAL = re.compile(r"(?<![\w.])(-?(?:\d+\.?\d*(?:e[+-]?\d+)?|inf|nan)):\w+\[\]")
_OPERATION = re.compile(r" = (\w+)")
# Steps at which schedules of K-FAC are compared.
_LOOKED_AT = (0, 1, 2, 5, 10, 50, 100, 500, 1000, 5000, 10_000, 100_000)


def identity(carry: Carry, rest: PyTree, found: Parts, traced: Traced, plan: Plan) -> Identity:
    """What a run must share with the one that a folder holds.

    `carry` is the one before the first step, `rest` what of the model is not trained.
    """
    settings = plan.settings
    fixed = eqx.filter(rest, eqx.is_array)
    parts = zip(("training", "validation", "test"), found, strict=True)
    data = {name: _data(part) for name, part in parts if part is not None}
    batch = (plan.batch_size, *found.train.x.shape[1:])
    return {
        "format": _FORMAT,
        "jax": jax.__version__,
        "settings": {"seed": settings.seed, "batch size": plan.batch_size, "keep": settings.keep},
        "data": data,
        "batch": {"shape": list(batch), "dtype": _dtype(found.train.x)},
        "model": program("model", traced.program),
        "initial weights": fingerprints((carry.params, fixed, carry.state)),
        "loss": _loss(settings.loss, traced.shape, found.train.y, plan.batch_size),
        "optimizer": _optimizer(plan, carry),
        "initial optimizer state": fingerprints(carry.opt_state),
    }


def program(shown: str, jaxpr: ClosedJaxpr) -> Identity:
    """A computation: a digest of its text and constants, its operations and numbers."""
    text = _ADDRESS.sub("", str(jaxpr.jaxpr))
    constants = "".join(digest(value) for value in jaxpr.consts)
    return {
        "shown": shown,
        "exact": _hashed(text + constants),
        "operations": sorted(set(_OPERATION.findall(text))),
        "numbers": [f"{float(number):.6g}" for number in _LITERAL.findall(text)[:200]],
    }


def fingerprints(tree: PyTree) -> dict[str, list[Any]]:
    """By name of every array: type and shape, digest, and first entry."""
    found: dict[str, list[Any]] = {}
    for name, leaf in zip(names(tree), jax.tree.leaves(tree), strict=True):
        name = f"{name} ({len(found)})" if name in found else name
        value = plain_array(leaf)
        first = float(value.flat[0]) if value.size else None
        kind = f"{leaf.dtype} {tuple(leaf.shape)}"
        found[name] = [kind, digest(value), first if np.isfinite(first or 0.0) else str(first)]
    return found


def names(tree: PyTree) -> list[str]:
    """A readable name for every array; in a `Model` by its node."""
    return [_name(tree, path) for path, _ in jax.tree_util.tree_leaves_with_path(tree)]


def digest(value: ArrayLike) -> str:
    """The digest of the values, the type and the shape of an array."""
    array = np.ascontiguousarray(plain_array(value))
    total = hashlib.sha256(f"{array.shape} {array.dtype}".encode())
    total.update(array.view(np.uint8).data if array.size and array.ndim else array.tobytes())
    return total.hexdigest()[:32]


def plain_array(leaf: ArrayLike) -> np.ndarray:
    """An array on the host; for random keys their data."""
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    return np.asarray(leaf)


def _name(tree: PyTree, path: KeyPath) -> str:
    told: list[str] = []
    value: PyTree = tree
    for i, key in enumerate(path):
        if isinstance(value, Model) and jax.tree_util.keystr((key,)) == ".nodes" and path[i + 1 :]:
            node = value.nodes[path[i + 1].idx]
            name = getattr(node, "name", None)
            if name is not None:
                # nodes[i].module.weight is the weight of the node of that name.
                return ".".join([*told, name]) + jax.tree_util.keystr(path[i + 3 :])
        value = _child(value, key)
        # The parts of a plain tuple have no name.
        if not (i == 0 and type(tree) is tuple):
            told.append(jax.tree_util.keystr((key,), simple=True))
    return ".".join(told) or "array"


def _child(value: PyTree, key: Any) -> PyTree:
    """The child of a value at a key, or None where it has no such attribute or index."""
    if value is None:
        return None
    if isinstance(key, jax.tree_util.GetAttrKey):
        return getattr(value, key.name, None)
    if isinstance(key, jax.tree_util.SequenceKey):
        return value[key.idx]
    return None


def _data(part: Part) -> Identity:
    return {"examples": _values(part.x), "targets": _values(part.y)}


def _values(values: Targets | Rows) -> dict[str, str]:
    """Arrays by their values; examples made on demand by what they depend on."""
    if isinstance(values, Rows):
        parts = [each if isinstance(each, str) else digest(each) for each in values.depends]
        exact = _hashed(repr((values.where, values.shape, parts)))
        return {"shown": f"{values.shape} made by {values.where}", "exact": exact}
    if isinstance(values, Weighted):
        told, weights = _values(values.values), _values(values.weights)
        shown = f"{told['shown']}, with weights {weights['shown']}"
        return {"shown": shown, "exact": _hashed(told["exact"] + weights["exact"])}
    mean = float(np.mean(values, dtype=np.float64))
    shown = f"{values.dtype} {values.shape}, first {float(values.flat[0]):.6g}, mean {mean:.6g}"
    return {"shown": shown, "exact": digest(values)}


def _dtype(x: np.ndarray | Rows) -> str:
    return str(jnp.dtype(jnp.float32) if isinstance(x, Rows) else x.dtype)


def _loss(loss: Loss, outputs: tuple[int, ...], y: Targets, size: int) -> Identity:
    rows = jax.ShapeDtypeStruct((size, *outputs), jnp.float32)
    targets = jax.ShapeDtypeStruct((size, *y.shape[1:]), jax.dtypes.canonicalize_dtype(y.dtype))
    made = jax.make_jaxpr(lambda f, t: by_example(loss, f, t))(rows, targets)
    return program(_told(loss), made)


def _told(value: object) -> str:
    """The name of a function, or the repr of settings without addresses, which change."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _ADDRESS.sub("", repr(value))
    return str(getattr(value, "__name__", type(value).__name__))


def _optimizer(plan: Plan, carry: Carry) -> Identity:
    optimizer = plan.settings.optimizer
    if isinstance(optimizer, KFAC):
        return _kfac(optimizer)

    def update(carry: Carry) -> PyTree:
        # The update of a gradient, whatever the loss.
        total = jnp.zeros((), jnp.float32)
        return updated(optimizer, carry, carry.params, total, _squares)

    like = jax.eval_shape(lambda tree: tree, carry)
    return program("an Optax transformation", jax.make_jaxpr(update)(like))


def _squares(params: PyTree) -> Array:
    leaves = [jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(params)]
    return jnp.sum(jnp.stack(leaves))


def _kfac(settings: KFAC) -> Identity:
    found = {}
    for each in dataclasses.fields(settings):
        value = getattr(settings, each.name)
        if callable(value):
            schedule: Any = value
            value = [float(schedule(step)) for step in _LOOKED_AT]
        found[each.name] = value if isinstance(value, str | int | float) else repr(value)
    return {"shown": "K-FAC", "exact": found, "operations": [], "numbers": []}


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
