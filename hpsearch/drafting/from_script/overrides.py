"""The settings of scripts that read `name=value` by themselves: constants of the module, or the values of a config."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hpsearch.drafting.from_script.config_nodes import node_values
from hpsearch.drafting.from_script.configs import read_config
from hpsearch.drafting.from_script.libraries import Options
from hpsearch.drafting.from_script.literals import assigned, called, dotted, evaluate
from hpsearch.drafting.from_script.modules import Module, parse
from hpsearch.drafting.from_script.setting import UNKNOWN, Setting
from hpsearch.drafting.from_script.signatures import fields_of, settings_of
from hpsearch.errors import InputError
from hpsearch.system.files import read_text

_PLAIN = (bool, int, float, str)
_FLAG = "true or false"
_LOADER = re.compile(r"conf|overrid|option|args|cli|param")  # in the name of a file that is not there


def read_overrides(module: Module, settings: tuple[Setting, ...]) -> Options | None:
    """Return what a script reads as `name=value`; None if it does not.

    Args:
        settings: The options that were found already; a rest of arguments among them may be such values.
    """
    for found in (_loader(module), _nodes(module), _omegaconf(module), _sacred(module), _config_flags(module)):
        if found is not None and found.settings:
            return found
    rest = any(s.left_out == "takes all other arguments" or (s.name == "opts" and s.count) for s in settings)
    return _yacs(module, settings) if rest else None


def _loader(module: Module) -> Options | None:
    """Return the constants above a loader that overrides them from the command line."""
    found: dict[str, Any] = {}
    for node in module.tree.body:
        text = _loader_text(module, node)
        own = _mapping_in(node, text, found)
        if text and (own or "globals" in text or not isinstance(node, ast.For)):
            dashes = "--" if "--" in text or "argv" not in text else ""
            settings = tuple(
                Setting(
                    name=name, flag=f"{dashes}{name}", default=value, type=type(value).__name__, joined=True,
                    left_out=_FLAG if isinstance(value, bool) else "",
                )
                for name, value in (own or found).items()
                if isinstance(value, _PLAIN)
            )  # fmt: skip
            return Options(settings=settings)
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            place = module.local(f"{'.' * node.level}{node.module or ''}")
            found |= {} if place is None else _settable(place.names)
        for name, value in assigned(node):
            result = evaluate(value, found)
            found |= _settable({name: result})
    return None


def _settable(names: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a command line can set."""
    return {
        name: value
        for name, value in names.items()
        if isinstance(value, (*_PLAIN, dict)) and name.isidentifier() and not name.startswith("_")
    }


def _mapping_in(node: ast.stmt, text: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mapping that a loop over the command line writes into; empty if it writes constants."""
    for name, value in found.items():
        if isinstance(value, dict) and isinstance(node, ast.For) and f"{name}[" in text:
            return value
    return {}


def _loader_text(module: Module, node: ast.stmt) -> str:
    """Return the source of the loader that a statement is; empty if it is none."""
    source = ast.unparse(node) if isinstance(node, (ast.Expr, ast.For, ast.With, ast.If)) else ""
    if "argv" in source and (
        "globals()" in source or (isinstance(node, ast.For) and re.search(r"\w\[\w+\] = ", source))
    ):
        return source
    for call in (part for part in ast.walk(node) if isinstance(part, ast.Call)):
        if called(call) in {"exec", "execfile", "run_path"} and isinstance(node, (ast.Expr, ast.With)):
            names = [p.value for p in ast.walk(node) if isinstance(p, ast.Constant) and isinstance(p.value, str)]
            text = _file_text(module, names)
            if "argv" in text or (not text and any(_LOADER.search(name) for name in names)):
                return text or "exec"
        place = module.find(dotted(call.func)) if isinstance(node, ast.Expr) and dotted(call.func) else None
        inner = "" if place is None else ast.unparse(place[1])
        if "argv" in inner and ("globals" in inner or "globals()" in source):
            return inner
    return ""


def _file_text(module: Module, names: list[str]) -> str:
    for name in names:
        for folder in (module.path.parent, Path()):
            file = folder / name
            if name.endswith(".py") and file.is_file():
                return read_text(file)
    return ""


def _nodes(module: Module) -> Options:
    """Return the values of a config of nodes, which the script reads as `--name=value`."""
    found = (_typed(name, value) for name, value in node_values(module).items())
    return Options(settings=tuple(replace(one, flag=f"--{one.name}", joined=True) for one in found))


def _omegaconf(module: Module) -> Options | None:
    """Return the values of the config that `OmegaConf.from_cli()` is merged into."""
    calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    if not any(called(call) == "from_cli" for call in calls):
        return None
    for call in calls:
        value = evaluate(call.args[0], module.names) if call.args else UNKNOWN
        settings: list[Setting] = []
        if called(call) == "load" and isinstance(value, str):
            settings = list(_of_file(module, value))
        elif called(call) == "create" and isinstance(value, dict):
            settings = list(_of_mapping(value))
        elif called(call) == "structured" and call.args:
            place = module.find(dotted(call.args[0].func if isinstance(call.args[0], ast.Call) else call.args[0]))
            settings = list(settings_of(fields_of(*place))) if place is not None else []
        if settings:
            return Options(settings=tuple(_assigned_by_name(settings)))
    return None


def read_structured(module: Module, name: str) -> tuple[Setting, ...]:
    """Return the fields of the class that a script stores as Hydra's config of some name."""
    for call in (node for node in ast.walk(module.tree) if isinstance(node, ast.Call) and called(node) == "store"):
        words = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        names = [*call.args[:1], *(words[key] for key in ("name",) if key in words)]
        nodes = [*call.args[1:2], *(words[key] for key in ("node",) if key in words)]
        is_group = "group" in words or len(call.args) > 2  # noqa: PLR2004 - the third argument is the group
        if names and nodes and not is_group and evaluate(names[0], module.names) == name.removesuffix(".yaml"):
            node = nodes[0].func if isinstance(nodes[0], ast.Call) else nodes[0]
            place = module.find(dotted(node))
            return tuple(settings_of(fields_of(*place))) if place is not None else ()
    return ()


def _sacred(module: Module) -> Options | None:
    """Return the variables of a function with sacred's `@ex.config`, which `with name=value` changes."""
    for function in module.definitions.values():
        if not any(dotted(d).endswith(".config") for d in function.decorator_list if not isinstance(d, ast.Call)):
            continue
        names = dict(module.names)
        found: list[Setting] = []
        for node in function.body:
            for name, value in assigned(node):
                names[name] = evaluate(value, names)
                found.append(Setting(name=name, default=names[name], type=""))
        found += [] if any(setting.name == "seed" for setting in found) else [Setting(name="seed", default=0)]
        return Options(settings=tuple(_assigned_by_name(found)), words=("with",))
    return None


def _config_flags(module: Module) -> Options | None:
    """Return the values of the Python config that ml_collections' `DEFINE_config_file` reads."""
    for call in (node for node in ast.walk(module.tree) if isinstance(node, ast.Call)):
        if called(call) not in {"DEFINE_config_file", "DEFINE_config_dict"}:
            continue
        values = [evaluate(argument, module.names) for argument in call.args]
        values += [evaluate(k.value, module.names) for k in call.keywords if k.arg == "default"]
        name = values[0] if values and isinstance(values[0], str) else "config"
        file = next((value for value in values[1:] if isinstance(value, str) and value.endswith(".py")), "")
        place = _config_place(module, file)
        if place is not None:
            found = [
                replace(s, name=s.name, flag=f"--{name}.{s.name}", joined=True, left_out=s.left_out)
                for s in _returned(parse(read_text(place), str(place)))
            ]
            return Options(settings=tuple(found), words=(f"--{name}={file or place.as_posix()}",))
    return None


def _config_place(module: Module, file: str) -> Path | None:
    folders = [module.path.parent, Path()]
    names = [file] if file else ["configs/default.py", "config/default.py", "config.py"]
    return next((folder / name for name in names for folder in folders if (folder / name).is_file()), None)


def _returned(tree: ast.Module) -> Iterator[Setting]:
    """Yield what `get_config()` sets: `config.name = value`, or `ConfigDict(dict(name=value))`."""
    function = next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "get_config"), None)
    for node in ast.walk(function) if function is not None else ():
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
            name = dotted(node.targets[0]).partition(".")[2]
            value = evaluate(node.value, {})
            if name and isinstance(value, _PLAIN):
                yield _typed(name, value)
        elif isinstance(node, ast.Call) and called(node) == "ConfigDict" and node.args:
            value = evaluate(node.args[0], {})
            yield from _of_mapping(value) if isinstance(value, dict) else ()


def _typed(name: str, value: Any) -> Setting:
    left_out = _FLAG if isinstance(value, bool) else ""
    return Setting(name=name, default=value, type=type(value).__name__, left_out=left_out)


def _of_mapping(values: dict[str, Any], prefix: str = "") -> Iterator[Setting]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _of_mapping(value, f"{prefix}{name}.")
        elif isinstance(value, _PLAIN) and re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            yield _typed(f"{prefix}{name}", value)


def _of_file(module: Module, name: str) -> Iterator[Setting]:
    for folder in (Path(), module.path.parent):
        if (folder / name).is_file():
            try:
                yield from read_config(folder / name).settings
            except InputError:
                continue
            return


def _assigned_by_name(settings: list[Setting]) -> Iterator[Setting]:
    return (replace(setting, flag=setting.name, joined=True) for setting in settings)


def _yacs(module: Module, settings: tuple[Setting, ...]) -> Options | None:
    """Return the values of a config that a rest of arguments, `NAME VALUE NAME VALUE`, overrides."""
    found: dict[str, Setting] = {}
    for one in (module, *module.loaded.values(), *module.local_modules()):
        if one is None:
            continue
        for node in ast.walk(one.tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
                first, _, name = dotted(node.targets[0]).partition(".")
                value = evaluate(node.value, one.names)
                if first in {"_C", "cfg", "__C", "_CN"} and name and isinstance(value, _PLAIN):
                    found[name] = _typed(name, value)
    for setting in settings:
        if isinstance(setting.default, str) and setting.default.endswith((".yaml", ".yml")):
            found |= {s.name: s for s in _of_file(module, setting.default)}
    return Options(settings=tuple(replace(setting, flag=setting.name) for setting in found.values()))
