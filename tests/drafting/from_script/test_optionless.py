"""Scripts without options: the message says the edit that makes them readable."""

from pathlib import Path

import pytest

from hpsearch.drafting.from_script import plan_space
from hpsearch.errors import InputError

LOOP = "    for epoch in range(EPOCHS):\n        print(f'epoch {epoch} val acc {acc}')\n"
CONSTANTS = "import sys\nLR = 0.1\nBATCH_SIZE = 32\nEPOCHS = 3\n#\nif True:\n" + LOOP
ARGUMENTS = "def main(lr=0.1, epochs=3):\n" + LOOP.replace("EPOCHS", "epochs") + "main()\n"
BODY = "def main():\n    lr = 0.1\n    epochs = 3\n" + LOOP.replace("EPOCHS", "epochs") + "main()\n"
CLASS = "class Config:\n    lr = 0.1\n    epochs = 3\ndef main():\n    config = Config()\n" + LOOP.replace(
    "EPOCHS", "config.epochs"
)


@pytest.fixture
def draft(tmp_path, monkeypatch):
    """Return a function that drafts a space for a script's text."""
    monkeypatch.chdir(tmp_path)

    def draft(text):
        Path("train.py").write_text(text)
        return plan_space(Path("train.py"), folder=tmp_path).text

    return draft


def refused(draft, text):
    with pytest.raises(InputError) as error:
        draft(text)
    return str(error.value)


def test_constants_get_the_line_that_the_message_says(draft):
    said = refused(draft, CONSTANTS)
    assert "its settings (LR, BATCH_SIZE, EPOCHS) are constants" in said
    line = said.partition("below them: `")[2].removesuffix("`")
    text = draft(CONSTANTS.replace("#", line))
    assert "LR={LR} BATCH_SIZE={BATCH_SIZE} EPOCHS={epochs}" in text


def test_arguments_of_a_function_and_constants_in_one_get_fire(draft):
    said = refused(draft, ARGUMENTS)
    assert (
        "(lr, epochs) are arguments of main(): write `import fire`, and `fire.Fire(main)` in place of `main()`" in said
    )
    edited = "import fire\n" + ARGUMENTS.replace("\nmain()", "\nfire.Fire(main)")
    assert "--lr={lr} --epochs={epochs}" in draft(edited)
    assert "constants in main(): make them its arguments" in refused(draft, BODY)


def test_a_class_gets_tyro(draft):
    assert "(lr, epochs) are in the class Config: give them types" in refused(draft, CLASS)
    edited = "import tyro\nfrom dataclasses import dataclass\n@dataclass\n" + CLASS.replace("lr =", "lr: float =")
    edited = edited.replace("epochs =", "epochs: int =", 1).replace("Config()", "tyro.cli(Config)")
    assert "--epochs {epochs}" in draft(edited)


def test_a_config_file_that_the_script_names_is_said(draft):
    Path("config.yaml").write_text("lr: 0.1\n")
    text = "import yaml\nconfig = yaml.safe_load(open('./config.yaml'))\n"
    assert "`hpsearch init config.yaml --script train.py`" in refused(draft, text)


def test_nothing_is_said_where_nothing_looks_like_a_setting(draft):
    assert "allowed: options of argparse" in refused(draft, "x = 1\ndef f(path='a'):\n    return path\n")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("parser.add_argument('--config')", "--config {config_file}"),
        ("parser.add_argument('-c', '--cfg-file', dest='config')", "--cfg-file {config_file}"),
        ("parser.add_argument('config')", "train.py {config_file}"),
        ("", "train.py {config_file}"),
    ],
)
def test_a_script_gets_its_config_by_its_option(tmp_path, monkeypatch, script, words):
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(f"import argparse\nparser = argparse.ArgumentParser()\n{script}\n")
    Path("conf.yaml").write_text("lr: 0.1\nepochs: 5\n")
    assert words in plan_space(Path("conf.yaml"), folder=tmp_path, script=Path("train.py")).text


def test_the_epoch_to_start_from_is_not_how_many_there_are(draft):
    options = "".join(
        f"p.add_argument('--{name}', type=int, default={n})\n" for name, n in (("epoch", 0), ("n_epochs", 9))
    )
    text = draft(f"import argparse\np = argparse.ArgumentParser()\n{options}p.add_argument('--lr', default=0.1)\n")
    assert "--n_epochs {epochs}" in text
    assert "--epoch " not in text
