"""The readers under attack."""

from ..case import Target
from . import arrays, checkpoint, cifar, commands, expression, idx, images, model, network


TARGETS: tuple[Target, ...] = tuple(
    module.TARGET
    for module in (network, expression, idx, cifar, images, arrays, commands, checkpoint, model)
)
