"""The cost of torch's optimizers: the update in a training step, and a worker's time until its first update.

    uv run python benchmarks/optimizer.py

A step is forward, backward and update of `small_cnn` with 64 images of the size of digits, on one thread. The update is

- hand-written: hpsearch's first rules, over one vector of all parameters; the ratios are to these
- hpsearch: its present rules: torch.optim's functions, fused, over two flat parameters
- functions: torch.optim's, over the same two parameters, in their other forms
- classes: `torch.optim.SGD` and `torch.optim.AdamW` over the same two parameters
- classes, all: the same over all parameters of the network, as in most training scripts

The updates take turns, in a new order each round, each with a new network, for the place of a network in memory changes
a step by several percent. Times are CPU time, but on a GPU wall time. The table has the medians of all rounds; a ratio
is the median of the rounds' ratios.

The second table is for fresh processes, which take turns too: the seconds until each has ended, and its CPU time.
"""

from __future__ import annotations

import argparse
import math
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any, Protocol

import torch
from torch import nn
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from hpsearch.vision.models import NetworkSpec
from hpsearch.vision.optimizers import FlatOptimizer, flattened

_KINDS = ("sgd", "adamw")
_MOMENTUM, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
_LR, _DECAY = 1e-3, 1e-4
_BATCH, _SIDE, _CLASSES = 64, 8, 10
_UPDATES = 5  # for each step: they are so short

_IMPORTS = "import torch, hpsearch.vision.classifier, hpsearch.vision.training\n"
_LAYER = "layer = torch.nn.Linear(8, 8)\nlayer(torch.ones(8)).sum().backward()\n"
_OURS = "optimizer = hpsearch.vision.training.FlatOptimizer(layer, kind='adamw', momentum=0.9, weight_decay=0.1)\n"
STARTS = {
    "torch": "import torch",
    "torch and torch.optim": "import torch.optim",
    "the built-in objective": _IMPORTS,
    "the same, and an update by hpsearch": f"{_IMPORTS}{_LAYER}{_OURS}optimizer.step(0.1)",
    "the same, and an update by a class": f"{_IMPORTS}{_LAYER}torch.optim.AdamW(layer.parameters()).step()",
}


class Optimizer(Protocol):
    """Updates a network."""

    def zero_grad(self) -> None:
        """Set all gradients to 0."""
        ...

    def step(self, lr: float) -> None:
        """Update the parameters by their gradients."""
        ...


class HandWritten:
    """The update rules of hpsearch's first optimizer."""

    def __init__(self, network: nn.Module, kind: str) -> None:
        parameters = [*network.parameters()]
        self._decay = torch.cat([p.new_full((p.numel(),), _DECAY if p.ndim > 1 else 0.0) for p in parameters])
        self._flat, self._gradient = flattened(parameters)
        self._first = torch.zeros_like(self._flat)
        self._second = torch.zeros_like(self._flat) if kind == "adamw" else None
        self._steps = 0

    def zero_grad(self) -> None:
        """Set all gradients to 0."""
        self._gradient.zero_()

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Update the parameters by their gradients."""
        self._steps += 1
        if self._second is None:
            gradient = torch.addcmul(self._gradient, self._decay, self._flat)
            self._first.mul_(_MOMENTUM).add_(gradient)
            self._flat.add_(gradient.add(self._first, alpha=_MOMENTUM), alpha=-lr)
            return
        self._flat.addcmul_(self._decay, self._flat, value=-lr)
        self._first.lerp_(self._gradient, 1 - _MOMENTUM)
        self._second.mul_(_BETA2).addcmul_(self._gradient, self._gradient, value=1 - _BETA2)
        denominator = self._second.sqrt().div_(math.sqrt(1 - _BETA2**self._steps)).add_(_EPSILON)
        self._flat.addcdiv_(self._first, denominator, value=-lr / (1 - _MOMENTUM**self._steps))


class Functions:
    """torch.optim's functions over two flat parameters.

    Args:
        how: Their form: `fused` and `foreach`.
    """

    def __init__(self, network: nn.Module, kind: str, **how: bool) -> None:
        self._kind, self._how = kind, how
        pairs = [flattened(parameters) for parameters in _two(network)]
        self._all = [(vector, gradient, decay) for (vector, gradient), decay in zip(pairs, (_DECAY, 0.0), strict=True)]
        self._states = [[torch.zeros_like(v), torch.zeros_like(v), torch.zeros(())] for v, _, _ in self._all]

    def zero_grad(self) -> None:
        """Set all gradients to 0."""
        for _, gradient, _ in self._all:
            gradient.zero_()

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Update the parameters by their gradients."""
        for (vector, gradient, decay), (first, second, step) in zip(self._all, self._states, strict=True):
            same: dict[str, Any] = {"lr": lr, "weight_decay": decay, "maximize": False, **self._how}
            if self._kind == "sgd":
                sgd([vector], [gradient], [first], momentum=_MOMENTUM, dampening=0.0, nesterov=True, **same)
            else:
                betas = {"beta1": _MOMENTUM, "beta2": _BETA2, "eps": _EPSILON, "amsgrad": False}
                adamw([vector], [gradient], [first], [second], [], [step], **betas, **same)


class Classes:
    """torch.optim's classes.

    Args:
        flat: Whether over two flat parameters, or over all of the network.
        how: Their form: `fused` and `foreach`; by default torch's choice.
    """

    def __init__(self, network: nn.Module, kind: str, *, flat: bool = True, **how: bool) -> None:
        groups = []
        for parameters, decay in zip(_two(network), (_DECAY, 0.0), strict=True):
            if flat:
                vector, gradient = flattened(parameters)
                parameters = [nn.Parameter(vector)]  # noqa: PLW2901 - the one stands for the many
                parameters[0].grad = gradient
            groups.append({"params": parameters, "weight_decay": decay})
        self._inner: torch.optim.Optimizer
        if kind == "sgd":
            self._inner = torch.optim.SGD(groups, lr=_LR, momentum=_MOMENTUM, nesterov=True, **how)
        else:
            self._inner = torch.optim.AdamW(groups, lr=_LR, betas=(_MOMENTUM, _BETA2), eps=_EPSILON, **how)
        self._flat = flat

    def zero_grad(self) -> None:
        """Set all gradients to 0; flat ones stay in place."""
        self._inner.zero_grad(set_to_none=not self._flat)

    def step(self, lr: float) -> None:
        """Update the parameters by their gradients."""
        for group in self._inner.param_groups:
            group["lr"] = lr
        self._inner.step()


WAYS: dict[str, Callable[[nn.Module, str], Optimizer]] = {
    "hand-written": HandWritten,
    "hpsearch": lambda network, kind: FlatOptimizer(network, kind=kind, momentum=_MOMENTUM, weight_decay=_DECAY),
    "functions, one tensor at a time": lambda network, kind: Functions(network, kind, fused=False, foreach=False),
    "functions, foreach": lambda network, kind: Functions(network, kind, foreach=True),
    "classes, one tensor at a time": lambda network, kind: Classes(network, kind, fused=False, foreach=False),
    "classes, foreach": lambda network, kind: Classes(network, kind, foreach=True),
    "classes, fused": lambda network, kind: Classes(network, kind, fused=True),
    "classes, all, as they come": lambda network, kind: Classes(network, kind, flat=False),
    "classes, all, fused": lambda network, kind: Classes(network, kind, flat=False, fused=True),
}


def _two(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the parameters with weight decay, and the others."""
    parameters = [*network.parameters()]
    return [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1]


class Timed:
    """A network with an optimizer of its own.

    Args:
        width: Of `small_cnn`.
        device: Torch's name for it.
    """

    def __init__(self, way: str, kind: str, width: int, device: str) -> None:
        torch.manual_seed(0)
        spec = NetworkSpec(model="small_cnn", channels=1, side=_SIDE, mean=[8.0], std=[6.0], width=width)
        self._network = spec.build().to(device)
        self._optimizer = WAYS[way](self._network, kind)
        self._images = torch.randint(0, 17, (_BATCH, 1, _SIDE, _SIDE), dtype=torch.uint8).to(device)
        self._labels = torch.randint(0, _CLASSES, (_BATCH,)).to(device)
        self._gpu = device != "cpu"
        self.parameters = sum(p.numel() for p in self._network.parameters())

    def measure(self, steps: int) -> tuple[float, float]:
        """Return the seconds of an update alone, and of a step; the first step is not counted."""
        self._step()
        step = self._seconds(self._step, steps)
        return self._seconds(lambda: self._optimizer.step(_LR), steps * _UPDATES), step

    def _step(self) -> None:
        self._optimizer.zero_grad()
        nn.functional.cross_entropy(self._network(self._images), self._labels).backward()
        self._optimizer.step(_LR)

    def _seconds(self, act: Callable[[], None], times: int) -> float:
        began = self._now()
        for _ in range(times):
            act()
        return (self._now() - began) / times

    def _now(self) -> float:
        if self._gpu:
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()


def print_steps(options: argparse.Namespace) -> None:
    """Print the cost of a step with each optimizer."""
    torch.set_num_threads(1)
    print("| optimizer | update | alone, us | x hand-written | in a step of, ms | x hand-written |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kind in _KINDS:
        took: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
        for number in range(options.rounds + 1):
            for way in random.sample([*WAYS], len(WAYS)):
                timed = Timed(way, kind, options.width, options.device)
                measured = timed.measure(options.steps)
                took[way] += [measured] if number else []  # the first round is a warm-up
        for way, times in took.items():
            update, step = (median(values) for values in zip(*times, strict=True))
            ratios = [
                median(one[place] / first[place] for one, first in zip(times, took["hand-written"], strict=True))
                for place in (0, 1)
            ]
            print(f"| {kind} | {way} | {update * 1e6:.1f} | {ratios[0]:.2f} | {step * 1e3:.3f} | {ratios[1]:.3f} |")
    print(f"\n{timed.parameters:,} parameters, torch {torch.__version__}", flush=True)


def start(code: str) -> tuple[float, float]:
    """Return the seconds until a fresh process that runs code has ended, and its CPU time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def print_starts(repeats: int) -> None:
    """Print the cost of a worker's start until its first update."""
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in STARTS}
    for number in range(repeats + 1):
        for name, code in STARTS.items():
            measured = start(code)
            took[name] += [measured] if number else []  # in the first round files are not in memory yet
    print("\n| a process imports | s | CPU, s |\n| --- | --- | --- |")
    for name, times in took.items():
        print(f"| {name} | {' | '.join(_shown([*values]) for values in zip(*times, strict=True))} |")


def _shown(values: list[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r}: allowed: an integer >= 1")
    return int(text)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--rounds", type=_positive, default=150, metavar="N", help="of the first table (default: 150)")
    add("--steps", type=_positive, default=8, metavar="N", help="in a round (default: 8)")
    add("--width", type=_positive, default=16, metavar="N", help="channels of the first layer (default: 16)")
    add("--device", choices=("cpu", "cuda"), default="cpu", help="of the first table (default: cpu)")
    add("--starts", type=_positive, default=7, metavar="N", help="processes of each kind (default: 7)")
    add("--no-starts", action="store_true", help="leave the second table out")
    add("--quick", action="store_true", help="one round of one step, and one process of each kind")
    options = parser.parse_args()
    if options.quick:
        options.rounds = options.steps = options.starts = 1
    print_steps(options)
    if not options.no_starts:
        print_starts(options.starts)


if __name__ == "__main__":
    main()
