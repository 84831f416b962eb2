"""Valid calls of layer kinds, whose arguments tests replace one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import kernelc as kc


Call = tuple[Callable[..., Any], dict[str, Any], dict[str, str]]
"""A function, arguments that work, and for some of them which bad values are good ones."""

OPTIONAL = "None"
NUMBERS = "minus one, zero, fraction"


def layers() -> Iterator[tuple[str, Call]]:
    """Every layer kind with fields that are checked when it is made."""
    drawn = {"weight_std": "zero, fraction, symbol", "bias_std": "zero, fraction, symbol"}
    flags = {"bias": "true"}
    for kind, width in (("Dense", "width"), ("LooksLinear", "width")):
        given = {width: 4, "weight_std": 1.0, "bias_std": 0.0, "init": "gaussian", "bias": True}
        yield kind, (getattr(kc, kind), given, drawn | flags)
    strict = {"weight_std": "fraction, symbol", "bias_std": drawn["bias_std"]} | flags
    given = {"width": 4, "weight_std": 1.0, "bias_std": 0.0, "bias": True}
    yield "StandardizedDense", (kc.StandardizedDense, given, strict)
    conv = {"channels": 4, "padding": "SAME", "weight_std": 1.0, "bias_std": 0.0, "bias": True}
    yield "Conv", (kc.Conv, conv | {"groups": 1, "delta": True}, drawn | flags | {"delta": "true"})
    yield "LocalConv", (kc.LocalConv, conv, drawn | flags)
    yield "ConvTranspose", (kc.ConvTranspose, conv | {"groups": 1}, drawn | flags)
    yield "Resize", (kc.Resize, {"factor": 2, "method": "linear"}, {})
    transform = dict.fromkeys(("beta", "delta"), NUMBERS)
    scales = dict.fromkeys(("alpha", "gamma"), "minus one, fraction")
    given = {"function": "tanh", "alpha": 1.0, "beta": 0.0, "gamma": 1.0, "delta": 0.0}
    good = transform | scales | {"function": "symbol"}
    yield "Activation", (kc.Activation, given, good)
    norm = {"axis": -1, "center": True, "eps": 1e-6, "affine": True}
    good = {"axis": "minus one", "center": "true", "eps": "zero, fraction", "affine": "true"}
    yield "LayerNorm", (kc.LayerNorm, norm, good)
    del norm["center"]
    yield "RMSNorm", (kc.RMSNorm, norm, good)
    good = {"momentum": "zero", "eps": "zero, fraction"}
    yield "BatchNorm", (kc.BatchNorm, {"momentum": 0.9, "eps": 1e-5}, good)
    yield "Dropout", (kc.Dropout, {"rate": 0.1}, {"rate": "zero"})
    good = {"value": f"{NUMBERS}, symbol", "trainable": "true"}
    yield "Scale", (kc.Scale, {"value": 1.0, "trainable": True}, good)
    yield "DropPath", (kc.DropPath, {"rate": 0.1}, {"rate": "zero"})
    good = {"value": f"{NUMBERS}, symbol", "bias": "true"}
    yield "ChannelScale", (kc.ChannelScale, {"value": 1.0, "bias": False}, good)
    good = {"eps": "zero, fraction", "affine": "true"}
    yield "GroupNorm", (kc.GroupNorm, {"groups": 2, "eps": 1e-6, "affine": True}, good)
    yield "Opaque", (kc.Opaque, {"reason": "a sort", "shape": (3,)}, {"reason": "text"})
    yield "Broadcast", (kc.Broadcast, {"locations": (2, 2)}, {})
    given = {"start": 0, "stop": 2, "step": 1}
    yield "TakeLocations", (kc.TakeLocations, given, {"start": "zero", "stop": "None"})
    yield "TakeChannels", (kc.TakeChannels, {"start": 0, "stop": 2}, {"start": "zero"})
    yield "ChannelShuffle", (kc.ChannelShuffle, {"groups": 2}, {})
    yield "ConcatTokens", (kc.ConcatTokens, {"axis": 0}, {"axis": "zero"})
    yield "PixelShuffle", (kc.PixelShuffle, {"factor": 2}, {})
    yield "PixelUnshuffle", (kc.PixelUnshuffle, {"factor": 2}, {})
    yield "PadLocations", (kc.PadLocations, {"pairs": ((1, 1),)}, {})
    yield "Roll", (kc.Roll, {"shifts": 1}, {"shifts": "minus one, zero"})
    yield "ToImage", (kc.ToImage, {"locations": (2, 2)}, {})
    given = {"heads": 1, "skip": 0.0, "gain": 1.0, "centering": 0.0}
    good = dict.fromkeys(("skip", "gain", "centering"), NUMBERS) | {"heads": "true"}
    given |= {"mask": None, "bias": None, "row_scale": None, "scale": "1/d"}
    given |= {"rotary": None}
    good |= {
        "rotary": "None, fraction",
        "mask": "None",
        "bias": "None",
        "row_scale": "None, jax array",
    }
    yield "Attention", (kc.Attention, given, good)
    yield "ClassToken", (kc.ClassToken, {"std": 1.0}, {"std": "zero, fraction, symbol"})
    good = {"std": "zero, fraction, symbol", "base": "fraction"}
    yield "PositionalEncoding", (kc.PositionalEncoding, {"std": 1.0, "base": 100.0}, good)
    yield "PLN", (kc.PLN, {"mode": "one"}, {})
    yield "WeightedSum", (kc.WeightedSum, {"weights": (1.0, 1.0)}, {})
    for kind in ("MeanPool", "MaxPool", "WeightedMeanPool"):
        yield kind, (getattr(kc, kind), {"padding": "SAME"}, {})
