import math
import random
from dataclasses import dataclass, field
from typing import Optional

from transformers import HfArgumentParser, TrainingArguments


@dataclass
class DataTrainingArguments:
    task_name: Optional[str] = field(default=None, metadata={"help": "The name of the task to train on"})
    max_seq_length: int = field(default=128, metadata={"help": "The maximum total input sequence length"})
    overwrite_cache: bool = field(default=False, metadata={"help": "Overwrite the cached preprocessed datasets or not."})
    train_file: Optional[str] = field(default=None, metadata={"help": "A csv or a json file containing the training data."})


@dataclass
class ModelArguments:
    model_name_or_path: str = field(metadata={"help": "Path to pretrained model or model identifier"})
    cache_dir: Optional[str] = field(default=None, metadata={"help": "Where do you want to store the pretrained models"})
    use_fast_tokenizer: bool = field(default=True, metadata={"help": "Whether to use one of the fast tokenizer"})


def main():
    parser = HfArgumentParser((ModelArguments, DataTrainingArguments, TrainingArguments))
    model_args, data_args, training_args = parser.parse_args_into_dataclasses()
    random.seed(training_args.seed)
    for epoch in range(1, int(training_args.num_train_epochs) + 1):
        eval_loss = 0.3 + abs(math.log10(training_args.learning_rate) + 4) / 10 + random.random() / 10 / epoch
        print({"eval_loss": eval_loss, "eval_accuracy": 1 - eval_loss, "eval_runtime": 0.1, "epoch": float(epoch)})


if __name__ == "__main__":
    main()
