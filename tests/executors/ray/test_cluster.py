"""Several Ray nodes on this machine: workers are spread over them, and nodes come, die, are full or see other files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hpsearch.errors import InputError, ResourceError, StudyError
from hpsearch.executors.planning import plan_resources
from hpsearch.executors.ray.actor import Home
from hpsearch.executors.ray.cluster import ClusterWatch, Node, cpus_of_gpus
from hpsearch.executors.ray.files import Needs, Token, check_shipping, runtime_environment
from hpsearch.executors.ray.internals import without_helpers
from hpsearch.executors.resources import ResourceRequest, Resources
from hpsearch.system.place import Place
from hpsearch.system.signals import Interrupts
from hpsearch.trial.events import Notice, TrialEnded, WorkerLost
from hpsearch.trial.trial import StopReason
from hpsearch.vision.section import ImageClassifier
from support.documents import read_yaml
from support.executors import UNSAVED, collect, task, workplace
from support.outcomes import outcome
from support.paths import OBJECTIVES, ROOT, TESTS
from support.waiting import Patience, wait_until

CPU = {"CPU": 1.0}
EXAMPLES = ROOT / "examples/cluster"
STORE_BYTES = 80 * 1024 * 1024


def node(name: str, cpus: float = 2, free: float | None = None, gpus: float = 0) -> Node:
    return Node(name=name, total={"CPU": cpus, "GPU": gpus}, free={"CPU": cpus if free is None else free, "GPU": gpus})


def home(key: str) -> Home:
    return Home(node=key, host=f"host-{key}", pid=1)


class World:
    """A cluster that a test changes, with a watch over it and a clock."""

    def __init__(self, **nodes: Node) -> None:
        self.nodes, self.now, self.unplaced = dict(nodes), 0.0, 0
        self.watch = ClusterWatch(lambda: dict(self.nodes), lambda ask: self.unplaced, lambda: self.now)

    def look(self, starting: int = 0, after_s: float = 3.0) -> list[str]:
        self.now += after_s
        return [notice.message for notice in self.watch.look(starting, CPU)[1]]


def test_workers_without_room_are_told_of_once_until_there_was_room():
    world = World(a=node("a", 4, free=1), b=node("b", 2, free=0))
    world.unplaced = 2
    assert world.look(starting=3) == []
    assert world.look(starting=3) == []
    (message,) = world.look(starting=3)
    assert message == (
        "the Ray cluster has no room for 2 workers yet: each asks for 1 CPU; "
        "there are 6 CPUs on 2 nodes, and 1 CPU free"
    )
    assert [world.look(starting=3) for _ in range(5)] == [[]] * 5
    assert world.look(starting=0) == []
    assert [message for _ in range(4) for message in world.look(starting=1)] == [
        message.replace("2 workers", "1 worker")
    ]


def test_workers_that_only_start_slowly_are_not_told_of():
    world = World(a=node("a", 4, free=0))
    assert [world.look(starting=2) for _ in range(5)] == [[]] * 5


def test_where_ray_does_not_say_who_waits_free_cpus_tell():
    world = World(a=node("a", 4, free=0))
    world.unplaced = None
    assert len([message for _ in range(5) for message in world.look(starting=2)]) == 1
    world = World(a=node("a", 4, free=1))
    world.unplaced = None
    assert [world.look(starting=2) for _ in range(5)] == [[]] * 5


def test_no_node_is_large_enough():
    world = World(a=node("a", 0.5))
    world.unplaced = 1
    messages = [message for _ in range(5) for message in world.look(starting=1)]
    assert len(messages) == 1
    assert "smaller --cpus-per-trial" in messages[0]


def test_free_gpus_on_different_machines_are_no_room_for_a_trial():
    world = World(a=node("a", gpus=2), b=node("b", gpus=2))
    world.nodes = {key: Node(name=key, total={"GPU": 2.0}, free={"GPU": 1.0}) for key in "ab"}
    world.unplaced, ask = 1, {"GPU": 2.0}
    told = []
    for _ in range(5):
        world.now += 3.0
        told += [notice.message for notice in world.watch.look(1, ask)[1]]
    (message,) = told
    assert message == (
        "the Ray cluster has no room for 1 worker yet: each asks for 2 GPUs; there are 4 GPUs on 2 nodes, "
        "and 2 GPUs free; but no node has that much free by itself"
    )


def test_nodes_that_join_and_die_are_told_of():
    world = World(a=node("a"), b=node("b"))
    world.watch.worker_is_up(home("a"))
    world.watch.worker_is_up(home("b"))
    world.nodes["c"] = node("c")
    assert world.look(starting=1) == ["1 node joined the Ray cluster: c"]
    world.nodes["d"] = node("d")
    assert world.look(starting=0) == []  # nobody waits for it
    world.watch.worker_is_up(home("e"))
    world.nodes["e"] = node("e")
    assert world.look(starting=0) == ["1 node joined the Ray cluster: e"]  # its worker was up before the look
    world.watch.worker_is_lost(home("a"))
    del world.nodes["a"], world.nodes["d"]
    assert world.look() == []
    world.watch.worker_is_lost(home("a"))  # Ray told of the node first
    assert world.look() == ["node a left the Ray cluster; 2 trials went back"]  # d had no worker
    assert world.look() == []


def test_looks_are_rare():
    world = World(a=node("a"))
    world.watch.worker_is_up(home("a"))
    del world.nodes["a"]
    assert world.look() == []
    assert world.look(after_s=0.5) == []
    assert world.look(after_s=2.0) == ["node a left the Ray cluster"]


def test_a_node_that_is_refused_is_named_and_left_out():
    world = World(a=node("a"), b=node("b"))
    assert world.watch.selector == {}
    (notice,) = world.watch.refuse("a", "can't see /x", CPU, ResourceError)
    assert notice.message == "node a can't see /x; it is not used"
    assert world.watch.refuse("a", "can't see /x", CPU, ResourceError) == []
    assert world.watch.selector == {"ray.io/node-id": "!in(a)"}
    with pytest.raises(ResourceError, match=r"^--ray-address: node b can't see /y$"):
        world.watch.refuse("b", "can't see /y", CPU, ResourceError)


def test_the_last_node_may_be_refused_once_workers_have_been_up():
    world = World(a=node("a"), b=node("b", cpus=0.5))
    world.watch.worker_is_up(home("a"))
    assert world.watch.refuse("a", "starts no workers", CPU, StudyError)
    world = World(a=node("a"), b=node("b", cpus=0.5))
    with pytest.raises(StudyError, match="starts no workers"):  # b is too small
        world.watch.refuse("a", "starts no workers", CPU, StudyError)


def test_cpus_are_shared_out_by_the_node_with_the_fewest_for_each_gpu():
    nodes = [node("head", 64), node("a", 16, gpus=4), node("b", 48, gpus=8)]
    assert [cpus_of_gpus(nodes, share) for share in (1.0, 0.5, 0.25)] == [4, 2, 1]
    assert cpus_of_gpus([node("a", 2, gpus=4)], 1.0) == 0
    assert cpus_of_gpus([node("head", 64)], 1.0) == 0


def test_a_worker_says_what_it_cannot_see(tmp_path):
    studies, code = tmp_path / "studies", tmp_path / "code"
    studies.mkdir()
    code.mkdir()
    (code / "train.py").touch()
    token = Token(studies)
    assert Needs(folders={"the code": str(code)}, token=str(token.path)).problem() == ""
    empty = Needs(folders={"the code": str(studies / "empty")}, token=str(token.path))
    assert f"can't see {studies / 'empty'}, the code; allowed: a path" in empty.problem()
    (studies / "empty").mkdir()
    assert "can't see" in empty.problem()
    assert "has hpsearch" in Needs(version="0.0.0").problem()
    token.close()
    token.close()
    assert "another directory is there" in Needs(token=str(token.path)).problem()
    assert "no directory is there" in Needs(token=str(tmp_path / "none/x")).problem()


def test_the_token_of_a_driver_that_was_killed_goes_with_the_next(tmp_path):
    code = f"from pathlib import Path; from hpsearch.executors.ray.files import Token; Token(Path({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True)
    (left,) = tmp_path.iterdir()
    token = Token(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [token.path.name] != [left.name]


def test_code_that_cannot_be_sent_is_refused(tmp_path):
    place = workplace("climb")
    with pytest.raises(InputError, match=r"--ship-code: the code lies in .*objectives, outside of the working"):
        check_shipping(replace(place, folder=str(tmp_path)))
    check_shipping(replace(place, folder=str(OBJECTIVES)))
    with pytest.raises(InputError, match="--ship-code: the study runs from its copy of the code"):
        check_shipping(replace(place, folder=str(OBJECTIVES), place=Place(OBJECTIVES, tmp_path)))
    built_in = ImageClassifier(use="image_classifier", data="digits", epochs=2)
    with pytest.raises(InputError, match="--ship-code: the built-in objective has no code"):
        check_shipping(replace(place, objective=built_in))
    with pytest.raises(InputError, match=r"--ship-code: .* allowed: with --ray-address"):
        plan_resources(ResourceRequest(ship_code=True, workers=1), 1)


def test_studies_are_not_sent_with_the_code(tmp_path):
    place = replace(workplace("climb"), folder=str(tmp_path), studies=str(tmp_path / "out/studies"))
    assert "/out/studies" in runtime_environment(place)["excludes"]
    assert runtime_environment(replace(place, studies="/elsewhere"))["working_dir"] == str(tmp_path)


class Nodes:
    """A cluster whose nodes a test starts and kills."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._folder = tempfile.mkdtemp(prefix="hpt-", dir="/tmp")
        head = {
            "num_cpus": 0,
            "include_dashboard": False,
            "object_store_memory": STORE_BYTES,
            "temp_dir": self._folder,
            "_system_config": {"health_check_period_ms": 500, "health_check_failure_threshold": 2},
        }
        with without_helpers():
            self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self.address = self._cluster.address
        self._apart: list[subprocess.Popen[str]] = []

    def add(self, cpus: int = 1, gpus: int = 0) -> Any:
        with without_helpers():
            return self._cluster.add_node(num_cpus=cpus, num_gpus=gpus, object_store_memory=STORE_BYTES)

    def kill(self, one: Any) -> None:
        self._cluster.remove_node(one, allow_graceful=False)

    def add_apart(self, hidden: list[Path], cpus: int = 1, **environment: str) -> None:
        """Add a node that sees empty folders where others see these, as a machine of its own would."""
        command = [str(Path(sys.executable).parent / "ray"), "start", f"--address={self.address}", "--block"]
        command += [f"--num-cpus={cpus}", f"--object-store-memory={STORE_BYTES}", "--log-style=record"]
        mounts = [f"mount -t tmpfs none '{folder}'" for folder in hidden]
        script = " && ".join([*mounts, 'exec "$@"'])
        self._apart.append(
            subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", script, "node", *command],
                env={**os.environ, **environment},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                text=True,
            )
        )

    def clear(self) -> None:
        """Remove all nodes but the head."""
        for process in self._apart:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
        self._apart.clear()
        for one in list(self._cluster.worker_nodes):
            self._cluster.remove_node(one)  # it says goodbye, so that the next test does not meet it

    def close(self) -> None:
        self.clear()
        self._cluster.shutdown()
        # A process that is ending may still write there.
        wait_until(lambda: shutil.rmtree(self._folder, ignore_errors=True) or not Path(self._folder).exists(), 20)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    started = Nodes()
    yield started
    started.close()


@pytest.fixture
def nodes(cluster: Nodes) -> Iterator[Nodes]:
    yield cluster
    cluster.clear()


@pytest.fixture
def start(nodes: Nodes, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start an executor on the cluster."""
    from hpsearch.executors.ray.executor import RayExecutor

    executors = []

    def start(slots: int, function: str = "any_of_them", gpus: float = 0, **changes: Any) -> Any:
        resources = Resources(
            slots=slots, text="workers", gpus_per_slot=gpus, cpus_per_slot=1, address=nodes.address, **changes
        )
        studies = tmp_path / "studies"
        studies.mkdir(exist_ok=True)
        place = workplace(function, gpu=gpus > 0, studies=str(studies))
        executors.append(RayExecutor(place, resources, Interrupts()))
        return executors[-1]

    yield start
    for executor in executors:
        executor.close()
    assert not list(tmp_path.glob("studies/.visible*"))


def polled(executor: Any, condition: Callable[[list[str]], bool], timeout_s: float = 60) -> list[str]:
    """Poll until a condition on the notices holds, and return them."""
    told: list[str] = []
    patience = Patience(timeout_s)
    while not condition(told):
        assert not patience.ended(), told
        told += [event.message for event in executor.poll(0.2) if isinstance(event, Notice)]
    return told


def homes(executor: Any) -> set[str]:
    return {slot.home.node for slot in executor._slots if slot.home is not None}


@pytest.mark.slow
def test_workers_are_spread_take_what_is_there_and_use_a_node_that_joins(nodes, start, tmp_path):
    nodes.add(cpus=4, gpus=1)
    nodes.add(cpus=4, gpus=1)
    executor = start(3, gpus=1)
    (message,) = polled(executor, lambda told: executor.free == 2 and bool(told))
    assert message == (
        "the Ray cluster has no room for 1 worker yet: each asks for 1 CPU and 1 GPU; "
        "there are 8 CPUs and 2 GPUs on 2 nodes, and 6 CPUs and 0 GPUs free"
    )
    assert len(homes(executor)) == 2
    for number in range(2):
        executor.submit(task(tmp_path, number, epochs=2, config=UNSAVED))
    ended = [event for event in collect(executor, 2) if isinstance(event, TrialEnded)]
    assert [event.reason for event in ended] == [StopReason.FINISHED] * 2
    nodes.add(cpus=4, gpus=1)
    joined = "1 node joined the Ray cluster: "
    polled(executor, lambda told: executor.free == 3 and any(message.startswith(joined) for message in told))
    assert len(homes(executor)) == 3


@pytest.mark.slow
def test_workers_that_share_a_gpu_follow_each_other_to_its_node(nodes, start):
    for _ in range(2):
        nodes.add(cpus=2, gpus=2)
    executor = start(2, gpus=0.5, trials_per_gpu=2)
    polled(executor, lambda told: executor.free == 2)
    one, other = executor._slots
    assert one.group == other.group


@pytest.mark.slow
def test_a_cluster_without_gpus_says_so(start):
    with pytest.raises(ResourceError, match=r"--gpus: the Ray cluster at .* has no GPU; allowed: --workers N"):
        start(1, gpus=1)


@pytest.mark.slow
def test_several_gpus_for_a_trial_are_those_of_one_machine(nodes, start):
    nodes.add(cpus=2, gpus=1)
    with pytest.raises(ResourceError, match=r"--gpus-per-trial 2: the Ray .* has at most 1 GPU on one machine"):
        start(1, gpus=2)
    nodes.add(cpus=4, gpus=2)
    executor = start(1, gpus=2)
    polled(executor, lambda told: executor.free == 1)
    assert len(executor._slots[0].home.gpus) == 2


@pytest.mark.slow
def test_workers_wait_for_room_that_others_take_and_leave_a_node_that_dies(nodes, start, tmp_path):
    import ray

    dying = nodes.add(cpus=2)
    executor = start(0)
    other = ray.remote(num_cpus=2)(lambda: time.sleep(600)).remote()
    ray.wait([other], timeout=0)
    wait_until(lambda: not ray.available_resources().get("CPU"), 60, "the other's start")
    executor._slots += [executor._start(), executor._start()]
    told = polled(executor, bool)
    assert "no room for 2 workers yet: each asks for 1 CPU; there are 2 CPUs on 1 node, and 0 CPUs free" in told[0]
    ray.cancel(other, force=True)
    assert polled(executor, lambda told: executor.free == 2) == []

    executor.submit(task(tmp_path, config={"lr": 0.1, "does": "hang"}))
    assert executor.free == 1
    nodes.kill(dying)
    happened = collect(executor)
    (lost,) = [event for event in happened if isinstance(event, WorkerLost)]
    assert "died, or can't be reached" in lost.detail
    assert executor.free == 0  # the idle worker gets no trial
    (message,) = polled(executor, bool)
    assert message.endswith("left the Ray cluster; 1 trial went back")


def cpu_study(space_file: Callable[..., Path], trials: int, *, saves: bool = False) -> None:
    space = {"saves": saves}  # a constant
    space_file(objective={"epochs": 6}, space=space, search={"trials": trials}, finalists=None, ensemble=None)


@pytest.mark.slow
def test_a_node_dies_and_one_joins_in_mid_study_and_it_is_the_same_study(cli, space_file, nodes, monkeypatch):
    cpu_study(space_file, 6, saves=True)
    cli.run_warm("run", "sample.yaml", "--executor", "inline", "--name", "whole")
    cli.audit.write_text("")
    monkeypatch.setenv("SAMPLE_AUDIT", str(cli.audit))  # workers inherit what their node was started with
    monkeypatch.setenv("SAMPLE_HOLD", "8")
    dying, _ = nodes.add(), nodes.add()
    arguments = ("--workers", "3", "--ray-address", nodes.address, "--name", "spread")
    running = cli.start_warm("run", "sample.yaml", *arguments)
    wait_until(lambda: len(cli.audited()) >= 8 or running.poll() is not None, 120, "8 epochs")
    nodes.kill(dying)
    wait_until(lambda: "left the Ray cluster" in running.so_far()[1] or running.poll() is not None, 120, "the loss")
    nodes.add(cpus=2)  # a worker waits for it
    wait_until(
        lambda: "joined the Ray cluster" in running.so_far()[1] or running.poll() is not None, 120, "the new node"
    )
    cli.let_go()
    out, error = running.communicate()
    assert running.returncode == 0, error
    assert outcome(cli.folder / "studies/spread") == outcome(cli.folder / "studies/whole")
    assert "died, or can't be reached); tried again on another" in error
    assert "left the Ray cluster; 1 trial went back" in error
    assert "joined the Ray cluster" in error
    assert "raylet" not in out + error
    assert not list(cli.folder.glob("studies/.visible*"))


def can_hide() -> bool:
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not can_hide(), reason="needs the right to make a mount namespace")
def test_nodes_that_cannot_see_the_study_or_the_code(cli, space_file, nodes, monkeypatch):
    cpu_study(space_file, 3)
    studies = cli.folder / "studies"
    studies.mkdir()
    (studies / "README.md").touch()  # a folder that is empty goes with a study that could not start
    arguments = ("--workers", "1", "--ray-address", nodes.address)
    code = cli.folder / "code"
    code.mkdir()
    for name in ("sample.yaml", "sample_objectives.py"):
        (code / name).write_bytes((cli.folder / name).read_bytes())
    nodes.add_apart([studies, code])
    refused = cli.run_warm("run", "sample.yaml", *arguments, code=2)
    *_, error = refused.stderr.splitlines()
    assert error.startswith("error: --ray-address: node ")
    assert f"can't see {studies}, the studies directory: another directory is there; allowed: a path that all" in error
    assert [path.name for path in studies.iterdir()] == ["README.md"]
    monkeypatch.setenv("SAMPLE_EPOCH_S", "0.3")
    seeing = nodes.add()
    two = ("--workers", "2", "--ray-address", nodes.address, "--name", "two")
    done = cli.run_warm("run", "sample.yaml", *two)
    assert "another directory is there; allowed: a path that all machines share; it is not used" in done.stderr
    nodes.kill(seeing)

    cli.folder = code
    arguments += ("--studies", str(code.parent / "others"), "--name", "sent", "--ship-code")
    assert "3 finished" in cli.run_warm("run", "sample.yaml", *arguments).stdout
    assert outcome(code.parent / "others/sent") == outcome(studies / "two")


@pytest.mark.slow
def test_code_that_is_too_large_to_be_sent_says_so(nodes, tmp_path, monkeypatch):
    from ray._private.runtime_env import packaging

    from hpsearch.executors.ray.executor import RayExecutor

    monkeypatch.setattr(packaging, "GCS_STORAGE_MAX_SIZE", 10_000)
    resources = Resources(slots=1, text="workers", cpus_per_slot=1, address=nodes.address, ship_code=True)
    place = replace(workplace("any_of_them"), folder=str(TESTS), studies=str(tmp_path))
    problem = r"--ship-code: .*/tests is too large to be sent, .*limit is 0\.01 MiB"
    with pytest.raises(ResourceError, match=problem):
        RayExecutor(place, resources, Interrupts())
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_command_of_the_kubernetes_example_runs_on_the_gpus_that_are_there(cli, space_file, nodes):
    job = read_yaml((EXAMPLES / "rayjob.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        assert container["volumeMounts"] == [{"name": "shared", "mountPath": "/shared"}]
        assert pod["volumes"][0]["name"] == "shared"
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())

    cpu_study(space_file, 2)
    (cli.folder / "project").mkdir()
    for old, new in (("sample.yaml", "space.yaml"), ("sample_objectives.py", "sample_objectives.py")):
        (cli.folder / old).rename(cli.folder / "project" / new)
    command, *words = job["spec"]["entrypoint"].replace("/shared", str(cli.folder)).split()
    assert command == "hpsearch"
    nodes.add(cpus=1, gpus=1)
    first = cli.run_warm(*words, RAY_ADDRESS=nodes.address)
    assert "up to 8 GPUs of the Ray cluster" in first.stderr
    assert "2 finished" in first.stdout
    assert "2 finished" in cli.run_warm(*words, RAY_ADDRESS=nodes.address).stdout  # a job that runs once more
