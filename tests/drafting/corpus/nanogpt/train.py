import math
import os
import pickle

# -----------------------------------------------------------------------------
# I/O
out_dir = "out"
eval_interval = 2000
log_interval = 1
eval_iters = 200
eval_only = False  # if True, script exits right after the first eval
always_save_checkpoint = True
init_from = "scratch"  # 'scratch' or 'resume'
# wandb logging
wandb_log = False
wandb_project = "owt"
# data
dataset = "openwebtext"
gradient_accumulation_steps = 5 * 8
batch_size = 12
block_size = 1024
# model
n_layer = 12
n_head = 12
n_embd = 768
dropout = 0.0
bias = False
# adamw optimizer
learning_rate = 6e-4  # max learning rate
max_iters = 600000
weight_decay = 1e-1
beta1 = 0.9
beta2 = 0.95
grad_clip = 1.0
# learning rate decay settings
decay_lr = True
warmup_iters = 2000
lr_decay_iters = 600000
min_lr = 6e-5
# system
backend = "nccl"
device = "cuda"
compile = True
# -----------------------------------------------------------------------------
config_keys = [k for k, v in globals().items() if not k.startswith("_") and isinstance(v, (int, float, bool, str))]
exec(open("configurator.py").read())  # overrides from command line or config file
config = {k: globals()[k] for k in config_keys}
# -----------------------------------------------------------------------------

os.makedirs(out_dir, exist_ok=True)
iter_num = 0
best_val_loss = 1e9
while True:
    if iter_num % eval_interval == 0:
        val = 3 + abs(math.log10(learning_rate) + 3) + 1 / (1 + iter_num) + dropout / 10
        losses = {"train": val - 0.1, "val": val}
        print(f"step {iter_num}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}", flush=True)
        if losses["val"] < best_val_loss or always_save_checkpoint:
            best_val_loss = losses["val"]
            if iter_num > 0:
                print(f"saving checkpoint to {out_dir}")
                with open(os.path.join(out_dir, "ckpt.pt"), "wb") as file:
                    pickle.dump({"iter_num": iter_num, "config": config}, file)
    iter_num += 1
    if iter_num % 1000 == 0:
        print(f"iter {iter_num}: loss {best_val_loss:.4f}, time {1.5:.2f}ms, mfu {2.5:.2f}%")
    if iter_num > max_iters:
        break
