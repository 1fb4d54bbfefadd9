"""The callback for the Trainer of transformers, in a training function of the user's."""

import json
from itertools import count
from pathlib import Path

import pytest
import torch

from hpsearch.errors import StudyError
from hpsearch.objectives.frameworks.folders import unpack
from hpsearch.trial.events import TrialMeasured
from hpsearch.trial.trial import Stage, StopReason
from support.bench import Bench, Stop, results

NUMBERS = count()
CODE = """
import os

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

from hpsearch.objectives.frameworks.huggingface import HpsearchCallback

BROKEN = False


class Samples(torch.utils.data.Dataset):
    def __len__(self):
        return 16

    def __getitem__(self, index):
        return {"input_ids": torch.tensor([index % 8, index % 3, 1]), "labels": index % 2}


def measure(prediction):
    with open(os.environ["SAMPLE_AUDIT"], "a") as file:
        file.write("evaluated\\n")
    score = (prediction.predictions.argmax(1) == prediction.label_ids).mean() + prediction.predictions.std()
    return {"score": float("nan") if BROKEN else float(score)}


def train(config, trial):
    small = {"vocab_size": 8, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    model = BertForSequenceClassification(BertConfig(**small, intermediate_size=8, max_position_embeddings=8))
    callback = HpsearchCallback(trial)
    arguments = TrainingArguments(
        output_dir=str(trial.dir / "trainer"), num_train_epochs=callback.epochs, learning_rate=config["lr"],
        per_device_train_batch_size=4, seed=trial.seed, use_cpu=True, report_to="none", disable_tqdm=True,
        eval_strategy="epoch", save_strategy="no", logging_strategy="no", dataloader_pin_memory=False,
    )
    trainer = Trainer(
        model, arguments, train_dataset=Samples(), eval_dataset=Samples(), compute_metrics=measure, callbacks=[callback]
    )
    trainer.train(resume_from_checkpoint=callback.resume_from)
"""


def space(bench: Bench, code: str = CODE) -> Path:
    name = f"huggingface_{next(NUMBERS)}"
    (bench.folder / f"{name}.py").write_text(code)
    raw = {
        "study": "sample",
        "metric": "eval_score",
        "direction": "maximize",
        "objective": {"epochs": 3, "python": f"{name}:train"},
        "space": {"lr": {"loguniform": [1e-3, 1e-1]}},
        "search": {"trials": 2},
        "finalists": None,
        "keep_checkpoints": 1,
    }
    path = bench.folder / "sample.yaml"
    path.write_text(json.dumps(raw))
    return path


def weights(study, folder: Path) -> bytes:
    """Return those of the checkpoint that is kept: of the best trial's best epoch."""
    (path,) = study.folder.rglob("epoch-*.pt")
    unpack(torch.load(path, weights_only=True)["files"], folder)
    return (folder / "model.safetensors").read_bytes()


def test_an_interrupted_trial_goes_on_bitwise(bench: Bench):
    whole = bench.run(space(bench), name="whole")
    bench.audit.write_text("")
    bench.stop_at(TrialMeasured, 4)
    with pytest.raises(Stop):
        bench.run(space(bench), name="broken")
    bench.watch = lambda _: None
    resumed = bench.resume("broken")
    assert len(bench.audited()) == 6  # none is done twice
    assert results(resumed) == results(whole)
    assert [len(record.values) for record in whole.store.records(Stage.SEARCH)] == [3, 3]
    assert weights(resumed, bench.folder / "resumed") == weights(whole, bench.folder / "whole")
    assert not list(resumed.folder.rglob("*.safetensors"))


def test_a_diverged_trial_ends(bench: Bench):
    with pytest.raises(StudyError, match="2 diverged"):
        bench.run(space(bench, CODE.replace("BROKEN = False", "BROKEN = True")))
    records = bench.load().store.records(Stage.SEARCH)
    assert {(record.stop_reason, len(record.values)) for record in records} == {(StopReason.DIVERGED, 1)}
    assert len(bench.audited()) == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('eval_strategy="epoch"', 'eval_strategy="no"'),
        ('save_strategy="no"', 'save_strategy="steps"'),
        ('save_strategy="no"', 'save_only_model=True, save_strategy="no"'),
    ],
)
def test_what_would_miss_epochs_is_refused(bench: Bench, old: str, new: str):
    with pytest.raises(StudyError, match=new.split("=", maxsplit=1)[0] + r" is .*; allowed: "):
        bench.run(space(bench, CODE.replace(old, new)))
