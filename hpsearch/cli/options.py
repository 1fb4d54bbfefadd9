"""Arguments and options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hpsearch.errors import InputError

if TYPE_CHECKING:
    from hpsearch.executors.resources import ResourceRequest


class ExecutorName(StrEnum):
    """Where trials run."""

    RAY = "ray"
    INLINE = "inline"


class FormatName(StrEnum):
    """The format of an export."""

    YAML = "yaml"
    JSON = "json"
    TOML = "toml"
    HYDRA = "hydra"
    ARGS = "args"
    ENV = "env"
    PYTHON = "python"
    PYTHON_ASSIGN = "python-assign"
    LIGHTNING = "lightning"
    OPTUNA = "optuna"


SpaceArgument = Annotated[
    str, typer.Argument(metavar="SPACE", help="A space file, or the name of one that ships with hpsearch, such as cnn.")
]
StudyArgument = Annotated[str, typer.Argument(metavar="STUDY", help="A study's name, or the path of its folder.")]
BudgetOption = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="2h",
        help="What the study may spend in all: a time, or limits such as time=2h,gpu_hours=8,epochs=5000,trials=200. "
        "The value none removes a limit.",
    ),
]
MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="NAME=PLACE",
        help="The place of a parameter in the file; NAME= leaves the parameter out. Can be repeated.",
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only", metavar="NAME", help="A parameter that is in the file, without the others; can be repeated."
    ),
]


@dataclass(frozen=True, kw_only=True)
class PlaceOptions:
    """Where studies are."""

    studies: Annotated[
        Path,
        typer.Option("--studies", metavar="DIR", envvar="HPSEARCH_STUDIES", help="The directory with all studies."),
    ] = Path("studies")
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage",
            metavar="URL",
            envvar="HPSEARCH_STORAGE",
            show_envvar=True,
            help=(
                "The store's database: any URL that Optuna takes, or sqlite or journal for a file in the study's "
                "folder; by default sqlite, or journal on a network file system."
            ),
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """What trials run on."""

    gpus: Annotated[
        int | None,
        typer.Option(
            "--gpus",
            min=1,
            metavar="N",
            help="GPUs to use. Without --gpus and --workers: all idle GPUs, or CPU workers if there is none.",
        ),
    ] = None
    gpus_per_trial: Annotated[
        int | None,
        typer.Option(
            "--gpus-per-trial",
            min=1,
            metavar="N",
            help="GPUs of one machine for each trial, as for torchrun; the space file's gpus_per_trial by default.",
        ),
    ] = None
    workers: Annotated[int | None, typer.Option("--workers", min=1, metavar="N", help="CPU workers to use.")] = None
    trials_per_gpu: Annotated[
        str,
        typer.Option(
            "--trials-per-gpu",
            metavar="K|auto",
            help="How many trials share a GPU; auto: as many as fit in its memory.",
        ),
    ] = "1"
    cpus_per_trial: Annotated[
        int | None,
        typer.Option(
            "--cpus-per-trial",
            min=1,
            metavar="N",
            help="CPU threads for each trial; by default they are shared evenly.",
        ),
    ] = None
    ray_address: Annotated[
        str | None,
        typer.Option(
            "--ray-address",
            metavar="A",
            help="A running Ray cluster, such as 10.0.0.1:6379; by default one is started on this machine.",
        ),
    ] = None
    executor: Annotated[
        ExecutorName,
        typer.Option("--executor", help="ray: worker processes; inline: this process, one trial at a time."),
    ] = ExecutorName.RAY
    fresh_process: Annotated[
        bool,
        typer.Option(
            "--fresh-process", help="A new process for each trial, for objectives that leave global state behind."
        ),
    ] = False

    def request(self) -> ResourceRequest:
        """Return the workers that are asked for.

        Raises:
            InputError: `--trials-per-gpu` is neither a number nor `auto`.
        """
        from hpsearch.executors.resources import ResourceRequest

        return ResourceRequest(
            gpus=self.gpus,
            gpus_per_trial=self.gpus_per_trial,
            workers=self.workers,
            trials_per_gpu=_packing(self.trials_per_gpu),
            cpus_per_trial=self.cpus_per_trial,
            ray_address=self.ray_address,
            executor=self.executor.value,
            fresh_process=self.fresh_process,
        )


@dataclass(frozen=True, kw_only=True)
class ShippingWorkerOptions(WorkerOptions):
    """What trials run on, where a cluster's machines may need the code."""

    ship_code: Annotated[
        bool,
        typer.Option(
            "--ship-code", help="With --ray-address: send the working directory to machines that don't share its path."
        ),
    ] = False

    def request(self) -> ResourceRequest:
        """Return the workers that are asked for.

        Raises:
            InputError: `--trials-per-gpu` is neither a number nor `auto`.
        """
        return replace(super().request(), ship_code=self.ship_code)


def places(texts: Sequence[str]) -> dict[str, str]:
    """Return the places that `--map` gives, by parameter; an empty one leaves the parameter out.

    Raises:
        InputError: One is not NAME=PLACE.
    """
    found = {}
    for text in texts:
        name, equals, place = text.partition("=")
        if not equals or not name or (place and not all(place.split("."))):
            raise InputError(f"--map {text}: allowed: NAME=PLACE, such as lr=optimizer.lr")
        found[name] = place
    return found


def _packing(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", text):
        raise InputError(f"--trials-per-gpu {text}: allowed: a number from 1 on, or auto")
    return int(text)
