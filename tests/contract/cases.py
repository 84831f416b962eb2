"""One small instance of every layer kind, with its input shapes and whether its kernel is known."""

from __future__ import annotations

import dataclasses

import kernelc as kc


@dataclasses.dataclass(frozen=True)
class Case:
    """A layer, the shape of each thing it reads, why `derive` refuses it if it does, and whether
    it reads tokens."""

    layer: kc.Layer
    shapes: tuple[tuple[int, ...], ...] = ((6, 4),)
    refused: str | None = None
    tokens: bool = False


CASES = {
    "Activation": Case(kc.Activation("tanh")),
    "AssumeGaussian": Case(kc.AssumeGaussian()),
    "Attention": Case(kc.Attention(2, scale="1/d"), ((6, 4),) * 3),
    "BatchNorm": Case(kc.BatchNorm()),
    "Broadcast": Case(kc.Broadcast((2, 3)), ((4,),)),
    "ChannelScale": Case(kc.ChannelScale(0.5)),
    "ChannelShuffle": Case(kc.ChannelShuffle(2)),
    "ClassToken": Case(kc.ClassToken(), refused="unlike"),
    "Concat": Case(kc.Concat(), ((6, 4), (6, 2))),
    "ConcatTokens": Case(kc.ConcatTokens(), ((6, 4), (6, 4)), refused="unlike"),
    "Conv": Case(kc.Conv(3, 3)),
    "ConvTranspose": Case(kc.ConvTranspose(3, 2)),
    "Dense": Case(kc.Dense(5, bias_std=0.1)),
    "Dropout": Case(kc.Dropout(0.2)),
    "DropPath": Case(kc.DropPath(0.2)),
    "Embedding": Case(kc.Embedding(5), tokens=True),
    "FirstToken": Case(kc.FirstToken()),
    "Flatten": Case(kc.Flatten()),
    "GlobalMeanPool": Case(kc.GlobalMeanPool()),
    "GroupNorm": Case(kc.GroupNorm(2)),
    "LastToken": Case(kc.LastToken()),
    "LayerNorm": Case(kc.LayerNorm()),
    "LocalConv": Case(kc.LocalConv(3, 3, padding="CIRCULAR")),
    "LooksLinear": Case(kc.LooksLinear(5, bias_std=0.1)),
    "MaxPool": Case(kc.MaxPool(2), refused="maximum"),
    "MeanPool": Case(kc.MeanPool(2)),
    "PLN": Case(kc.PLN()),
    "PadLocations": Case(kc.PadLocations(((1, 2),)), refused="empty"),
    "PixelShuffle": Case(kc.PixelShuffle(2), refused="empty"),
    "PixelUnshuffle": Case(kc.PixelUnshuffle(2)),
    "PositionalEmbedding": Case(kc.PositionalEmbedding(0.5)),
    "PositionalEncoding": Case(kc.PositionalEncoding(0.5)),
    "Product": Case(kc.Product(), ((6, 4), (6, 4))),
    "RMSNorm": Case(kc.RMSNorm()),
    "Resize": Case(kc.Resize(2)),
    "Roll": Case(kc.Roll(2)),
    "Scale": Case(kc.Scale(0.5)),
    "StandardizedConv": Case(kc.StandardizedConv(5, bias_std=0.1, padding="CIRCULAR")),
    "StandardizedDense": Case(kc.StandardizedDense(5, bias_std=0.1)),
    "TakeChannels": Case(kc.TakeChannels(1, 3)),
    "TakeLocations": Case(kc.TakeLocations(1, 5, 2)),
    "ToImage": Case(kc.ToImage((2, 3))),
    "ToSequence": Case(kc.ToSequence(), ((3, 2, 4),)),
    "WeightedMeanPool": Case(kc.WeightedMeanPool(3)),
    "WeightedSum": Case(kc.WeightedSum((0.6, 0.8)), ((6, 4), (6, 4))),
}


def network(case: Case) -> kc.Network:
    """The layer after layers of weights: a Dense layer of the right width for each input."""
    if case.tokens:
        return kc.Network(start := kc.Tokens(6, 3), case.layer(start))
    x = kc.Input((*case.shapes[0][:-1], 3))
    return kc.Network(x, case.layer(*(kc.Dense(shape[-1])(x) for shape in case.shapes)))
