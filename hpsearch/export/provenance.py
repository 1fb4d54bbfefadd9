"""The provenance of an exported config."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from hpsearch.study.outcome import Best
from hpsearch.study.study import Study
from hpsearch.text import counted, mean_and_std, value_format


def provenance(study: Study, best: Best) -> dict[str, Any]:
    """Return where a config comes from, by name, in JSON's types.

    `code` is the state of the training code's repository when the study was made. Without a repository it is left out.
    """
    code = study.store.get("code")
    return {
        "study": study.name,
        "trial": best.trial,
        "metric": study.config.metric,
        # Without finalists, this is the best value of many trials. It is no mean, and it is too good.
        **({"mean": best.mean, "std": best.std} if best.n else {"search_value": best.mean}),
        "seeds": best.n,
        **study.config.objective.measured_on(),
        **({} if study.state == "done" else {"state": study.state}),
        "date": datetime.now(UTC).date().isoformat(),
        "space_hash": study.config.hash,
        **({} if code is None else {"code": dict(code)}),
        "versions": dict(study.store.get("versions", {})),
    }


def commit_message(study: Study, best: Best, left_out: Collection[str] = ()) -> str:
    """Return the message of the commit that adds a config to a training repo, with the numbers that decided for it.

    Args:
        left_out: The parameters that the commit does not have.
    """
    number = mean_and_std(best.mean, best.std, value_format([best.mean]))
    basis = f"over {counted(best.n, 'seed')}" if best.n else "in the search, not retrained"
    lines = [f"Tuned by study {study.name}: {study.config.metric} {number} {basis}", ""]
    lines += [f"{name} = {value}" for name, value in best.config.items() if name not in left_out]
    lines += ["", *(f"{name}: {_in_a_line(value)}" for name, value in provenance(study, best).items())]
    return "\n".join(lines) + "\n"


def _in_a_line(value: Any) -> str:
    return ", ".join(f"{name} {one}" for name, one in value.items()) if isinstance(value, dict) else str(value)
