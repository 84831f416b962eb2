"""load: a model from its file, which is refused if it holds another network than expected."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from .._errors import KernelcError, LoadError, shown
from ..ir import Network, as_network, first_difference, strict_json
from ..modules import Model, Policy, Remat, checked_form, is_index, state_of, state_starts
from ._arrange import Loop, loops_of
from ._container import LAW, REMEDY, read_container, refuse
from ._lower import bare
from ._save import FORMAT, VERSION, Settings, leaves_by_name


class Loaded(NamedTuple):
    """What `load` returns: a model, and its state where it has running statistics."""

    model: Model
    state: eqx.nn.State | None


class _Form(NamedTuple):
    """How the model of a file was lowered."""

    policy: Policy
    remat: Remat
    axis_name: str | None
    loops: list[Loop]
    settings: Settings


def load(path: str | os.PathLike[str], network: object = None) -> Loaded:
    """Read a model that `save` wrote, in the form and with the very values it had.

    Nothing in the file is evaluated or unpickled, and memory is bounded by its length.
    Layer kinds of your own must be defined first.

    Arguments:
        path: the file.
        network: a `Network`, or what `shape` returns, that the file must hold the weights of;
            default whatever the file says. `model.network` is the one that was stored.

    Returns: the pair of model and state; the state is None for a model without statistics.

    Raises:
        LoadError: a file that is missing, cut short, changed or of another format, that holds
            another network than `network` (the first node that differs is named), layer kinds
            that are not known, or a dtype that JAX is not set to.

    Example:
        >>> import jax, pathlib, tempfile, kernelc as kc
        >>> x = kc.Input((4,))
        >>> wide, narrow = (kc.Network(x, kc.Dense(width)(x)) for width in (9, 3))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder) / "wide.kernelc"
        ...     kc.save(file, kc.lower(wide, key=jax.random.key(0)))
        ...     try:
        ...         kc.load(file, network=narrow)
        ...     except kc.LoadError as error:
        ...         print(error.found)
        node 'dense_1' with width = 9 where the given network has width = 3
    """
    found = read_container(path)
    try:
        stored = _stored(found.metadata)
        if network is not None:
            _require_same(stored, as_network(network, "load").network)
        form = _form(found.metadata["model"])
        like = _bare(stored, form)
        model = _filled(like, found.arrays, form.settings)
        return Loaded(model, _state(model, like, found.arrays))
    except KernelcError as error:
        raise LoadError(f"{path}: {error.where}", error.found, error.law, error.remedy) from error


def _stored(metadata: Mapping[str, str]) -> Network:
    if metadata.get("format") != FORMAT:
        refuse("header", f"the format {shown(metadata.get('format'))}")
    if metadata.get("version") != VERSION:
        found = f"version {shown(metadata.get('version'))}"
        refuse("header", found, f"this kernelc reads version {VERSION}")
    if set(metadata) != {"format", "version", "network", "model"}:
        refuse("header", f"entries {', '.join(sorted(metadata))}"[:120])
    return Network.from_json(metadata["network"])


def _require_same(stored: Network, given: Network) -> None:
    unlike = first_difference(stored, given)
    if unlike is not None:
        where, there, here = unlike
        raise LoadError(
            where="network",
            found=f"{where} with {there} where the given network has {here}",
            law="weights belong to the network they were made for",
            remedy="give that network, or none to get the stored one as model.network",
        )


def _form(text: str) -> _Form:
    where = 'header, entry "model"'
    told = strict_json(text, where, LAW, REMEDY)
    fields = ("policy", "axis_name", "loops", "settings")
    if not isinstance(told, dict) or set(told) != set(fields):
        refuse(where, "a malformed entry")
    policy, axis_name, loops, settings = (told[field] for field in fields)
    # Beside its fields, which are dtypes, the forms that lower takes as arguments of those names.
    if not isinstance(policy, dict) or set(policy) != set(Policy.__dataclass_fields__):
        refuse(where, f"the policy {shown(policy)}")
    if not all(isinstance(choice, str) for choice in policy.values()):
        refuse(where, f"the policy {shown(policy)}")
    if axis_name is not None and not isinstance(axis_name, str):
        refuse(where, f"the axis name {shown(axis_name)}")
    if not isinstance(settings, dict) or not isinstance(loops, list):
        refuse(where, "settings or loops of the wrong type")
    for loop in loops:
        if not isinstance(loop, list) or [type(number) for number in loop] != [int] * 3:
            refuse(where, f"the loop {shown(loop)}")
    _, remat = (checked_form(where, name, policy.pop(name)) for name in ("layers", "remat"))
    loops = [tuple(loop) for loop in loops]
    return _Form(Policy(**policy), cast(Remat, remat), axis_name, loops, settings)


def _bare(network: Network, form: _Form) -> Model:
    try:
        like = bare(network, form.policy, form.axis_name, form.remat, set(form.loops))
    except (TypeError, ValueError, ArithmeticError, MemoryError) as error:
        # Sizes beyond the limits of JAX; layer kinds of users may raise other errors.
        refuse("network", f"a network that cannot be lowered ({str(error)[:200]})")
    if loops_of(like) != form.loops:
        refuse('header, entry "model"', "loops over blocks that do not repeat")
    return like


def _filled(like: Model, arrays: Mapping[str, np.ndarray], settings: Settings) -> Model:
    """The bare model with its values."""
    wanted = dict(leaves_by_name(like))
    starts = state_starts(like.nodes)
    described = [n for n, leaf in wanted.items() if isinstance(leaf, jax.ShapeDtypeStruct)]
    _require_names("arrays", arrays, [*described, *starts])
    plain = {name: leaf for name, leaf in wanted.items() if type(leaf) in (bool, int, float)}
    _require_names("settings", settings, list(plain))
    leaves = []
    for name, leaf in wanted.items():
        if isinstance(leaf, jax.ShapeDtypeStruct):
            leaf = _array(name, arrays[name], leaf.shape, leaf.dtype)
        elif name in plain:
            if type(settings[name]) is not type(leaf):
                refuse(name, f"the setting {shown(settings[name])}")
            leaf = settings[name]
        leaves.append(leaf)
    return jax.tree.unflatten(jax.tree.structure(like, is_leaf=is_index), leaves)


def _state(model: Model, like: Model, arrays: Mapping[str, np.ndarray]) -> eqx.nn.State | None:
    # Checked after the parameters, whose sizes bound those of the statistics.
    starts = state_starts(like.nodes)
    found = {
        name: _array(name, arrays[name], start.shape, getattr(start, "dtype", jnp.float32))
        for name, start in starts.items()
    }
    return state_of(found, model.nodes) if starts else None


def _array(name: str, array: np.ndarray, shape: tuple[int, ...], dtype: DTypeLike) -> jax.Array:
    if (array.shape, array.dtype) != (tuple(shape), dtype):
        refuse(
            name,
            f"{array.dtype}{list(array.shape)}",
            f"its network has {jnp.dtype(dtype).name}{list(shape)} there",
        )
    return jnp.array(array)


def _require_names(what: str, found: Mapping[str, object], wanted: list[str]) -> None:
    missing = [name for name in wanted if name not in found]
    known = set(wanted)
    spare = [name for name in found if name not in known]
    if missing or spare:
        told = f"no {missing[0]!r}" if missing else f"{spare[0]!r}, which its network has not"
        refuse(what, told[:120])
