"""Where an exported config comes from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hpsearch.study.outcome import Best
from hpsearch.study.study import Study
from hpsearch.text import counted, mean_and_std, value_format


def provenance(study: Study, best: Best) -> dict[str, Any]:
    """Return where a config comes from, by name, in JSON types.

    `code` is the state of the repository that the training's code lies in, when the study was made; it is absent where
    there was none.
    """
    code = study.store.get("code")
    return {
        "study": study.name,
        "trial": best.trial,
        "metric": study.config.metric,
        # Without finalists it is one trial's value, the best of many: no mean, and it flatters.
        **({"mean": best.mean, "std": best.std} if best.n else {"search_value": best.mean}),
        "seeds": best.n,
        **study.config.objective.measured_on(),
        **({} if study.state == "done" else {"state": study.state}),
        "date": datetime.now(UTC).date().isoformat(),
        "space_hash": study.config.hash,
        **({} if code is None else {"code": dict(code)}),
        "versions": dict(study.store.get("versions", {})),
    }


def commit_message(study: Study, best: Best) -> str:
    """Return the message of a commit that brings a config into a training repo, with the numbers it was chosen by."""
    number = mean_and_std(best.mean, best.std, value_format([best.mean]))
    basis = f"over {counted(best.n, 'seed')}" if best.n else "in the search, not retrained"
    lines = [f"Tuned by study {study.name}: {study.config.metric} {number} {basis}", ""]
    lines += [f"{name} = {value}" for name, value in best.config.items()]
    lines += ["", *(f"{name}: {_in_a_line(value)}" for name, value in provenance(study, best).items())]
    return "\n".join(lines) + "\n"


def _in_a_line(value: Any) -> str:
    return ", ".join(f"{name} {one}" for name, one in value.items()) if isinstance(value, dict) else str(value)
