"""Pictures of regret over epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import methods
from printing import by_method, families
from scoring import curve
from traces import Result

_INCHES = (8.0, 5.0)


def draw(results: Sequence[Result], trainings: float, folder: Path) -> list[Path]:
    """Write a picture for each family.

    Args:
        results: Of all studies.
        trainings: The time axis ends after as many full trainings.
        folder: Gets `FAMILY.png`.
    """
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for family in families(results):
        figure, axes = plt.subplots(figsize=_INCHES, layout="constrained")
        for method, found in by_method(results, family).items():
            own = methods.is_ours(method)
            axes.plot(
                *curve(found, trainings), label=method, linewidth=2.2 if own else 1.0, linestyle="-" if own else "--"
            )
        axes.set(xlabel="epochs, in full trainings", ylabel="mean regret, %", title=family, yscale="log")
        axes.legend(fontsize="small", ncols=2)
        axes.grid(visible=True, which="both", alpha=0.2)
        written.append(folder / f"{family}.png")
        figure.savefig(written[-1], dpi=110)
        plt.close(figure)
    return written
