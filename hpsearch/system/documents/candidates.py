"""Places of a file that may be meant by a name which has none there, for messages."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator

from hpsearch.system.documents.document import Value
from hpsearch.system.documents.places import MERGE_KEY

_SAME = (
    {"lr", "learning_rate", "lr0", "base_lr", "eta"},
    {"wd", "weight_decay", "decay"},
    {"bs", "batch_size", "train_batch_size", "per_device_train_batch_size"},
    {"optim", "optimizer", "opt"},
)
_VALUE = "value"  # lr.value is lr, in files that keep a description beside each value
_NEAR = 0.75  # of difflib: weight_decay and weights_decay, but not batch_size and patch_size
_MOST = 3
_ALIAS = 1  # how far another name for the same is; one that is only spelled alike is further


def candidates(target: Value, name: str, taken: Collection[str] = ()) -> list[str]:
    """Return the places in a mapping that a name may mean, the likeliest first; at most three.

    Args:
        taken: Places that other names have.
    """
    *above, key = name.split(".")
    found = []
    for path in _paths(target):
        dotted = ".".join(path)
        own = path[-2] if path[-1] == _VALUE and len(path) > 1 else path[-1]
        score = _unlike(_plain(own), _plain(key))
        if score is not None and dotted not in taken and dotted != name:
            found.append((score, -len({*above} & {*path[:-1]}), len(path), dotted))
    near = all(score > _ALIAS for score, *_ in found)
    return [dotted for score, *_, dotted in sorted(found) if near or score <= _ALIAS][:_MOST]


def _paths(value: Value, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the keys that lead to each value which can be set."""
    if value.barrier:
        return
    if value.members is None and value.items is None and above:
        yield above
        return
    for member in value.members or ():
        if member.key not in (None, "", MERGE_KEY):
            yield from _paths(member.value, (*above, member.key or ""))
    for number, item in enumerate(value.items or ()):
        yield from _paths(item, (*above, str(number)))
    if value.items is not None and above:
        yield above


def _unlike(key: str, wanted: str) -> float | None:
    """Return how far a key is from the wanted one, from 0; None if it is another name."""
    if key == wanted:
        return 0
    if any(key in names and wanted in names for names in _SAME):
        return _ALIAS
    ratio = difflib.SequenceMatcher(None, key, wanted).ratio()
    return 3 - ratio if ratio >= _NEAR and key and key[0] == wanted[:1] else None


def _plain(key: str) -> str:
    return key.lower().replace("-", "_")
