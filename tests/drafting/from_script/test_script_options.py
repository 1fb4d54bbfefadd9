"""Which options of a script are read, whatever way it adds them, and what the command then says."""

from pathlib import Path

import pytest

from hpsearch.drafting.from_script import plan_space
from hpsearch.objectives.command.checks import check_command
from hpsearch.objectives.space_files import load_space_file


@pytest.fixture
def command(here):
    """Return what the command of a drafted space file says for a script's source, after the script."""

    def draft(text, **modules):
        for name, source in modules.items():
            Path(f"{name}.py").write_text(source)
        Path("a.py").write_text(text)
        Path("made.yaml").write_text(plan_space(Path("a.py"), folder=Path()).text)
        config = load_space_file(Path("made.yaml"))
        check_command(config.objective, config.space)
        return " ".join(str(config.objective.command).replace("\\\n", "").split()).removeprefix("python a.py ")

    return draft


HEAD = "import argparse\np = argparse.ArgumentParser()\n"


METHODS = """
class A:
    def __init__(self):
        self._new('--lr', 0.1)
    def _new(self, name, value):
        p.add_argument(name, default=value)
A()
"""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("p.add_argument('-b', '--batch-size', '--bs', dest='n', type=int, default=8)", "--batch-size {n}"),
        ("p.add_argument('--lr', default='1e-3', type=float)", "{args}"),
        ("p.add_argument('--step-size', dest='lr', default=1e-3 * 8, type=float)", "--step-size {lr}"),
        ("p.add_argument('--lr', type=lambda text: float(text), default=0.1)", "{args}"),
        ("p.add_argument('--lr', type=float, nargs='+', default=[0.1])", "{args}"),
        ("def new(q, name, default):\n q.add_argument('--' + name, default=default)\nnew(p, 'drop-rate', 0.1)",
         "--drop-rate {drop_rate}"),
        ("def new(*words, **more):\n p.add_argument(*words, **more)\nnew('--lr', default=0.1, type=float)", "{args}"),
        ("for n, v in {'lr': 0.1, 'momentum': 0.9}.items():\n p.add_argument(f'--{n}', default=v)", "{args}"),
        ("for name in ('lr_a', 'lr_b'):\n p.add_argument('--{}'.format(name), default=0.1)", "{args}"),
        ("g = p.add_argument_group('x').add_mutually_exclusive_group()\ng.add_argument('--lr', default=0.1)", "{args}"),
        ("q = argparse.ArgumentParser(parents=[p])\np.add_argument('--lr', default=0.1)", "{args}"),
        ("add = p.add_argument\nadd('--lr', type=float, default=0.1)", "{args}"),
        (METHODS, "{args}"),
        ("p.add_argument('--lr', default=float(os.environ.get('LR', 0.1)))", "{args}"),
        ("p.add_argument('--lr', default=0.1)\np.add_argument('--amp', action='store_true')", "{args}"),
        ("p.add_argument('--lr', default=0.1)\np.add_argument('--size', nargs=2, type=int, required=True)",
         "--size FILL_IN FILL_IN {args}"),
        ("p.add_argument('--lr', default=0.1)\np.add_argument('rest', nargs='*')", "{args}"),
    ],
)  # fmt: skip
def test_argparse_options_are_read(command, lines, expected):
    assert command(HEAD + lines) == expected


SUBCOMMANDS = (
    HEAD
    + """
p.add_argument('--verbosity-level', type=int, default=0)
p.add_argument('--seed', type=int, default=0)
subs = p.add_subparsers()
def common(q):
    group = q.add_argument_group('x')
    group.add_argument('--lr', type=float, default=0.1)
for_eval = subs.add_parser('eval')
common(for_eval)
for_eval.add_argument('--checkpoint', required=True)
for_train = subs.add_parser('train')
common(for_train)
for_train.add_argument('--epochs', type=int, default=3)
"""
)


def test_the_subcommand_that_trains_is_named_between_its_options_and_the_main_ones(command):
    assert command(SUBCOMMANDS) == "--seed {seed} train --lr {lr} --epochs {epochs}"


def test_options_in_local_modules_are_read(command):
    options = HEAD + "def more(q):\n q.add_argument('--lr', default=0.1)\n"
    assert command("from options import more, p\nmore(p)", options=options) == "{args}"
    whole = HEAD + "p.add_argument('--epochs', type=int)\np.add_argument('--lr', default=0.1)\nargs = p.parse_args()"
    assert command("from options import args", options=whole) == "--epochs {epochs} {args}"
    starred = "from constants import *\nexec(open('configurator.py').read())"
    assert command(starred, constants="lr = 0.1\nseed = 1\n") == "--lr={lr} --seed={seed}"
    constants = "LR = 0.1\nclass C:\n    wd = 0.2\n"
    text = "import c\nfrom c import C\np.add_argument('--lr', default=c.LR)\np.add_argument('--wd', default=C.wd)"
    command(text, c=constants)
    assert "wd: {loguniform: [0.02, 2.0]}" in Path("made.yaml").read_text()


TAP = "from tap import Tap\nclass A(Tap):\n    lr: float = 0.1\n    save_dir: str = 'x'\nA().parse_args()"
PYRALLIS = """
import pyrallis
class Optim:
    lr: float = 0.1
class Config:
    optim: Optim = Optim()
@pyrallis.wrap()
def main(config: Config): ...
"""
STRUCTURED = """
import hydra
class Optim:
    lr: float = 0.1
class Config:
    optim: Optim = Optim()
    seed: int = 1
cs.store('config', node=Config)
@hydra.main(config_name='config')
def main(config): ...
"""
FIRE = "import fire\ndef train(lr=0.1, seed=0): ...\nfire.Fire()"
TYPER = "import typer\ndef main(out: str, lr: float = 0.1, seed: int = 0): ...\ntyper.run(main)"
OMEGACONF = """
from omegaconf import OmegaConf
config = OmegaConf.merge(OmegaConf.create({'optim': {'lr': 0.1}}), OmegaConf.from_cli())
"""
LOOP = """
import sys
lr = 0.1
seed = 0
for word in sys.argv[1:]:
    name, value = word.split('=')
    globals()[name] = eval(value)
"""
MAPPING = """
import sys
config = {'lr': 0.1, 'epochs': 3}
for word in sys.argv[1:]:
    name, value = word.split('=')
    config[name] = eval(value)
"""
CONFIGURATOR = "lr = 0.1\nmax_iters = 100\neval_interval = 20\nexec(open('configurator.py').read())"
LIGHTNING = """
from lightning.pytorch.cli import LightningCLI
class Net:
    def __init__(self, lr: float = 0.1): ...
LightningCLI(Net, trainer_defaults={'max_epochs': 7})
"""
LOGGER = "--trainer.logger CSVLogger --trainer.logger.save_dir {trial_dir} --trainer.logger.version version_0"
OWN = "--trainer.max_epochs {epochs} --seed_everything {seed} --trainer.default_root_dir {trial_dir}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TAP, "--save_dir {trial_dir} {args}"),
        (PYRALLIS, "{args}"),
        (STRUCTURED, "seed={seed} {overrides} hydra.run.dir={trial_dir}"),
        (FIRE, "train --lr={lr} --seed={seed}"),
        (TYPER, "{trial_dir} --seed {seed} {args}"),
        (OMEGACONF, "optim.lr={optim.lr}"),
        (LOOP, "lr={lr} seed={seed}"),
        (
            CONFIGURATOR.replace("exec(", "with open('configurator.py') as f:\n    exec(f.read()) #"),
            "--lr={lr} '--max_iters={max_iters = 20 * epochs}'",
        ),
        (MAPPING, "lr={lr} epochs={epochs}"),
        (HEAD + "lr = 0.1\nexec(open('version.py').read())\np.add_argument('--wd', default=0.1)", "{args}"),
        (CONFIGURATOR, "--lr={lr} '--max_iters={max_iters = 20 * epochs}'"),
        (LIGHTNING, f"fit {OWN} {{args}} {LOGGER}"),
    ],
)
def test_options_of_other_kinds_are_read(command, text, expected):
    assert command(text) == expected


PATHS = (
    HEAD
    + """
p.add_argument('--lr', type=float, default=0.1)
for name in ('data', 'data-dir', 'pretrained', 'pretrained-path', 'load', 'init-from', 'weights', 'model-path',
             'teacher', 'checkpoint', 'ckpt-path', 'train-dir', 'root', 'vocab-file', 'initial-checkpoint',
             'load-dir', 'cache-dir'):
    p.add_argument(f'--{name}', default='x')
p.add_argument('--start', default=None, help='checkpoint to start from')
"""
)


def test_a_path_that_is_read_is_not_filled_in(command):
    assert command(PATHS) == "{args}"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("p.add_argument('--log-file', default='a.log')", "--log-file {trial_dir}/a.log"),
        ("p.add_argument('--checkpoint', default='c', help='path to save checkpoints')", "--checkpoint {trial_dir}"),
        ("p.add_argument('--ckpt-path', default='c')\nos.makedirs(args.ckpt_path)", "--ckpt-path {trial_dir}"),
        ("p.add_argument('--model', default='m.pt', help='where to save')", "--model {trial_dir}/m.pt"),
        ("p.add_argument('--out', default=os.path.join(here(), 'runs'))", "--out {trial_dir}"),
        ("p.add_argument('--project', default=ROOT / 'runs', help='save to project/name')", "--project {trial_dir}"),
    ],
)
def test_a_path_that_is_written_is_in_the_trials_folder(command, lines, expected):
    assert command(HEAD + "p.add_argument('--lr', type=float, default=0.1)\n" + lines) == f"{expected} {{args}}"


SAVES = """
p.add_argument('--resume', default='')
p.add_argument('--out', default='o')
torch.save(state, os.path.join(args.out, 'last.pth'))
"""


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (SAVES, "resume: '--resume {resume_from}/last.pth'"),
        ("p.add_argument('--checkpoint', help='to resume from')\n", "# resume: --checkpoint {resume_from}"),
        ("p.add_argument('--resume-dir')\np.add_argument('--out')", "resume: '--resume-dir {resume_from}'"),
    ],
)
def test_what_a_trial_goes_on_from(command, lines, expected):
    words = command(HEAD + "p.add_argument('--lr', type=float, default=0.1)\n" + lines)
    assert "resume" not in words.replace("{resume_from}", "")
    assert expected in Path("made.yaml").read_text()


def test_switches_are_suggested_with_their_own_spelling(command):
    lines = "p.add_argument('--lr', default=0.1)\np.add_argument('--nesterov', action='store_true')\n"
    lines += "p.add_argument('--use-amp', dest='amp', action=argparse.BooleanOptionalAction)\n"
    assert command(HEAD + lines) == "{args}"
    text = Path("made.yaml").read_text()
    assert "# nesterov: {choice: [false, true]}  # with {flag:nesterov} in the command" in text
    assert "# amp: {choice: [false, true]}  # with {flag:amp|--use-amp|--no-use-amp} in the command" in text


def test_choices_are_searched_where_they_are_hyperparameters(command):
    lines = "p.add_argument('--optimizer', choices=['sgd', 'adam'], default='sgd')\n"
    lines += "p.add_argument('--dataset', choices=['a', 'b'])\np.add_argument('--model', choices=['a', 'b'])\n"
    lines += "p.add_argument('--device', choices=['cpu', 'cuda'])\n"
    lines += f"p.add_argument('--scheduler', choices={[f's{number}' for number in range(20)]})\n"
    command(HEAD + lines)
    assert list(load_space_file(Path("made.yaml")).space.parameters) == ["optimizer"]


def test_a_script_of_many_options_gets_a_short_command(command):
    lines = "".join(f"p.add_argument('--option-{number}', type=float, default=0.{number})\n" for number in range(150))
    more = "p.add_argument('--lr', type=float, default=0.1)\np.add_argument('--data', required=True)\n"
    assert command(HEAD + lines + more) == "{args}"
    text = Path("made.yaml").read_text()
    assert "  data: FILL_IN" in text
    assert "CHECK: required" in text
    assert len(text.splitlines()) < 30
