"""Fit a line, as a language model would be trained: in iterations, with an evaluation every now and then."""

import math
import os
import random

# -----------------------------------------------------------------------------
# defaults; a config file and --key=value come on top
out_dir = "out"
eval_interval = 10
log_interval = 5
eval_iters = 4
eval_only = False
always_save_checkpoint = True
init_from = "scratch"  # 'scratch' or 'resume'
# wandb logging
wandb_log = False
wandb_project = "owt"
wandb_run_name = "gpt2"
# data
dataset = "line"
gradient_accumulation_steps = 1
batch_size = 16
block_size = 32
# model
n_layer = 2
n_head = 2
n_embd = 64
dropout = 0.0
bias = False
# optimizer
learning_rate = 6e-2
max_iters = 100
weight_decay = 1e-1
beta1 = 0.9
beta2 = 0.95
grad_clip = 1.0
decay_lr = True
warmup_iters = 2
lr_decay_iters = 100
min_lr = 6e-3
# system
device = "cpu"
dtype = "float32"
compile = False
# -----------------------------------------------------------------------------
config_keys = [k for k, v in globals().items() if not k.startswith("_") and isinstance(v, (int, float, bool, str))]
exec(open("configurator.py").read())
config = {k: globals()[k] for k in config_keys}
# -----------------------------------------------------------------------------

os.makedirs(out_dir, exist_ok=True)
rng = random.Random(1337)


def get_batch(split):
    offset = 0.0 if split == "train" else 0.5
    points = [rng.random() + offset for _ in range(batch_size)]
    return points, [2.0 * x + 1.0 + 0.05 * rng.gauss(0.0, 1.0) for x in points]


def loss_of(slope, intercept, split):
    points, values = get_batch(split)
    return sum((slope * x + intercept - y) ** 2 for x, y in zip(points, values)) / batch_size


def get_lr(it):
    if it < warmup_iters:
        return learning_rate * (it + 1) / (warmup_iters + 1)
    if it > lr_decay_iters:
        return min_lr
    ratio = (it - warmup_iters) / (lr_decay_iters - warmup_iters)
    return min_lr + 0.5 * (1.0 + math.cos(math.pi * ratio)) * (learning_rate - min_lr)


slope, intercept, iter_num = 0.0, 0.0, 0
while True:
    lr = get_lr(iter_num) if decay_lr else learning_rate
    if iter_num % eval_interval == 0:
        losses = {
            split: sum(loss_of(slope, intercept, split) for _ in range(eval_iters)) / eval_iters
            for split in ("train", "val")
        }
        print(f"step {iter_num}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}")
        with open(os.path.join(out_dir, "ckpt.txt"), "w") as f:
            f.write(repr((iter_num, slope, intercept, config)))
    if iter_num == 0 and eval_only:
        break
    points, values = get_batch("train")
    errors = [slope * x + intercept - y for x, y in zip(points, values)]
    slope -= lr * (sum(2 * e * x for e, x in zip(errors, points)) / batch_size + weight_decay * slope * 0.01)
    intercept -= lr * sum(2 * e for e in errors) / batch_size
    if iter_num % log_interval == 0:
        print(f"iter {iter_num}: loss {sum(e * e for e in errors) / batch_size:.4f}, time 0.10ms, mfu -100.00%")
    iter_num += 1
    if iter_num > max_iters:
        break
