"""The pages: links, snippets and tables against the program."""

import importlib.util
import re
import sys
from dataclasses import asdict, fields
from typing import get_args

import optuna
import pytest
from typer.testing import CliRunner

from hpsearch import api, samplers
from hpsearch.cli.app import app
from hpsearch.config import budget_section as config_budget
from hpsearch.config import config, prune
from hpsearch.executors.resources import ResourceRequest
from hpsearch.objectives.command.checks import check_command
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.space_files import parse_config
from hpsearch.report.region import bounds_in_words
from hpsearch.samplers.edges import Edge
from hpsearch.samplers.optuna_class import OptunaClass
from hpsearch.samplers.optuna_sampler import OptunaSampler
from hpsearch.selection import enough
from hpsearch.selection.asha import rung_epochs
from hpsearch.space import constraints, expressions
from hpsearch.space.options import OPTIONS
from hpsearch.space.parsing import KINDS, parse_space
from hpsearch.study import document, pruning
from hpsearch.trial.trial import Direction, Stage
from hpsearch.vision.parameters import Hyperparameters
from hpsearch.vision.section import ImageClassifier
from support import studies as report_studies
from support.documents import read_yaml, write_yaml
from support.paths import ROOT

DOCS = ROOT / "docs"
README, OBJECTIVES, SPACES = ROOT / "README.md", DOCS / "objectives.md", DOCS / "spaces.md"
OPTIMISATION = DOCS / "trainer-optimisation.md"
RESULTS, TUNERS = DOCS / "results.md", DOCS / "optuna-and-tune.md"
COMMANDS, CHOOSING = DOCS / "commands.md", DOCS / "choosing-a-space.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
STALE = "stale: run python docs/make_results.py"
REST = ".…"  # in a table of keys: the same below this one as below the one before
SECTIONS = {
    "search": config.Search,
    "search.warm_start": config.WarmStart,
    "search.expand": config.Expand,
    "search.rounds[]": config.SearchRound,
    "prune": prune.Prune,
    "prune.stall": prune.Stall,
    "prune.asha": prune.Asha,
    "prune.hyperband": prune.Hyperband,
    "prune.median": prune.Median,
    "prune.screen": prune.Screen,
    "budget": config_budget.Budget,
    "finalists": config.Finalists,
    "ensemble": config.Ensemble,
    "faults": config.Faults,
    "export": config.Export,
}


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


def table(page, header):
    """Return the rows of the table with this first column, each a list of the cells' code words."""
    lines = iter(page.read_text().splitlines())
    for line in lines:
        if line.startswith(f"| {header} |"):
            break
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([re.findall(r"`([^`]+)`", cell) for cell in re.split(r"(?<!\\)\|", line.strip("| "))])
    assert rows, f"{page.name} has no table {header!r}"
    return rows


def first_words(page, header):
    return [word for row in table(page, header) for word in row[0]]


def parsed_yaml(text):
    return read_yaml(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_no_place_of_one_machine(page):
    assert re.findall(r"/(?:home|root|tmp|work|Users)/\S*", page.read_text()) == []


def script(name, monkeypatch):
    """Import one of the scripts that make pages."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_the_reference_of_the_command_line_is_what_the_help_says(monkeypatch):
    for variable in ("HPSEARCH_STUDIES", "HPSEARCH_STORAGE"):
        monkeypatch.delenv(variable, raising=False)
    module = script("make_cli_reference", monkeypatch)
    assert module.TARGET.read_text() == module.reference(), "stale: run python docs/make_cli_reference.py"


@pytest.mark.parametrize("text", [text for page in PAGES for text in blocks(page, "yaml")])
def test_space_files_are_right(text):
    base = {"study": "s", "metric": "m", "direction": "maximize", "objective": {"python": "a:b", "epochs": 1}}
    parsed = parse_config(base | parsed_yaml(text))
    if isinstance(parsed.objective, Command):
        check_command(parsed.objective, parsed.space)


def test_the_first_space_file_is_the_shipped_one():
    assert parsed_yaml(blocks(README, "yaml")[0]) == parsed_yaml((ROOT / "spaces" / "cnn.yaml").read_text())


def test_the_readme_is_short_and_shows_the_study_of_its_space_file():
    assert len(README.read_text().splitlines()) <= 150
    (output,) = blocks(README, "console")
    file = parsed_yaml(blocks(README, "yaml")[0])
    trials, epochs, finalists = file["search"]["trials"], file["objective"]["epochs"], file["finalists"]
    (plan,) = [line for line in output.splitlines() if line.startswith("study ")]
    first = rung_epochs(epochs, 3, 1 / 9, 2)[0]  # of prune: auto
    planned = [trials, first, epochs, finalists["configs"] * finalists["seeds"], epochs, file["ensemble"]["members"]]
    *numbers, _, members = map(int, re.findall(r"\d+", plan))  # one before the last is of the machine: its workers
    assert [*numbers, members] == planned, STALE
    best = [line for line in output.splitlines() if line.startswith("best  ")]
    (summary,) = blocks(RESULTS, "console")
    assert best == [line for line in summary.splitlines() if line.startswith("best  ")], STALE


def test_options_and_weights_are_those_there_are():
    (text,) = re.findall(r"^## hpsearch run\n(.*?)^## ", (DOCS / "cli.md").read_text(), re.DOTALL | re.MULTILINE)
    options = {word.split()[0] for word in first_words(DOCS / "running.md", "option")}
    assert options
    assert options <= set(re.findall(r"^  (--[\w-]+)", text, re.MULTILINE))
    weights = get_args(config.Ensemble.model_fields["weights"].annotation)
    assert set(first_words(DOCS / "pipeline.md", "`weights`")) == set(weights)


def headings(text):
    """Return the titles of a summary's sections, and the heads of the tables that no space has columns in."""
    titles = set(re.findall(r"^[A-Z][a-z]+$", text, re.MULTILINE)) - {"Bounds"}
    return titles, [line.split() for line in text.splitlines() if "mean ± std" in line or "val log loss" in line]


def test_the_summary_is_what_show_prints(finished, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")
    printed = CliRunner().invoke(app, ["show", str(finished.folder)]).output
    (summary,) = blocks(RESULTS, "console")
    assert headings(summary) == headings(printed), STALE


@pytest.mark.parametrize("text", [text for page in PAGES for text in blocks(page, "python")])
def test_python_compiles(text):
    compile(text, "snippet", "exec")


def only(page, word):
    (found,) = [text for text in blocks(page, "python") if word in text]
    return found


def test_the_sampler_serves_optuna(capsys):
    namespace = {}
    exec(only(TUNERS, "create_study"), namespace)  # noqa: S102 - running the snippet is the test
    assert len(namespace["study"].trials) == 20
    assert "lr" in capsys.readouterr().out


@pytest.fixture
def finished(tmp_path):
    """A study that is done, in the folder that the snippets load."""
    folder = tmp_path / "studies" / "cnn"
    store = report_studies.finished(folder).store
    report_studies.vote(store)
    store.put("space", report_studies.RAW)
    store.close()
    study = api.load_study(folder)
    yield study
    study.close()


def test_a_study_loads_as_frames_and_in_optuna(finished, monkeypatch, capsys):
    monkeypatch.chdir(finished.folder.parents[1])
    namespace = {}
    exec(only(RESULTS, "load_study"), namespace)  # noqa: S102 - running the snippet is the test
    assert namespace["best_first"]["number"].iloc[0] == 5
    assert namespace["search"].best_trial.number == 5
    assert "batch_size" in capsys.readouterr().out
    namespace["study"].close()
    namespace["search"]._storage._backend.engine.dispose()


def test_the_columns_are_those_of_the_frames(finished):
    text = re.search(r"The columns of `study.trials` are (.*?)\n\n", RESULTS.read_text(), re.DOTALL)[1]
    own, rest = text.split("`study.finalists`")
    columns = re.findall(r"`([^`]+)`", own)
    names = [f"params.{name}" for name in report_studies.RAW["space"]]
    assert list(finished.trials.columns) == [*columns[:-1], *names]
    assert columns[-1] == "params.NAME"
    more = re.findall(r"`([^`]+)`", rest)[:2]
    assert list(finished.finalists.columns) == ["number", *more, *columns[1:-1], *names]


def keys_of(value, path=""):
    """Return the paths of a document's leaves; a mapping by parameter is one, and so is a list of scalars."""
    if isinstance(value, dict) and not path.endswith((".params", ".bounds", ".levels")):
        return {key for name, item in value.items() for key in keys_of(item, f"{path}.{name}".lstrip("."))}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {key for item in value for key in keys_of(item, f"{path}[]")}
    return {path}


def test_the_keys_of_the_json_document_are_all_there_is(finished):
    documented = first_words(RESULTS, "key")
    assert len(documented) == len(set(documented))
    crowded = Edge(name="lr", side="high", bound=0.1, near=5, best=7, inner=0.03, proposed=1.0)
    audit = pruning.Audit(trials=1, better=0, regret=0.0, ci95=(0.0, 0.8))
    saved = document.json_value(asdict(pruning.Pruning(outclassed=1, epochs=9, seconds=3.0, audit=audit)))
    worth = enough.Worth(gain=0.1, noise=0.2, trials=20, by="curves")
    more = {"edges": [document._edge(crowded)], "pruning": saved, "going_on": worth.as_dict()}
    found = keys_of(finished.document() | more)
    missing = {
        key
        for key in found
        if key not in documented
        and not any(d.endswith(REST) and key.startswith(d.removesuffix("…")) for d in documented)
    }
    assert missing == set()
    invented = [d for d in documented if not any(key == d or key.startswith(d.removesuffix("…")) for key in found)]
    assert invented == []


def test_the_distributions_are_all_there_is():
    assert set(first_words(SPACES, "kind")) == set(KINDS)


def documented_fields():
    """Return the fields of the reference with their defaults as it writes them."""
    rows = re.findall(r"^\| (`.*?`(?: `.*?`)*) \| ([^|]*?) ?\| [^|]+ \|$", SPACES.read_text(), re.MULTILINE)
    return {name: default for cell, default in rows for name in re.findall(r"`([^`]+)`", cell)}


def test_the_fields_of_a_space_file_are_all_there_is():
    inner = [f"{section}.{name}" for section, model in SECTIONS.items() for name in model.model_fields]
    outer = [name for name in config._File.model_fields if name == "prune" or name not in SECTIONS]
    documented = first_words(SPACES, "field")
    assert sorted(documented) == sorted({*inner, *outer})


def test_the_defaults_of_a_space_file_are_right():
    written = documented_fields()
    models = {"": config._File} | {f"{section}.": model for section, model in SECTIONS.items()}
    for prefix, model in models.items():
        for name, field in model.model_fields.items():
            path = prefix + name
            if path in SECTIONS:
                continue
            text = written[path]
            if field.is_required():
                assert text == "", path
            elif field.default is None:
                assert re.fullmatch(r"none|48, or .*|[a-z].* .*", text), path
            else:
                default = str(field.default)
                assert text.strip("`") == (default.lower() if isinstance(field.default, bool) else default), path
    assert config.Search().total == 48


def test_the_options_beside_a_distribution_are_all_there_is():
    assert first_words(SPACES, "key") == list(OPTIONS)
    drawn = {"loguniform": [1e-4, 1e-1], "per": "size", "reference": 64}
    scaling = parse_space({"lr": drawn, "size": {"choice": [64]}}).scalings["lr"]
    assert re.search(r"^\| `rule` \| `(\w+)` \|.* or `sqrt`", SPACES.read_text(), re.MULTILINE)[1] == scaling.rule


def test_the_samplers_are_all_there_is():
    known = get_args(config.SamplerName)
    assert set(first_words(README, "sampler")) == set(first_words(CHOOSING, "sampler")) == set(known)
    (named,) = re.findall(r"Optuna samplers too: (.*?)\.\n", TUNERS.read_text())
    classes = [getattr(samplers, name) for name in re.findall(r"`(\w+)`", named)]
    space = parse_space({"lr": {"uniform": [0.0, 1.0]}})
    alone = set(known) - {"auto"}  # which needs legs, and is no sampler of Optuna's
    made = {type(samplers.make_sampler(config.Search(sampler=name), space, 0, {"lr": 2})) for name in alone}
    assert set(classes) == made
    assert all(issubclass(one, optuna.samplers.BaseSampler) for one in classes)


def test_the_samplers_of_optuna_that_the_page_names_can_be_made():
    for text in (block for block in blocks(TUNERS, "yaml") if "sampler:" in block):
        base = {"study": "s", "metric": "m", "direction": "maximize", "objective": {"python": "a:b", "epochs": 1}}
        parsed = parse_config(base | {"space": {"lr": {"uniform": [0.0, 1.0]}}} | parsed_yaml(text))
        assert parsed.search.sampler.optuna.startswith(("optuna.samplers:", "my_samplers:"))
        if parsed.search.sampler.optuna.startswith("optuna"):
            samplers.check_sampler(parsed)
    namespace = {}
    exec(only(TUNERS, "NSGAIISampler"), namespace)  # noqa: S102 - running the snippet is the test
    made = OptunaClass(name="my_samplers:Crossing", kind=namespace["Crossing"], arguments={"eta": 5.0}, seeded=True)
    OptunaSampler(parse_space({"lr": {"uniform": [0.0, 1.0]}}), 0, made).rehearse(Direction.MAXIMIZE)


def test_the_first_ranges_are_ranges():
    rows = re.findall(r"^\| ([^|]+) \| `(\{[^|]+\})` \|", CHOOSING.read_text(), re.MULTILINE)
    assert len(rows) > 8
    parse_space({name: parsed_yaml(text) for name, text in rows})


def test_the_grammar_of_constraints_is_all_there_is():
    words = first_words(CHOOSING, "in a constraint")
    operators = re.search(r"with (.*) \( \)", expressions.FORM)[1].split()
    assert sorted(words) == sorted([*operators, *expressions.FUNCTION_NAMES, *expressions.WORDS])
    values = {"a": [1.0], "b": [2.0]}
    numbers = {"min", "max"}
    for word in expressions.FUNCTION_NAMES:
        text = f"{word}(a, b) < 9" if word in numbers else f"{word}(a) < 9"
        assert constraints.parse_constraint(text, values, ()).holds({"a": 1.0, "b": 2.0})


@pytest.mark.parametrize(
    ("text", "config", "holds"),
    [
        ("a > 9", {}, True),
        ("1 / a < 9", {"a": 0.0}, False),
        ("not 1 / a < 9", {"a": 0.0}, False),
        ("log(a) < 9", {"a": -1.0}, False),
        ("exp(a) > 0", {"a": 1000.0}, False),
        ("0 < a < 2", {"a": 1.0}, True),
    ],
)
def test_what_holds_is_what_the_page_says(text, config, holds):
    assert constraints.parse_constraint(text, {"a": [1.0]}, ()).holds(config) is holds


def test_the_picture_of_the_samplers_is_what_they_draw(monkeypatch):
    module = script("make_pictures", monkeypatch)
    drawn = module.TARGET.read_bytes()
    assert drawn == module.picture().encode(), "stale: run python docs/make_pictures.py"
    assert len(drawn) < 40_000
    assert f"\n\n{module.table()}\n\n" in CHOOSING.read_text()
    assert f"Over {module.SEEDS} seeds" in CHOOSING.read_text()


def test_the_picture_of_the_schedules_is_what_they_are(monkeypatch):
    module = script("make_schedule_picture", monkeypatch)
    assert module.TARGET.read_text() == module.picture(), "stale: run python docs/make_schedule_picture.py"


@pytest.mark.slow
def test_the_search_beyond_a_bound_is_what_the_page_shows(bench):
    (objective,) = blocks(CHOOSING, "python")
    (bench.folder / "valley.py").write_text(objective)
    file = next(text for text in blocks(CHOOSING, "yaml") if "valley" in text)
    (edit,) = re.findall(r"itself, with `search: \{(.*?)\}`\.", CHOOSING.read_text())
    (bench.folder / "valley.yaml").write_text(file.replace("{trials: 24}", f"{{{edit}}}"))
    study = bench.run(bench.folder / "valley.yaml")
    tight, grew, grown = blocks(CHOOSING, "text")
    said = [notice for notice in bench.notices() if "bound" in notice]
    assert said == grew.splitlines()
    assert tight.splitlines() == ["Bounds", said[0].rpartition(": ")[0]]
    assert grown.splitlines() == ["Bounds", *bounds_in_words(study)]
    records = study.store.records(Stage.SEARCH)
    first, last = (min(some, key=lambda one: one.value) for some in (records[:24], records))
    (sentence,) = re.findall(r"The best of the first.*?\.\n", CHOOSING.read_text(), re.DOTALL)
    figures = [float(word) for word in re.findall(r"\d+\.\d+", sentence)]
    assert figures == [
        float(f"{number:{digits}}")
        for one in (first, last)
        for number, digits in ((one.value, ".2g"), (one.params["lr"], ".3g"))
    ]
    assert f"all {len(records)} one" in sentence


def test_the_built_in_objective_has_these_settings_and_parameters():
    settings = set(ImageClassifier.model_fields) - {"use", "epochs"}
    assert set(first_words(OBJECTIVES, "setting")) == settings
    of_commands = set(Command.model_fields) - {"command", "cwd", "epochs"}
    assert set(first_words(COMMANDS, "setting of commands")) == of_commands
    parameters = {*first_words(OBJECTIVES, "parameter"), *first_words(OPTIMISATION, "parameter")}
    assert parameters == {field.name for field in fields(Hyperparameters)}


SNIPPETS = [
    text
    for page in (README, OBJECTIVES)
    for text in blocks(page, "python")
    if "(config, trial)" in text or "(self, config" in text
]


@pytest.mark.slow
@pytest.mark.parametrize("text", SNIPPETS)
def test_an_objective_trains(text, tmp_path, monkeypatch):
    is_class = "class Classifier" in text
    metric, direction = ("val_accuracy", "maximize") if is_class else ("val_loss", "minimize")
    raw = {
        "study": "snippet",
        "metric": metric,
        "direction": direction,
        "objective": {"python": f"my_training:{'Classifier' if is_class else 'train'}", "epochs": 3},
        "space": {"lr": {"loguniform": [1e-3, 1e-1]}},
    }
    (tmp_path / "my_training.py").write_text(text)
    write_yaml(tmp_path / "snippet.yaml", raw)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # the inline executor sets it for good
    monkeypatch.delitem(sys.modules, "my_training", raising=False)
    document = api.smoke(tmp_path / "snippet.yaml", request=ResourceRequest(executor="inline"))
    monkeypatch.delitem(sys.modules, "my_training", raising=False)
    assert [trial["stop_reason"] for trial in document["trials"]] == ["finished", "finished"]
    assert len(document["finalists"][0]["values"]) == 2
    assert (document["ensemble"] is not None) is is_class


def test_each_promise_about_faults_names_tests_that_there_are():
    rows = [line for line in (DOCS / "faults.md").read_text().splitlines() if line.startswith("| ")]
    promises = [row for row in rows if "---" not in row and row != "| what | happens | tests |"]
    assert len(promises) > 20
    for row in promises:
        named = re.findall(r"`([\w/]*test_\w+\.py)`", row.rsplit(" | ", 1)[1])
        assert named, row
        assert all((ROOT / "tests" / name).is_file() for name in named), row
