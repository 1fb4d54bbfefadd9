"""A config without any newer setting trains as the first releases did, to the bit."""

import math

import pytest
import torch
from torch import nn
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from hpsearch.trial.seeding import derive_seed
from hpsearch.vision.augment import augmented
from hpsearch.vision.models import NetworkSpec
from hpsearch.vision.optimizers import flattened
from hpsearch.vision.predictions import logits_of
from hpsearch.vision.training import autocast, batch_sizes
from support.classifiers import SEED, objective, train

EPOCHS = 2


def lr_factor(step, steps, warmup_steps):
    warmup = min(warmup_steps, steps - 1)
    if step + 1 < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup + 1) / (steps - warmup + 1))) if step + 1 > warmup else 1.0


def update(part, lr, config):
    """Take a step by the calls of the first releases."""
    vector, gradient, decay, state = part
    same = {"lr": lr, "weight_decay": decay, "maximize": False, "fused": True}
    momentum = config["momentum"]
    if config["optimizer"] == "sgd":
        buffer = state.setdefault("momentum_buffer", torch.zeros_like(vector)) if momentum else None
        sgd([vector], [gradient], [buffer], momentum=momentum, dampening=0.0, nesterov=momentum > 0, **same)
        return
    first, second = (state.setdefault(name, torch.zeros_like(vector)) for name in ("first", "second"))
    step = state.setdefault("step", torch.zeros(()))
    adamw(
        [vector],
        [gradient],
        [first],
        [second],
        [],
        [step],
        amsgrad=False,
        beta1=momentum,
        beta2=0.999,
        eps=1e-8,
        **same,
    )


def epoch(network, parts, data, config, number):
    """Train an epoch as the first releases did; return its metrics."""
    torch.manual_seed(derive_seed(SEED, "dropout", number))
    generator = torch.Generator().manual_seed(derive_seed(SEED, "order", number))
    order = torch.randperm(len(data.labels), generator=generator)
    sizes = batch_sizes(len(data.labels), config["batch_size"])
    network.train()
    losses, outputs = [], []
    for position, batch in enumerate(torch.split(order, sizes)):
        images = augmented(data.images.index_select(0, batch), config["augment"], generator)
        step = (number - 1) * len(sizes) + position
        lr = config["lr"] * lr_factor(step, EPOCHS * len(sizes), config["warmup_epochs"] * len(sizes))
        for _, gradient, _, _ in parts:
            gradient.zero_()
        logits = network(images)
        labels = data.labels.index_select(0, batch)
        loss = nn.functional.cross_entropy(logits.float(), labels, label_smoothing=config["label_smoothing"])
        loss.backward()
        with torch.no_grad():
            for part in parts:
                update(part, lr, config)
        losses.append(loss.detach())
        outputs.append(logits.detach())
    weights = torch.tensor(sizes, dtype=torch.float32)
    hits = torch.cat(outputs).argmax(1) == data.labels[order]
    return {
        "train_loss": float((torch.stack(losses) * weights).sum() / weights.sum()),
        "train_accuracy": float(hits.float().mean()),
    }


def evaluated(network, data):
    logits = logits_of(network, data.images, autocast(torch.device("cpu"), "fp32"))
    loss = nn.functional.cross_entropy(logits, data.labels)
    return {"val_loss": float(loss), "val_accuracy": float((logits.argmax(1) == data.labels).float().mean())}


DEFAULTS = {
    "lr": 3e-3,
    "batch_size": 64,
    "weight_decay": 1e-4,
    "momentum": 0.9,
    "optimizer": "adamw",
    "label_smoothing": 0.0,
    "warmup_epochs": 1.0,
    "augment": "none",
}


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"optimizer": "sgd", "lr": 0.05, "weight_decay": 0.01, "label_smoothing": 0.1, "augment": "crop_flip"},
        {"optimizer": "sgd", "momentum": 0.0, "warmup_epochs": 0, "dropout": 0.2, "batch_size": 100},
    ],
    ids=["defaults", "nesterov", "plain"],
)
def test_a_config_of_the_first_releases_trains_the_same_bits(tmp_path, config):
    made = objective(epochs=EPOCHS)
    metrics, state = train(made, tmp_path, config)
    full = DEFAULTS | config
    torch.manual_seed(derive_seed(SEED, "weights"))
    network = NetworkSpec(**{**state["network"], "dropout": config.get("dropout")}).build()
    parameters = list(network.parameters())
    weights, vectors = ([p for p in parameters if (p.ndim > 1) == matrix] for matrix in (True, False))
    parts = [(*flattened(weights), full["weight_decay"], {}), (*flattened(vectors), 0.0, {})]
    for number, found in enumerate(metrics, start=1):
        expected = epoch(network, parts, made._splits["train"], full, number) | evaluated(network, made._splits["val"])
        assert {name: found[name] for name in expected} == expected
    for name, value in network.state_dict().items():
        assert torch.equal(value, state["model"][name]), name
