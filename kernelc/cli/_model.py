"""Models of other frameworks that the command line names, read as networks."""

from __future__ import annotations

import difflib
import importlib
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import kernelc as kc
from kernelc._packages import needed

from ._modules import attribute, called, imported


if TYPE_CHECKING:
    from ..reading import ReadNetwork


Framework: TypeAlias = Any
"""A module or a model of PyTorch or timm, which are not needed to check types."""

_FRAMEWORKS = ("torch", "equinox")
_FORMS = (
    "a model is given as torch:timm:NAME, torch:torchvision:NAME, torch:MODULE:FACTORY or "
    "equinox:MODULE:FACTORY"
)
_IMAGE = (3, 224, 224)
"""What the classifiers of torchvision are made for, with few exceptions."""
_LARGEST = 2**28


def is_model(spec: str) -> bool:
    """Whether this names a model of another framework.

    Example:
        >>> is_model("torch:timm:resnet18"), is_model("my_nets:net")
        (True, False)
    """
    return spec.partition(":")[0] in _FRAMEWORKS


def example_shape(text: str | None) -> tuple[int, ...] | None:
    """The sizes that a text says.

    Raises: LoadError for anything but positive integers.

    Example:
        >>> example_shape("3,64,64")
        (3, 64, 64)
    """
    if text is None:
        return None
    sizes = [part.strip() for part in text.split(",")]
    if all(size.isascii() and size.isdigit() and 0 < len(size) < 10 for size in sizes):
        found = tuple(map(int, sizes))
        if 0 < math.prod(found) <= _LARGEST:
            return found
    raise kc.LoadError(
        where="--shape",
        found=repr(text[:80]),
        law=f"a shape is positive integers with commas, of {_LARGEST} entries at most",
        remedy="give the shape of one input, such as --shape 3,64,64",
    )


def read_model(spec: str, shape: tuple[int, ...] | None, tokens: bool) -> ReadNetwork:
    """The network of the model that `spec` names.

    Arguments:
        spec: framework, module or collection, and name.
        shape: of one input; found out where it can be if None.
        tokens: whether inputs are integers.

    Raises:
        LoadError: no such model, or inputs of unknown shape.
        PackageError: PyTorch is not installed.
        UnsupportedError: a model that cannot be read.
    """
    framework, _, rest = spec.partition(":")
    place, _, name = rest.partition(":")
    if not (place and name):
        raise kc.LoadError(
            where=repr(spec),
            found="no model" if not rest else "no name of a model",
            law=_FORMS,
            remedy=f"for a function make() in my_net.py, write {framework}:my_net:make",
        )
    if framework == "torch":
        return _read_torch(spec, place, name, shape, tokens)
    return _read_equinox(spec, place, name, shape, tokens)


def _read_torch(
    spec: str, place: str, name: str, shape: tuple[int, ...] | None, tokens: bool
) -> ReadNetwork:
    torch = needed("torch", extra="torch", use="models of PyTorch")
    torch.manual_seed(0)
    own = None
    if place == "timm":
        model, own = _of_timm(name)
    elif place == "torchvision":
        model, own = _of_torchvision(name), _IMAGE
    else:
        model = called(spec, _factory(spec, place, name))
    if not isinstance(model, torch.nn.Module):
        raise _no_model(spec, model, "a torch.nn.Module")
    first: Framework = next(_leaves(model), None)
    if shape is None and own is None and type(first).__name__ == "Linear":
        own = (int(first.in_features),)
    example = _example(spec, shape or own, tokens)
    name = name.rpartition(".")[2]
    return kc.read(model, torch.from_numpy(example[None]), name=name)


def _leaves(model: Framework) -> Iterator[Framework]:
    return (module for module in model.modules() if not list(module.children()))


def _of_timm(name: str) -> tuple[object, tuple[int, ...] | None]:
    """A model with random weights, and the shape of its inputs."""
    timm = _collection("timm")
    if not timm.is_model(name):
        raise _unknown(f"timm:{name}", name, timm.list_models())
    model = timm.create_model(name, pretrained=False)
    size = (model.pretrained_cfg or {}).get("input_size")
    return model, None if size is None else tuple(size)


def _of_torchvision(name: str) -> object:
    models = _collection("torchvision.models")
    known = models.list_models()
    if name not in known:
        raise _unknown(f"torchvision:{name}", name, known)
    return models.get_model(name, weights=None)


def _collection(module: str) -> Framework:
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise kc.PackageError(
            where=f"models of {package}",
            found=f"no package {error.name!r}",
            law=f"torch:{package}:NAME makes a model of the package {package}",
            remedy=f"pip install {error.name}",
        ) from error


def _read_equinox(
    spec: str, place: str, name: str, shape: tuple[int, ...] | None, tokens: bool
) -> ReadNetwork:
    equinox = importlib.import_module("equinox")
    model, state = called(spec, _factory(spec, place, name)), None
    # What eqx.nn.make_with_state returns.
    if isinstance(model, tuple) and len(model) == 2 and isinstance(model[1], equinox.nn.State):
        model, state = model
    if not callable(model):
        raise _no_model(spec, model, "an eqx.Module, or that with its state")
    size = getattr(model, "in_size", None)
    if shape is None and isinstance(size, int):
        shape = (size,)
    return kc.read(model, _example(spec, shape, tokens), state=state, name=name.rpartition(".")[2])


def _factory(spec: str, place: str, name: str) -> Framework:
    found = attribute(imported(place), name)
    if not callable(found):
        raise kc.LoadError(
            where=spec,
            found=f"an object of type {type(found).__name__}",
            law="FACTORY is a function without arguments that returns a model",
            remedy="write such a function, and name it",
        )
    return found


def _example(spec: str, shape: tuple[int, ...] | None, tokens: bool) -> np.ndarray:
    if shape is None:
        raise kc.LoadError(
            where=spec,
            found="a model whose inputs have an unknown shape",
            law="a model is read by running it on one input",
            remedy="give the shape of one input, such as --shape 3,64,64; with --tokens for "
            "integers",
        )
    rng = np.random.default_rng(0)
    if tokens:
        return rng.integers(0, 2, shape)
    return rng.standard_normal(shape, np.float32)


def _no_model(spec: str, found: object, wanted: str) -> kc.LoadError:
    return kc.LoadError(
        where=spec,
        found=f"an object of type {type(found).__name__}",
        law=f"FACTORY returns {wanted}",
        remedy="end the function with return model",
    )


def _unknown(where: str, name: str, known: Sequence[str]) -> kc.LoadError:
    near = difflib.get_close_matches(name, known, n=3)
    return kc.LoadError(
        where=where,
        found=f"no model {name!r}",
        law=f"NAME is one of {len(known)} models",
        remedy=f"did you mean {' or '.join(near)}?" if near else "check its spelling",
    )
