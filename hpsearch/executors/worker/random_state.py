"""The global random generators: seeded for each trial, and set back when it is resumed."""

from __future__ import annotations

import base64
import importlib.util
import random
import struct
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def prepare(seed: int, threads: int | None) -> None:
    """Seed Python's, NumPy's and torch's generators, and set torch's threads.

    Torch takes seconds to import. If it is not imported yet, it is seeded at the moment at which it is.

    Args:
        seed: Below 2**32.
        threads: CPU threads of torch; None leaves torch alone, for an objective that does not use it in this process.
    """
    random.seed(seed)
    import numpy as np

    np.random.seed(seed)  # noqa: NPY002 - the global generator is one of them
    _AtImport.forget()
    if threads is None:
        return
    torch = sys.modules.get("torch")
    if torch is not None:
        _prepare_torch(torch, seed, threads)
    else:
        sys.meta_path.insert(0, _AtImport(seed, threads))


_WORDS = struct.Struct("<625I")  # of Python's Mersenne twister, with its position


def captured() -> dict[str, Any]:
    """Return the state of Python's, NumPy's and torch's generators as JSON types, for `restore`."""
    import numpy as np

    _, internal, gauss = random.getstate()
    state: dict[str, Any] = {"python": [_text(_WORDS.pack(*internal)), gauss]}
    legacy: Any = np.random.get_state(legacy=False)  # noqa: NPY002 - as above
    if isinstance(legacy, dict) and legacy["bit_generator"] == "MT19937":  # else the objective has put in another one
        twister = legacy["state"]
        key = _text(twister["key"].astype("<u4").tobytes())
        state["numpy"] = [key, int(twister["pos"]), int(legacy["has_gauss"]), float(legacy["gauss"])]
    torch = sys.modules.get("torch")
    if torch is not None:
        state["torch"] = _text(torch.get_rng_state().numpy().tobytes())
        if torch.cuda.is_initialized():
            state["cuda"] = _text(torch.cuda.get_rng_state().numpy().tobytes())
    return state


def restore(state: Mapping[str, Any]) -> None:
    """Set the generators to a state that `captured` returned; those that it does not name stay as they are.

    Raises:
        ValueError: It is something else.
    """
    try:
        _restore(state)
    except (struct.error, IndexError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(str(error)) from None


def _restore(state: Mapping[str, Any]) -> None:
    import numpy as np

    words, gauss = state["python"]
    random.setstate((3, _WORDS.unpack(_bytes(words)), gauss))
    if "numpy" in state:
        key, position, has_gauss, cached = state["numpy"]
        twister = {"key": np.frombuffer(_bytes(key), "<u4"), "pos": position}
        np.random.set_state(  # noqa: NPY002 - as above
            {"bit_generator": "MT19937", "state": twister, "has_gauss": has_gauss, "gauss": cached}
        )
    torch = sys.modules.get("torch")
    if torch is not None and "torch" in state:
        torch.set_rng_state(_tensor(torch, state["torch"]))
        if "cuda" in state and torch.cuda.is_available():
            torch.cuda.set_rng_state(_tensor(torch, state["cuda"]))


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _tensor(torch: Any, text: str) -> Any:
    return torch.frombuffer(bytearray(_bytes(text)), dtype=torch.uint8)


def _prepare_torch(torch: Any, seed: int, threads: int) -> None:
    torch.manual_seed(seed)
    torch.set_num_threads(threads)


class _AtImport(MetaPathFinder):
    """Finds torch as Python would, and prepares it once it is imported."""

    def __init__(self, seed: int, threads: int) -> None:
        self._seed, self._threads = seed, threads

    @staticmethod
    def forget() -> None:
        """Drop what was planned for an earlier trial."""
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _AtImport)]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return torch's spec with a loader that also prepares it; None for all other modules."""
        del path, target
        if fullname != "torch":
            return None
        self.forget()
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            loaded = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                loaded(module)
                _prepare_torch(module, self._seed, self._threads)

            vars(spec.loader)["exec_module"] = exec_module
        return spec
