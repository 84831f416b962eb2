"""The command line: inspect, diagnose, shape and train networks."""

from ._app import app as app, main as main
