"""The text of docs/gallery.md; `make_gallery.py` fills in the table and the formulas."""

from __future__ import annotations


GROUPS = {
    "activations and weights": (
        "tanh",
        "he",
        "leaky relu",
        "selu",
        "lsuv",
        "edge of chaos",
        "looks linear",
    ),
    "norms": (
        "he",
        "batch norm",
        "layer norm",
        "layer norm after",
        "rms norm after",
        "weight standardization",
    ),
    "skips": (
        "he",
        "skips",
        "weighted skips",
        "batch norm and skips",
        "layer norm and skips",
        "standardized and weighted skips",
    ),
    "near the identity": ("he", "skipinit", "fixup", "looks linear", "dks", "tat"),
}

SAYS = {
    "tanh": "preserves unrelated inputs, but q shrinks and the net is nearly linear",
    "relu": "q halves in every layer; angles collapse as with He weights",
    "he": "preserves q; all angles collapse",
    "orthogonal": "the same limit as Gaussian He weights",
    "leaky relu": "collapses slightly later than ReLU",
    "selu": "preserves q and unrelated inputs; separates nearby inputs moderately",
    "lsuv": "sets q to 1 and nothing else: nearby inputs are separated",
    "edge of chaos": "slope 1 at c = 1; cosines of unrelated inputs still go to 1",
    "looks linear": "preserves every angle at initialization; the NTK includes the rectifiers",
    "batch norm": "subtracts the mean that ReLU adds, and separates all inputs",
    "layer norm": "there is no mean to subtract before ReLU: the angles of He weights",
    "layer norm after": "subtracts the mean after ReLU, and separates all inputs",
    "rms norm after": "sets q, as He weights do: the angles of He weights",
    "weight standardization": "subtracts the same mean through the weights, with the same result",
    "skips": "average each block with the identity; q doubles in every block",
    "weighted skips": "preserve q and average with the identity: a slower collapse",
    "batch norm and skips": "only q of the trunk grows, which limits the slope",
    "layer norm and skips": "only q of the trunk grows: a slower collapse",
    "standardized and weighted skips": "preserve q and unrelated inputs; the slope grows slowly",
    "skipinit": "all branches start at zero: one layer of ReLU remains",
    "fixup": "all branches start at zero: one layer of ReLU remains",
    "dks": "sets q, C_f(0) and the slope, without skips or norms",
    "tat": "sets q, the slope and C_f(0)",
}

PAGE = """# The usual tricks, as kernels

<!-- Written by make_gallery.py: change that, or gallery_text.py, and run it again. -->

Skip connections, normalization layers, activations such as SELU, and initializations each control
one part of the kernel of a deep net and not the others. `nets.tricks` has a dense net of {depth}
nonlinear layers for each of these tricks. `python docs/make_gallery.py` derives their kernels and
writes this page.

```python
import kernelc as kc
import nets

family = nets.tricks(depth=50, width=512)
for name in ("he", "weight standardization", "weighted skips", "skipinit", "edge of chaos", "dks"):
    print(f"{{name:23}} C_f(0) = {{kc.derive(family[name]).evaluate(c=0.0).c:.3f}}")
```

```text
he                      C_f(0) = 0.988
weight standardization  C_f(0) = 0.318
weighted skips          C_f(0) = 0.856
skipinit                C_f(0) = 0.318
edge of chaos           C_f(0) = 0.923
dks                     C_f(0) = 0.001
```

![C maps of {depth} layers under each trick](gallery.png)

Figure and table are for the logits, so they include the nonlinearity before them: a single ReLU
has C(0) = 0.318. "NTK" is the NTK of two unrelated inputs divided by that of an input with itself.
Inputs have q = 1. Batch norm is derived for large batches of unrelated inputs (`c_b = 0`), and has
no NTK of two inputs.

{table}

How to read the table:

- With a slope far above 1, nearby inputs are separated: explosion. With `C_f(0)` near 1, all inputs
  are mapped to one direction: collapse. Most tricks trade one for the other.
- Normalizations that subtract a mean change angles (batch norm, layer norm after ReLU, weight
  standardization). The others do not.
- Skips, and branches that start at zero, bring the C map near the identity and the net near a
  shallow one. In the NTK parameterization a weight that starts at zero has no gradient, and a
  single gain contributes nothing in the limit, so "fixup" and "skipinit" show the NTK of the
  other layers.
- "looks linear" has the C map of a linear net and the NTK of a net of rectifiers.

## The map of a block

The map of one block on the incoming q value and covariance of a pair, as
`kc.derive(net).equations` has it (`k_in'` is the covariance of a typical pair of the batch). If a
block does not change them, the list has the C map of the net.

```text
{formulas}
```

`tests/unit/nets/test_tricks.py` compares every trick with wide nets of 4 nonlinear layers.
`python benchmarks/tricks.py` prints q, k and NTK, derived and measured, for 6 layers.

Sources: He et al. 2015 (he), Klambauer et al. 2017 (selu), Mishkin and Matas 2016 (lsuv),
Schoenholz et al. 2017 (edge of chaos), Balduzzi et al. 2017 (looks linear), Ioffe and Szegedy 2015
(batch norm), Ba et al. 2016 (layer norm), Zhang and Sennrich 2019 (rms norm), Qiao et al. 2019 and
Brock et al. 2021 (weight standardization), De and Smith 2020 and Bachlechner et al. 2020 (skipinit,
also called ReZero), Zhang et al. 2019 (fixup), Martens et al. 2021 (dks), Zhang et al. 2022 (tat).
"""
