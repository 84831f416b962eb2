"""Networks of values with locations, for the comparison with wide finite ones."""

from __future__ import annotations

from monte_carlo_cases import (
    LINE,
    RELU,
    SEEDS,
    TANH,
    WIDTH,
    Case,
    act,
    conv,
    dense,
    depthwise,
    excited,
    joined,
    local,
    same,
)

import kernelc as kc


IMAGES = [
    Case("pln avg_q", kc.chain(kc.PLN("avg_q"), conv(1), TANH), LINE, s=0.3),
    Case("conv delta", kc.chain(conv(), RELU, conv(bias_std=0.4)), LINE, s=0.3),
    Case(
        "conv delta valid stride",
        kc.chain(conv(padding="VALID"), TANH, conv(stride=2)),
        LINE,
        s=0.3,
    ),
    Case(
        "conv spread circular",
        kc.chain(
            conv(delta=False, padding="CIRCULAR"), RELU, conv(delta=False, padding="CIRCULAR")
        ),
        LINE,
        s=0.3,
    ),
    Case(
        "conv spread valid",
        kc.chain(
            conv(delta=False, padding="VALID"),
            RELU,
            conv(delta=False, padding="VALID", bias_std=0.3),
        ),
        LINE,
        s=0.3,
    ),
    Case("conv groups", kc.chain(conv(), RELU, conv(groups=2), TANH), LINE, s=0.3),
    Case("conv groups suo", kc.chain(conv(1), RELU, conv(groups=4, init="suo")), LINE, s=0.3),
    Case(
        "depthwise, pointwise",
        kc.chain(conv(), RELU, depthwise(weight_std=1.2, bias_std=0.3), conv(1), TANH),
        LINE,
        s=0.3,
    ),
    Case("depthwise delta", kc.chain(conv(), RELU, conv(groups=WIDTH, stride=2)), LINE, s=0.3),
    Case(
        "depthwise, several outputs of a channel",
        kc.chain(kc.Conv(WIDTH // 2), TANH, conv(groups=WIDTH // 2), conv(1), RELU),
        LINE,
        s=0.3,
    ),
    Case(
        "depthwise, layer norm, pointwise, in a sum",
        kc.chain(
            conv(),
            kc.residual(kc.chain(depthwise(5), kc.LayerNorm(), conv(1), act("gelu"), conv(1))),
            TANH,
        ),
        LINE,
        s=0.3,
    ),
    Case(
        "sums with depthwise values",
        kc.chain(
            conv(),
            RELU,
            kc.residual(kc.chain(depthwise(), kc.Dropout(0.2))),
            joined(kc.WeightedSum((1.0, 0.7)), depthwise(5), depthwise()),
            conv(1),
            RELU,
        ),
        LINE,
        s=0.3,
        seeds=2 * SEEDS,
    ),
    Case(
        "depthwise of a concatenation",
        kc.chain(
            conv(),
            joined(kc.Concat(), kc.chain(kc.Conv(WIDTH // 2), RELU), kc.Conv(WIDTH // 2)),
            kc.residual(depthwise()),
            conv(1),
            TANH,
        ),
        LINE,
        s=0.3,
    ),
    Case(
        "depthwise, pool",
        kc.chain(conv(), RELU, depthwise(), kc.MeanPool(2), conv(1), TANH, kc.GlobalMeanPool()),
        LINE,
        s=0.4,
    ),
    Case("conv suo", kc.chain(conv(init="suo"), TANH, conv(init="suo", stride=2)), LINE, s=0.3),
    Case(
        "conv in two axes",
        kc.chain(
            kc.Conv(WIDTH, (3, 1)), RELU, kc.Conv(WIDTH, (1, 3), delta=False, padding="CIRCULAR")
        ),
        (2, 3),
        s=0.3,
    ),
    Case("local conv", kc.chain(local(padding="VALID"), RELU, conv(bias_std=0.4)), LINE, s=0.3),
    Case(
        "local conv, pool",
        kc.chain(local(2, padding="CIRCULAR", bias_std=0.4), RELU, kc.MeanPool(2), conv(1), TANH),
        LINE,
        s=0.4,
    ),
    Case("mean pool", kc.chain(conv(), RELU, kc.MeanPool(2)), LINE, s=0.4),
    Case(
        "mean pool then layers", kc.chain(conv(), RELU, kc.MeanPool(2), conv(1), TANH), LINE, s=0.4
    ),
    Case(
        "two mean pools",
        kc.chain(conv(), RELU, kc.MeanPool(2), conv(1), TANH, kc.GlobalMeanPool()),
        LINE,
        s=0.4,
    ),
    Case(
        "mean pool overlapping",
        kc.chain(conv(), RELU, kc.MeanPool(3, stride=1), conv(1), TANH),
        LINE,
        s=0.4,
    ),
    Case("mean pool of the input", kc.chain(kc.MeanPool(3), conv(1), TANH), LINE, s=0.4),
    Case("mean pool before activation", kc.chain(conv(), kc.MeanPool(2), RELU), LINE, s=0.4),
    Case(
        "mean pool after sum",
        kc.chain(conv(), kc.residual(kc.chain(RELU, conv())), kc.MeanPool(2), conv(1), RELU),
        LINE,
        s=0.4,
    ),
    Case(
        "global mean pool", kc.chain(conv(), RELU, kc.GlobalMeanPool(), dense(), TANH), LINE, s=0.4
    ),
    Case(
        "global mean pool, locations independent",
        kc.chain(conv(), TANH, kc.GlobalMeanPool(), dense()),
        LINE,
        s=0.0,
    ),
    Case(
        "pool, spread conv",
        kc.chain(conv(delta=False, padding="VALID"), RELU, kc.GlobalMeanPool(), dense()),
        LINE,
        s=0.4,
    ),
    Case(
        "pool after pln",
        kc.chain(kc.PLN(), conv(), RELU, kc.GlobalMeanPool(), dense()),
        LINE,
        s=0.4,
    ),
    Case(
        "pool after concat",
        kc.chain(
            conv(), joined(kc.Concat(), same, kc.chain(RELU, conv())), TANH, kc.GlobalMeanPool()
        ),
        LINE,
        s=0.4,
    ),
    Case(
        "pool after product",
        kc.chain(
            joined(kc.Product(), conv(), kc.chain(conv(), act("sigmoid"))),
            kc.GlobalMeanPool(),
            dense(),
        ),
        LINE,
        s=0.4,
    ),
    Case(
        "pool after dropout",
        kc.chain(conv(), RELU, kc.Dropout(0.3), kc.GlobalMeanPool(), dense()),
        LINE,
        s=0.4,
    ),
    Case(
        "layer norm after pool",
        kc.chain(conv(), RELU, kc.MeanPool(2), kc.LayerNorm(), conv(1), TANH),
        LINE,
        s=0.4,
    ),
    Case(
        "layer norm over all axes",
        kc.chain(conv(), RELU, kc.LayerNorm(axis="all"), conv(), TANH),
        LINE,
        s=0.4,
    ),
    Case("group norm", kc.chain(conv(), RELU, kc.GroupNorm(8), conv(1), TANH), LINE, s=0.4),
    Case(
        "group norm of channels that differ",
        kc.chain(
            joined(
                kc.Concat(),
                kc.Conv(WIDTH // 2, weight_std=3.0),
                kc.chain(kc.Conv(WIDTH // 2), RELU),
            ),
            kc.GroupNorm(4),
            conv(1),
            TANH,
        ),
        LINE,
        s=0.4,
    ),
    Case(
        "squeeze and excitation",
        kc.chain(conv(), kc.residual(kc.chain(RELU, conv(), excited)), kc.GlobalMeanPool()),
        LINE,
        s=0.4,
    ),
    Case(
        "weighted mean pool",
        kc.chain(conv(), RELU, kc.WeightedMeanPool(3, stride=2), conv(1)),
        LINE,
        s=0.4,
    ),
    Case("flatten", kc.chain(conv(), RELU, kc.Flatten(), dense(), TANH), LINE, s=0.4),
    Case("flatten of the input", kc.chain(kc.Flatten(), dense(), TANH), LINE, s=0.4),
]
