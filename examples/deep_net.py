"""A network for the command line: `kernelc inspect examples.deep_net:net`."""

from __future__ import annotations

import kernelc as kc
import nets


net: kc.Network = nets.mlp(30, 64, 10, (64,), "sigmoid")
