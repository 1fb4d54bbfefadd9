import os
import time
import glob


def torch_save(a, b):
    open(b, "w").close()


from util import get_args, makedirs


args = get_args()
iterations = 0
start = time.time()
best_dev_acc = -1
header = "  Time Epoch Iteration Progress    (%Epoch)   Loss   Dev/Loss     Accuracy  Dev/Accuracy"
dev_log_template = " ".join(
    "{:>6.0f},{:>5.0f},{:>9.0f},{:>5.0f}/{:<5.0f} {:>7.0f}%,{:>8.6f},{:8.6f},{:12.4f},{:12.4f}".split(",")
)
log_template = " ".join("{:>6.0f},{:>5.0f},{:>9.0f},{:>5.0f}/{:<5.0f} {:>7.0f}%,{:>8.6f},{},{:12.4f},{}".split(","))
makedirs(args.save_path)
print(header)
train_iter = [0] * 500

for epoch in range(args.epochs):
    n_correct, n_total = 0, 0
    for batch_idx, batch in enumerate(train_iter):
        iterations += 1
        n_correct += 80
        n_total += 100
        train_acc = 100.0 * n_correct / n_total
        loss = 0.5
        if iterations % args.save_every == 0:
            snapshot_prefix = os.path.join(args.save_path, "snapshot")
            snapshot_path = snapshot_prefix + "_acc_{:.4f}_loss_{:.6f}_iter_{}_model.pt".format(
                train_acc, loss, iterations
            )
            torch_save({}, snapshot_path)
        if iterations % args.dev_every == 0:
            dev_acc = 70 + epoch
            dev_loss = 0.7
            print(
                dev_log_template.format(
                    time.time() - start,
                    epoch,
                    iterations,
                    1 + batch_idx,
                    len(train_iter),
                    100.0 * (1 + batch_idx) / len(train_iter),
                    loss,
                    dev_loss,
                    train_acc,
                    dev_acc,
                )
            )
            if dev_acc > best_dev_acc:
                best_dev_acc = dev_acc
        elif iterations % args.log_every == 0:
            print(
                log_template.format(
                    time.time() - start,
                    epoch,
                    iterations,
                    1 + batch_idx,
                    len(train_iter),
                    100.0 * (1 + batch_idx) / len(train_iter),
                    loss,
                    " " * 8,
                    n_correct / n_total * 100,
                    " " * 12,
                )
            )
        if args.dry_run:
            break
