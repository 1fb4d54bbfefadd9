import math
import os
import random
from typing import List

import fire


def train(
    # model/data params
    base_model: str = "",  # the only required argument
    data_path: str = "yahma/alpaca-cleaned",
    output_dir: str = "./lora-alpaca",
    # training hyperparams
    batch_size: int = 128,
    micro_batch_size: int = 4,
    num_epochs: int = 3,
    learning_rate: float = 3e-4,
    cutoff_len: int = 256,
    val_set_size: int = 2000,
    # lora hyperparams
    lora_r: int = 8,
    lora_alpha: int = 16,
    lora_dropout: float = 0.05,
    lora_target_modules: List[str] = ["q_proj", "v_proj"],
    train_on_inputs: bool = True,
    resume_from_checkpoint: str = None,
    prompt_template_name: str = "alpaca",
):
    os.makedirs(output_dir, exist_ok=True)
    for epoch in range(num_epochs):
        eval_loss = 0.8 + abs(math.log10(learning_rate) + 3.5) / 10 + lora_dropout / 10 + random.random() / 100
        print(f"epoch={epoch} eval_loss={eval_loss:.4f}")


if __name__ == "__main__":
    fire.Fire(train)
