import argparse
import re


def docopt(text):
    parser = argparse.ArgumentParser()
    for name, default in re.findall(r"^  (--[\w-]+)=.*\[default: (.*?)\]", text, re.MULTILINE):
        parser.add_argument(name, default=default)
    return {"--" + name.replace("_", "-"): value for name, value in vars(parser.parse_args()).items()}
