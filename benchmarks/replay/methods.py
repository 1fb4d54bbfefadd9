"""From a method's name to its study."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import ours
import peer_neps
import peer_optuna
import peer_ray
import peer_smac
import peer_syne
from asked import Peer, Simulation
from curves import Task
from traces import Setting, Trace

from hpsearch.trial.seeding import derive_seed

_PACKAGES = {"optuna": "optuna", "ray": "ray.tune", "syne": "syne_tune", "smac": "smac", "neps": "neps"}
_INSTALL = {
    "optuna": "optuna",
    "ray": "ray[tune]",
    "syne": "syne-tune[gpsearchers]==0.13, which needs an environment of its own: benchmarks/README.md shows it",
    "smac": "smac",
    "neps": "neural-pipeline-search, which needs an environment of its own: benchmarks/README.md shows it",
}


class UnknownMethodError(Exception):
    """A method's name is not known, or what it needs is not installed; the message says what is allowed."""


def names() -> list[str]:
    """Return the names of all methods."""
    own = [f"{sampler}+{prune}" for sampler in ours.SAMPLERS for prune in ours.PRUNES]
    return [*ours.SHORT, *own, *PEERS]


def check_name(method: str) -> None:
    """Check a method's name.

    Raises:
        UnknownMethodError: It is not known.
    """
    if not is_ours(method) and method not in PEERS:
        raise UnknownMethodError(f"method {method}: allowed: {', '.join(names())}")


def check_package(method: str) -> None:
    """Check that what a peer needs is installed.

    Raises:
        UnknownMethodError: It is not.
    """
    peer = method.partition("-")[0]
    if method in PEERS and not _is_there(_PACKAGES[peer]):
        raise UnknownMethodError(f"method {method}: the package {_PACKAGES[peer]} is missing; install {_INSTALL[peer]}")


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def is_ours(method: str) -> bool:
    """Return whether a method is hpsearch's."""
    return ours.parts_of(method) is not None


def play(task: Task, method: str, seed: int, setting: Setting) -> Trace:
    """Play a study until its epochs are spent.

    Args:
        task: What is searched.
        method: Its name.
        seed: The study's; tasks have different random numbers with the same seed.
        setting: What all studies have in common.
    """
    own = derive_seed("replay", task.name, seed) >> 1  # SMAC takes seeds below 2**31
    if is_ours(method):
        return ours.play(task, method, own, setting)
    trace = setting.trace(task)
    Simulation(PEERS[method](task, own), task, setting.workers, trace, setting.spread).run()
    return trace


def _optuna(sampler: str, pruner: str) -> Callable[[Task, int], Peer]:
    return lambda task, seed: peer_optuna.OptunaPeer(task, seed, sampler, pruner)


def _ray(scheduler: str) -> Callable[[Task, int], Peer]:
    return lambda task, seed: peer_ray.RayPeer(task, seed, scheduler)


def _syne(scheduler: str) -> Callable[[Task, int], Peer]:
    return lambda task, seed: peer_syne.SynePeer(task, seed, scheduler)


def _neps(optimizer: str) -> Callable[[Task, int], Peer]:
    return lambda task, seed: peer_neps.NepsPeer(task, seed, optimizer)


PEERS: dict[str, Callable[[Task, int], Peer]] = {
    **{f"optuna-{s}+{p}": _optuna(s, p) for s in peer_optuna.SAMPLERS for p in peer_optuna.PRUNERS},
    **{f"ray-{name}": _ray(name) for name in peer_ray.SCHEDULERS},
    **{f"syne-{name}": _syne(name) for name in peer_syne.SCHEDULERS},
    "smac": peer_smac.SmacPeer,
    **{f"neps-{name}": _neps(name) for name in peer_neps.OPTIMIZERS},
}
