"""The options of scripts that let a library make their command line: click, typer, absl, tyro and others."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from hpsearch.drafting.from_script.calls import calls_of
from hpsearch.drafting.from_script.docopt_options import docopt_settings
from hpsearch.drafting.from_script.literals import Named, called, described, dotted, evaluate
from hpsearch.drafting.from_script.modules import Module
from hpsearch.drafting.from_script.setting import UNKNOWN, Setting
from hpsearch.drafting.from_script.signatures import Field, fields_of, parameters_of, setting_of, settings_of

_ABSL = {"DEFINE_float": "float", "DEFINE_integer": "int", "DEFINE_string": "str", "DEFINE_enum": "str"}
_ABSL_OTHERS = {"DEFINE_bool": "bool", "DEFINE_boolean": "bool", "DEFINE_list": "list", "DEFINE_multi_float": "list"}
_FLAG = "a flag, which takes no value"
_TRAINING = ("train", "fit", "main", "run")


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a script's command line takes.

    Attributes:
        settings: Its options.
        words: What stands after the script, before the options.
        notes: What could not be read.
        is_lightning: Whether it is Lightning's command line, which can be told to keep a CSV log.
    """

    settings: tuple[Setting, ...] = ()
    words: tuple[str, ...] = ()
    is_lightning: bool = False
    notes: tuple[str, ...] = ()


def read_libraries(module: Module) -> Options | None:
    """Return the options that one of the known libraries makes of a script's source; None if it uses none of them."""
    for read in (_click, _typer, _absl, _docopt, _classes, _functions):
        found = read(module)
        if found is not None and found.settings:
            return found
    return None


def _docopt(module: Module) -> Options:
    return Options(settings=docopt_settings(module.tree))


def _click(module: Module) -> Options | None:
    """Return the options of `@click.option` and `@click.argument` on the command that trains."""
    found: dict[str, list[Setting]] = {}
    for function in _functions_in(module):
        calls = [d for d in function.decorator_list if isinstance(d, ast.Call)]
        settings = [s for call in calls if called(call) in {"option", "argument"} for s in _click_option(module, call)]
        if settings:
            found[function.name] = settings
    if not found or "click" not in _imported(module):
        return None
    name = _training(list(found))
    is_group = any("group" in ast.unparse(d) for f in _functions_in(module) for d in f.decorator_list)
    return Options(settings=tuple(found[name]), words=(name.replace("_", "-"),) if is_group else ())


def _click_option(module: Module, call: ast.Call) -> Iterator[Setting]:
    words = [evaluate(argument, module.names) for argument in call.args]
    if not words or not all(isinstance(word, str) for word in words):
        return
    keys = {k.arg: k.value for k in call.keywords if k.arg}
    said = {name: described(node, module.names) for name, node in keys.items()}
    kind, choices = _click_type(module, keys.get("type"))
    spellings = [word for word in words if word.startswith("-")]
    flag = next((word for word in spellings if word.startswith("--")), spellings[0] if spellings else "")
    on, _, off = flag.partition("/")
    own = next((word for word in words if not word.startswith("-")), on.lstrip("-").replace("-", "_"))
    default = said.get("default")
    is_switch = bool(off) or said.get("is_flag") is True or isinstance(default, bool) or kind in {"bool", "BOOL"}
    several = said.get("multiple") is True or said.get("nargs", 1) != 1
    if isinstance(default, float) and not kind:
        kind = "float"
    yield Setting(
        name=own,
        flag=on.strip(),
        aliases=tuple(word.lstrip("-") for word in words),
        help=said["help"] if isinstance(said.get("help"), str) else "",
        default=UNKNOWN if isinstance(default, Named) else default,
        type=kind,
        choices=choices,
        positional=called(call) == "argument",
        required=(called(call) == "argument" and said.get("required") is not False) or said.get("required") is True,
        count="+" if several else "",
        switch=(on.strip(), off.strip()) if is_switch else (),
        left_out=_FLAG if is_switch else "",
    )


def _click_type(module: Module, node: ast.expr | None) -> tuple[str, tuple[Any, ...]]:
    if isinstance(node, ast.Call) and called(node) == "Choice" and node.args:
        values = evaluate(node.args[0], module.names)
        return "str", tuple(values) if isinstance(values, list) and UNKNOWN not in values else ()
    if isinstance(node, ast.Call):
        return {"FloatRange": "float", "IntRange": "int", "Path": "path"}.get(called(node), ""), ()
    name = dotted(node).rpartition(".")[2].lower() if node is not None else ""
    return {"integer": "int", "string": "str"}.get(name, name), ()


def _typer(module: Module) -> Options | None:
    """Return the parameters of the function that typer runs."""
    if "typer" not in _imported(module):
        return None
    commands = [f for f in _functions_in(module) if any(_is_command(d) for d in f.decorator_list)]
    runs = [call.args[0] for call in _calls(module) if dotted(call.func) == "typer.run" and call.args]
    commands += [f for f in _functions_in(module) if any(dotted(node) == f.name for node in runs)]
    if not commands:
        return None
    name = _training([f.name for f in commands])
    function = next(f for f in commands if f.name == name)
    words = (name.replace("_", "-"),) if len(commands) > 1 else ()
    return Options(settings=tuple(_typer_option(field) for field in parameters_of(module, function)), words=words)


def _is_command(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and called(node) == "command"


def _typer_option(field: Field) -> Setting:
    calls = [node for node in (field.value, *field.extra) if isinstance(node, ast.Call)]
    call = next((node for node in calls if called(node) in {"Option", "Argument"}), None)
    names = field.module.names
    value = field.value
    flags: list[str] = []
    said: dict[str, Any] = {}
    if call is not None:
        inside = call is field.value
        given = list(call.args[1:] if inside else call.args)
        value = (call.args[0] if call.args else None) if inside else field.value
        flags = [word for word in (evaluate(node, names) for node in given) if isinstance(word, str)]
        said = {k.arg: described(k.value, names) for k in call.keywords if k.arg}
        value = next((k.value for k in call.keywords if inside and k.arg == "default"), value)
    if isinstance(value, ast.Constant) and value.value is Ellipsis:
        value = None
    is_argument = called(call) == "Argument" if call is not None else value is None
    setting = setting_of(replace(field, value=value))
    flag = next((word for word in flags if word.startswith("--")), f"--{field.name.replace('_', '-')}")
    on, _, off = flag.partition("/")
    is_switch = bool(setting.left_out)
    return replace(
        setting,
        flag="" if is_argument else on,
        positional=is_argument,
        required=value is None,
        help=said["help"] if isinstance(said.get("help"), str) else "",
        switch=(on, off or f"--no-{on.lstrip('-')}") if is_switch else (),
    )


def _absl(module: Module) -> Options | None:
    """Return the flags that absl defines."""
    wanted = frozenset([*_ABSL, *_ABSL_OTHERS, "mark_flag_as_required", "mark_flags_as_required"])
    found: list[Setting] = []
    required: set[str] = set()
    for call in calls_of(module, wanted):
        names = [value for value in call.arguments if isinstance(value, str)]
        if call.name.startswith("mark_"):
            required |= {*names, *(n for v in call.arguments if isinstance(v, list) for n in v if isinstance(n, str))}
            continue
        if not names:
            continue
        texts = [value for value in call.arguments[2:] if isinstance(value, str)]
        given = next((value for value in call.arguments[2:] if isinstance(value, list)), [])
        kind = _ABSL.get(call.name, "")
        default = call.arguments[1] if len(call.arguments) > 1 else call.keywords.get("default")
        found.append(
            Setting(
                name=names[0],
                flag=f"--{names[0]}",
                default=default if not isinstance(default, Named) else UNKNOWN,
                type=kind or _ABSL_OTHERS[call.name],
                choices=tuple(given) if call.name == "DEFINE_enum" and UNKNOWN not in given else (),
                help=texts[-1] if texts else str(call.keywords.get("help", "")),
                switch=(f"--{names[0]}", f"--no{names[0]}") if _ABSL_OTHERS.get(call.name) == "bool" else (),
                left_out=_FLAG if _ABSL_OTHERS.get(call.name) == "bool" else "",
                joined=True,
            )
        )
    return Options(settings=tuple(replace(s, required=s.name in required and s.is_unset) for s in found))


def _classes(module: Module) -> Options | None:
    """Return the fields of the dataclasses that a library makes a command line of."""
    found: list[Setting] = []
    words: tuple[str, ...] = ()
    for call in _calls(module):
        name = dotted(call.func)
        if name.endswith("tyro.cli") or (name == "cli" and "tyro" in _imported(module)):
            found += _of_types(module, call.args[:1], spell=_hyphens)
        elif name.endswith("HfArgumentParser"):
            found += _of_types(module, call.args[:1], spell=_plain, flat=True)
            found += _hugging_face(call)
        elif called(call) == "add_arguments":  # simple_parsing
            found += _of_types(module, call.args[:1], spell=_plain, flat=True)
        elif called(call) in {"parse", "CLI", "auto_cli"} and _imported(module) & {
            "simple_parsing",
            "pyrallis",
            "draccus",
        }:
            nodes = [*(k.value for k in call.keywords if k.arg == "config_class"), *call.args[:1]]
            found += _of_types(module, nodes[:1], spell=_plain, flat="simple_parsing" in _imported(module))
        elif name.endswith("CliApp.run") or (
            called(call) in {"CLI", "auto_cli"} and "jsonargparse" in _imported(module)
        ):
            found += _of_types(module, call.args[:1], spell=_plain)
        elif called(call) == "LightningCLI":
            found += _lightning(module, call)
            words = ("fit",)
    found += _wrapped(module) if not found else []
    settings = tuple({setting.name: setting for setting in found}.values())
    return Options(settings=settings, words=words, is_lightning=words == ("fit",))


def _wrapped(module: Module) -> Iterator[Setting]:
    """Yield the fields of the class that a function with `@pyrallis.wrap()` takes, or of one that parses options."""
    for function in _functions_in(module):
        if any(isinstance(d, ast.Call) and called(d) == "wrap" for d in function.decorator_list):
            nodes = [a.annotation for a in function.args.args[:1] if a.annotation is not None]
            yield from _of_types(module, nodes, spell=_plain)
    for definition in module.definitions.values():
        # Settings of pydantic, and a typed-argument-parser's `Tap`.
        is_parser = isinstance(definition, ast.ClassDef) and (
            "cli_parse_args=True" in ast.unparse(definition)
            or any(dotted(b) in {"Tap", "tap.Tap"} for b in definition.bases)
        )
        if is_parser:
            yield from (_plain(setting) for setting in settings_of(fields_of(module, definition)))


def _of_types(
    module: Module, nodes: list[ast.expr], *, spell: Callable[[Setting], Setting], flat: bool = False
) -> Iterator[Setting]:
    """Yield the settings of the classes or functions that an expression names, each spelled as its library does."""
    for node in nodes:
        for part in node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node]:
            found = module.find(dotted(part)) if dotted(part) else None
            if found is None:
                continue
            read = fields_of if isinstance(found[1], ast.ClassDef) else parameters_of
            for setting in settings_of(read(*found)):
                yield spell(replace(setting, name=setting.name.rpartition(".")[2]) if flat else setting)


def _hyphens(setting: Setting) -> Setting:
    flag = f"--{setting.name.replace('_', '-')}"
    head, _, last = flag.lstrip("-").rpartition(".")
    off = f"--{head}.no-{last}" if head else f"--no-{last}"
    return replace(setting, flag=flag, switch=(flag, off) if setting.left_out else ())


def _plain(setting: Setting) -> Setting:
    return replace(setting, flag=f"--{setting.name}")


def _hugging_face(call: ast.Call) -> Iterator[Setting]:
    """Yield the options of transformers' `TrainingArguments` that matter here, if a script's parser takes them."""
    if "TrainingArguments" not in ast.unparse(call):
        return
    numbers = {"learning_rate": 5e-5, "weight_decay": 0.0, "label_smoothing_factor": 0.0, "num_train_epochs": 3.0}
    for name, default in numbers.items():
        yield Setting(name=name, flag=f"--{name}", default=default, type="float")
    yield Setting(name="per_device_train_batch_size", flag="--per_device_train_batch_size", default=8, type="int")
    yield Setting(name="output_dir", flag="--output_dir", default=None, type="str", required=True)
    yield Setting(name="seed", flag="--seed", default=42, type="int")
    yield Setting(name="resume_from_checkpoint", flag="--resume_from_checkpoint", default=None, type="str")


def _lightning(module: Module, call: ast.Call) -> Iterator[Setting]:
    """Yield the options of Lightning's command line: those of its own, and of the classes that the script gives it."""
    given = [*zip(("model", "data"), call.args, strict=False)]
    given += [(k.arg[:5].replace("datam", "data").removesuffix("_"), k.value) for k in call.keywords
              if k.arg in {"model_class", "datamodule_class"}]  # fmt: skip
    found: list[Setting] = []
    for prefix, node in given:
        place = module.find(dotted(node)) if dotted(node) else None
        if place is not None and not any(isinstance(part, ast.Lambda) for part in ast.walk(node)):
            settings = settings_of(parameters_of(*place))
            found += [_plain(replace(setting, name=f"{prefix}.{setting.name}")) for setting in settings]
    if not found:
        return
    keywords = {k.arg: evaluate(k.value, module.names) for k in call.keywords if k.arg}
    defaults = keywords.get("trainer_defaults")
    epochs = defaults.get("max_epochs") if isinstance(defaults, dict) else None
    yield Setting(name="trainer.max_epochs", flag="--trainer.max_epochs", default=epochs, type="int")
    yield Setting(name="seed_everything", flag="--seed_everything", default=True, type="int")
    yield Setting(name="trainer.default_root_dir", flag="--trainer.default_root_dir", default=None, type="str")
    yield from found


def _functions(module: Module) -> Options | None:
    """Return the parameters of the function that Fire runs."""
    for call in _calls(module):
        if dotted(call.func) not in {"fire.Fire", "Fire"}:
            continue
        found = module.find(dotted(call.args[0])) if call.args and dotted(call.args[0]) else None
        words: tuple[str, ...] = ()
        if found is None and not call.args:
            names = [f.name for f in _functions_in(module)]
            name = _training(names) if names else ""
            found = module.find(name) if name else None
            words = (name,) if name else ()
        if found is not None:
            settings = tuple(_plain(setting) for setting in settings_of(parameters_of(*found)))
            return Options(settings=tuple(replace(s, joined=True) for s in settings), words=words)
    return None


def _training(names: list[str]) -> str:
    """Return the function that seems to train."""
    return next((name for name in _TRAINING if name in names), next((n for n in names if "train" in n), names[0]))


def _functions_in(module: Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [d for d in module.definitions.values() if isinstance(d, (ast.FunctionDef, ast.AsyncFunctionDef))]


def _calls(module: Module) -> list[ast.Call]:
    return [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]


def _imported(module: Module) -> set[str]:
    return {source.partition(".")[0] for source, _ in module.imports.values()}
