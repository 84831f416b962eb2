"""K-FAC, through kfac-jax: settings, curvature blocks, and the steps of the optimizer."""

from ._blocks import KFACBlocks as KFACBlocks, parameter_names as parameter_names
from ._engine import Batch as Batch, Engine as Engine, Problem as Problem
from ._outcome import Curvature as Curvature, Outcome as Outcome
from ._settings import KFAC as KFAC, kfac as kfac
