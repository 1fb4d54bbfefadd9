import argparse
class ArgumentParser(argparse.ArgumentParser):
    def add_argument(self, *names, is_config_file=False, **words):
        return super().add_argument(*names, **words)
    add = add_arg = add_argument
argparse._ArgumentGroup.add = argparse._ArgumentGroup.add_argument
