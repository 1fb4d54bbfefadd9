"""A first space file, from a script or a config."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from hpsearch.config.config import DEFAULT_TRIALS
from hpsearch.drafting.drafted_file import DraftedFile, drafted
from hpsearch.drafting.from_script.configs import ConfigSource, hydra_config, read_config
from hpsearch.drafting.from_script.findings import Findings
from hpsearch.drafting.from_script.hydra_logger import csv_logger
from hpsearch.drafting.from_script.measurements import Measurements, guess_measurements
from hpsearch.drafting.from_script.modules import module_of
from hpsearch.drafting.from_script.objective import LIGHTNING_LOGGER, objective
from hpsearch.drafting.from_script.parameters import give_options, sort_settings
from hpsearch.drafting.from_script.script import parse, read_script
from hpsearch.drafting.from_script.setting import Setting
from hpsearch.drafting.from_script.usage import last_weights, usage_of
from hpsearch.drafting.space_file import Comment, Entry, SpaceFile
from hpsearch.errors import InputError
from hpsearch.system.documents import SUFFIXES
from hpsearch.system.files import read_text
from hpsearch.system.names import study_name

_CONFIG = re.compile(r"(config|conf|cfg|yaml|yml|hparams|hyp)(_?(file|path|name|yaml|yml))?|opt|(path_)?(to_)?config")


def plan_space(source: Path, *, folder: Path, script: Path | None = None) -> DraftedFile:
    """Return a first space file for a training script or its config.

    Args:
        source: A `.py` file, or a config in YAML, JSON or TOML. It is read, never run.
        folder: Where the space file will lie.
        script: The script that reads the config `source`; None to look for it beside the config.

    Raises:
        InputError: The source can't be read, or has nothing to search.
    """
    if source.suffix == ".py":
        if script is not None:
            raise InputError(f"--script {script}: {source} is a script already; allowed: --script with a config")
        findings = _of_script(source)
    elif source.suffix.lower() in SUFFIXES:
        findings = _of_config(source, script)
    else:
        raise InputError(f"{source}: not read; allowed: a .py script, or a config that ends in {', '.join(SUFFIXES)}")
    file = _space_file(findings, study_name(source.stem), folder)
    return drafted(file, str(source), checks=findings.checks, unsure=findings.unsure)


def _of_script(source: Path) -> Findings:
    script = read_script(read_text(source), str(source))
    if script.hydra is not None:
        path, name = script.hydra
        return _of_config(hydra_config(source.parent / path, name), source)
    usage = usage_of(script.module.trees)
    result = sort_settings(script.settings, str(source), keep_rest=script.is_structured, usage=usage)
    measured = guess_measurements(script.tree, script.module.others)
    measured = _of_lightning(measured) if script.is_lightning else measured
    give_options(result, script.settings, measured.options)
    return Findings(
        source=source,
        script=source,
        way="hydra" if script.is_structured else "args",
        sorted=result,
        measured=measured,
        notes=script.notes,
        words=script.words,
        ends=LIGHTNING_LOGGER if script.is_lightning else (),
        weights=last_weights(usage),
    )


def _of_config(source: Path, script: Path | None) -> Findings:
    config = read_config(source)
    if script is None and config.kind == "hydra":
        script = _hydra_neighbour(source)
    result = sort_settings(config.settings, str(source), keep_rest=True)
    measured = Measurements() if script is None else _measured_by(script, config)
    found = csv_logger(source, config.defaults) if config.kind == "hydra" and not measured.way else None
    if found is not None:
        measured, override = found
        result.spelled.append((Setting(name=override), "csv"))
    measured = _of_lightning(measured) if config.kind == "lightning" else measured
    return Findings(
        source=source,
        script=script,
        way=config.kind,
        sorted=result,
        measured=measured,
        notes=config.notes,
        words=_option_of_config(script) if script is not None and config.kind == "plain" else (),
    )


def _option_of_config(script: Path) -> tuple[str, ...]:
    """Return the option by which a script takes its config; none if it takes it as an argument."""
    try:
        settings = read_script(read_text(script), str(script)).settings
    except InputError:
        return ()
    return tuple(s.flag for s in settings if s.flag and not s.left_out and _CONFIG.fullmatch(s.name))[:1]


def _measured_by(script: Path, config: ConfigSource) -> Measurements:
    """Return where a script that reads a config measures: itself, or in the classes that the config names."""
    module = module_of(parse(read_text(script), str(script)), script)
    for target in config.targets:
        parts = target.split(".")
        for end in (-1, -2):  # a class, or a method of one
            module.local(".".join(parts[:end])) if len(parts) > -end else None
    return guess_measurements(module.tree, module.others, config.folders)


def _of_lightning(measured: Measurements) -> Measurements:
    """Return where the CSV log is that the command lets Lightning keep."""
    metric = measured if measured.known else Measurements()
    return replace(metric, way="csv", place="{trial_dir}/lightning_logs/version_0/metrics.csv", first_epoch=0)


def _hydra_neighbour(config: Path) -> Path | None:
    """Return the script that names a config in `@hydra.main`: the only one beside it or one folder above, else None."""
    found = []
    for folder in (config.parent, config.parent.parent):
        for file in sorted(folder.glob("*.py")):
            try:
                hydra = read_script(read_text(file), str(file)).hydra
                named = hydra is not None and hydra_config(folder / hydra[0], hydra[1]).samefile(config)
            except (InputError, OSError):
                continue
            if named:
                found.append(file)
    return found[0] if len(found) == 1 else None


def _space_file(findings: Findings, study: str, folder: Path) -> SpaceFile:
    measured = findings.measured
    guess = "found in the script" if measured.known else "not found in the script; what does it report?"
    rest = Comment(f"everything else stays as {findings.source.name} has it")
    is_left = findings.way != "args" or findings.sorted.kept > 0
    no_seed = "CHECK: no seed was found; without one, the finalists' seeds make no difference"
    return SpaceFile(
        head=(
            f"A first space file for {findings.source.name}. Lines with CHECK are guesses.",
            *(f"Note: {note}" for note in findings.notes),
        ),
        study=study,
        goal=(Entry("metric", measured.metric, f"CHECK: {guess}"), Entry("direction", measured.direction, "CHECK")),
        objective=objective(findings, folder),
        space=(*findings.sorted.space, *((rest,) if is_left else ())),
        search=(Entry("trials", DEFAULT_TRIALS),),
        finalists=(Entry("configs", 3), Entry("seeds", 5)),
        tail=() if findings.has_seed else (no_seed,),
    )
