"""Hugging Face's Trainer with hpsearch's callback. The model starts from random weights."""

import torch
from sklearn.datasets import load_digits
from torch.utils.data import Dataset, Subset
from transformers import BertConfig, BertForSequenceClassification, PrinterCallback, Trainer, TrainingArguments

from hpsearch.objectives.frameworks.huggingface import HpsearchCallback


class Digits(Dataset):
    """Each image as a text of 64 words: its grey values."""

    def __init__(self):
        """Load the data."""
        images, labels = load_digits(return_X_y=True)
        self.images, self.labels = torch.tensor(images).long(), torch.tensor(labels)

    def __len__(self):
        """Return the number of images."""
        return len(self.labels)

    def __getitem__(self, index):
        """Return what the model takes."""
        return {"input_ids": self.images[index], "labels": self.labels[index]}


def accuracy(prediction):
    """Return the metrics of an evaluation; the Trainer puts `eval_` before their names."""
    return {"accuracy": float((prediction.predictions.argmax(1) == prediction.label_ids).mean())}


def train(config, trial):
    """Train one trial."""
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = BertForSequenceClassification(BertConfig(vocab_size=17, max_position_embeddings=64, num_labels=10, **size))
    data, callback = Digits(), HpsearchCallback(trial)
    trainer = Trainer(
        model,
        TrainingArguments(
            output_dir=str(trial.dir / "trainer"),
            num_train_epochs=callback.epochs,
            learning_rate=config["lr"],
            per_device_train_batch_size=config["batch_size"],
            eval_strategy="epoch",
            save_strategy="no",
            seed=trial.seed,
            use_cpu=trial.device == "cpu",
            dataloader_pin_memory=trial.device != "cpu",
            disable_tqdm=True,
            report_to="none",
        ),
        train_dataset=Subset(data, range(400)),
        eval_dataset=Subset(data, range(1400, len(data))),
        compute_metrics=accuracy,
        callbacks=[callback],
    )
    trainer.remove_callback(PrinterCallback)  # hpsearch prints enough
    trainer.train(resume_from_checkpoint=callback.resume_from)
