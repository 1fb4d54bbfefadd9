"""The options that a script adds to a parser of argparse."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hpsearch.drafting.from_script.calls import Call, calls_of
from hpsearch.drafting.from_script.literals import Named, dotted
from hpsearch.drafting.from_script.modules import Module
from hpsearch.drafting.from_script.setting import UNKNOWN, Setting

_GROUPS = {"add_argument_group", "add_mutually_exclusive_group"}
_WANTED = frozenset(
    ["add_argument", "add_parser", "set_defaults", "add_dict_to_argparser", "add_argparse_args", *_GROUPS]
)
_SHORT = frozenset(["add", "add_arg"])  # what configargparse calls add_argument too
_FLAGS = {"store_true", "store_false", "store_const", "append_const", "count", "BooleanOptionalAction"}
_RESTS = {"REMAINDER", "...", "PARSER", "A..."}
_SILENT = {"help", "version"}
_TRAINING = ("train", "fit", "training", "run", "main")  # what a subcommand that trains is called
_OPTION = re.compile(r"--?[A-Za-z][\w.-]*", re.ASCII)


@dataclass(kw_only=True, slots=True)
class ArgparseOptions:
    """What a script's parsers take.

    Attributes:
        settings: Its options, in the order in which they are added.
        command: The subcommand that trains; empty if there are none.
        notes: What could not be read.
    """

    settings: tuple[Setting, ...] = ()
    command: str = ""
    notes: tuple[str, ...] = ()


def read_argparse(module: Module) -> ArgparseOptions:
    """Return the options that a script adds to its parsers, in its own source and in what it calls."""
    parsers: dict[str, str] = {}  # a variable to the subcommand whose parser it holds
    found: dict[tuple[str, str], Setting] = {}
    changed: dict[str, Any] = {}
    unnamed: set[int] = set()
    commands: list[str] = []
    parents: dict[str, set[str]] = {}  # a subcommand to the variables of the parsers whose options it takes over
    for call in calls_of(module, _WANTED | _SHORT if _has_short_names(module) else _WANTED):
        if call.name == "add_parser":
            name = call.arguments[0] if call.arguments and isinstance(call.arguments[0], str) else ""
            parsers[call.target] = name
            commands.append(name)
            parents.setdefault(name, set()).update(_parents(call))
        elif call.name in _GROUPS:
            parsers[call.target] = parsers.get(_receiver(call), "")
        elif call.name == "set_defaults":
            changed |= call.keywords
        else:
            command = parsers.get(_receiver(call)) or f"@{_receiver(call)}"
            for setting in _added(call):
                if setting is None:
                    unnamed.add(id(call.node))
                    continue
                unnamed.discard(id(call.node))
                found.setdefault((command, setting.name), setting)
    chosen = _chosen(commands)
    taken_over = {f"@{name}" for name in parents.get(chosen, set())}
    own = [
        replace(_finished(setting, changed), command=chosen if command in {chosen, *taken_over} else "")
        for (command, name), setting in found.items()
        if name and (command == chosen or command.startswith("@"))
    ]
    return ArgparseOptions(
        settings=tuple(own), command=chosen, notes=tuple(_notes(module, len(unnamed), commands, chosen))
    )


def _has_short_names(module: Module) -> bool:
    modules = [module, *(one for one in module.loaded.values() if one is not None)]
    return any(name == "configargparse" for one in modules for name, _ in one.imports.values())


def _receiver(call: Call) -> str:
    """Return the variable of a call's parser; that of the caller, if a function takes it as an argument."""
    value = call.names.get(call.receiver)
    return value.name if isinstance(value, Named) else call.receiver


def _parents(call: Call) -> Iterator[str]:
    for keyword in call.node.keywords:
        if keyword.arg == "parents" and isinstance(keyword.value, (ast.List, ast.Tuple)):
            yield from map(dotted, keyword.value.elts)


def _notes(module: Module, unnamed: int, commands: list[str], chosen: str) -> Iterator[str]:
    if unnamed:
        said = "1 option is not read" if unnamed == 1 else f"{unnamed} options are not read"
        yield f"{said}: {module.path} does not write out {'its name' if unnamed == 1 else 'their names'}"
    others = ", ".join(name for name in commands if name and name != chosen)
    if chosen and others:
        yield f"the subcommand {chosen} is the one that trains; the others are {others}"
    elif commands and not chosen:
        yield "the options of all subcommands are listed together; name the subcommand in the command"


def _chosen(commands: list[str]) -> str:
    """Return the subcommand that seems to train; empty if none does."""
    named = [name for name in commands if any(word in re.split(r"[-_]", name) for word in _TRAINING)]
    exact = next((name for name in _TRAINING if name in commands), "")
    return exact or (named[0] if named else commands[0] if len(commands) == 1 else "")


def _added(call: Call) -> Iterable[Setting | None]:
    """Return the options that a call adds: None for one whose name can't be read."""
    if call.name in _SHORT and not str(next(iter(call.arguments), "")).startswith("-"):
        return []  # a set's
    if call.name == "add_argument" or call.name in _SHORT:
        return [_option(call.arguments, call.keywords)]
    if call.name == "add_dict_to_argparser":
        defaults = next((value for value in call.arguments if isinstance(value, dict)), {})
        return [_of_default(name, value) for name, value in defaults.items()]
    if call.name == "add_argparse_args" and call.receiver.rpartition(".")[2] == "Trainer":  # Lightning 1
        return [
            Setting(name="max_epochs", flag="--max_epochs", default=None, type="int"),
            Setting(name="default_root_dir", flag="--default_root_dir", default=None, type="str"),
        ]
    return []


def _of_default(name: str, value: Any) -> Setting:
    value = UNKNOWN if isinstance(value, Named) else value
    is_text = isinstance(value, bool)  # those helpers read `--name true`
    return Setting(name=name, flag=f"--{name}", default=value, type="str2bool" if is_text else type(value).__name__)


def _option(words: tuple[Any, ...], keywords: Mapping[str, Any]) -> Setting | None:
    """Return an option: None if its name can't be read; without a name if it is none, as `--help`."""
    if not words or not all(isinstance(word, str) and word for word in words):
        return None
    action = _word(keywords.get("action"))
    flag = next((word for word in words if word.startswith("--")), words[0])
    if action in _SILENT:
        return Setting(name="")
    positional = not flag.startswith("-")
    dest = keywords.get("dest")
    name = dest if isinstance(dest, str) and dest else flag if positional else flag.lstrip("-").replace("-", "_")
    choices = keywords.get("choices")
    nargs = _word(keywords.get("nargs"))
    is_optional = positional and nargs in {"?", "*"}
    setting = Setting(
        name=name,
        flag="" if positional else flag,
        aliases=tuple(word.lstrip("-") for word in words),
        help=keywords["help"] if isinstance(keywords.get("help"), str) else "",
        type=_word(keywords.get("type")),
        default=_default(keywords),
        positional=positional,
        choices=_choices(choices),
        required=(positional and not is_optional and nargs not in _RESTS) or keywords.get("required") is True,
        count="" if nargs in {"", "?", "1"} else nargs,
        switch=_switch(flag, action),
    )
    return replace(setting, left_out=_obstacle(setting, action, nargs))


def _choices(value: Any) -> tuple[Any, ...]:
    values = list(value) if isinstance(value, (list, dict)) else []
    return () if any(item is UNKNOWN or isinstance(item, (Named, list, dict)) for item in values) else tuple(values)


def _default(keywords: Mapping[str, Any]) -> Any:
    value = keywords.get("default")
    return UNKNOWN if isinstance(value, Named) else value


def _word(value: Any) -> str:
    if isinstance(value, Named):
        return value.name
    return str(value) if isinstance(value, (str, int)) else ""


def _switch(flag: str, action: str) -> tuple[str, ...]:
    if action == "store_true":
        return (flag, "")
    if action == "store_false":
        return ("", flag)
    return (flag, f"--no-{flag.lstrip('-')}") if action == "BooleanOptionalAction" else ()


def _obstacle(setting: Setting, action: str, nargs: str) -> str:
    if action in _FLAGS:
        return "a flag, which takes no value"
    if action not in {"", "store"}:
        return f"its action is {action}"
    if nargs in _RESTS:
        return "takes all other arguments"
    if setting.flag and not _OPTION.fullmatch(setting.flag):
        return "its name has other characters"
    return ""


def _finished(setting: Setting, changed: Mapping[str, Any]) -> Setting:
    """Return a setting with its default as argparse makes it, or as `set_defaults` changes it."""
    default = changed.get(setting.name.replace("-", "_"), setting.default)
    default = UNKNOWN if isinstance(default, Named) else default
    if isinstance(default, str) and setting.type not in {"", "str"}:
        default = _as_number(default)
    if setting.type == "int" and isinstance(default, float) and default.is_integer():
        default = int(default)
    return replace(setting, default=default, required=setting.required and default in (None, UNKNOWN))


def _as_number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text
