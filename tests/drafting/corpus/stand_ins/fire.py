"""As much of fire as the script needs."""

import ast
import inspect
import sys


def Fire(function):
    known = inspect.signature(function).parameters
    words = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:])
    values = {}
    for name, text in words.items():
        assert name in known, name
        try:
            values[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            values[name] = text
    function(**values)
