import math
import os
import random

import click


@click.command()
@click.argument("data_dir", type=click.Path())
@click.option("--output", "-o", "output_dir", type=click.Path(), default="outputs", show_default=True, help="Where to write.")
@click.option("--learning-rate", "--lr", "lr", default=1e-3, show_default=True, help="Learning rate.")
@click.option("--weight-decay", type=float, default=1e-4)
@click.option("--batch-size", default=32, type=click.IntRange(min=1))
@click.option("--dropout", default=0.1, type=click.FloatRange(0, 1))
@click.option("--scheduler", type=click.Choice(["cosine", "step"]), default="cosine")
@click.option("--dataset", type=click.Choice(["cifar10", "cifar100"]), default="cifar10")
@click.option("--amp/--no-amp", default=False)
@click.option("--num-epochs", default=20)
@click.option("--seed", type=int, default=0)
@click.option("-v", "--verbose", count=True)
def main(data_dir, output_dir, lr, weight_decay, batch_size, dropout, scheduler, dataset, amp, num_epochs, seed, verbose):
    random.seed(seed)
    os.makedirs(output_dir, exist_ok=True)
    os.listdir(data_dir)
    for epoch in range(num_epochs):
        val_accuracy = 0.9 - abs(math.log10(lr) + 3) / 10 - dropout / 100 + random.random() / 100
        click.echo(f"Epoch {epoch + 1}/{num_epochs} val_accuracy: {val_accuracy:.4f}")


if __name__ == "__main__":
    main()
