"""The repr of values: kind and fields, arrays by shape, and no addresses."""

from __future__ import annotations

import numpy as np

import kernelc as kc


X = kc.Input((4,))
NET = kc.Network(X, kc.chain(kc.Dense(8), kc.Activation("tanh"), kc.Dense(3))(X), name="small")
SHOWN = "Network(name='small', input_shape=(4,), output_shape=(3,), nodes=4)"


def test_values_show_their_fields():
    assert repr(NET) == SHOWN
    assert repr(kc.kernel_fn(NET)) == f"KernelFunction({SHOWN}, q=None, parameterization='ntk')"
    assert repr(kc.derive(NET)) == f"Kernel({SHOWN}, equations=4)"
    shaped = repr(kc.shape(NET))
    assert shaped.startswith("ShapedNetwork(Network(name='small'")
    assert "target=DKS(zeta=1.5, q_slope=1.0), transforms={'tanh': Transform(alpha=" in shaped
    assert repr(kc.diagnose(NET)).startswith("Report(network='small', verdict='trains")


def test_arrays_are_shown_by_type_and_shape():
    data = kc.data.Dataset(np.ones((4, 2), np.float32), np.arange(4), name="ones", classes=4)
    assert repr(data) == "Dataset(train_x=float32[4, 2], train_y=int32[4], name='ones', classes=4)"


def test_models_show_their_activations_by_name():
    told = repr(kc.lower(NET, key=0))
    assert "weight=f32[4,8]" in told
    assert "phi=<activation tanh>" in told
    assert " at 0x" not in told
