import pytest
import torch

from hpsearch.errors import ObjectiveError
from hpsearch.vision.models import NetworkSpec
from hpsearch.vision.optimizers import FlatOptimizer
from support.classifiers import assert_resumes_bitwise, objective

RATES = (0.01, 0.02, 0.005)


@pytest.fixture(scope="module")
def shared():
    return objective("mlp", epochs=3)


def small_network():
    torch.manual_seed(0)
    return NetworkSpec(model="small_cnn", channels=1, side=8, mean=[0.0], std=[1.0]).build()


FIRST_KINDS = pytest.mark.parametrize(("kind", "momentum"), [("sgd", 0.9), ("sgd", 0.0), ("adamw", 0.9)])
CASES = {
    "nesterov": {"kind": "sgd", "momentum": 0.9},
    "heavy-ball": {"kind": "sgd", "momentum": 0.9, "nesterov": False},
    "plain": {"kind": "sgd", "momentum": 0.0},
    "adam": {"kind": "adam", "momentum": 0.8},
    "adamw": {"kind": "adamw", "momentum": 0.9},
    "rmsprop": {"kind": "rmsprop", "momentum": 0.0},
    "rmsprop-momentum": {"kind": "rmsprop", "momentum": 0.9},
}


def reference(network, kind, momentum, weight_decay, *, nesterov=True, decay_all=False):
    """Return the optimizer of torch.optim that works parameter by parameter."""
    groups = [
        {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": weight_decay},
        {
            "params": [p for p in network.parameters() if p.ndim <= 1],
            "weight_decay": weight_decay if decay_all else 0.0,
        },
    ]
    if kind.startswith("adam"):
        made = torch.optim.AdamW if kind == "adamw" else torch.optim.Adam
        return made(groups, lr=0.01, betas=(momentum, 0.999))
    if kind == "rmsprop":
        return torch.optim.RMSprop(groups, lr=0.01, momentum=momentum)
    return torch.optim.SGD(groups, lr=0.01, momentum=momentum, nesterov=nesterov and momentum > 0)


def steps(network, optimizer, rates, *, l1=0.0, value=0.0, norm=0.0):
    images = torch.randint(0, 16, (12, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for rate in rates:
        optimizer.zero_grad()
        network(images).square().mean().backward()
        if isinstance(optimizer, FlatOptimizer):
            optimizer.clip(value=value, norm=norm)
            optimizer.step(rate)
        else:
            if value:
                torch.nn.utils.clip_grad_value_(network.parameters(), value)
            if norm:
                torch.nn.utils.clip_grad_norm_(network.parameters(), norm)
            if l1:
                (l1 * sum(p.abs().sum() for p in network.parameters() if p.ndim > 1)).backward()
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()


def assert_close(ours, theirs):
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=2e-6, rtol=1e-4)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_flat_parameters_train_as_torch_trains_each(case, weight_decay):
    ours, theirs = small_network(), small_network()
    steps(ours, FlatOptimizer(ours, weight_decay=weight_decay, **case), RATES)
    steps(theirs, reference(theirs, weight_decay=weight_decay, **case), RATES)
    assert_close(ours, theirs)


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_weight_decay_may_be_on_norms_and_biases_too(kind):
    ours, theirs, skipping = small_network(), small_network(), small_network()
    case = {"kind": kind, "momentum": 0.9, "weight_decay": 0.3}
    steps(ours, FlatOptimizer(ours, decay_all=True, **case), RATES)
    steps(theirs, reference(theirs, decay_all=True, **case), RATES)
    steps(skipping, FlatOptimizer(skipping, **case), RATES)
    assert_close(ours, theirs)
    assert not torch.allclose(ours.body[2].weight, skipping.body[2].weight)


@pytest.mark.parametrize("kind", ["sgd", "rmsprop"])
def test_l1_is_the_term_of_absolute_values_in_the_loss(kind):
    ours, theirs, without = small_network(), small_network(), small_network()
    case = {"kind": kind, "momentum": 0.9, "weight_decay": 0.0}
    steps(ours, FlatOptimizer(ours, l1=0.05, **case), RATES)
    steps(theirs, reference(theirs, **case), RATES, l1=0.05)
    steps(without, FlatOptimizer(without, **case), RATES)
    assert_close(ours, theirs)
    assert not torch.allclose(ours.body[0].weight, without.body[0].weight, atol=1e-4)


@pytest.mark.parametrize("bounds", [{"value": 0.003}, {"norm": 0.05}, {"norm": 1e3}, {"value": 0.003, "norm": 0.02}])
def test_gradients_are_clipped_as_torch_clips_them(bounds):
    ours, theirs, free = small_network(), small_network(), small_network()
    case = {"kind": "sgd", "momentum": 0.9, "weight_decay": 0.0}
    steps(ours, FlatOptimizer(ours, **case), RATES, **bounds)
    steps(theirs, reference(theirs, **case), RATES, **bounds)
    steps(free, FlatOptimizer(free, **case), RATES)
    assert_close(ours, theirs)
    assert torch.equal(ours.body[0].weight, free.body[0].weight) == (bounds == {"norm": 1e3})


@pytest.mark.parametrize(
    "config",
    [
        {"optimizer": "sgd", "nesterov": False, "clip_norm": 0.5},
        {"optimizer": "adam", "clip_value": 0.01},
        {"optimizer": "rmsprop", "lr": 1e-3, "l1": 1e-4},
        {"optimizer": "rmsprop", "lr": 1e-2, "momentum": 0.0, "weight_decay_on": "all"},
    ],
    ids=["heavy-ball", "adam", "rmsprop", "rmsprop-plain"],
)
def test_a_resumed_trial_is_bitwise_the_uninterrupted_one(shared, tmp_path, config):
    metrics, _ = assert_resumes_bitwise(shared, tmp_path, {"lr": 0.02, "batch_size": 128, **config}, epochs=2)
    assert metrics[-1]["train_loss"] < metrics[0]["train_loss"]


def old_state(network, optimizer, kind):
    """Return what the first release stored: the moments of all parameters, as they lie in memory, in one vector."""

    def moments(name):
        kept = (optimizer.state[p].get(name) for p in network.parameters())
        filled = (torch.zeros_like(p) if m is None else m for p, m in zip(network.parameters(), kept, strict=True))
        return torch.cat([m.as_strided((m.numel(),), (1,)) for m in filled])

    if kind == "sgd":
        return {"steps": 2, "first": moments("momentum_buffer"), "second": None}
    return {"steps": 2, "first": moments("exp_avg"), "second": moments("exp_avg_sq")}


@FIRST_KINDS
def test_a_checkpoint_of_the_first_release_goes_on(kind, momentum):
    theirs, ours = small_network(), small_network()
    optimizer = reference(theirs, kind, momentum, 0.1)
    steps(theirs, optimizer, (0.01, 0.02))
    ours.load_state_dict(theirs.state_dict())
    flat = FlatOptimizer(ours, kind=kind, momentum=momentum, weight_decay=0.1)
    flat.load_state_dict(old_state(theirs, optimizer, kind))
    steps(ours, flat, (0.02, 0.01))
    steps(theirs, optimizer, (0.02, 0.01))
    assert_close(ours, theirs)


def test_the_state_of_another_optimizer_or_network_is_refused():
    network = small_network()
    sgd = FlatOptimizer(network, kind="sgd", momentum=0.9, weight_decay=0.0)
    adamw = FlatOptimizer(small_network(), kind="adamw", momentum=0.9, weight_decay=0.0)
    one_vector = torch.zeros(sum(p.numel() for p in network.parameters()))
    for state in (
        sgd.state_dict(),
        {"steps": 1, "first": one_vector, "second": None},
        {"steps": 1, "first": one_vector[1:], "second": one_vector[1:]},
    ):
        with pytest.raises(ObjectiveError, match=r"optimizer state of the shapes .*; allowed: .*exp_avg_sq"):
            adamw.load_state_dict(state)


def test_flat_parameters_keep_their_values_and_their_memory_format():
    network, before = small_network(), [p.detach().clone() for p in small_network().parameters()]
    FlatOptimizer(network, kind="sgd", momentum=0.9, weight_decay=0.0)
    for parameter, value in zip(network.parameters(), before, strict=True):
        assert torch.equal(parameter, value)
        assert parameter.stride() == value.stride()
