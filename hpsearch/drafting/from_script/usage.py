"""Whether a script reads or writes the path that an option names, by what it does with it and by the option's help."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hpsearch.drafting.from_script.both_ends import evaluates_at_both_ends
from hpsearch.drafting.from_script.literals import called, dotted
from hpsearch.drafting.from_script.setting import UNKNOWN, Setting
from hpsearch.drafting.from_script.steps import is_interval
from hpsearch.drafting.roles import RESUME, place_in_folder, role, tokens

_WRITES = frozenset([
    "makedirs", "mkdir", "mkdirs", "save", "save_on_master", "save_checkpoint", "save_model", "save_state",
    "save_weights", "SummaryWriter", "save_pretrained", "dump", "FileHandler", "CSVLogger", "TensorBoard",
    "TensorBoardLogger", "ModelCheckpoint", "savefig", "to_csv", "ensure_dir", "create_dir", "savez", "write_text",
    "save_file",
])  # fmt: skip
_READS = frozenset([
    "load", "isfile", "load_model", "load_state_dict", "load_from_checkpoint", "load_checkpoint", "from_pretrained",
    "load_weights", "ImageFolder", "listdir", "glob", "read_csv", "load_file", "restore", "load_dataset",
    "safe_load", "imread", "read_text", "resume", "load_pretrained", "loadtxt", "scandir",
])  # fmt: skip
_WRITTEN_HELP = re.compile(
    r"\b(save|saved|saving|write|written|writing|store|stored|output|outputs|dump|logs? (are|will|go))\b", re.IGNORECASE
)
_READ_HELP = re.compile(
    r"\b(load|loaded|loading|read|resume|restore|restart|continue|pre-?trained|initiali[sz]e|start from|input|"
    r"fine-?tun\w*|download(ed)?|contain(s|ing)|existing)\b",
    re.IGNORECASE,
)
_RESUME_HELP = re.compile(r"\b(resum\w*|continue training|restart\w*( training)?|continue from)\b", re.IGNORECASE)
_PLACE = re.compile(
    r"(dir|dirs|directory|folder|path|file|filename|root|checkpoint|ckpt|snapshot|model|log|logs|logfile)"
)
_EPOCHS_HELP = re.compile(
    r"(the |total |max(imum)? )*(number|num|no\.?|#) of (total |training |max(imum)? )*epochs"
    r"( (to|for) (train|run)\w*.*)?$",
    re.IGNORECASE,
)
_CHECKPOINT = {"checkpoint", "ckpt", "snapshot", "checkpoints", "load", "restore", "continue"}
_WEIGHTS = re.compile(r"[\w-]+\.(?:pt|pth|ckpt|tar|pth\.tar|pt\.tar|pkl|h5|keras|safetensors|bin|msgpack|npz|joblib)")
_LATEST = ("last", "latest", "checkpoint", "ckpt", "snapshot", "state", "current", "resume")
_TEXTS = {"", "str", "Path", "path", "PathLike", "abspath"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What a script does with the names of its options.

    Attributes:
        written: The names in calls that write files or make folders.
        read: The names in calls that read files.
        weights: The names of the files that the script writes its weights to, as far as it writes them out.
        both_ends: Whether a loop over steps evaluates before its first step and after its last.
    """

    written: frozenset[str] = frozenset()
    read: frozenset[str] = frozenset()
    weights: tuple[str, ...] = ()
    both_ends: bool = False


def usage_of(trees: Iterable[ast.AST]) -> Usage:
    """Return what some modules do with names such as `args.output`."""
    trees = tuple(trees)
    written, read, weights = set[str](), set[str](), dict[str, None]()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                weights |= dict.fromkeys(_weights_in(node.right))  # Path(folder) / "last.pt"
        for call in _calls_outside_options(tree):
            name = called(call)
            if name == "open":
                names = _names_in(call)
                (written if _is_writing(call) else read).update(names)
            elif name in _WRITES:
                written |= _names_in(call) | _receiver(call)
            elif name in _READS:
                read |= _names_in(call) | _receiver(call)
            if name in _WRITES or name == "join":
                weights |= dict.fromkeys(_weights_in(call))
    return Usage(
        written=frozenset(written),
        read=frozenset(read),
        weights=tuple(weights),
        both_ends=any(evaluates_at_both_ends(tree, is_interval) for tree in trees),
    )


def _calls_outside_options(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls of a module, but for those in the defaults of options: what they name is not written yet."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call):
            if called(node) == "add_argument":
                continue
            yield node
        waiting += ast.iter_child_nodes(node)


def role_of(setting: Setting, usage: Usage) -> str:
    """Return what an option means for each trial: a placeholder, `resume`, or nothing.

    Other than `role`, it looks also at what the script does with a path, and at the option's help.
    """
    if setting.left_out or (setting.type not in _TEXTS and not _is_number_role(setting)):
        return ""
    default = None if setting.default is UNKNOWN or setting.default is False else setting.default
    found = role(setting.name, default) or next((r for r in map(role, setting.aliases) if r), "")
    if found == "{epochs}" and setting.number == 0:
        found = ""  # it is the epoch to start from
    if not found and setting.is_integer and _EPOCHS_HELP.match(setting.help):
        found = "{epochs}"
    if found in {"{epochs}", "{seed}"} or setting.choices or not (default is None or isinstance(default, str)):
        return found if found in {"{epochs}", "{seed}"} and not setting.choices else ""
    return _path_role(setting, default or "", found, usage)


def _path_role(setting: Setting, default: str, found: str, usage: Usage) -> str:
    words = tokens(setting.name)
    name = setting.name.rpartition(".")[2]
    if name == "project" and not default and _WRITTEN_HELP.search(setting.help):
        return place_in_folder("")
    if found == RESUME or (
        _CHECKPOINT & set(words) and _RESUME_HELP.search(setting.help) and name not in usage.written
    ):
        return RESUME
    if found:
        return "" if _is_only_read(name, setting.help, usage) else found
    is_place = any(_PLACE.fullmatch(word) for word in words)
    if is_place and _is_only_written(name, setting.help, usage) and not _is_source(words):
        return place_in_folder(default)
    return ""


def last_weights(usage: Usage) -> str:
    """Return the file that a script seems to write its last weights to; empty if none or several seem to be it."""
    named = [name for name in usage.weights if any(word in name.lower() for word in _LATEST)]
    sure = [name for name in named if not {"best"} & set(tokens(name))]
    found = sure or (list(usage.weights) if len(usage.weights) == 1 else [])
    return min(found, key=lambda name: next((n for n, word in enumerate(_LATEST) if word in name), 9), default="")


def _is_number_role(setting: Setting) -> bool:
    return "bool" not in setting.type and setting.type != "lambda"


def _is_source(words: tuple[str, ...]) -> bool:
    return bool({"data", "dataset", "pretrained", "load", "input", "train", "val", "test"} & set(words))


def _is_only_read(name: str, said: str, usage: Usage) -> bool:
    if name in usage.written:
        return False
    if name in usage.read:
        return not _WRITTEN_HELP.search(said)
    return bool(_READ_HELP.search(said)) and not _WRITTEN_HELP.search(said)


def _is_only_written(name: str, said: str, usage: Usage) -> bool:
    if name in usage.written:
        return name not in usage.read or bool(_WRITTEN_HELP.search(said))
    return bool(_WRITTEN_HELP.search(said)) and not _READ_HELP.search(said) and name not in usage.read


def _names_in(node: ast.AST) -> set[str]:
    """Return the last parts of the names in a call's arguments: `output` for `args.output`, `FLAGS["output"]`."""
    parts = [part for argument in [*node.args, *(k.value for k in node.keywords)] for part in ast.walk(argument)] \
        if isinstance(node, ast.Call) else []  # fmt: skip
    names = {part.attr for part in parts if isinstance(part, ast.Attribute)}
    names |= {part.id for part in parts if isinstance(part, ast.Name)}
    keys = (part.slice for part in parts if isinstance(part, ast.Subscript))
    return names | {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}


def _receiver(call: ast.Call) -> set[str]:
    """Return the name before a method, as in `args.output.mkdir()` or `Path(args.output).mkdir()`."""
    if not isinstance(call.func, ast.Attribute):
        return set()
    owner = call.func.value
    if isinstance(owner, ast.Call):
        return _names_in(owner)
    return {dotted(owner).rpartition(".")[2]} - {""}


def _is_writing(call: ast.Call) -> bool:
    modes = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "mode")]
    return any(isinstance(mode, ast.Constant) and re.match(r"[wax]", str(mode.value)) for mode in modes)


def _weights_in(call: ast.AST) -> list[str]:
    texts = [n.value for n in ast.walk(call) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    inside = {id(v) for n in ast.walk(call) if isinstance(n, ast.JoinedStr) for v in n.values}
    joined = [n for n in ast.walk(call) if isinstance(n, ast.JoinedStr)]
    pieces = {v.value for n in joined for v in n.values if isinstance(v, ast.Constant) and id(v) in inside}
    found = [text.rpartition("/")[2] for text in texts if text not in pieces or text.startswith("/")]
    return [text for text in found if _WEIGHTS.fullmatch(text)]
