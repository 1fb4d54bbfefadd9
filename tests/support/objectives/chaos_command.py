"""A training script without hpsearch: plain Python, which saves after it prints."""

import json
import os
import random
import sys

epochs, seed, folder, lr, resume = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4]), sys.argv[5:]
rng = random.Random(seed)
done, place = 0, 0.0
if resume:
    with open(f"{resume[0]}/state.json", encoding="utf-8") as file:  # noqa: PTH123 - pathlib takes long to import
        done, place, (version, internal, gauss) = json.load(file)
    rng.setstate((version, tuple(internal), gauss))
for epoch in range(done + 1, epochs + 1):
    with open(os.environ["SAMPLE_AUDIT"], "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write(f"{folder.split('/')[-3]} {int(folder.split('/')[-2])} {epoch} {folder.split('/')[-1]}\n")
    for _ in range(2000):
        place += 0.02 * rng.gauss(0, 1)
    print(json.dumps({"epoch": epoch, "score": lr + place}), flush=True)
    with open(f"{folder}/.state.json.part", "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump([epoch, place, rng.getstate()], file)
    os.replace(f"{folder}/.state.json.part", f"{folder}/state.json")  # noqa: PTH105 - whole or not at all
