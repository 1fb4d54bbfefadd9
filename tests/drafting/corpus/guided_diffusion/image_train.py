import argparse
import math
import os
import random

from script_util import add_dict_to_argparser, model_and_diffusion_defaults


def main():
    args = create_argparser().parse_args()
    logdir = os.environ.get("OPENAI_LOGDIR", "logs")
    for step in range(args.lr_anneal_steps or 40):
        if step % args.log_interval == 0:
            loss = 0.1 + abs(math.log10(args.lr) + 4) / 10 + random.random() / (step + 1)
            print(f"| loss | {loss:.4f} | step | {step} |", flush=True)


def create_argparser():
    defaults = dict(
        data_dir="",
        schedule_sampler="uniform",
        lr=1e-4,
        weight_decay=0.0,
        lr_anneal_steps=0,
        batch_size=1,
        microbatch=-1,  # -1 disables microbatches
        ema_rate="0.9999",  # comma-separated list of EMA values
        log_interval=10,
        save_interval=10000,
        resume_checkpoint="",
        use_fp16=False,
        fp16_scale_growth=1e-3,
    )
    defaults.update(model_and_diffusion_defaults())
    parser = argparse.ArgumentParser()
    add_dict_to_argparser(parser, defaults)
    return parser


if __name__ == "__main__":
    main()
