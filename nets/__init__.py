"""Architectures written in the public API of kernelc alone."""

from ._convnet import convnet as convnet
from ._decoder import decoder as decoder
from ._encoder import encoder as encoder
from ._mlp import mlp as mlp
from ._nf_resnet import nf_resnet as nf_resnet
from ._resnet import resnet as resnet
from ._tricks import tricks as tricks
from ._vit import vit as vit
from ._wide_resnet import wide_resnet as wide_resnet
