"""The words of docs/gallery.md: what `make_gallery.py` puts figures into."""

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
    "tanh": "keeps unrelated inputs unrelated, but q shrinks and the net is nearly linear",
    "relu": "q halves in every layer; angles collapse as with He weights",
    "he": "keeps q; all angles collapse",
    "orthogonal": "the same limit as Gaussian He weights",
    "leaky relu": "collapses a little later than ReLU",
    "selu": "keeps q and unrelated inputs; drives near inputs apart, mildly",
    "lsuv": "sets q to 1 and asks for no more: near inputs are driven apart",
    "edge of chaos": "slope 1 at c = 1; unrelated inputs still move together",
    "looks linear": "keeps every angle at the start; the NTK sees the rectifiers",
    "batch norm": "removes the mean that ReLU adds, and drives all inputs apart",
    "layer norm": "before ReLU it has no mean to remove: the angles of He weights",
    "layer norm after": "removes the mean after ReLU, and drives all inputs apart",
    "rms norm after": "fixes q, which He weights do already; the angles are theirs",
    "weight standardization": "removes the same mean through the weights, with the same result",
    "skips": "average each layer with the identity; q doubles in every block",
    "weighted skips": "keep q and average with the identity: a slower collapse",
    "batch norm and skips": "the trunk outgrows its branches, which tames both norm and ReLU",
    "layer norm and skips": "the trunk outgrows its branches, which slows the collapse",
    "standardized and weighted skips": "keep q and unrelated inputs; the slope grows slowly",
    "skipinit": "all branches start at zero: one layer of ReLU is left",
    "fixup": "all branches start at zero: one layer of ReLU is left",
    "dks": "q, C_f(0) and the slope are all held, without skips or norms",
    "tat": "q and the slope are held, and C_f(0) at what was asked",
}

PAGE = """# The usual tricks, as kernels

<!-- Written by make_gallery.py: change that, or gallery_text.py, and run it again. -->

Skips, norms, ReLU, SELU and the known initializations each hold some part of the kernel of a deep
net in place, and leave the others to drift. `nets.tricks` has one dense net of {depth} nonlinear
layers under each of them, and `python docs/make_gallery.py` derives them all and writes this page.

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

Figure and table are for the logits, so they include the nonlinearity before them: 0.318 is what one
ReLU alone makes of unrelated inputs. "NTK" is that of two unrelated inputs over that of an input
with itself. Inputs have q = 1. Batch norm is derived for large batches of unrelated inputs
(`c_b = 0`), and has no NTK of two inputs.

{table}

What to read in it:

- A slope far above 1 says that near inputs are driven apart, `C_f(0)` near 1 that all inputs are
  drawn together. Most tricks trade one for the other.
- Subtracting a mean is what separates the norms that change angles (batch norm, layer norm after
  ReLU, weight standardization) from those that do not.
- Skips, and branches that start at zero, bring the map near the identity, and the net near a
  shallow one. In the NTK parameterization a weight that starts at zero has no gradient, and a
  single gain counts for nothing, so "fixup" and "skipinit" show the NTK of the layers that are
  left.
- "looks linear" has the C map of a linear net and the NTK of a net of rectifiers.

## What a block does

The map of one block on the q value and the covariance of a pair that come in, as
`kc.derive(net).equations` has it (`k_in'` is that of a typical pair of the batch). Where blocks
leave everything in place, the C map of the net is given.

```text
{formulas}
```

`tests/unit/nets/test_tricks.py` compares every trick with wide nets, at 4 nonlinear layers;
`python benchmarks/tricks.py` prints q, k and NTK as derived and as measured, at 6.

Sources: He et al. 2015 (he), Klambauer et al. 2017 (selu), Mishkin and Matas 2016 (lsuv),
Schoenholz et al. 2017 (edge of chaos), Balduzzi et al. 2017 (looks linear), Ioffe and Szegedy 2015
(batch norm), Ba et al. 2016 (layer norm), Zhang and Sennrich 2019 (rms norm), Qiao et al. 2019 and
Brock et al. 2021 (weight standardization), De and Smith 2020 and Bachlechner et al. 2020 (skipinit,
also called ReZero), Zhang et al. 2019 (fixup), Martens et al. 2021 (dks), Zhang et al. 2022 (tat).
"""
