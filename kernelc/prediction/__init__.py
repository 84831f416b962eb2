"""Predictions: of infinitely wide networks, by kernel regression, and of decoders, by sampling."""

from ._likelihood import Likelihood as Likelihood
from ._predict import predict as predict
from ._regression import KernelRegression as KernelRegression, Prediction as Prediction
from ._sample import sample as sample
