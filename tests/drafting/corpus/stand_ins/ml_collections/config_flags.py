import importlib.util
import sys

from absl import flags


def DEFINE_config_file(name, default=None, help_string="", lock_config=False):
    path = next((w.split("=", 1)[1] for w in sys.argv[1:] if w.startswith(f"--{name}=")), default)
    spec = importlib.util.spec_from_file_location("the_config", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.get_config()
    for word in [w for w in sys.argv[1:] if w.startswith(f"--{name}.")]:
        key, text = word.split("=", 1)
        key = key.removeprefix(f"--{name}.")
        config[key] = type(config[key])(text)
        sys.argv.remove(word)
    sys.argv = [w for w in sys.argv if not w.startswith(f"--{name}=")]
    flags.DEFINE_string(name, default, help_string)
    flags.FLAGS[name].value = config
