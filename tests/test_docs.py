"""The pages: links, snippets and tables against the program."""

import importlib.util
import re
import sys
from dataclasses import fields
from operator import attrgetter
from pathlib import Path

import pytest
import report_studies
from ruamel.yaml import YAML

from hpsearch import api, config, config_objectives
from hpsearch.executors.resources import ResourceRequest
from hpsearch.objectives.command import check_command
from hpsearch.space_parsing import KINDS
from hpsearch.vision.parameters import Hyperparameters

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README, OBJECTIVES, SPACES = ROOT / "README.md", DOCS / "objectives.md", DOCS / "spaces.md"
COMMANDS = DOCS / "commands.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
REST = ".…"  # in a table of keys: the same below this one as below the one before


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
    return YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_no_place_of_one_machine(page):
    assert re.findall(r"/(?:home|root|tmp|work|Users)/\S*", page.read_text()) == []


def test_the_reference_of_the_command_line_is_what_the_help_says(monkeypatch):
    for variable in ("HPSEARCH_STUDIES", "HPSEARCH_STORAGE"):
        monkeypatch.delenv(variable, raising=False)
    spec = importlib.util.spec_from_file_location("make_cli_reference", DOCS / "make_cli_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.TARGET.read_text() == module.reference(), "stale: run python docs/make_cli_reference.py"


@pytest.mark.parametrize("text", [text for page in PAGES for text in blocks(page, "yaml")])
def test_space_files_are_right(text):
    base = {"study": "s", "metric": "m", "direction": "maximize", "objective": {"python": "a:b", "epochs": 1}}
    parsed = config.parse_config(base | parsed_yaml(text))
    if isinstance(parsed.objective, config_objectives.Command):
        check_command(parsed.objective, parsed.space)


def test_the_first_space_file_is_the_shipped_one():
    assert parsed_yaml(blocks(README, "yaml")[0]) == parsed_yaml((ROOT / "spaces" / "cnn.yaml").read_text())


@pytest.mark.parametrize("text", [text for page in PAGES for text in blocks(page, "python")])
def test_python_compiles(text):
    compile(text, "snippet", "exec")


def only(page, word):
    (found,) = [text for text in blocks(page, "python") if word in text]
    return found


def test_the_sampler_serves_optuna(capsys):
    namespace = {}
    exec(only(README, "create_study"), namespace)  # noqa: S102 - running the snippet is the test
    assert len(namespace["study"].trials) == 20
    assert "lr" in capsys.readouterr().out


@pytest.fixture
def finished(tmp_path):
    """A study that is done, in the folder that the README's snippets load."""
    folder = tmp_path / "studies" / "cnn"
    store, _ = report_studies.finished(folder)
    report_studies.vote(store)
    store.put("space", report_studies.RAW)
    store.close()
    study = api.load_study(folder)
    yield study
    study.close()


def test_a_study_loads_as_frames_and_in_optuna(finished, monkeypatch, capsys):
    monkeypatch.chdir(finished.folder.parents[1])
    namespace = {}
    exec(only(README, "load_study"), namespace)  # noqa: S102 - running the snippet is the test
    assert namespace["best_first"]["number"].iloc[0] == 5
    assert namespace["search"].best_trial.number == 5
    assert "batch_size" in capsys.readouterr().out
    namespace["study"].close()
    namespace["search"]._storage._backend.engine.dispose()


def test_the_columns_are_those_of_the_frames(finished):
    text = re.search(r"The columns of `study.trials` are (.*?)\n\n", README.read_text(), re.DOTALL)[1]
    own, rest = text.split("`study.finalists`")
    columns = re.findall(r"`([^`]+)`", own)
    names = [f"params.{name}" for name in report_studies.RAW["space"]]
    assert list(finished.trials.columns) == [*columns[:-1], *names]
    assert columns[-1] == "params.NAME"
    more = re.findall(r"`([^`]+)`", rest)[:2]
    assert list(finished.finalists.columns) == ["number", *more, *columns[1:-1], *names]


def keys_of(value, path=""):
    """Return the paths of a document's leaves; `params` is one, and so is a list of scalars."""
    if isinstance(value, dict) and not path.endswith(".params"):
        return {key for name, item in value.items() for key in keys_of(item, f"{path}.{name}".lstrip("."))}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {key for item in value for key in keys_of(item, f"{path}[]")}
    return {path}


def test_the_keys_of_the_json_document_are_all_there_is(finished):
    documented = first_words(README, "key")
    assert len(documented) == len(set(documented))
    found = keys_of(finished.document())
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
    assert {kind for word in first_words(README, "distribution") for kind in re.findall(r"\{(\w+): \[", word)} == {
        *KINDS
    }
    assert set(first_words(SPACES, "kind")) == set(KINDS)


def test_the_fields_of_a_space_file_are_all_there_is():
    documented = first_words(SPACES, "field")
    sections = {
        name: getattr(config, name.capitalize()) for name in ("search", "finalists", "ensemble", "faults", "export")
    }
    sections["prune.stall"] = config.Stall
    inner = [f"{section}.{name}" for section, model in sections.items() for name in model.model_fields]
    outer = [name for name in config._File.model_fields if name not in {*sections, "prune"}]
    assert set(documented) == {*inner, *outer}


def test_the_defaults_of_a_space_file_are_right():
    raw = {"study": "s", "metric": "m", "direction": "maximize", "objective": {"python": "a:b", "epochs": 1}}
    parsed = config.parse_config(raw | {"space": {"lr": {"uniform": [0, 1]}}})
    rows = re.findall(r"^\| `(seed|keep_checkpoints|\w+\.[\w.]+)` \| ([^|]+) \|", SPACES.read_text(), re.MULTILINE)
    documented = {
        name: text.strip("`").replace("none", "None")
        for name, text in rows
        if text != "chosen" and not name.startswith("export.")
    }
    assert len(documented) > 10
    assert {name: str(attrgetter(name)(parsed)) for name in documented} == documented


def test_the_built_in_objective_has_these_settings_and_parameters():
    settings = set(config_objectives.ImageClassifier.model_fields) - {"use", "epochs"}
    assert set(first_words(OBJECTIVES, "setting")) == settings
    of_commands = set(config_objectives.Command.model_fields) - {"command", "cwd", "epochs"}
    assert set(first_words(COMMANDS, "setting of commands")) == of_commands
    assert set(first_words(OBJECTIVES, "parameter")) == {field.name for field in fields(Hyperparameters)}


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
    with (tmp_path / "snippet.yaml").open("w") as file:
        YAML(typ="safe", pure=True).dump(raw, file)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # the inline executor sets it for good
    monkeypatch.delitem(sys.modules, "my_training", raising=False)
    document = api.smoke(tmp_path / "snippet.yaml", request=ResourceRequest(executor="inline"))
    monkeypatch.delitem(sys.modules, "my_training", raising=False)
    assert [trial["stop_reason"] for trial in document["trials"]] == ["finished", "finished"]
    assert len(document["finalists"][0]["values"]) == 2
    assert (document["ensemble"] is not None) is is_class
