"""PyTorch models: what the network computes is what the model computes."""

from __future__ import annotations

import pytest

import kernelc as kc


torch = pytest.importorskip("torch")
nn = torch.nn
functional = torch.nn.functional


class Of(nn.Module):
    """A function and the modules that it calls."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.function(self, x)


def read(model, *shape):
    torch.manual_seed(0)
    return kc.read(model, torch.randn(1, *shape))


def kinds(found):
    return [type(node.layer).__name__ for node in found.network][1:]


def weight(*shape):
    torch.manual_seed(1)
    return nn.Parameter(0.5 * torch.randn(*shape))


def attend(self, x):
    q, k, v = self.qkv(x).reshape(1, 5, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
    return functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(1, 5, 8)


def attend_by_hand(self, x):
    q, k, v = self.qkv(x).reshape(1, 5, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
    logits = (q * 0.5) @ k.transpose(-2, -1) + self.bias
    return (logits.softmax(-1) @ v).transpose(1, 2).reshape(1, 5, 8)


def attend_by_cosine(self, x):
    q, k, v = self.qkv(x).reshape(1, 5, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
    logits = functional.normalize(q, dim=-1) @ functional.normalize(k, dim=-1).transpose(-2, -1)
    logits = logits * self.gain.exp() + self.bias
    return (logits.softmax(-1) @ v).transpose(1, 2).reshape(1, 5, 8)


def windows(self, x):
    """Attention within windows of two by two locations, after a shift."""
    x = torch.roll(x, (-1, -1), (1, 2))
    x = x.view(1, 2, 2, 2, 2, 8).permute(0, 1, 3, 2, 4, 5).reshape(4, 4, 8)
    q, k, v = self.qkv(x).reshape(4, 4, 3, 2, 4).permute(2, 0, 3, 1, 4)
    x = functional.scaled_dot_product_attention(q, k, v, attn_mask=self.bias)
    x = x.transpose(1, 2).reshape(1, 2, 2, 2, 2, 8).permute(0, 1, 3, 2, 4, 5)
    return torch.roll(x.reshape(1, 4, 4, 8), (1, 1), (1, 2))


def with_class_token(self, x):
    return self.head(torch.cat([self.token.expand(1, -1, -1), x], 1) + self.places)[:, 0]


def squeezed(self, x):
    x = self.conv(x)
    return x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))


def merged(self, x):
    """Blocks of two by two locations side by side, as Swin merges patches."""
    x = x.view(1, 2, 2, 2, 2, 3).permute(0, 1, 3, 4, 2, 5).flatten(3)
    return self.linear(self.norm(x))


MODELS = {
    "linear": (nn.Linear(6, 5), (6,)),
    "linear at locations": (nn.Linear(6, 5, bias=False), (4, 6)),
    "matmul and a bias": (Of(lambda m, x: x @ m.w + m.b, w=weight(6, 5), b=weight(5)), (6,)),
    "addmm": (Of(lambda m, x: torch.addmm(m.b, x, m.w), w=weight(6, 5), b=weight(5)), (6,)),
    "conv1d": (nn.Conv1d(3, 4, 3, stride=2, padding=1), (3, 9)),
    "conv2d": (nn.Conv2d(4, 6, (3, 2), padding=(2, 1), dilation=2, groups=2), (4, 7, 6)),
    "conv2d same": (nn.Conv2d(3, 4, 5, padding="same"), (3, 6, 6)),
    "conv3d": (nn.Conv3d(2, 3, 2, padding=1), (2, 3, 4, 3)),
    "depthwise": (nn.Conv2d(4, 4, 3, padding=1, groups=4), (4, 5, 5)),
    "padding before a conv": (
        nn.Sequential(nn.ZeroPad2d((0, 1, 2, 1)), nn.Conv2d(3, 4, 3)),
        (3, 5, 5),
    ),
    "batch norm": (nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)), (3, 4, 4)),
    "layer norm": (nn.LayerNorm((4, 6)), (4, 6)),
    "layer norm of channels": (nn.LayerNorm(6), (4, 6)),
    "rms norm": (nn.RMSNorm(6), (4, 6)),
    "group norm": (nn.GroupNorm(2, 6), (6, 3, 3)),
    "max pool": (nn.MaxPool2d(3, 2, 1), (3, 7, 7)),
    "max pool, windows over the end": (nn.MaxPool2d(2, 2, ceil_mode=True), (3, 5, 5)),
    "mean pool": (nn.AvgPool2d(3, 2, 1, count_include_pad=False), (3, 7, 7)),
    "mean pool, padding counted": (nn.AvgPool2d(3, 2, 1), (3, 7, 7)),
    "adaptive pool": (nn.AdaptiveAvgPool2d(2), (3, 6, 6)),
    "global pool": (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), (3, 6, 6)),
    "flatten": (nn.Sequential(nn.Flatten(), nn.Linear(36, 5)), (4, 3, 3)),
    "permuted and flattened": (
        Of(lambda m, x: m.head(x.permute(0, 2, 3, 1).flatten(1)), head=nn.Linear(36, 5)),
        (4, 3, 3),
    ),
    "residual": (Of(lambda m, x: x + 0.5 * m.f(x), f=nn.Linear(6, 6)), (6,)),
    "difference": (Of(lambda m, x: 1 - m.f(x) - x / 2, f=nn.Linear(6, 6)), (6,)),
    "gates": (
        Of(
            lambda m, x: (lambda a, b: a * functional.silu(b))(*m.f(x).chunk(2, -1)),
            f=nn.Linear(6, 8),
        ),
        (6,),
    ),
    "squeeze and excite": (
        Of(squeezed, conv=nn.Conv2d(3, 4, 1), gate=nn.Conv2d(4, 4, 1)),
        (3, 4, 4),
    ),
    "layer scale": (Of(lambda m, x: x * m.gain, gain=weight(6)), (4, 6)),
    "concatenated channels": (
        Of(lambda m, x: torch.cat([x, m.f(x)], 1), f=nn.Conv2d(3, 2, 1)),
        (3, 4, 4),
    ),
    "concatenated locations": (
        Of(lambda m, x: torch.cat([m.f(x)[:, 2:], x], 1), f=nn.Linear(6, 6)),
        (4, 6),
    ),
    "some channels": (Of(lambda m, x: m.f(x)[:, 1:3], f=nn.Conv2d(3, 4, 1)), (3, 4, 4)),
    "every second location": (
        Of(lambda m, x: m.f(x)[:, :, ::2, 1:], f=nn.Conv2d(3, 4, 1)),
        (3, 4, 4),
    ),
    "class token": (
        Of(with_class_token, token=weight(1, 1, 6), places=weight(1, 5, 6), head=nn.Linear(6, 3)),
        (4, 6),
    ),
    "attention": (Of(attend, qkv=nn.Linear(8, 24)), (5, 8)),
    "attention by hand": (Of(attend_by_hand, qkv=nn.Linear(8, 24), bias=weight(2, 5, 5)), (5, 8)),
    "attention by cosine": (
        Of(attend_by_cosine, qkv=nn.Linear(8, 24), bias=weight(2, 5, 5), gain=weight(2, 1, 1)),
        (5, 8),
    ),
    "a norm of each head": (
        Of(
            lambda m, x: m.norm(m.f(x).unflatten(-1, (2, 4))).flatten(-2),
            f=nn.Linear(6, 8),
            norm=nn.LayerNorm(4),
        ),
        (5, 6),
    ),
    "a sum of two halves of channels": (
        Of(lambda m, x: m.f(x).view(1, 2, 4, 5, 5).sum(1), f=nn.Conv2d(3, 8, 1)),
        (3, 5, 5),
    ),
    "attention with a scale": (
        Of(
            lambda m, x: functional.scaled_dot_product_attention(
                *(f(x)[:, None] for f in m.f), scale=0.7
            )[:, 0],
            f=nn.ModuleList(nn.Linear(8, 4) for _ in range(3)),
        ),
        (5, 8),
    ),
    "attention within windows": (
        Of(windows, qkv=nn.Linear(8, 24), bias=weight(4, 2, 4, 4)),
        (4, 4, 8),
    ),
    "multi-head attention": (
        Of(
            lambda m, x: m.a(x, x, x, need_weights=False)[0],
            a=nn.MultiheadAttention(8, 2, batch_first=True),
        ),
        (5, 8),
    ),
    "merged patches": (Of(merged, norm=nn.LayerNorm(12), linear=nn.Linear(12, 4)), (4, 4, 3)),
    "an encoder": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (5, 8)),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_network_computes_what_the_model_computes(name):
    model, shape = MODELS[name]
    found = read(model, *shape)
    assert found.counts()["opaque"] == 0, str(found)
    assert found.replay is not None
    assert found.replay < 1e-4


ACTIVATIONS = {
    "relu": nn.ReLU(),
    "relu6": nn.ReLU6(),
    "hard_tanh": nn.Hardtanh(),
    "leaky_relu": nn.LeakyReLU(0.2),
    "elu": nn.ELU(),
    "selu": nn.SELU(),
    "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU("tanh"),
    "swish": nn.SiLU(),
    "mish": nn.Mish(),
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "softplus": nn.Softplus(),
    "softsign": nn.Softsign(),
    "hard_swish": nn.Hardswish(),
    "hard_sigmoid": nn.Hardsigmoid(),
    "square": Of(lambda m, x: x**2),
    "sin": Of(lambda m, x: torch.sin(x)),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_known_by_name(name):
    found = read(nn.Sequential(nn.Linear(6, 7), ACTIVATIONS[name]), 6)
    assert found.network.nodes[-1].layer.function.name == name
    assert found.replay < 1e-4


def test_a_function_without_a_name_is_its_expression():
    model = Of(
        lambda m, x: (lambda y: y * torch.tanh(y) + 0.25)(m.linear(x)), linear=nn.Linear(6, 7)
    )
    found = read(model, 6)
    assert kinds(found) == ["Dense", "Activation"]
    assert found.replay < 1e-4


def test_nodes_are_named_after_modules():
    model = nn.Sequential(nn.Linear(6, 7), nn.ReLU(), nn.Sequential(nn.Linear(7, 3)))
    names = [node.name for node in read(model, 6).network]
    assert names == ["input", "0/dense", "1/activation", "2.0/dense"]


def test_tokens_are_looked_up():
    model = nn.Sequential(nn.Embedding(11, 6), nn.Linear(6, 3))
    found = kc.read(model, torch.tensor([[3, 1, 10, 0]]))
    assert kinds(found) == ["Embedding", "Dense"]
    assert found.replay < 1e-4


def test_entries_that_are_changed_in_place_are_followed():
    def forward(m, x):
        y = m.linear(x)
        part = y[:, :2]
        y.mul_(2)
        return torch.relu_(y)[:, :2] + part

    found = read(Of(forward, linear=nn.Linear(6, 4)), 6)
    assert found.replay < 1e-4


def test_reading_leaves_the_model_as_it_was():
    model = nn.Sequential(nn.Linear(6, 6), nn.Dropout(), nn.BatchNorm1d(6)).train()
    model[1].eval()
    before = [value.clone() for value in model.state_dict().values()]
    read(model, 6)
    assert [module.training for module in model] == [True, False, True]
    after = model.state_dict().values()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_an_operation_without_a_rule_is_opaque_and_named():
    found = read(Of(lambda m, x: torch.cumsum(m.linear(x), -1), linear=nn.Linear(6, 6)), 6)
    (reason,) = [a.reason for a in found.answers.values() if a.level == "opaque"]
    assert "aten.cumsum" in reason
    assert found.replay is None


def test_control_flow_that_reads_values_is_refused_with_its_line():
    def forward(m, x):
        return x if x.sum() > 0 else -x

    with pytest.raises(kc.KernelcError) as caught:
        read(Of(forward), 6)
    assert "test_torch.py" in caught.value.where
    assert "data-dependent" in caught.value.found


def test_models_that_return_no_tensor_are_refused():
    with pytest.raises(kc.KernelcError, match="does not depend on the input"):
        read(Of(lambda m, x: torch.ones(1, 3)), 6)


@pytest.mark.parametrize("example", ["text", torch.ones(()), torch.ones(0, 6), [[object()]]])
def test_examples_are_batches_of_numbers(example):
    with pytest.raises(kc.KernelcError):
        kc.read(nn.Linear(6, 3), example)


def test_an_example_that_does_not_fit_is_refused():
    with pytest.raises(kc.KernelcError):
        read(nn.Linear(6, 3), 5)


def test_weights_that_are_not_finite_are_refused():
    model = nn.Linear(6, 3)
    with torch.no_grad():
        model.weight[0, 0] = torch.nan
    with pytest.raises(kc.KernelcError):
        read(model, 6)


def test_parts_without_entries_are_left_out():
    def forward(m, x):
        x = m.linear(x)
        return torch.cat([x[:, :0], x, torch.zeros(1, 0, 6)], 1)

    found = read(Of(forward, linear=nn.Linear(6, 6)), 4, 6)
    assert kinds(found) == ["Dense"]
    assert found.replay < 1e-4


def test_an_output_without_entries_is_refused():
    with pytest.raises(kc.KernelcError, match="does not depend on the input"):
        read(Of(lambda m, x: x[:, :0]), 6)


class HandWritten(nn.Module):
    """RMS norm, layer norm and softmax as models write them without the layers of torch."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.query, self.key, self.value = (nn.Linear(8, 8) for _ in range(3))
        self.gain, self.bias = nn.Parameter(torch.rand(8) + 0.5), nn.Parameter(torch.rand(8))

    def forward(self, x):
        if self.kind == "RMSNorm":
            return self.gain * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))
        if self.kind == "LayerNorm":
            moved = x - x.mean(-1, keepdim=True)
            variance = moved.pow(2).mean(-1, keepdim=True)
            return moved / torch.sqrt(variance + 1e-5) * self.gain + self.bias
        powers = torch.exp(self.query(x) @ self.key(x).transpose(-1, -2) / 8**0.5)
        return (powers / powers.sum(-1, keepdim=True)) @ self.value(x)


@pytest.mark.parametrize("kind", ["RMSNorm", "LayerNorm", "Attention"])
def test_norms_and_softmaxes_by_hand_are_read_as_a_whole(kind):
    model = nn.Sequential(nn.Linear(8, 8), HandWritten(kind), nn.Linear(8, 3))
    found = kc.read(model, torch.randn(1, 5, 8))
    assert kind in [type(node.layer).__name__ for node in found.network]
    assert found.counts()["opaque"] == 0
    assert found.replay < 1e-5
