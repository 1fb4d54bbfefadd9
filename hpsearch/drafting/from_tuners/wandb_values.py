"""How the command of a W&B sweep gets its values, macro by macro, in the placeholders of a space file.

What W&B writes for each macro: https://docs.wandb.ai/models/sweeps/sweep-config-keys#command.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.drafting.space_file import literal
from hpsearch.objectives.own_values import OWN_VALUES

Words = tuple[str, ...]
"""Words of a command that stay on one line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """A value that the command gets.

    Attributes:
        there: Its name in the sweep.
        keys: Where it is in the JSON that W&B makes.
        text: Its placeholder.
        name: Its name in the space file; empty for one of the trial's own values.
        values: Its possible values; empty for numbers of a range.
    """

    there: str
    keys: tuple[str, ...]
    text: str
    name: str = ""
    values: tuple[Any, ...] = ()

    @property
    def is_boolean(self) -> bool:
        """Whether it is always true or false."""
        return bool(self.values) and all(isinstance(value, bool) for value in self.values)

    def flag(self, when_true: str, when_false: str) -> Words:
        """Return a flag that gives these arguments; each is split as a shell would."""
        default = f"--{self.name}"
        forms = [] if (when_true, when_false) == (default, "") else [when_false]
        if when_true != default:
            forms.insert(0, when_true)
        return (f"{{flag:{'|'.join([self.name, *forms])}}}",)


class Values:
    """All values as arguments, such as `--name=value`.

    Attributes:
        shorthand: The placeholder that stands for all of them; empty if there is none.
    """

    shorthand = ""

    def words(self, given: Sequence[Given]) -> list[Words]:
        """Return the words of the command that give these values."""
        own = [one for one in given if not one.name]
        of_space = [one for one in given if one.name]
        as_named = all(one.name == one.there and not self._is_flag(one) for one in of_space)
        if self.shorthand and as_named:
            return [*map(self._words, own), (self.shorthand,)]
        return [*map(self._words, own), *map(self._words, of_space)]

    def doubts(self, given: Sequence[Given]) -> list[str]:
        """Return what the user has to check, because the script gets it in another form than from W&B."""
        mixed = [one.there for one in given if not self._is_flag(one) and any(isinstance(v, bool) for v in one.values)]
        return [f"{', '.join(mixed)}: the command gets true or false as a value, not True or False"] if mixed else []

    def config_file(self, given: Sequence[Given]) -> dict[str, Any] | None:
        """Return the section `config_file` that the command needs; None if it needs none."""
        del given
        return None

    def _words(self, one: Given) -> Words:
        return self.flag(one) if self._is_flag(one) else self.option(one)

    def _is_flag(self, one: Given) -> bool:
        # What would end the placeholder, or its form, can't stand in it.
        return one.is_boolean and not {*"{}|"} & {*one.there, *one.name}

    def option(self, one: Given) -> Words:
        """Return one value with its name."""
        return (f"--{literal(one.there)}={one.text}",)

    def flag(self, one: Given) -> Words:
        """Return one value that is true or false. W&B writes Python's True and False."""
        name = shlex.quote(f"--{one.there}")
        return one.flag(f"{name}=True", f"{name}=False")


class ValuesApart(Values):
    """As `--name value`."""

    shorthand = "{args}"

    def option(self, one: Given) -> Words:
        """Return one value with its name."""
        return (f"--{literal(one.there)}", one.text)

    def flag(self, one: Given) -> Words:
        """Return one value that is true or false."""
        name = shlex.quote(f"--{one.there}")
        return one.flag(f"{name} True", f"{name} False")


class ValuesWithFlags(Values):
    """As `--name=value`, with `--name` or nothing for true and false."""

    def flag(self, one: Given) -> Words:
        """Return one value that is true or false."""
        return one.flag(f"--{one.there}" if one.there == one.name else shlex.quote(f"--{one.there}"), "")


class Overrides(Values):
    """As `name=value`."""

    shorthand = "{overrides}"

    def option(self, one: Given) -> Words:
        """Return one value with its name."""
        return (f"{literal(one.there)}={one.text}",)

    def flag(self, one: Given) -> Words:
        """Return one value that is true or false."""
        name = shlex.quote(one.there)
        return one.flag(f"{name}=True", f"{name}=False")


class ValuesInJson(Values):
    """As one argument with all of them."""

    def doubts(self, given: Sequence[Given]) -> list[str]:
        """Return which values JSON can't hold where a placeholder stands: quotes, or text beside other values."""
        odd = [one.there for one in given if not _fits_json(one)]
        return (
            [f"{', '.join(odd)}: the command's JSON has its text without quotes; give it a file instead"] if odd else []
        )

    def words(self, given: Sequence[Given]) -> list[Words]:
        """Return the JSON with its placeholders."""
        content: dict[str, Any] = {}
        for one in given:
            inner = content
            for key in one.keys[:-1]:
                inner = inner.setdefault(key, {})
            inner[one.keys[-1]] = _json(one)
        return [(_object(content),)]


def _object(content: Mapping[str, Any]) -> str:
    members = [
        f"{literal(json.dumps(key))}: {_object(value) if isinstance(value, dict) else value}"
        for key, value in content.items()
    ]
    return f"{{{{{', '.join(members)}}}}}"


def _json(one: Given) -> str:
    """Return a value's placeholder, in quotes if it is text."""
    return f'"{one.text}"' if one.values and all(isinstance(value, str) for value in one.values) else one.text


def _fits_json(one: Given) -> bool:
    texts = [value for value in one.values if isinstance(value, str)]
    return not texts or (len(texts) == len(one.values) and all(json.dumps(text) == f'"{text}"' for text in texts))


class ValuesInFile(Values):
    """As the path of a JSON file with all of them."""

    def words(self, given: Sequence[Given]) -> list[Words]:
        """Return the path's placeholder."""
        del given
        return [("{config_file}",)]

    def doubts(self, given: Sequence[Given]) -> list[str]:
        """Return which names with dots become mappings in the file, as they are not for W&B."""
        flat = [one.there for one in given if "." in one.there and len(one.keys) == 1]
        return [f"{', '.join(flat)}: in the JSON file the dots lead into mappings"] if flat else []

    def config_file(self, given: Sequence[Given]) -> dict[str, Any]:
        """Return the section `config_file`: a file of the values alone, with the sweep's names."""
        places = {one.name or one.text.strip("{}"): ".".join(one.keys) for one in given}
        others = {name: place for name, place in places.items() if name != place or name in OWN_VALUES}
        return {"map": others} if others else {"key": "."}


VALUES: Mapping[str, Values] = {
    "args": Values(),
    "args_no_equals": ValuesApart(),
    "args_no_boolean_flags": ValuesWithFlags(),
    "args_no_hyphens": Overrides(),
    "args_json": ValuesInJson(),
    "args_json_file": ValuesInFile(),
}
"""By macro."""
