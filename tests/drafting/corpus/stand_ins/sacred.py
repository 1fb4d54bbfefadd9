"""As much of sacred as the script needs."""

import inspect
import sys
import textwrap


class Experiment:
    def __init__(self, name):
        self.settings = {"seed": 0}

    def config(self, function):
        body = textwrap.dedent("".join(inspect.getsourcelines(function)[0][2:]))
        found = {}
        exec(body, {}, found)
        self.settings.update(found)
        return function

    def automain(self, function):
        words = sys.argv[1:]
        assert not words or words[0] == "with", words
        for word in words[1:]:
            name, _, text = word.partition("=")
            self.settings[name] = type(self.settings[name])(text)
        names = inspect.signature(function).parameters
        function(**{name: self.settings[name] for name in names})
