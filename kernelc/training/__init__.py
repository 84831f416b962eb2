"""Training under jit: fit a model, measure it, and compare learning rates."""

from ._curvature import LossWithCurvature as LossWithCurvature
from ._evaluate import evaluate as evaluate
from ._fit import fit as fit
from ._kfac_stepper import kfac_blocks as kfac_blocks
from ._losses import CrossEntropy as CrossEntropy, Huber as Huber
from ._make_step import TrainStep as TrainStep, make_step as make_step
from ._restore import Restored as Restored, restore as restore
from ._result import FitResult as FitResult, Metrics as Metrics, Record as Record
from ._sweep import learning_rate_sweep as learning_rate_sweep
