"""The command line: inspect, diagnose, shape and train networks, and compute their kernels."""

from ._app import app as app, main as main
