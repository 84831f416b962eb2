"""Modules while they are traced: their paths as scopes, and some of them as one operation."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..recording import Softmaxed
from . import _equinox, _flax
from ._bound import Bound
from ._whole import Whole


MARK = "@"
"""Stands before paths of modules in the names of scopes."""
_IGNORED = frozenset(("key", "rngs"))
"""Arguments that only random layers read, and none in inference mode."""
_reading = jax.make_user_context(default_value=False)


@contextlib.contextmanager
def named_modules(model: object) -> Iterator[None]:
    """While this is open, modules of the model trace under their paths, and norms as a whole."""
    paths = {id(module): path for path, module in modules_of(model) if path}
    used = {*_equinox.KINDS, *(type(module) for _, module in modules_of(model))}
    kinds = {kind for each in used for kind in each.__mro__ if "__call__" in vars(kind)}
    former = {kind: kind.__call__ for kind in kinds if _is_module(kind)}
    softmax, attention = jax.nn.softmax, jax.nn.dot_product_attention
    try:
        jax.nn.softmax = _softmax(softmax)
        jax.nn.dot_product_attention = _attention(attention)
        for kind, call in former.items():
            kind.__call__ = _marked(call, paths)
        # Functions that the model jits are traced anew, and cached apart.
        with _reading(True):
            yield
    finally:
        jax.nn.softmax, jax.nn.dot_product_attention = softmax, attention
        for kind, call in former.items():
            kind.__call__ = call


def _is_module(kind: type) -> bool:
    return issubclass(kind, eqx.Module) or _flax.is_nnx(kind)


def _softmax(plain: Callable[..., Array]) -> Callable[..., Array]:
    """The softmax over the last axis as a whole."""

    @functools.wraps(plain)
    def softmax(x: Array, axis: int | tuple[int, ...] | None = -1, **options: Any) -> Array:
        if options or axis not in (-1, x.ndim - 1):
            return plain(x, axis, **options)
        return Whole("softmax", lambda arrays: Softmaxed(), plain).bind(x)

    return softmax


def _attention(plain: Callable[..., Array]) -> Callable[..., Array]:
    """Attention as two products and a softmax, without the groups of heads of the original."""

    @functools.wraps(plain)
    def attention(
        query: Array,
        key: Array,
        value: Array,
        bias: Array | None = None,
        mask: Array | None = None,
        *,
        scale: float | None = None,
        is_causal: bool = False,
        **options: Any,
    ) -> Array:
        grouped = query.shape[-2] != key.shape[-2]
        if grouped or any(each is not None for each in options.values()):
            return plain(query, key, value, bias, mask, scale=scale, is_causal=is_causal, **options)
        size = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
        logits = size * jnp.einsum("...tnh,...snh->...nts", query, key)
        logits = logits if bias is None else logits + bias
        for seen in (mask, jnp.tri(*logits.shape[-2:], dtype=bool) if is_causal else None):
            if seen is not None:
                logits = jnp.where(seen, logits, jnp.finfo(logits.dtype).min)
        return jnp.einsum("...nts,...snh->...tnh", jax.nn.softmax(logits), value)

    return attention


def modules_of(model: object, path: str = "") -> Iterator[tuple[str, object]]:
    """A model and the modules inside it, with the path of attributes to each; "" for the model."""
    yield path, model
    inner: dict[str, object] = {}
    if isinstance(model, list | tuple):
        inner = {str(i): each for i, each in enumerate(model)}
    elif isinstance(model, dict):
        inner = {str(name): each for name, each in model.items()}
    elif isinstance(model, eqx.Module):
        inner = {f.name: getattr(model, f.name, None) for f in dataclasses.fields(model)}
    elif _flax.is_nnx(type(model)):
        inner = {k: each for k, each in vars(model).items() if not k.startswith("_pytree")}
    for name, each in inner.items():
        if isinstance(each, list | tuple | dict) or _is_module(type(each)):
            yield from modules_of(each, f"{path}.{name}" if path else name)


def _marked(call: Callable[..., Any], paths: dict[int, str]) -> Callable[..., Any]:
    @functools.wraps(call)
    def marked(self: object, *args: Any, **kwargs: Any) -> Any:
        path = paths.get(id(self))
        scope = contextlib.nullcontext() if path is None else jax.named_scope(MARK + path)
        with scope:
            bound = None if set(kwargs) - _IGNORED or not args else _bound(self, *args)
            if bound is None:
                return call(self, *args, **kwargs)
            value = bound.whole.bind(args[0], bound.arrays)
            # Layers that are given a state return it.
            return (value, *args[1:]) if len(args) > 1 else value

    return marked


def _bound(module: object, *args: Any) -> Bound | None:
    """A layer as one operation; None where it is read equation by equation."""
    x, *rest = args
    if isinstance(module, eqx.Module):
        state = rest[0] if len(rest) == 1 and isinstance(rest[0], eqx.nn.State) else None
        return _equinox.bound(module, x, state) if not rest or state is not None else None
    return None if rest else _flax.bound(module, x)
