"""The options of a training script, read from its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hpsearch.drafting.from_script.literals import called, evaluate, module_constants
from hpsearch.drafting.from_script.setting import UNKNOWN, Setting
from hpsearch.errors import InputError

_OTHERS = ("typer", "click", "fire", "simple_parsing", "tyro", "absl", "jsonargparse", "transformers", "docopt")
_FLAGS = {"store_true", "store_false", "store_const", "BooleanOptionalAction", "count", "append_const"}
_SILENT = {"help", "version"}
_READ = "argparse's add_argument calls, a @hydra.main function's config, or a config file"


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """What a script's source says.

    Attributes:
        tree: The syntax tree.
        settings: Its options.
        hydra: `config_path` and `config_name` of its `@hydra.main`; None if it has none.
        notes: What could not be read.
    """

    tree: ast.Module
    settings: tuple[Setting, ...] = ()
    hydra: tuple[str, str] | None = None
    notes: tuple[str, ...] = ()


def parse(text: str, file: str) -> ast.Module:
    """Return the syntax tree of Python source.

    Raises:
        InputError: The text is not valid Python.
    """
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the user's source, such as invalid escapes
            return ast.parse(text)
    except SyntaxError as error:
        raise InputError(f"{file}:{error.lineno or 1}: not valid Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{file}: not valid Python: {str(error) or 'nested too deeply'}") from None


def read_script(text: str, file: str) -> Script:
    """Return the options in a script's source.

    Raises:
        InputError: The text is not valid Python, or has no options that can be read.
    """
    tree = parse(text, file)
    try:
        script = _read(tree, file)
    except RecursionError:
        raise InputError(f"{file}: not valid Python: nested too deeply") from None
    if not script.settings and script.hydra is None:
        raise InputError(f"{file}: {_unread(tree)}; allowed: {_READ}")
    return script


def _read(tree: ast.Module, file: str) -> Script:
    names = module_constants(tree)
    hydra = _hydra_main(tree, names)
    if hydra is not None:
        return Script(tree=tree, hydra=hydra)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    adders = {"add_argument", *_aliases(tree)}
    settings: dict[str, Setting] = {}
    unnamed = 0
    for call in sorted((c for c in calls if called(c) in adders), key=lambda c: (c.lineno, c.col_offset)):
        setting = _option(call, names)
        if setting is None:
            unnamed += 1
        elif setting.name:
            settings.setdefault(setting.name, setting)
    changed = _set_defaults(calls, names)
    found = [_with_default(setting, changed) for setting in settings.values()]
    notes = [f"{unnamed} options are not read: {file} does not write out their names"] if unnamed else []
    if any(called(call) == "add_parser" for call in calls):
        notes.append("the options of all subcommands are listed together; name the subcommand in the command")
    return Script(tree=tree, settings=tuple(found), notes=tuple(notes))


def _aliases(tree: ast.Module) -> Iterator[str]:
    """Yield each name that stands for `parser.add_argument`, as in `add = parser.add_argument`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Attribute) and node.value.attr == "add_argument":
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _option(call: ast.Call, names: Mapping[str, Any]) -> Setting | None:
    """Return the option of an `add_argument` call: None if its name can't be read; without a name for `--help`."""
    words = [evaluate(argument, names) for argument in call.args]
    if not words or not all(isinstance(word, str) and word for word in words):
        return None
    keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    action = _word(keywords.get("action"), names)
    if action in _SILENT:
        return Setting(name="")
    flag = next((word for word in words if word.startswith("--")), words[0])
    positional = not flag.startswith("-")
    choices = evaluate(keywords.get("choices"), names)
    setting = Setting(
        name=flag if positional else flag.lstrip("-").replace("-", "_"),
        flag="" if positional else flag,
        type=_word(keywords.get("type"), names) if "type" in keywords else "",
        default=evaluate(keywords["default"], names) if "default" in keywords else None,
        positional=positional,
        choices=tuple(choices) if isinstance(choices, list) else (),
        required=positional or evaluate(keywords.get("required"), names) is True,
    )
    return replace(setting, left_out=_obstacle(setting, action, _word(keywords.get("nargs"), names)))


def _word(node: ast.expr | None, names: Mapping[str, Any]) -> str:
    if node is None:
        return ""
    value = evaluate(node, names)
    if isinstance(value, (str, int)):
        return str(value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else "an expression"


def _obstacle(setting: Setting, action: str, nargs: str) -> str:
    if action in _FLAGS:
        return "a flag, which takes no value; add it to the command"
    if action not in {"", "store"}:
        return f"its action is {action}: add it to the command"
    if nargs not in {"", "?", "1"}:
        return "takes several values: add it to the command"
    if setting.flag and not re.fullmatch(r"--?[A-Za-z][\w.-]*", setting.flag, re.ASCII):
        return "its name has other characters: add it to the command"
    return ""


def _with_default(setting: Setting, changed: Mapping[str, Any]) -> Setting:
    default = changed.get(setting.name.replace("-", "_"), setting.default)
    if setting.type == "int" and isinstance(default, float) and default.is_integer():
        default = int(default)
    return replace(setting, default=default, required=setting.required and default in (None, UNKNOWN))


def _set_defaults(calls: list[ast.Call], names: Mapping[str, Any]) -> dict[str, Any]:
    return {
        keyword.arg: evaluate(keyword.value, names)
        for call in calls
        if called(call) == "set_defaults"
        for keyword in call.keywords
        if keyword.arg
    }


def _hydra_main(tree: ast.Module, names: Mapping[str, Any]) -> tuple[str, str] | None:
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", ()):
            if not isinstance(decorator, ast.Call) or ast.unparse(decorator.func) not in {"hydra.main", "main"}:
                continue
            words = {k.arg: evaluate(k.value, names) for k in decorator.keywords}
            if isinstance(words.get("config_name"), str):
                path = words.get("config_path")
                return (path if isinstance(path, str) else ".", words["config_name"])
    return None


def _unread(tree: ast.Module) -> str:
    """Return what the script has instead of options, for a message."""
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {node.module.partition(".")[0]}
            imported |= {alias.name for alias in node.names if alias.name in {"LightningCLI", "HfArgumentParser"}}
    calls = {called(node) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    if "LightningCLI" in calls:
        return (
            "uses Lightning's CLI; write its config with `python SCRIPT fit --print_config > config.yaml`, then "
            "give that file with --script SCRIPT"
        )
    other = next((name for name in _OTHERS if name in imported), "")
    return f"uses {other}, whose options are not read" if other else "has no options that can be read"
