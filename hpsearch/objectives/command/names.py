"""How near the name of a number in some output is to the metric that a space file asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hpsearch.text import nearest

NEAR = 0.5
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_SAME = {
    **dict.fromkeys(("acc", "accuracy", "acc1", "top1"), "accuracy"),
    **dict.fromkeys(("val", "valid", "validation", "eval", "evaluation", "dev"), "val"),
    **dict.fromkeys(("train", "training", "tr"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("err", "error"), "error"),
    **dict.fromkeys(("ppl", "perplexity"), "perplexity"),
}
_SPLITS = {"train", "val", "test"}
_SPELLINGS = {word: [spelling for spelling, of in _SAME.items() if of == word] for word in set(_SAME.values())}


def nearness(name: str, metric: str) -> float:
    """Return from 0.0 to 1.0 how near a name is to a metric: the share of words that they have in common.

    Spelling makes no difference, so `Val Acc`, `val/acc` and `valid_accuracy` are one name. A name of another part of
    the data is never near.
    """
    one, other = _words(name), _words(metric)
    if not one or not other or (one & _SPLITS and other & _SPLITS and one & _SPLITS != other & _SPLITS):
        return 0.0
    share = len(one & other) / len(one | other)
    return share or (NEAR if nearest(name.lower(), [metric.lower()]) else 0.0)


def nearest_name(names: Iterable[str], metric: str) -> str | None:
    """Return the name that is nearest to a metric; None if none is near."""
    best = max(names, key=lambda name: nearness(name, metric), default=None)
    return best if best is not None and nearness(best, metric) >= NEAR else None


def may_name(line: str, metric: str) -> bool:
    """Return whether a line has a word of a metric's name, in any spelling; that is quickly looked up."""
    lowered = line.lower()
    return metric.lower() in lowered or any(
        spelling in lowered for word in _words(metric) for spelling in (word, *_SPELLINGS.get(word, ()))
    )


def _words(name: str) -> set[str]:
    return {_SAME.get(word.lower(), word.lower()) for word in _WORD.findall(name)}
