"""Kernels of data: networks compiled into NNGP and NTK matrices."""

from ._empirical import empirical_kernel as empirical_kernel
from ._jacobian import EmpiricalNTK as EmpiricalNTK
from ._kernel_fn import KernelFunction as KernelFunction, kernel_fn as kernel_fn
from ._matrices import KernelMatrices as KernelMatrices
from ._sensitivity import StdKernel as StdKernel
from ._token_covariance import token_covariance as token_covariance
from ._token_levels import TokenLevel as TokenLevel, token_levels as token_levels
