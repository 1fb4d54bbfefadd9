"""Importing a space and drawing from it, for the tests of the importers."""

import json
from pathlib import Path

from hpsearch.drafting.from_tuners import plan_import
from hpsearch.objectives.command.checks import check_command
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.space_files import load_space_file
from hpsearch.samplers import choose_levels, make_sampler


def put(content, name="sweep.yaml"):
    """Write a file of another tool, as text or JSON, into the working directory; return its name."""
    Path(name).write_text(content if isinstance(content, str) else json.dumps(content, indent="\t"))
    return name


def imported(source, kind=None):
    """Plan an import, write the file, load it, and check its command."""
    plan = plan_import(str(source), kind)
    path = Path("imported.yaml")
    path.write_text(plan.text)
    config = load_space_file(path)
    if isinstance(config.objective, Command):
        check_command(config.objective, config.space)
    # The file has the notes too.
    comments = [line for line in plan.text.splitlines() if "#" in line]
    for note in plan.notes:
        said = note.partition(": ")[2] if note not in plan.text else note
        assert any(said in line for line in comments), note
    return plan, config


def drawn(config, count=30):
    """Return configs as trials get them, from the file's own sampler, or a random one instead of TPE."""
    search = config.search.model_copy(update={"sampler": "random"}) if config.search.sampler == "tpe" else config.search
    sampler = make_sampler(search, config.space, 0, choose_levels(config.space, count, search.levels))
    return [config.space.config_of(sampler.draw(number)) for number in range(count)]
