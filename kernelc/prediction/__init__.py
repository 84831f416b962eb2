"""Predictions of infinitely wide networks: Gaussian processes and kernel regression."""

from ._likelihood import Likelihood as Likelihood
from ._predict import predict as predict
from ._regression import KernelRegression as KernelRegression, Prediction as Prediction
