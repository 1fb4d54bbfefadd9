"""As much of transformers as the script needs: the real one takes seconds to import."""

import argparse
import dataclasses


@dataclasses.dataclass
class TrainingArguments:
    output_dir: str = dataclasses.field(default=None)
    do_train: bool = False
    do_eval: bool = False
    eval_strategy: str = "no"
    per_device_train_batch_size: int = 8
    learning_rate: float = 5e-5
    weight_decay: float = 0.0
    num_train_epochs: float = 3.0
    label_smoothing_factor: float = 0.0
    seed: int = 42
    resume_from_checkpoint: str = None


class HfArgumentParser:
    def __init__(self, classes):
        self.classes = classes

    def parse_args_into_dataclasses(self):
        parser = argparse.ArgumentParser()
        for one in self.classes:
            for field in dataclasses.fields(one):
                kind = {"float": float, "int": int}.get(getattr(field.type, "__name__", field.type), str)
                required = field.default is dataclasses.MISSING
                default = None if required else field.default
                parser.add_argument(f"--{field.name}", type=kind, default=default, required=required)
        words = vars(parser.parse_args())
        return [one(**{f.name: words[f.name] for f in dataclasses.fields(one)}) for one in self.classes]
