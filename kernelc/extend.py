"""What authors of layers, readings, targets and activations build on.

Layers: a frozen `Layer` spec beside its `LayerModule`; see docs/add-a-layer.md. Readings: a
`Reading` answers the words of `KernelAlgebra` with values of its own, and `fold` runs it over a
network. Targets: a `Target` says what `kernelc.shape` solves for.
"""

from __future__ import annotations

from .activations import Definition as Definition, X as X, register as register
from .ir import (
    UNCHANGED as UNCHANGED,
    CenterTaps as CenterTaps,
    DenseMap as DenseMap,
    Flattened as Flattened,
    InARow as InARow,
    Interpolated as Interpolated,
    KernelAlgebra as KernelAlgebra,
    Layer as Layer,
    LocationMap as LocationMap,
    NetworkNode as NetworkNode,
    OneLocation as OneLocation,
    OwnWeights as OwnWeights,
    PairKind as PairKind,
    Reading as Reading,
    Reshaped as Reshaped,
    Rule as Rule,
    Selected as Selected,
    Shape as Shape,
    ShapingRule as ShapingRule,
    SharedTaps as SharedTaps,
    Site as Site,
    TransposedTaps as TransposedTaps,
    Weights as Weights,
    Window as Window,
    WindowMean as WindowMean,
    fold as fold,
    kernel_rule as kernel_rule,
)
from .layers import (
    WeightLayer as WeightLayer,
    WeightModule as WeightModule,
    WindowLayer as WindowLayer,
)
from .modules import (
    JoinModule as JoinModule,
    LayerModule as LayerModule,
    MapModule as MapModule,
    initialize as initialize,
)
from .shaping import (
    Certificate as Certificate,
    Solution as Solution,
    Target as Target,
    certified as certified,
    measured as measured,
    nonlinearities as nonlinearities,
)
