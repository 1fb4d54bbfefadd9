# settings of the small run; the others are train.py's
import time

out_dir = "out-finetune"
eval_interval = 5
wandb_log = False  # feel free to turn on
wandb_run_name = "ft-" + str(time.time())

always_save_checkpoint = False
batch_size = 8
gradient_accumulation_steps = 2
max_iters = 20

# the learning rate stays constant
learning_rate = 3e-5
decay_lr = False
