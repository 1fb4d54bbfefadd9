"""The page on pruning: its figures against the program, and its picture."""

import gzip
import importlib.util
import json
import math
import random
import re
import sys
from xml.etree import ElementTree as ET

import pytest

from hpsearch.samplers.auto.ladder import leg_ends
from hpsearch.selection.asha import rung_epochs
from hpsearch.selection.hyperband import bracket_sizes
from support.paths import ROOT

DOCS = ROOT / "docs"
PAGE = (DOCS / "pruning.md").read_text()
WORDS = " ".join(PAGE.split())


@pytest.fixture
def pictures(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    spec = importlib.util.spec_from_file_location("make_pruning_pictures", DOCS / "make_pruning_pictures.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_small_and_the_page_says_what_it_shows(pictures):
    drawn = pictures.TARGET.read_bytes()
    assert len(drawn) < 60_000
    root = ET.fromstring(drawn)  # noqa: S314 - our own file
    (title,) = [one.text for one in root if one.tag.endswith("title")]
    panels = re.findall(r"([^.:]+(?:: \d+)?): ([\d,]+ epochs, best [\d.]+; .*?)\.", title.partition(". ")[2])
    assert len(panels) == len(pictures.RULES)
    assert [figures for _, figures in panels if figures not in WORDS] == []
    assert f"the same {pictures.TRIALS} trials" in WORDS
    assert f"Over {pictures.SEEDS} seeds:" in WORDS
    rows = re.findall(r"^\| `(.*?)` \| [\d,]+ \| \d+ % \| [\d.]+ \|$", PAGE, re.MULTILINE)
    assert rows == [rule.text for rule in pictures.RULES]


def test_the_picture_can_be_drawn_anew(pictures, tmp_path, monkeypatch):
    rng = random.Random(3)
    rows = []
    for _ in range(40):
        rate = 10 ** rng.uniform(-4, 0)
        losses = [abs(math.log10(rate) + 2) + 9 / (epoch + 1) for epoch in range(12)]
        rows.append({"hp": {"lr": rate, "decay": rng.random()}, "valid": {"loss": losses}})
    (tmp_path / "taskset").mkdir()
    (tmp_path / "taskset" / "made_up.json.gz").write_bytes(gzip.compress(json.dumps(rows).encode()))
    target = tmp_path / "drawn.svg"
    for name, value in {"TASK": "made_up", "TARGET": target, "TRIALS": 12}.items():
        monkeypatch.setattr(pictures, name, value)
    pictures.main(["--data", str(tmp_path), "--only-picture"])
    root = ET.fromstring(target.read_bytes())  # noqa: S314 - our own file
    texts = [one.text for one in root if one.tag.endswith("text")]
    assert [text for text in texts if text in {rule.title for rule in pictures.RULES}] == [
        rule.title for rule in pictures.RULES
    ]
    assert "144 epochs, best" in " ".join(texts)


def test_rungs_brackets_and_legs_are_those_that_the_page_names():
    assert "they lie at {}, {} and {}".format(*rung_epochs(100, 3, 0.11, 2)) in WORDS
    assert "of 17 trials {}, {} and {} go to them".format(*bracket_sizes(3, 3)) in WORDS
    *ends, last = leg_ends(52)
    assert f"end at {', '.join(map(str, ends))} and {last}" in WORDS
