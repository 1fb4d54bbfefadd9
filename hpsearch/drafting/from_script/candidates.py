"""Of settings that mean the same thing, such as `lr` and `lr_base`, which one is searched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hpsearch.drafting.from_script.families import Family
from hpsearch.drafting.from_script.heuristics import Suggestion
from hpsearch.drafting.from_script.setting import Setting

_NAMES = {
    "lr": "learning rates", "weight_decay": "weight decays", "momentum": "momenta", "dropout": "dropouts",
    "drop_path": "drop paths", "smoothing": "label smoothings", "batch": "batch sizes",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """Which settings are searched.

    Attributes:
        rivals: The settings that are not searched, each with the name of the one that is searched instead.
        doubts: What the user should know of the choice.
    """

    rivals: Mapping[str, str]
    doubts: tuple[str, ...]


def choose(pairs: Iterable[tuple[Setting, Suggestion]]) -> Chosen:
    """Return which of the settings with a sure suggestion are searched: of a family, one for each part of a config."""
    families: dict[str, list[tuple[Setting, Family]]] = {}
    for setting, suggestion in pairs:
        if suggestion.family is not None and suggestion.sure:
            families.setdefault(suggestion.family.name, []).append((setting, suggestion.family))
    rivals: dict[str, str] = {}
    doubts: list[str] = []
    for name, members in families.items():
        kept = _kept(members)
        lost = [setting for setting, _ in members if setting.name not in kept]
        rivals |= {setting.name: kept[0] for setting in lost}
        if lost:
            shown = [setting.shown for setting, _ in members if setting.name in kept]
            others = _listed([setting.shown for setting in lost])
            keeps = "keeps its default" if len(lost) == 1 else "keep their defaults"
            doubts.append(f"of the {_NAMES[name]}, {_listed(shown)} is searched; {others} {keeps}")
    path, dropout = families.get("drop_path"), families.get("dropout")
    if path and dropout and not any(setting.number for setting, _ in path):
        name = _kept(dropout)[0]
        rivals |= {setting.name: name for setting, _ in path if setting.name not in rivals}
        doubts.append(f"{_listed([s.shown for s, _ in path])}: off by default, so only dropout is searched")
    return Chosen(rivals=rivals, doubts=tuple(doubts))


def _kept(members: list[tuple[Setting, Family]]) -> list[str]:
    """Return the names that stay: the best general one of each part of a config; without any, those of all parts."""
    general = [(setting, family) for setting, family in members if not family.part]
    if not general:
        return [setting.name for setting, _ in members]
    best = min(family.rank for _, family in general)
    kept: dict[str, str] = {}
    for setting, family in general:
        if family.rank == best:
            kept.setdefault(setting.name.rpartition(".")[0], setting.name)
    return list(kept.values())


def _listed(names: list[str]) -> str:
    return ", ".join(names)
