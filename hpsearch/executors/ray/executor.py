"""Tasks in warm Ray actors, one for each slot, on this machine or over the nodes of a cluster."""

from __future__ import annotations

import os
import signal
import socket
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from hpsearch.errors import ResourceError, StudyError, UnwritableError
from hpsearch.executors.base import Task, Workplace
from hpsearch.executors.machine.packing import share_of
from hpsearch.executors.ray.actor import Actor
from hpsearch.executors.ray.cluster import ClusterWatch, cpus_of_gpus, living_nodes, node_of, unplaced
from hpsearch.executors.ray.files import Needs, Token, check_shipping, needs_of, runtime_environment, stamped
from hpsearch.executors.ray.local import LocalWatch
from hpsearch.executors.ray.packer import Packer
from hpsearch.executors.ray.slots import Slot, drain, heard, left_alone, lost, reason_of
from hpsearch.executors.ray.start import Connection, modules_of, ray
from hpsearch.executors.resources import Resources
from hpsearch.system.signals import Interrupts
from hpsearch.text import counted
from hpsearch.trial.events import LegEnded, Notice, TrialEvent
from hpsearch.trial.trial import Answer, Key, StopReason

_MAX_FAILED_STARTS = 3


class RayExecutor:
    """Runs tasks on Ray actors.

    In a cluster, workers are spread over the nodes that see the study's files. Workers without room wait until there is
    some, also on nodes that join later.

    Args:
        workplace: What every worker is given.
        resources: How many workers there are at most, and what each has.
        interrupts: Checked while Ray starts.
        begun: Ray on this machine, which starts already; this executor closes it. None to start what is needed.

    Raises:
        ResourceError: The cluster can't be reached or has no GPU.
        InputError: The code can't be sent to the workers.
        StudyError: Ray does not start here.
        Interrupted: A signal came.
    """

    def __init__(
        self, workplace: Workplace, resources: Resources, interrupts: Interrupts, begun: Connection | None = None
    ) -> None:
        self._resources = resources
        self._failed_starts: Counter[str | None] = Counter()
        self._closed = False
        self._interrupts = interrupts
        self._slots: list[Slot] = []
        self._stack = ExitStack()
        try:
            self._needs, workplace = self._shared(workplace)
            environment = runtime_environment(workplace) if resources.ship_code else None
            connection = begun or Connection(resources, environment, modules_of(workplace.objective))
            self._stack.enter_context(interrupts.guarded(connection.mark))  # Ray may hang as it ends
            self._stack.callback(connection.close)
            self._kill_ray = connection.kill
            interrupts.on_second(self._force)
            connection.wait(interrupts)
            self._watch = None if resources.address is None else ClusterWatch(living_nodes, unplaced)
            self._local = LocalWatch()
            self._cpus = self._cpus_per_slot()
            self._gpus = resources.gpus_per_slot
            self._packer = Packer(resources, self._most_per_gpu())
            self._workplace = replace(
                workplace,
                threads=max(1, self._cpus),
                trials_per_gpu=self._packer.trials_per_gpu,
                measures_memory=self._packer.measures,
            )
            # In a cluster workers that share a GPU follow the first of them to its node.
            beside = 0 if self._watch is None else resources.trials_per_gpu - 1
            for _ in range(resources.slots // (1 + beside)):
                interrupts.check()
                self._slots.append(self._start(beside=beside))
        except BaseException:
            self.close()
            raise

    @property
    def slots(self) -> int:
        """How many workers there are, also those that are starting."""
        return len(self._slots)

    @property
    def free(self) -> int:
        """How many workers are up and idle, and may use their GPU."""
        return self._packer.free(self._slots)

    def submit(self, task: Task) -> None:
        """Start a task on an idle worker. One that must have its GPU alone starts once nothing else runs there."""
        slot = self._packer.place(self._slots, task)
        if slot is not None:
            self._run(slot, task)

    def _run(self, slot: Slot, task: Task) -> None:
        slot.task, slot.ended_for = task, None
        slot.stream = slot.actor.run.remote(task)

    def answer(self, key: Key, answer: Answer) -> None:
        """Send an answer to the worker that holds the trial open."""
        for slot in self._slots:
            if slot.asks and slot.task is not None and slot.task.key == key:
                slot.asks = False
                slot.stream = slot.actor.answer.remote(answer)

    def poll(self, timeout_s: float) -> list[TrialEvent | Notice]:
        """Return what has happened; if nothing has, wait for at most the timeout.

        Raises:
            ResourceError: No node of the cluster sees the study's files.
            StudyError: Workers don't start, or Ray on this machine has ended.
            UnwritableError: A worker can't write its results.
        """
        happened: list[TrialEvent | Notice] = []
        for slot in heard(self._slots, timeout_s):
            if slot.starting is not None:
                self._greet(slot, happened)
            else:
                self._drain(slot, happened)
        happened += self._pack()
        if self._watch is not None:
            happened += self._look(self._watch)
        elif any(slot.starting is not None for slot in self._slots):  # also after all workers were lost
            self._local.look()
        return happened

    def end(self, key: Key, reason: StopReason, detail: str) -> None:
        """Kill the worker of a task; `WorkerLost` with this reason follows."""
        self._packer.withdraw(key, reason, detail)
        for slot in self._slots:
            if slot.task is not None and slot.task.key == key:
                slot.ended_for = (reason, detail)
                ray.kill(slot.actor)

    def close(self) -> None:
        """End all workers; end the cluster too, with its files, if it was started here."""
        if self._closed:
            return
        self._closed = True
        for slot in self._slots:
            with suppress(Exception):  # it ends either way
                ray.kill(slot.actor)
        self._stack.close()
        self._interrupts.on_second(None)

    def _force(self, *, hard: bool) -> None:
        """Kill the workers, and Ray itself if it was started here and nothing else will end it."""
        if hard:
            self._kill_ray()
            return
        for slot in list(self._slots):
            if slot.home is not None and slot.home.host == socket.gethostname():
                with suppress(OSError):  # Ray may take its time, or hang
                    os.kill(slot.home.pid, signal.SIGKILL)
            with suppress(Exception):
                ray.kill(slot.actor)

    def _shared(self, workplace: Workplace) -> tuple[Needs, Workplace]:
        """Return what workers must see, and their workplace."""
        if self._resources.address is None:
            return Needs(), workplace
        if self._resources.ship_code:
            check_shipping(workplace)
            workplace = stamped(workplace)
        token = None if workplace.studies is None else Token(Path(workplace.studies))
        if token is not None:
            self._stack.callback(token.close)
        return needs_of(workplace, token, ship_code=self._resources.ship_code), workplace

    def _cpus_per_slot(self) -> int:
        resources = self._resources
        if resources.address is None:
            return resources.cpus_per_slot or 1
        nodes = list(living_nodes().values())
        most = max((node.total.get("GPU", 0) for node in nodes), default=0)
        if resources.gpus_per_slot and not most:
            raise ResourceError(f"--gpus: the Ray cluster at {resources.address} has no GPU; allowed: --workers N")
        if resources.gpus_per_slot > max(1, most):
            raise ResourceError(
                f"--gpus-per-trial {resources.gpus_per_slot:g}: the Ray cluster at {resources.address} has at most "
                f"{counted(int(most), 'GPU')} on one machine; allowed: up to {most:g}"
            )
        if resources.cpus_per_slot is not None:
            return resources.cpus_per_slot
        # 0 asks Ray for no CPU, so that nodes with fewer CPUs than workers take them too.
        return cpus_of_gpus(nodes, resources.gpus_per_slot)

    def _ask(self) -> dict[str, float]:
        """Return what the next worker needs, as Ray names it."""
        # On this machine Ray counts workers, not their threads.
        ask = {"CPU": float(self._cpus if self._watch is not None else not self._gpus), "GPU": self._gpus}
        return {name: amount for name, amount in ask.items() if amount}

    def _start(self, near: str | None = None, beside: int = 0) -> Slot:
        """Start a worker.

        Args:
            near: The node of the workers that it shares a GPU with.
            beside: How many more follow it to its node.
        """
        ask = self._ask()
        options: dict[str, Any] = {"num_cpus": ask.get("CPU", 0), "num_gpus": ask.get("GPU", 0), "max_restarts": 0}
        if self._watch is not None:
            options["scheduling_strategy"] = "SPREAD"
            if near is not None and self._packer.trials_per_gpu > 1:
                affinity = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
                options["scheduling_strategy"] = affinity(near, soft=True)
            elif selector := self._watch.selector:
                options["label_selector"] = selector
        actor = ray.remote(Actor).options(**options).remote(self._workplace, self._needs)
        count = self._packer.trials_per_gpu
        return Slot(actor=actor, starting=actor.ready.remote(), trials_per_gpu=count, beside=beside)

    def _replace(self, slot: Slot) -> None:
        """End a slot's worker and start another in its place, or as many as share a GPU by now."""
        with suppress(Exception):  # it may be dead
            ray.kill(slot.actor)
        count = self._packer.trials_per_gpu // slot.trials_per_gpu
        position, near = self._slots.index(slot), None if slot.home is None else slot.home.node
        if near is None and self._watch is not None:
            started = [self._start(beside=slot.beside + count - 1)]
        else:
            started = [self._start(near) for _ in range(count)]
        self._slots[position : position + 1] = started

    def _greet(self, slot: Slot, happened: list[TrialEvent | Notice]) -> None:
        """Take in that a worker is up, or did not start."""
        try:
            home = ray.get(slot.starting)
        except ray.exceptions.RayError as error:
            self._did_not_start(slot, error, happened)
            return
        if home.problem and self._watch is not None:
            happened += self._watch.refuse(home.node, home.problem, self._ask(), ResourceError)
            self._replace(slot)
            return
        slot.home, slot.starting = home, None
        self._slots += [self._start(home.node) for _ in range(slot.beside)]
        slot.beside = 0
        for node in (home.node, None):
            self._failed_starts.pop(node, None)
        if self._watch is not None:
            self._watch.worker_is_up(home)

    def _did_not_start(self, slot: Slot, error: Exception, happened: list[TrialEvent | Notice]) -> None:
        """Try again, except on a node where workers never start."""
        if self._watch is None or not left_alone(error):  # a worker of a node that died is not counted
            node = None if self._watch is None else node_of(slot.actor)
            self._failed_starts[node] += 1
            if self._failed_starts[node] >= _MAX_FAILED_STARTS:
                problem = f"workers don't start: {reason_of(error)}"
                if self._watch is None or node is None:
                    raise StudyError(problem)
                happened += self._watch.refuse(node, f"starts no workers: {reason_of(error)}", self._ask(), StudyError)
        self._replace(slot)

    def _drain(self, slot: Slot, happened: list[TrialEvent | Notice]) -> None:
        drained = drain(slot)
        happened += drained.events
        if self._packer.saw(slot, drained.events):
            self._share_gpus()
        if drained.error is not None:
            if isinstance(cause := getattr(drained.error, "cause", None), UnwritableError):
                raise cause from None
            happened.append(lost(slot, drained.error))
            self._packer.task_ended(slot)
            self._replace(slot)
            if self._watch is not None and slot.home is not None and left_alone(drained.error):
                self._watch.worker_is_lost(slot.home)
                self._leave({slot.home.node})
        elif drained.events and isinstance(drained.events[-1], LegEnded):
            slot.stream, slot.asks = None, True  # the rest comes in the stream of the answer
        elif drained.finished:
            self._task_ended(slot)

    def _task_ended(self, slot: Slot) -> None:
        slot.task = slot.stream = None
        self._packer.task_ended(slot)
        if self._workplace.fresh_process or slot.leaks:
            self._replace(slot)

    def _look(self, watch: ClusterWatch) -> list[Notice]:
        """Look at the cluster's nodes, and return notices."""
        died, notices = watch.look(sum(slot.starting is not None for slot in self._slots), self._ask())
        if died:
            self._leave(died)
        return notices

    def _leave(self, nodes: set[str]) -> None:
        """Replace the idle workers of nodes that are dead or seem to be, so that no task is sent there."""
        for slot in [slot for slot in self._slots if slot.idle and slot.home is not None and slot.home.node in nodes]:
            self._replace(slot)

    def _most_per_gpu(self) -> int:
        """Return the most trials that may share a GPU, each with at least one CPU thread."""
        resources = self._resources
        if resources.address is None or resources.most_per_gpu == 1:
            return resources.most_per_gpu
        room = cpus_of_gpus(list(living_nodes().values()), 1.0)
        return max(1, min(resources.most_per_gpu, room // (resources.cpus_per_slot or 1)))

    def _share_gpus(self) -> None:
        """Let workers that start from now on share GPUs."""
        count = self._packer.trials_per_gpu
        self._gpus = share_of(count)
        if not self._resources.cpus_given:
            self._cpus //= count
        self._workplace = replace(
            self._workplace, threads=max(1, self._cpus), trials_per_gpu=count, measures_memory=False
        )

    def _pack(self) -> list[Notice | TrialEvent]:
        """Start tasks that now have a GPU alone, and return events and notices."""
        for slot in [slot for slot in self._slots if slot.trials_per_gpu != self._packer.trials_per_gpu]:
            if slot.task is None:
                self._replace(slot)
        for slot, task in self._packer.due(self._slots):
            self._run(slot, task)
        return self._packer.told()
