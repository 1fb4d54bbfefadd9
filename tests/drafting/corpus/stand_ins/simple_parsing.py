"""As much of simple_parsing as the script needs."""

import argparse
import dataclasses


class ArgumentParser(argparse.ArgumentParser):
    def add_arguments(self, one, dest):
        self.made = (one, dest)
        for field in dataclasses.fields(one):
            self.add_argument(f"--{field.name}", type=field.type, default=field.default)

    def parse_args(self):
        words = vars(super().parse_args())
        one, dest = self.made
        own = {field.name: words.pop(field.name) for field in dataclasses.fields(one)}
        return argparse.Namespace(**{dest: one(**own)}, **words)
