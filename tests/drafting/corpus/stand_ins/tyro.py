"""As much of tyro as the script needs: an option for each field, and two for one that is true or false."""

import argparse
import dataclasses


def cli(one):
    parser = argparse.ArgumentParser()
    for field in dataclasses.fields(one):
        flag = "--" + field.name.replace("_", "-")
        if field.type in (bool, "bool"):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=field.default, dest=field.name)
        else:
            kind = field.type if callable(field.type) else str
            parser.add_argument(flag, type=kind, default=field.default, dest=field.name)
    return one(**vars(parser.parse_args()))
