"""An objective that counts the trials beside it, and meters with invented readings, for GPUs are rare."""

from __future__ import annotations

import os
import time
from pathlib import Path

from hpsearch.trial.events import GpuUse

GIB = 1 << 30
PEAKS_GIB = {0: 3.0, 1: 7.5, 2: 5.0}  # of the first trials; 0.9 * 24 / 7.5 leaves room for 2


def crowded(config, trial):
    """Note the GPU, wait until the test lets go, and measure how many trials shared the GPU meanwhile."""
    folder = Path(config["folder"])
    gpu = os.environ["CUDA_VISIBLE_DEVICES"]
    mine = folder / f"running-{gpu}-{trial.number}"
    mine.touch()
    (folder / f"seen-{trial.number}").write_text(gpu)
    most, end = 0, time.monotonic() + 200
    while most == 0 or not ((folder / "go").exists() or (folder / f"go-{trial.number}").exists()):
        most = max(most, len(list(folder.glob(f"running-{gpu}-*"))))
        if time.monotonic() > end:
            raise TimeoutError("nobody let go")
        time.sleep(0.01)
    mine.unlink()
    yield {"score": float(most)}


class Meter:
    """Has a peak for each trial's number, and keeps `kept` after each trial."""

    def __init__(self, kept: int = 0) -> None:
        self._kept, self._number = kept, 0

    def settle(self) -> None:
        """Do nothing."""

    def begin(self, folder: str) -> None:
        self._number = int(Path(folder).parent.name)

    def use(self) -> GpuUse:
        return GpuUse(
            peak_bytes=int(PEAKS_GIB.get(self._number, 1.0) * GIB), room_bytes=24 * GIB, kept_bytes=self._kept
        )

    def end(self, free) -> GpuUse:
        free()
        return self.use()


class LeakyMeter(Meter):
    def __init__(self) -> None:
        super().__init__(kept=2 * GIB)


def greedy(config, trial):
    """Run out of memory beside another trial on the same GPU; the first trial waits for another."""
    folder = Path(config["folder"])
    gpu = os.environ["CUDA_VISIBLE_DEVICES"]
    mine = folder / f"running-{gpu}-{trial.number}"
    mine.touch()
    try:
        end = time.monotonic() + 200
        while len(list(folder.glob(f"running-{gpu}-*"))) == 1 and not (folder / "crowded").exists():
            if time.monotonic() > end:
                raise TimeoutError("there was no other trial")
            time.sleep(0.01)
        time.sleep(0.05)  # lets a trial that starts now be seen
        if len(list(folder.glob(f"running-{gpu}-*"))) > 1:
            (folder / "crowded").touch()
            raise MemoryError("CUDA out of memory, as it were")
    finally:
        mine.unlink()
    yield {"score": 1.0}
