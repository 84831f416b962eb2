"""kernelc: a symbolic-numeric compiler for the kernels of neural networks.

Describe a network, derive its kernel in SymPy, shape it (DKS, TAT), evaluate it on data, lower it
to Equinox, fit it.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from ._deprecated import FORMER_NAMES, warn_renamed


__version__ = "0.1.0"

# A public name is imported with its package, at its first use: the command line answers without
# JAX and SymPy. A new name gets a line here, for type checkers, and a word in `_NAMES`.
if TYPE_CHECKING:
    from . import data as data, extend as extend
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
    from .curvature import KFAC as KFAC, KFACBlocks as KFACBlocks, kfac as kfac
    from .diagnosis import (
        Comparison as Comparison,
        Figure as Figure,
        MeasuredNode as MeasuredNode,
        Measurement as Measurement,
        Quality as Quality,
        Report as Report,
        Verdict as Verdict,
        compare as compare,
        diagnose as diagnose,
        measure as measure,
    )
    from .ir import (
        Layer as Layer,
        Network as Network,
        Node as Node,
        chain as chain,
    )
    from .layers import (
        GEGLU as GEGLU,
        GLU as GLU,
        PLN as PLN,
        Activation as Activation,
        AssumeGaussian as AssumeGaussian,
        Attention as Attention,
        BatchNorm as BatchNorm,
        Broadcast as Broadcast,
        ChannelScale as ChannelScale,
        ChannelShuffle as ChannelShuffle,
        ClassToken as ClassToken,
        Concat as Concat,
        ConcatTokens as ConcatTokens,
        Conv as Conv,
        ConvTranspose as ConvTranspose,
        Dense as Dense,
        Dropout as Dropout,
        DropPath as DropPath,
        Embedding as Embedding,
        FirstToken as FirstToken,
        Flatten as Flatten,
        GlobalMeanPool as GlobalMeanPool,
        GroupNorm as GroupNorm,
        Input as Input,
        LastToken as LastToken,
        LayerNorm as LayerNorm,
        LocalConv as LocalConv,
        LooksLinear as LooksLinear,
        MaxPool as MaxPool,
        MeanPool as MeanPool,
        MultiHeadAttention as MultiHeadAttention,
        Opaque as Opaque,
        PadLocations as PadLocations,
        PixelShuffle as PixelShuffle,
        PixelUnshuffle as PixelUnshuffle,
        PositionalEmbedding as PositionalEmbedding,
        PositionalEncoding as PositionalEncoding,
        Product as Product,
        Resize as Resize,
        RMSNorm as RMSNorm,
        Roll as Roll,
        Scale as Scale,
        StandardizedConv as StandardizedConv,
        StandardizedDense as StandardizedDense,
        SwiGLU as SwiGLU,
        TakeChannels as TakeChannels,
        TakeLocations as TakeLocations,
        ToImage as ToImage,
        Tokens as Tokens,
        ToSequence as ToSequence,
        WeightedMeanPool as WeightedMeanPool,
        WeightedSum as WeightedSum,
        fan_in as fan_in,
        fan_out as fan_out,
        gain as gain,
        initialization as initialization,
        repeat as repeat,
        residual as residual,
    )
    from .lowering import (
        load as load,
        lower as lower,
        save as save,
        scanned as scanned,
        unrolled as unrolled,
    )
    from .modules import (
        Model as Model,
        Policy as Policy,
        Selection as Selection,
        select as select,
    )
    from .numeric import (
        EmpiricalNTK as EmpiricalNTK,
        KernelFunction as KernelFunction,
        KernelMatrices as KernelMatrices,
        empirical_kernel as empirical_kernel,
        kernel_fn as kernel_fn,
        token_covariance as token_covariance,
    )
    from .prediction import (
        KernelRegression as KernelRegression,
        Likelihood as Likelihood,
        Prediction as Prediction,
        predict as predict,
        sample as sample,
    )
    from .reading import (
        Answer as Answer,
        ReadNetwork as ReadNetwork,
        read as read,
    )
    from .shaping import (
        DKS as DKS,
        SPA as SPA,
        TAT as TAT,
        EdgeOfChaos as EdgeOfChaos,
        RowScale as RowScale,
        ShapedNetwork as ShapedNetwork,
        Target as Target,
        TokenTarget as TokenTarget,
        Transform as Transform,
        shape as shape,
    )
    from .symbolic import (
        CosineLaw as CosineLaw,
        DepthScales as DepthScales,
        DerivativeKernels as DerivativeKernels,
        Eigenvalue as Eigenvalue,
        Expansion as Expansion,
        FixedPoint as FixedPoint,
        Kernel as Kernel,
        derive as derive,
        kernel_from_json as kernel_from_json,
    )
    from .training import (
        CrossEntropy as CrossEntropy,
        FitResult as FitResult,
        Huber as Huber,
        LossWithCurvature as LossWithCurvature,
        Metrics as Metrics,
        Record as Record,
        Restored as Restored,
        TrainStep as TrainStep,
        evaluate as evaluate,
        fit as fit,
        kfac_blocks as kfac_blocks,
        learning_rate_sweep as learning_rate_sweep,
        make_step as make_step,
        restore as restore,
    )


_NAMES = {
    "_errors": "ActivationError DataError DependenceError GraphError KernelcError LoadError "
    "PackageError ShapeError ShapingError UnreachableError UnsupportedError",
    "activations": "ACTIVATIONS ScalarFunction",
    "curvature": "KFACBlocks KFAC kfac",
    "data": "data",
    "diagnosis": "Comparison Figure MeasuredNode Measurement Quality Report Verdict compare "
    "diagnose measure",
    "extend": "extend",
    "ir": "Layer Network Node chain",
    "layers": "Activation AssumeGaussian Attention BatchNorm Broadcast ChannelScale "
    "ChannelShuffle ClassToken Concat ConcatTokens Conv ConvTranspose Dense DropPath "
    "Dropout Embedding FirstToken Flatten GEGLU GLU GlobalMeanPool GroupNorm Input "
    "LastToken LayerNorm LocalConv LooksLinear MaxPool MeanPool MultiHeadAttention "
    "Opaque PLN PadLocations PixelShuffle PixelUnshuffle PositionalEmbedding "
    "PositionalEncoding Product RMSNorm Resize Roll Scale StandardizedConv "
    "StandardizedDense SwiGLU TakeChannels TakeLocations ToImage ToSequence Tokens "
    "WeightedMeanPool WeightedSum fan_in fan_out gain initialization repeat residual",
    "lowering": "load lower save scanned unrolled",
    "modules": "Model Policy Selection select",
    "numeric": "EmpiricalNTK KernelFunction KernelMatrices empirical_kernel kernel_fn "
    "token_covariance",
    "prediction": "KernelRegression Likelihood Prediction predict sample",
    "reading": "Answer ReadNetwork read",
    "shaping": "DKS EdgeOfChaos RowScale SPA ShapedNetwork TAT Target TokenTarget Transform shape",
    "symbolic": "CosineLaw DepthScales DerivativeKernels Eigenvalue Expansion FixedPoint Kernel "
    "derive kernel_from_json",
    "training": "CrossEntropy FitResult Huber LossWithCurvature Metrics Record Restored TrainStep "
    "kfac_blocks evaluate fit learning_rate_sweep make_step restore",
}
_PACKAGES = {name: package for package, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return sorted(_PACKAGES)
    if name in FORMER_NAMES:
        warn_renamed(f"kernelc.{name}", f"kernelc.{FORMER_NAMES[name]}")
        return getattr(sys.modules[__name__], FORMER_NAMES[name])
    if name not in _PACKAGES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    package = _PACKAGES[name]
    if package in ("ir", "lowering"):
        # Layer kinds register when they are imported: `Layer.kinds` has all of kernelc's own.
        importlib.import_module(".layers", __name__)
    module = importlib.import_module(f".{package}", __name__)
    value = module if name == package else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PACKAGES})
