"""Sampling of tokens from a trained decoder."""

from __future__ import annotations

from typing import NamedTuple, TypeVar, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree
from numpy.typing import ArrayLike

from .._arguments import integer, number, utf8
from .._errors import DataError, ShapeError, UnsupportedError, shown
from .._input_format import TokenSequences
from ..modules import Model, as_key


Prompt = TypeVar("Prompt", bound="str | bytes | ArrayLike")
_BYTES = 256


def sample(
    model: Model,
    prompt: Prompt,
    steps: int,
    *,
    key: PRNGKeyArray | int = 0,
    temperature: float = 1.0,
) -> Prompt:
    """Tokens that a causal decoder continues a prompt with, one after the other.

    A token is drawn with the probability softmax(f / temperature), f the outputs at the last
    token so far. The decoder reads the last T tokens, T the length of its `Tokens`, and computes
    all of them anew for each token: there is no cache of keys and values, and this is not a fast
    way to generate long texts.

    Arguments:
        model: from `kernelc.Tokens(T, vocabulary)` to outputs (T, vocabulary), where outputs at a
            location depend on the tokens up to it alone: `kernelc.lower` of such a network, or
            `fit(...).model`.
        prompt: at least one token: integers of shape (k,); text or bytes where the vocabulary is
            the 256 bytes.
        steps: tokens to draw.
        key: a JAX random key, or an int for one.
        temperature: below 1 prefers likely tokens; 0 takes the likeliest.

    Returns: the new tokens without the prompt, of its type: bytes, text (where bytes are no UTF-8
        with the sign U+FFFD), or int32 of shape (steps,).

    Raises:
        DataError: a prompt that is empty or no tokens of this vocabulary, numbers out of range, or
            outputs that are NaN.
        ShapeError: a model that does not map T tokens to T rows of one output per token.
        UnsupportedError: a model whose outputs change with later tokens, as tried on two inputs;
            one with batch norm.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Tokens(4, vocabulary=256)
        >>> net = kc.Network(x, kc.chain(kc.Embedding(8), kc.Dense(256))(x))
        >>> len(sample(kc.lower(net, key=0), b"ab", steps=6))
        6
    """
    form = _form(model)
    tokens = _tokens(prompt, form)
    steps = integer(steps, "sample: steps")
    coldness = number(temperature, "sample: temperature", least=0)
    key = as_key("sample", key)
    model = eqx.nn.inference_mode(model)
    _check_outputs(model, form)
    kept = tokens[-form.length :]
    window = np.zeros(form.length, np.int32)
    window[: len(kept)] = kept
    start = _State(jnp.asarray(window), jnp.asarray(len(kept), jnp.int32))
    drawn = np.asarray(_drawn(model, start, jax.random.split(key, steps), jnp.float32(coldness)))
    if isinstance(prompt, str):
        return cast(Prompt, bytes(drawn.tolist()).decode(errors="replace"))
    return cast(Prompt, bytes(drawn.tolist()) if isinstance(prompt, bytes) else drawn)


class _State(NamedTuple):
    """The last tokens, from the first location on, and how many there are."""

    window: Int[Array, " length"]
    filled: Int[Array, ""]


@eqx.filter_jit
def _drawn(
    model: Model, start: _State, keys: PRNGKeyArray, temperature: Float[Array, ""]
) -> Int[Array, " steps"]:
    def step(state: _State, key: PRNGKeyArray) -> tuple[_State, Int[Array, ""]]:
        outputs = model.batched(state.window[None])[0]
        logits = outputs[state.filled - 1].astype(jnp.float32)
        warm = jnp.where(temperature > 0, temperature, 1)
        drawn = jax.random.categorical(key, logits / warm)
        token = jnp.where(temperature > 0, drawn, jnp.argmax(logits)).astype(jnp.int32)
        return _longer(state, token), token

    return jax.lax.scan(step, start, keys)[1]


def _longer(state: _State, token: Int[Array, ""]) -> _State:
    length = len(state.window)
    full = state.filled == length
    window = jnp.where(full, jnp.roll(state.window, -1), state.window)
    place = jnp.where(full, length - 1, state.filled)
    return _State(window.at[place].set(token), jnp.minimum(state.filled + 1, length))


def _form(model: object) -> TokenSequences:
    form = model.input_format if isinstance(model, Model) else None
    if not isinstance(model, Model) or not isinstance(form, TokenSequences):
        raise DataError(
            where="sample: model",
            found=type(model).__name__ if form is None else f"a model of {form.law}",
            law="A decoder is a model of kernelc that starts with Tokens",
            remedy="Pass kernelc.lower(network, key=...) or the model of a fit",
        )
    if model.stateful:
        raise UnsupportedError(
            where="sample: model",
            found="a model with batch norm",
            law="Sampling runs models without a state",
            remedy="Use RMSNorm or LayerNorm",
        )
    outputs = eqx.filter_eval_shape(_outputs, model, form.like(1)).shape
    if outputs[1:] != (form.length, form.vocabulary):
        raise ShapeError(
            where="sample: model",
            found=f"outputs of shape {outputs[1:]}",
            law=f"There is an output for each of {form.vocabulary} tokens at each of "
            f"{form.length} locations",
            remedy=f"End the network with Dense({form.vocabulary}) on all locations",
        )
    return form


@eqx.filter_jit
def _outputs(model: Model, tokens: PyTree) -> Array:
    return eqx.nn.inference_mode(model).batched(tokens)


def _tokens(prompt: object, form: TokenSequences) -> np.ndarray:
    if isinstance(prompt, str | bytes):
        if form.vocabulary != _BYTES:
            raise DataError(
                where="sample: prompt",
                found=f"text for a vocabulary of {form.vocabulary}",
                law="Text stands for its bytes where the vocabulary is the 256 bytes",
                remedy="Pass the numbers of the tokens",
            )
        prompt = list(utf8(prompt, "sample: prompt") if isinstance(prompt, str) else prompt)
    try:
        tokens = np.asarray(prompt)
    except (TypeError, ValueError):
        tokens = np.zeros(0)  # refused below
    good = tokens.ndim == 1 and tokens.size and tokens.dtype.kind in "iu"
    if not good or tokens.min() < 0 or tokens.max() >= form.vocabulary:
        raise DataError(
            where="sample: prompt",
            found=shown(prompt),
            law=f"A prompt is at least one integer from 0 to {form.vocabulary - 1}",
            remedy="Pass for example numpy.array([0])",
        )
    return tokens.astype(np.int32)


# Rounding of one batch, relative to the largest output.
_NOISE = 1e-4


def _check_outputs(model: Model, form: TokenSequences) -> None:
    """UnsupportedError where other tokens in the second half, or at the end, change outputs of
    locations before them; DataError where outputs are NaN."""
    length = form.length
    tokens = np.random.default_rng(0).integers(0, form.vocabulary, length)
    tried = np.tile(tokens, (3, 1))
    starts = (length - length // 2, length - 1)
    for row, start in enumerate(starts, 1):
        tried[row, start:] = (tried[row, start:] + 1) % form.vocabulary
    outputs = np.asarray(_outputs(model, jnp.asarray(tried, jnp.int32)), np.float64)
    if np.isnan(outputs).any():
        raise DataError(
            where="sample: model",
            found="outputs that are NaN",
            law="A token is drawn with the probability softmax(f)",
            remedy="Train with a smaller rate",
        )
    if length == 1 or form.vocabulary == 1:
        return
    scale = np.abs(outputs).max()
    for row, start in enumerate(starts, 1):
        change = np.abs(outputs[row, :start] - outputs[0, :start]).max()
        if change > _NOISE * scale:
            raise UnsupportedError(
                where="sample: model",
                found=f"outputs that change by {change:.3g} with tokens behind them",
                law="Outputs of a decoder depend on the tokens up to their location alone",
                remedy='Use MultiHeadAttention(..., mask="causal"), and no pooling',
            )
