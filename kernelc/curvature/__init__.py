"""K-FAC, through kfac-jax: settings, curvature blocks, and the steps of the optimiser."""

from ._blocks import Block as Block, BlockReport as BlockReport, parameter_names as parameter_names
from ._engine import Batch as Batch, Engine as Engine, Problem as Problem
from ._kfac import kfac as kfac
from ._settings import KFAC as KFAC
