"""Where values go in a file that is there: never to a key that nothing reads."""

import json
import tomllib
from pathlib import Path

import pytest

from hpsearch.errors import InputError, NoPlaceError
from hpsearch.export import plan_export
from hpsearch.export.read import read_config
from hpsearch.export.write import Place
from hpsearch.space.parsing import parse_space
from support.documents import read_yaml

LIGHTNING = """\
seed_everything: 7
model:
  class_path: nets.Small
  init_args:
    lr: 1e-3          # by hand
    widths: [64, 32]
trainer:
  callbacks:
    - class_path: EarlyStopping
      init_args: {patience: 3}
"""
OMEGACONF = """\
base_lr: 0.1
optimizer:
  lr: ${base_lr}
  name: sgd
scheduler: ${optimizer}
"optimizer.warmup": 5
layers:
- {dim: 8}
- {dim: 16}
"""
ANCHORS = """\
defaults: &defaults
  n_steps: 5
  learning_rate: !!float 1e-3
Pole-v1: &pole
  <<: *defaults
  learning_rate: !!float 2e-3
  gamma: 0.9
Cart-v1: *pole
Hill-v0:
  <<: *defaults
  learning_rate: !!float 3e-3
  policy_kwargs: {net_arch: [64]}
"""


@pytest.fixture
def export(tmp_path, monkeypatch):
    """Merge into a file, and return its text; or the lines of the error."""
    monkeypatch.chdir(tmp_path)

    def merged(text, config, name="config.yaml", **place):
        (tmp_path / name).write_text(text)
        plan = plan_export(config, (tmp_path / name).relative_to(tmp_path), Place(**place), provenance={})
        plan.write()
        return (tmp_path / name).read_text(), plan

    return merged


def refused(export, *arguments, **place):
    with pytest.raises(NoPlaceError) as raised:
        export(*arguments, **place)
    return raised.value


@pytest.mark.parametrize(
    ("text", "config", "old", "new"),
    [
        (LIGHTNING, {"model.init_args.lr": 2e-3}, "lr: 1e-3  ", "lr: 2e-3  "),
        (LIGHTNING, {"model.init_args.widths.1": 128}, "[64, 32]", "[64, 128]"),
        (LIGHTNING, {"trainer.callbacks.0.init_args.patience": 9}, "patience: 3", "patience: 9"),
        (LIGHTNING, {"seed_everything": 8}, "everything: 7", "everything: 8"),
        (OMEGACONF, {"optimizer.warmup": 9}, "5\n", "9\n"),
        (OMEGACONF, {"layers.1.dim": 4}, "dim: 16", "dim: 4"),
        (OMEGACONF, {"+optimizer.name": "adam"}, "sgd", "adam"),
        (OMEGACONF, {"++optimizer.name": "adam"}, "sgd", "adam"),
        (OMEGACONF, {"base_lr": 0.5, "optimizer.lr": "${base_lr}"}, "base_lr: 0.1", "base_lr: 0.5"),
    ],
)
def test_dots_lead_to_what_is_there(export, text, config, old, new):
    assert text.count(old) == 1
    assert export(text, config, key=".")[0] == text.replace(old, new)


def test_a_formula_that_is_replaced_is_said(export):
    after, plan = export(OMEGACONF, {"optimizer.lr": 0.2}, key=".")
    assert after == OMEGACONF.replace("lr: ${base_lr}", "lr: 0.2")
    assert plan.replaced == {"optimizer.lr": "${base_lr}"}


@pytest.mark.parametrize("name", ["conf.yaml", "conf.json", "conf.toml"])
def test_a_dotted_name_is_never_a_key(export, name):
    text = {
        "conf.yaml": "model:\n  lr: 0.1\n",
        "conf.json": '{"model": {"lr": 0.1}}',
        "conf.toml": "[model]\nlr = 0.1\n",
    }[name]
    error = refused(export, text, {"model.lr": 0.2, "optim.lr": 0.3, "model.lr.x": 1}, name, key=".")
    assert error.head == f"{name}: has no place for optim.lr, model.lr.x"
    assert error.lines[0].startswith("--map optim.lr=PLACE")
    assert "model.lr is" in error.lines[1]
    after, plan = export(text, {"model.lr": 0.2, "optim.lr": 0.3, "optim.adam.eps": 1}, name, add=True)
    assert plan.added == ("optim.lr", "optim.adam.eps")
    found = read_config_text(name, after)
    assert found == {"model": {"lr": 0.2}, "optim": {"lr": 0.3, "adam": {"eps": 1}}}


def read_config_text(name, text):
    return {"yaml": read_yaml, "json": json.loads, "toml": tomllib.loads}[name.partition(".")[2]](text)


def test_new_names_need_a_key_or_add_and_are_said(export):
    config = {"lr": 0.2, "dropout": 0.1, "optimizer.momentum": 0.9}
    text = "train:\n  lr: 0.1\n  optimizer: {name: sgd}\n"
    after, plan = export(text, config, key="train")
    assert after == text.replace("0.1", "0.2").replace("sgd}", "sgd, momentum: 0.9}") + "  dropout: 0.1\n"
    assert (plan.added, plan.alike) == (("dropout", "optimizer.momentum"), {})
    assert export("train:\n  adam: {lr: 1}\n", {"lr": 0.2}, key="train")[1].alike == {"lr": "adam.lr"}
    error = refused(export, text, config, names={"lr": "train.lr"})
    assert error.head == "config.yaml: has no place for dropout, optimizer.momentum"
    assert "--add" in error.lines[-1]


def test_a_dotted_name_that_lies_deeper_is_not_added(export):
    error = refused(export, LIGHTNING, {"model.lr": 0.1, "model.momentum": 0.9}, key=".")
    assert error.head == "config.yaml: has no place for model.lr"
    assert error.lines[0] == "--map model.lr=model.init_args.lr"
    assert export(LIGHTNING, {"model.lr": 0.1}, key=".", add=True)[1].added == ("model.lr",)


def test_all_that_have_no_place_are_named_with_what_to_write(export):
    config = {"lr": 0.2, "wd": 0.1, "batch_size": 8, "dropout": 0.5, "amp": True, "seed": 3}
    text = """\
optimizer: {lr: 0.1, weight_decay: 0}
scheduler: {lr: 1}
data: {batch-size: 4, loaders: [{batch_size: 2}]}
amp: &amp false
eval: {amp: *amp}
seed: 1
"""
    error = refused(export, text, config, names={"seed": "seed"})
    assert error.head == "config.yaml: has no place for lr, wd, batch_size, dropout, amp"
    assert error.lines[:5] == (
        "--map lr=optimizer.lr (or scheduler.lr)",
        "--map wd=optimizer.weight_decay",
        "--map batch_size=data.batch-size (or data.loaders.0.batch_size)",
        "--map dropout=PLACE (nothing has such a name)",
        "--map amp=PLACE (amp has an anchor (&amp), in line 4)",
    )
    assert all(name in str(error) for name in config if name != "seed")


def test_a_value_beside_its_description_is_named(export):
    text = "lr:\n  desc: rate\n  value: 0.1\noptim:\n  wd: {value: 0, desc: decay}\n"
    error = refused(export, text, {"lr": 0.2, "wd": 0.1}, add=True)
    assert error.lines[0] == "--map lr=lr.value (lr is a mapping, and 0.2 in the config)"
    error = refused(export, text, {"lr": 0.2, "wd": 0.1}, names={"lr": "lr.value"})
    assert error.lines[0] == "--map wd=optim.wd.value"


def test_a_place_outside_of_the_key_is_named(export):
    text = "optim: {lr: 1}\nmodel: {dropout: 0.1}\nwidth: 8\n"
    error = refused(export, text, {"model.dropout": 0.5, "net.width": 9, "no.such": 1}, key="optim")
    assert error.lines[:3] == (
        "--map model.dropout=PLACE (model.dropout is there, but not under optim)",
        "--map net.width=PLACE (width is there, but not under optim)",
        "--map no.such=PLACE (nothing has such a name)",
    )


def test_a_mapped_place_that_is_not_there_is_no_place(export):
    error = refused(export, LIGHTNING, {"lr": 0.1}, names={"lr": "model.init_args.lrr"})
    assert error.lines[0] == "--map lr=model.init_args.lr (model.init_args.lrr is not there)"
    error = refused(export, LIGHTNING, {"lr": 0.1}, names={"lr": "trainer.callbacks"})
    says = "trainer.callbacks is a list of mappings, and 0.1 in the config"
    assert error.lines[0] == f"--map lr=model.init_args.lr ({says})"
    error = refused(export, LIGHTNING, {"lr": 0.1}, names={"lr": "model"})
    assert error.lines[0] == "--map lr=model.init_args.lr (model is a mapping, and 0.1 in the config)"


def test_map_alone_merges_and_an_empty_place_leaves_out(export):
    config = {"lr": 2e-3, "wd": 0.1, "steps": 5}
    after, plan = export(LIGHTNING, config, names={"lr": "model.init_args.lr", "wd": "", "steps": ""})
    assert after == LIGHTNING.replace("1e-3", "2e-3")
    assert plan.left_out == ("wd", "steps")
    after, plan = export(LIGHTNING, config, names={"lr": "model.init_args.lr"}, only=("lr",))
    assert after == LIGHTNING.replace("1e-3", "2e-3")
    assert plan.left_out == ("wd", "steps")


def test_a_new_file_has_what_is_chosen(tmp_path):
    plan = plan_export({"a": 1, "b": 2, "c": 3}, tmp_path / "new.yaml", Place(only=("a", "c")), provenance={})
    assert read_yaml(plan.after.decode()) == {"a": 1, "c": 3}
    plan = plan_export({"a": 1, "+b.c": 2}, tmp_path / "new.json", Place(names={"a": ""}), provenance={})
    assert read_config_text("new.json", plan.after.decode()) == {"b.c": 2, "_hpsearch": {}}


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ({"only": ("lrr",)}, "--only lrr: 'lrr' is not in the config; allowed: lr; did you mean 'lr'?"),
        ({"names": {"lr": ""}}, "leave nothing to write"),
        ({"only": (), "names": {"x": ""}}, "--map x=: 'x' is not in the config"),
        ({"format": "optuna", "only": ("lr",)}, "holds a whole trial"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(tmp_path, place, says):
    config = {"lr": 1, "wd": 2} if "format" in place else {"lr": 1}
    with pytest.raises(InputError) as raised:
        plan_export(config, tmp_path / "new.json", Place(**place), provenance={})
    assert says in str(raised.value)


def test_a_merge_key_leaves_the_mappings_own_keys_free(export):
    after, _ = export(ANCHORS, {"learning_rate": 5e-4, "policy_kwargs.net_arch.0": 32}, key="Hill-v0")
    assert after == ANCHORS.replace("3e-3", "5e-4").replace("[64]", "[32]")
    error = refused(export, ANCHORS, {"n_steps": 9}, key="Hill-v0")
    assert "Hill-v0 has a merge key (<<), which may have it" in error.lines[0]
    after, plan = export(ANCHORS, {"n_steps": 9}, key="Hill-v0", add=True)
    assert after == ANCHORS + "  n_steps: 9\n"
    assert plan.added == ("n_steps",)


@pytest.mark.parametrize(
    ("old", "value", "new"),
    [
        ("!!float 1e-3", 5e-4, "!!float 5e-4"),
        ("!!float 1e5", 200000, "200000"),
        ("!!float 1e5", 200000.0, "!!float 2e5"),
        ("!!int 5", 6, "!!int 6"),
        ("!!int 5", 0.00001, "1.0e-05"),
        ("!!str 12", "a b", '!!str "a b"'),
        ("!!str 12", 12, "12"),
        ("!!str 'x'", "1e-3", "!!str '1e-3'"),
        ("!!bool yes", False, "!!bool false"),
        ("!!null", 3, "3"),
        ("!!float # why\n  1e-3", 2e-3, "!!float # why\n  2e-3"),
        ("!!float # why\n  1e-3", 2, "# why\n  2"),
        ("!!null ''", None, "!!null ''"),
        ("!<tag:yaml.org,2002:float> 1e-3", 2e-3, "!<tag:yaml.org,2002:float> 2e-3"),
        ("!!seq [1, 2]", [3], "!!seq [3]"),
        ("'1e-3'", 0.5, "0.5"),
        ('"lin_3e-4"', "lin_1e-4", '"lin_1e-4"'),
    ],
)
def test_yamls_own_tags_are_plain_values(export, old, value, new):
    text = f"a: !ENV ${{X}}\nb: {old} # c\nc: !!python/tuple [1, *x]\nd: &x 1\n".replace("[1, *x]", "[1]")
    after, _ = export(text, {"b": value}, key=".")
    assert after == text.replace(f"b: {old} #", f"b: {new} #")
    space = parse_space({"b": {"choice": {"this": value, "that": "other"}}})
    assert read_config(Path("config.yaml"), ".", {}, space) == {"b": value}


@pytest.mark.parametrize("tag", ["!ENV", "!!python/tuple", "!!binary", "!", "!!set"])
def test_a_tag_of_an_application_stays(export, tag):
    error = refused(export, f"lr: {tag} [1]\n", {"lr": 1}, key=".")
    assert "lr has a tag" in error.lines[0]


def test_what_is_there_twice_has_no_place(export):
    with pytest.raises(InputError, match=r"config.yaml:2: 'optimizer\.lr' is there twice"):
        export("optimizer.lr: 1\noptimizer: {lr: 2}\n", {"optimizer.lr": 3}, key=".")
    with pytest.raises(InputError, match=r"'optimizer\.lr' is there twice"):
        read_config(Path("config.yaml"), ".", {}, parse_space({"optimizer.lr": {"uniform": [0.0, 1.0]}}))


GROUPS = {
    "conf/config.yaml": "defaults:\n- _self_\n- optimizer: sgd\n- /model@net: big\n- override /data: [a]\nfactor: 2\n",
    "conf/optimizer/sgd.yaml": "_target_: torch.optim.SGD\nlr: 0.1\n",
    "conf/model/big.yaml": "defaults: [head: linear]\nwidth: 8\n",
    "conf/model/head/linear.yaml": "# @package _global_\nnet:\n  dropout: 0.1\n",
}


def test_a_value_of_a_hydra_group_is_in_the_groups_file(export, tmp_path):
    for name, text in GROUPS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    config = {
        "optimizer.lr": 0.2,
        "net.width": 16,
        "net.dropout": 0.5,
        "optimizer": "adam",
        "+optimizer.nesterov": True,
    }
    error = refused(export, GROUPS["conf/config.yaml"], config, "conf/config.yaml", key=".")
    took = "--to conf/{0} --key . --only {1} --map {1}={2} (Hydra takes {3} from that file)"
    assert error.lines[:-1] == (
        took.format("optimizer/sgd.yaml", "optimizer.lr", "lr", "optimizer.lr"),
        took.format("model/big.yaml", "net.width", "width", "net.width"),
        took.format("model/head/linear.yaml", "net.dropout", "net.dropout", "net.dropout"),
        "--map optimizer=defaults.1.optimizer",
        took.format("optimizer/sgd.yaml", "+optimizer.nesterov", "nesterov", "optimizer.nesterov"),
    )
    after, _ = export(
        GROUPS["conf/config.yaml"],
        {"optimizer": "adam"},
        "conf/config.yaml",
        names={"optimizer": "defaults.1.optimizer"},
    )
    assert after == GROUPS["conf/config.yaml"].replace("sgd", "adam")


def test_a_value_that_a_group_sets_anew_is_not_written_in_vain(export, tmp_path):
    (tmp_path / "optimizer").mkdir()
    (tmp_path / "optimizer" / "sgd.yaml").write_text("lr: 0.1\n")
    before = "defaults: [_self_, optimizer: sgd]\noptimizer: {lr: 1, eps: 1}\n"
    error = refused(export, before, {"optimizer.lr": 0.2, "optimizer.eps": 0.5}, key=".")
    assert error.head == "config.yaml: has no place for optimizer.lr"
    assert error.lines[0].startswith("--to optimizer/sgd.yaml --key . --only optimizer.lr --map optimizer.lr=lr")
    assert (
        refused(export, before, {"lr": 0.2}, key="optimizer")
        .lines[0]
        .endswith("--map lr=lr (Hydra takes optimizer.lr from that file)")
    )
    assert export(before, {"eps": 0.5}, key="optimizer")[0] == before.replace("eps: 1", "eps: 0.5")
    with pytest.raises(InputError, match=r"no key 'optimizer'; .* Hydra takes optimizer from optimizer/sgd"):
        export("defaults: [optimizer: sgd]\nx: 1\n", {"lr": 0.2}, key="optimizer")
    refused(export, before.replace("lr: 1, ", ""), {"optimizer.lr": 0.2}, add=True)
    for text in (before.replace("_self_, ", ""), before.replace("_self_, optimizer: sgd", "optimizer: sgd, _self_")):
        assert export(text, {"optimizer.lr": 0.2}, key=".")[0] == text.replace("lr: 1", "lr: 0.2")


def test_what_was_written_is_read_back(export):
    space = parse_space({"model.lr": {"uniform": [0.0, 1.0]}, "+n.0.x": {"choice": [1, 2]}, "wd": {"uniform": [0, 1]}})
    config = {"model.lr": 0.25, "+n.0.x": 2, "wd": 0.5}
    after, _ = export("model: {lr: 0.1}\nn: [{x: 1}]\n", config, names={"wd": ""}, key=".")
    assert after == "model: {lr: 0.25}\nn: [{x: 2}]\n"
    path = Path("config.yaml")
    found = read_config(path, ".", {"wd": ""}, space, otherwise={"wd": 0.75})
    assert found == {"model.lr": 0.25, "+n.0.x": 2, "wd": 0.75}
    only = ("model.lr", "+n.0.x")
    assert read_config(path, ".", {}, space, only=only, otherwise={"wd": 0.75, "model.lr": 0.9}) == found
    numbered = parse_space({"1.true": {"choice": [1, 2]}})
    export("1: {true: 1}\n", {"1.true": 2}, name="numbered.yaml", key=".")
    assert read_config(Path("numbered.yaml"), ".", {}, numbered) == {"1.true": 2}
    with pytest.raises(InputError, match="lacks wd"):
        read_config(path, ".", {}, space, otherwise={"wd": 0.75})
