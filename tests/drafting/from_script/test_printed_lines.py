"""A drafted expression finds what Python prints: random lines are printed by Python, then matched."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.drafting.from_script.measurements import guess_measurements
from hpsearch.drafting.from_script.script import parse

_FLOAT_SPECS = [".4f", "8.3f", "<10.4f", "^12.5f", "+.3f", ".2e", ".4g", "010.4f", " .3f", "*>9.2f", ""]
_LABELS = ["val_loss", "valid loss", "Val Acc", "validation accuracy", "eval_f1", "dev error"]
_JOINTS = [": ", " ", "=", " = ", ":\t", " -> "]
_BETWEEN = [" | ", ", ", "  ", "\t", " (", "; ", "] "]
_FILLERS = ["lr ", "time ", "took ", "grad norm: ", "eta=", "step "]
_ENDS = ["", "s", "%", ".", " ms", ")", " |", "!\n"]
_NUMBERS = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([float("nan"), float("inf"), 1e-05, 0.0, 1e22]))


@st.composite
def lines(draw):
    """Return how to print a line in each way of formatting, with what it is given."""
    parts = [
        (
            draw(st.sampled_from(["Epoch ", "[epoch ", "| end of epoch ", "epoch: "])),
            "epoch",
            draw(st.sampled_from(["", "d", "3d", "03d"])),
        )
    ]
    fillers = draw(st.lists(st.sampled_from(_FILLERS), max_size=2, unique=True))
    metric = draw(st.sampled_from(_LABELS)) + draw(st.sampled_from(_JOINTS))
    values = {"epoch": draw(st.integers(0, 400))}
    for number, text in enumerate(draw(st.permutations([*fillers, metric]))):
        name = "measured" if text == metric else f"other{number}"
        values[name] = draw(_NUMBERS)
        parts.append((draw(st.sampled_from(_BETWEEN)) + text, name, draw(st.sampled_from(_FLOAT_SPECS))))
    return parts, draw(st.sampled_from(_ENDS)), values


def _in_percent(spec: str) -> str:
    flags = {"<": "-", "+": "+", " ": " ", "0": "0"}.get(spec[:1], "")
    kept = spec.lstrip("<^*>+ ").removeprefix("0") if flags else spec.lstrip("^*>")
    return f"%{flags}{kept}" if kept else "%s"


def _sources(parts, end: str) -> dict[str, str]:
    as_format = "".join(text + "{" + name + (f":{spec}" if spec else "") + "}" for text, name, spec in parts) + end
    as_percent = "".join(text.replace("%", "%%") + _in_percent(spec) for text, _, spec in parts) + end.replace(
        "%", "%%"
    )
    names = [name for _, name, _ in parts]
    positional = "".join(text + "{" + (f":{spec}" if spec else "") + "}" for text, _, spec in parts) + end
    built = [f"    message += {text!r} + format({name}, {spec!r})" for text, name, spec in parts]
    return {
        "f": f"    print(f{as_format!r})",
        "format": f"    print({positional!r}.format({', '.join(names)}))",
        "named": f"    print({as_format!r}.format({', '.join(f'{name}={name}' for name in names)}))",
        "percent": f"    print({as_percent!r} % ({', '.join(names)},))",
        "built": "\n".join(["    message = ''", *built, f"    message += {end!r}", "    print(message)"]),
    }


@settings(max_examples=150, deadline=None)
@given(line=lines(), way=st.sampled_from(["f", "format", "named", "percent", "built"]))
def test_the_expression_finds_what_python_prints(line, way):
    parts, end, values = line
    body = _sources(parts, end)[way]
    printed: list[str] = []
    exec(body.replace("    ", ""), {"print": printed.append, **values})  # noqa: S102 - what the script does
    found = guess_measurements(parse(f"for epoch in range(400):\n{body}", "x.py"))
    assert (found.way, found.first_epoch) == ("regex", 0)
    matches = [match for text in printed[0].split("\n") if (match := re.search(found.place, text))]
    (match,) = matches
    assert int(match["epoch"]) == values["epoch"]
    spec = next(spec for _, name, spec in parts if name == "measured")
    shown = format(values["measured"], spec) if way != "percent" else _in_percent(spec) % values["measured"]
    expected = float(re.sub("^0+(?=nan|inf)", "", shown.strip("* ")))
    assert float(match[found.metric]) == expected or expected != expected  # noqa: PLR0124 - NaN differs from itself
