"""The tables of regret, of epochs needed and of CPU time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import methods
from scoring import Mean, Ratio, ratio
from traces import Result

_COMPARED_AT = 20.0


def families(results: Sequence[Result]) -> list[str]:
    """Return the families of the results, in their order."""
    return list(dict.fromkeys(one.family for one in results))


def by_method(results: Sequence[Result], family: str) -> dict[str, list[Result]]:
    """Return the results of a family, by method."""
    found: dict[str, list[Result]] = {}
    for one in results:
        if one.family == family:
            found.setdefault(one.method, []).append(one)
    return found


def tables_of(results: Sequence[Result], family: str, budgets: Sequence[float]) -> list[list[list[str]]]:
    """Return the tables of a family, each as rows of cells."""
    return [table for rows in (regret_rows, ratio_rows) if (table := rows(results, family, budgets))]


def regret_rows(results: Sequence[Result], family: str, budgets: Sequence[float]) -> list[list[str]]:
    """Return the table of a family's mean regrets, with its header; methods with a lower last regret come first."""
    rows = []
    for method, found in by_method(results, family).items():
        means = [Mean.of([one.regret_at(budget) for one in found]) for budget in budgets]
        cpu = 1000 * sum(one.cpu_s for one in found) / max(sum(one.decisions for one in found), 1)
        trials = sum(one.trials for one in found) / len(found)
        name = f"**{method}**" if methods.is_ours(method) else method
        cells = [name, str(len(found)), *map(in_cell, means), f"{trials:.0f}", f"{cpu:.1f}"]
        rows.append((means[-1].value, cells))
    header = ["method", "studies", *(f"{budget:g}" for budget in budgets), "trials", "CPU ms a decision"]
    return [header, *(cells for _, cells in sorted(rows, key=lambda row: row[0]))]


def ratio_rows(results: Sequence[Result], family: str, budgets: Sequence[float]) -> list[list[str]]:
    """Return the table of the epochs that hpsearch's methods need for what each peer reaches, with its header."""
    found = by_method(results, family)
    own = [method for method in found if methods.is_ours(method)]
    peers = [method for method in found if method not in own]
    if not own or not peers:
        return []
    at = compared_at(budgets)
    rows = [[peer, *(ratio_cell(ratio(found[method], found[peer], at)) for method in own)] for peer in peers]
    return [[f"for a peer's regret at {at:g}", *own], *rows]


def compared_at(budgets: Sequence[float]) -> float:
    """Return the budget at which peers are compared: 20 full trainings, or the largest one below."""
    return max((budget for budget in budgets if budget <= _COMPARED_AT), default=min(budgets))


def in_cell(mean: Mean) -> str:
    """Return a mean with its interval."""
    return f"{mean.value:.1f}" if math.isnan(mean.half) else f"{mean.value:.1f} ± {mean.half:.1f}"


def ratio_cell(found: Ratio | None) -> str:
    """Return a ratio with its interval."""
    if found is None:
        return "-"
    value, low, high = (f"{one:.2f}" if math.isfinite(one) else "never" for one in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print a table in Markdown, and a line after it."""
    for position, row in enumerate(rows):
        print(f"| {' | '.join(row)} |")
        if not position:
            print(f"|{' --- |' * len(row)}")
    print(flush=True)
