"""Models of PyTorch: the front end of `torch.export`."""

from ._reader import seen_by_torch as seen_by_torch
