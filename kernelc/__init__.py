"""kernelc: a symbolic-numeric compiler for the kernels of neural networks.

Describe a network, derive its kernel in SymPy, shape it (DKS, TAT), evaluate it on data, lower it
to Equinox, fit it.
"""

from . import data as data
from ._errors import (
    ActivationError as ActivationError,
    DataError as DataError,
    DependenceError as DependenceError,
    GraphError as GraphError,
    KernelcError as KernelcError,
    LoadError as LoadError,
    PackageError as PackageError,
    ShapeError as ShapeError,
    ShapingError as ShapingError,
    UnreachableError as UnreachableError,
    UnsupportedError as UnsupportedError,
)
from .activations import ACTIVATIONS as ACTIVATIONS, ScalarFunction as ScalarFunction
from .curvature import KFAC as KFAC, BlockReport as BlockReport, kfac as kfac
from .diagnosis import (
    Comparison as Comparison,
    Report as Report,
    Verdict as Verdict,
    compare as compare,
    diagnose as diagnose,
)
from .ir import Layer as Layer, Network as Network, Node as Node, chain as chain, repeat as repeat
from .layers import (
    PLN as PLN,
    Activation as Activation,
    BatchNorm as BatchNorm,
    Concat as Concat,
    Conv as Conv,
    Dense as Dense,
    Dropout as Dropout,
    Flatten as Flatten,
    GlobalMeanPool as GlobalMeanPool,
    Input as Input,
    LayerNorm as LayerNorm,
    LocalConv as LocalConv,
    LooksLinear as LooksLinear,
    MaxPool as MaxPool,
    MeanPool as MeanPool,
    Product as Product,
    Scale as Scale,
    StandardisedConv as StandardisedConv,
    StandardisedDense as StandardisedDense,
    WeightedMeanPool as WeightedMeanPool,
    WeightedSum as WeightedSum,
    residual as residual,
)
from .lowering import lower as lower, scanned as scanned, unrolled as unrolled
from .modules import Model as Model, Policy as Policy
from .numeric import (
    KernelFunction as KernelFunction,
    KernelMatrices as KernelMatrices,
    empirical_kernel as empirical_kernel,
    kernel_fn as kernel_fn,
)
from .prediction import (
    KernelRegression as KernelRegression,
    Prediction as Prediction,
    predict as predict,
)
from .shaping import (
    DKS as DKS,
    TAT as TAT,
    EdgeOfChaos as EdgeOfChaos,
    ShapedNetwork as ShapedNetwork,
    Transform as Transform,
    shape as shape,
)
from .symbolic import Kernel as Kernel, derive as derive
from .training import (
    CrossEntropy as CrossEntropy,
    FitResult as FitResult,
    block_report as block_report,
    evaluate as evaluate,
    fit as fit,
    learning_rate_sweep as learning_rate_sweep,
)


__version__ = "0.1.0"
