"""The nodes of a Ray cluster: which can be used, which come and go, and what is free."""

from __future__ import annotations

import importlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.errors import HpsearchError
from hpsearch.executors.ray.actor import Home
from hpsearch.executors.ray.start import ray
from hpsearch.text import counted
from hpsearch.trial.events import Notice

Ask = Mapping[str, float]  # what a worker asks for: amounts by Ray's names for resources

_LOOK_S = 2.0  # a look costs about 2 ms for a few nodes
_SETTLE_S = 6.0  # workers that have room have started by then; Ray says which it can't place
_NODE_LABEL = "ray.io/node-id"


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A living node.

    Attributes:
        name: Its host and address, for people.
        total: What it has.
        free: What nobody uses of it.
    """

    name: str
    total: Mapping[str, float]
    free: Mapping[str, float]

    def fits(self, ask: Ask) -> bool:
        """Return whether a worker that asks for this could run there if nothing else did."""
        return _covers(self.total, ask)

    def has_room(self, ask: Ask) -> bool:
        """Return whether a worker that asks for this could run there now."""
        return _covers(self.free, ask)


class ClusterWatch:
    """Follows the nodes of a cluster, and words notices on them.

    Args:
        read: Returns the living nodes by id.
        unplaced: Returns how many workers that ask for the same wait for room; None if Ray doesn't say.
        clock: Seconds, monotonic; tests give their own.
    """

    def __init__(
        self,
        read: Callable[[], Mapping[str, Node]],
        unplaced: Callable[[Ask], int | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._unplaced, self._clock = read, unplaced, clock
        self._known = read()
        self._refused: set[str] = set()
        self._homes: set[str] = set()
        self._served = False
        self._lost: Counter[str] = Counter()
        self._dead: dict[str, str] = {}
        self._looked = clock()
        self._starting_since: float | None = None
        self._told_of_room = False

    @property
    def selector(self) -> dict[str, str]:
        """The labels that a usable node has, for Ray; empty if all nodes are usable."""
        return {_NODE_LABEL: f"!in({','.join(sorted(self._refused))})"} if self._refused else {}

    def worker_is_up(self, home: Home) -> None:
        """Note that a node has a worker."""
        self._homes.add(home.node)
        self._served = True

    def worker_is_lost(self, home: Home) -> None:
        """Note that a task was lost with its node, or with the connection to it."""
        self._lost[home.node] += 1

    def refuse(self, node: str, problem: str, ask: Ask, error: type[HpsearchError]) -> list[Notice]:
        """Stop using a node.

        Args:
            problem: Why, as the text after the node's name.
            error: The type of what is raised if it was the last one.

        Raises:
            HpsearchError: No worker has ever been up, and no node is left for one.
        """
        if node in self._refused:
            return []
        self._refused.add(node)
        nodes = self._read()
        name = nodes[node].name if node in nodes else node
        left = [key for key, other in nodes.items() if key not in self._refused and other.fits(ask)]
        if not left and not self._served:
            raise error(f"--ray-address: node {name} {problem}")
        return [Notice(message=f"node {name} {problem}; it is not used")]

    def look(self, starting: int, ask: Ask) -> tuple[set[str], list[Notice]]:
        """Return the nodes that have died since the last look, and notices; most calls return at once.

        Args:
            starting: How many workers are not up yet.
            ask: What each of them asks for.
        """
        now = self._clock()
        if now - self._looked < _LOOK_S:
            return set(), []
        self._looked = now
        try:
            before, self._known = self._known, self._read()
        except Exception:  # noqa: BLE001 - its head may be away for a moment; the next look finds it
            return set(), []
        died = {node for node in before if node not in self._known}
        notices = [self._died(node, name) for node, name in self._dead.items()]
        # Their notice waits for the next look, for the loss of their tasks may be known a moment later.
        self._dead = {node: before[node].name for node in before if node in died & self._homes}
        came = self._known.keys() - before.keys()
        if came and (starting or came & self._homes):  # a fast worker is up there before the driver looks
            names = ", ".join(node.name for key, node in self._known.items() if key in came)
            notices.append(Notice(message=f"{counted(len(came), 'node')} joined the Ray cluster: {names}"))
        return died, notices + self._room(now, starting, ask)

    def _died(self, node: str, name: str) -> Notice:
        self._homes.discard(node)
        lost = self._lost.pop(node, 0)
        given_back = f"; {counted(lost, 'trial')} went back" if lost else ""
        return Notice(message=f"node {name} left the Ray cluster{given_back}")

    def _room(self, now: float, starting: int, ask: Ask) -> list[Notice]:
        """Say that workers wait for room: once, and again after there was enough."""
        if not starting:
            self._starting_since, self._told_of_room = None, False
            return []
        if self._starting_since is None:
            self._starting_since = now
        if self._told_of_room or now - self._starting_since < _SETTLE_S:
            return []
        waiting = self._unplaced(ask)
        if waiting is None:
            waiting = 0 if any(node.has_room(ask) for node in self._usable()) else starting
        if not waiting:
            return []
        self._told_of_room = True
        return [Notice(message=self._no_room(min(waiting, starting), ask))]

    def _usable(self) -> list[Node]:
        return [node for key, node in self._known.items() if key not in self._refused]

    def _no_room(self, waiting: int, ask: Ask) -> str:
        nodes = [node for node in self._usable() if node.fits(ask)] or self._usable()
        there, free = (_sums([getattr(node, name) for node in nodes], ask) for name in ("total", "free"))
        text = (
            f"the Ray cluster has no room for {counted(waiting, 'worker')} yet: each asks for {_amounts(ask)}; "
            f"there are {_amounts(there)} on {counted(len(nodes), 'node')}, and {_amounts(free)} free"
        )
        if not any(node.fits(ask) for node in nodes):
            text += "; no node has that much, so it takes a larger one that joins, or a smaller --cpus-per-trial"
        elif _covers(free, ask) and not any(node.has_room(ask) for node in nodes):
            text += "; but no node has that much free by itself"
        return text


def living_nodes() -> dict[str, Node]:
    """Return the nodes of the cluster that this process is connected to, by id."""
    free = importlib.import_module("ray._private.state").available_resources_per_node()
    return {
        node["NodeID"]: Node(
            name=f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})",
            total=node["Resources"],
            free=free.get(node["NodeID"], {}),
        )
        for node in ray.nodes()
        if node["Alive"]
    }


def node_of(actor: Any) -> str | None:
    """Return the node that an actor runs or ran on; None if it had none, or Ray doesn't say."""
    state = importlib.import_module("ray._private.state").state
    entry = state.actor_table(actor._actor_id.hex())  # noqa: SLF001 - Ray has no public name for it
    return (entry.get("Address") or {}).get("NodeID") or None


def unplaced(ask: Ask) -> int | None:
    """Return how many actors of all drivers wait for room and ask for this; None if Ray doesn't say."""
    try:
        status = importlib.import_module("ray.autoscaler.v2.sdk").get_cluster_status(
            ray.get_runtime_context().gcs_address
        )
        demands = status.resource_demands.ray_task_actor_demand
        counts = [(by.bundle, by.count) for demand in demands for by in demand.bundles_by_count]
    except Exception:  # noqa: BLE001 - the autoscaler's view is no stable interface, and only a notice depends on it
        return None
    return sum(int(count) for bundle, count in counts if _same(bundle, ask))


def cpus_of_gpus(nodes: Sequence[Node], gpus_per_slot: float) -> int:
    """Return how many CPUs each worker can have on any node with GPUs; 0 if a node has fewer CPUs than workers."""
    with_gpus = [node.total for node in nodes if (has := node.total.get("GPU")) and has >= gpus_per_slot]
    return min((int(total.get("CPU", 0) * gpus_per_slot // total["GPU"]) for total in with_gpus), default=0)


def _covers(amounts: Mapping[str, float], ask: Ask) -> bool:
    return all(amounts.get(name, 0) >= amount for name, amount in ask.items())


def _same(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    names = {*one, *other}
    return all(abs(one.get(name, 0) - other.get(name, 0)) < 1e-3 for name in names)  # noqa: PLR2004 - Ray counts in ten-thousandths


def _sums(amounts: Sequence[Mapping[str, float]], ask: Ask) -> Ask:
    return {name: sum(amount.get(name, 0) for amount in amounts) for name in ask}


def _amounts(amounts: Ask) -> str:
    return " and ".join(f"{amount:g} {name}{'' if amount == 1 else 's'}" for name, amount in amounts.items())
