"""What the placeholders of a command become: flags and arithmetic."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.errors import FieldError
from hpsearch.objectives.command.checks import check_command
from hpsearch.objectives.command.line import command_line
from hpsearch.objectives.command.section import Command
from hpsearch.objectives.command.splitting import split
from hpsearch.objectives.own_values import OwnValues
from hpsearch.space.distributions import Choice, Range
from hpsearch.space.space import Space

SPACE = Space(
    {
        "lr": Range("uniform", 0.0, 1.0),
        "amp": Choice((True, False), (True, False)),
        "nesterov": Choice((0, 1), (0, 1)),
        "blocks": Range("randint", 1, 4),
        "size": Choice(("small", "large"), (64, 128)),
        "depth": Choice((2, "auto"), (2, "auto")),
        "ema": Choice((True, False), (True, False)),
    },
    {"trainer.benchmark": True, "batch": 256},
    conditions={"ema": {"amp": (True,)}},
)
ALL = "t {args} "


def settings(text, **more):
    return Command(epochs=10, command=text, **more)


def line(text, config, *, resume=None, resume_from=None, epochs=10):
    own = OwnValues(seed=7, epochs=epochs, trial_dir="/trials/1", number=4, resume_from=resume_from)
    return command_line(settings(text, resume=resume), config, own)[1:]


def refused(text, **more):
    with pytest.raises(FieldError) as caught:
        check_command(settings(text, **more), SPACE)
    return caught.value


# Flags


@pytest.mark.parametrize(
    ("flag", "when_true", "when_false"),
    [
        ("{flag:amp}", ["--amp"], []),
        ("{flag:amp|--no-amp}", ["--amp"], ["--no-amp"]),
        ("{flag:amp|--use-amp|}", ["--use-amp"], []),
        ("{flag:amp|--use-amp|--no-use-amp}", ["--use-amp"], ["--no-use-amp"]),
        ("{flag:amp||--fp32}", [], ["--fp32"]),
        ("{flag: amp | -a | --fp32 }", ["-a"], ["--fp32"]),
        ("{flag:amp|--precision 16|--precision 32}", ["--precision", "16"], ["--precision", "32"]),
        ("{flag:amp|--mode 'with amp'|}", ["--mode", "with amp"], []),
        ("{flag:amp|mode=amp|mode=fp32}", ["mode=amp"], ["mode=fp32"]),
    ],
)
def test_a_flag_is_an_argument_or_none(flag, when_true, when_false):
    for text in (f"t -v {flag} --last", ["t", "-v", flag, "--last"]):
        assert line(text, {"amp": True}) == ["-v", *when_true, "--last"]
        assert line(text, {"amp": False}) == ["-v", *when_false, "--last"]
    check_command(settings(ALL + flag), SPACE)


@pytest.mark.parametrize(
    ("value", "on"),
    [
        (1, True),
        (0, False),
        (1.0, True),
        ("true", True),
        ("False", False),
        ("yes", True),
        ("off", False),
        (None, False),
    ],
)
def test_a_flag_takes_what_means_true_or_false(value, on):
    assert line("t {flag:amp}", {"amp": value}) == (["--amp"] if on else [])


def test_a_flag_has_the_name_of_its_parameter_with_its_dots():
    assert line("t {flag:trainer.benchmark}", {"trainer.benchmark": True}) == ["--trainer.benchmark"]


def test_a_flag_of_a_parameter_that_the_config_lacks_is_nothing():
    names = "{lr} {amp} {nesterov} {blocks} {size} {depth} {trainer.benchmark} {batch}"
    check_command(settings(f"t {names} {{flag:ema|--no-ema}}"), SPACE)
    assert line("t {flag:ema|--no-ema}", {"lr": 0.1}) == []
    assert "{ema} stands for a parameter that not every config has" in str(refused(f"t {names} {{ema}}"))


def test_a_flag_is_a_use_of_its_parameter():
    space = Space({"amp": Choice((True, False), (True, False))})
    check_command(settings("t {flag:amp}"), space)
    with pytest.raises(FieldError, match="never uses 'amp'"):
        check_command(settings("t --amp"), space)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{flag:anp}", "has a flag for 'anp', which is no parameter; allowed: lr, amp"),
        ("{flag:anp}", "did you mean 'amp'?"),
        ("{flag:seed}", "has a flag for 'seed', which is no parameter"),
        ("{flag:}", "names no parameter in {flag:}; allowed: {flag:NAME}, {flag:NAME|FALSE}"),
        ("{flag:amp|a|b|c}", "has 3 forms in {flag:amp|a|b|c}; allowed: {flag:NAME}"),
        ("--x={flag:amp}", "has {flag:amp} inside '--x={flag:amp}', but it may be no argument at all"),
        ("{flag:lr}", "has a flag for 'lr', which may be 0.5; allowed: true and false; {lr} for other values"),
        ("{flag:depth}", "may be 2"),
        ("{flag:batch}", "may be 256"),
        ("{flag:amp|--x 'a|}", "can't be split: no closing quotation"),
    ],
)
def test_a_wrong_flag_is_refused(text, says):
    error = refused(ALL + text)
    assert says in str(error)
    assert error.path == ("objective", "command")


# Arithmetic


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("{max_iters = 20 * epochs}", ["200"]),
        ("--max_iters={max_iters = 20 * epochs}", ["--max_iters=200"]),
        ('"--max_iters={max_iters = 20 * epochs}" -v', ["--max_iters=200", "-v"]),
        ("trainer.max_steps={max_iters=20*epochs}", ["trainer.max_steps=200"]),
        ("{n = 20 *\n   epochs} -v", ["200", "-v"]),
        ("{n = 20 * \\\n epochs} -v", ["200", "-v"]),
        ("--lr {warm = lr / 10} {lr}", ["--lr", "0.025", "0.25"]),
        ("{n = 50000 // batch}", ["195"]),
        ("{n = ceil(50000 / batch) * epochs}", ["1960"]),
        ("{n = round(50000 / batch)}-{n}", ["195-195"]),
        ("{a = 2 * epochs} {b = a + seed + number} {c = max(a, b)}", ["20", "31", "31"]),
        ("-w {w} -n {n = 20 * epochs} -d {w = n // 10}", ["-w", "20", "-n", "200", "-d", "20"]),
        ("{n = 1e300 * epochs}", ["1e+301"]),
        ("{n = 0 - lr}", ["-0.25"]),
        ("{n = 0 * -lr}", ["0"]),
    ],
)  # fmt: skip
def test_arithmetic_gives_a_number(text, becomes):
    assert line(f"t {text}", {"lr": 0.25, "batch": 256}) == becomes


def test_a_computed_number_may_stand_in_resume_and_in_a_list():
    given = ["t", "{n = 2 * epochs}"]
    assert line(given, {}, resume="--resume {resume_from} --until {n}", resume_from="/old") == [
        *("20", "--resume", "/old", "--until", "20"),
    ]
    assert line("t", {}, resume="--until {n = 2 * epochs} {flag:amp}", resume_from="/old") == ["--until", "20"]


def test_arithmetic_is_a_use_of_its_names():
    space = Space({"lr": Range("uniform", 0.0, 1.0), "batch": Range("randint", 1, 8)})
    check_command(settings("t {a = lr * batch}"), space)
    check_command(settings("t {a = lr * 2} {b = a * batch} {b}"), space)
    with pytest.raises(FieldError, match="never uses 'batch'"):
        check_command(settings("t {a = lr * 2}"), space)


def test_the_number_of_epochs_may_be_told_by_arithmetic():
    assert settings("t {n = 20 * epochs}").is_told_epochs
    assert settings(["t", "{n = 20*epochs}"]).is_told_epochs
    assert settings("t {epochs}").is_told_epochs
    assert not settings("t {n = 20 * max_epochs} {{epochs}}").is_told_epochs
    assert settings("t {resume_from}").can_resume


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{n = 20 * epohcs}", "unknown name 'epohcs'"),
        ("{n = 20 * epohcs}", "did you mean 'epochs'?"),
        ("{n = }", "is empty; allowed: arithmetic"),
        ("{n = 20 *}", "breaks off"),
        ("{n = 2 * amp}", "'amp' is true or false; allowed: numbers here"),
        ("{n = 2 * depth}", "depth may be 'auto'; allowed: numbers here"),
        ("{n = trial_dir + 1}", "unknown name 'trial_dir'"),
        ("{lr = 2 * lr}", "computes 'lr', which is a parameter or a placeholder already; allowed: another name"),
        ("{epochs = 2 * epochs}", "computes 'epochs', which is"),
        ("{n = epochs} {n = 2 * epochs}", "computes 'n' twice"),
        ("{a = b} {b = 2 * epochs}", "unknown name 'b'"),
        ("{a = a + 1}", "unknown name 'a'"),
        ("--n={20 * epochs}", "unknown placeholder '{20 * epochs}'"),
        ("--n={20 * epochs}", "allowed: a name before arithmetic, such as {steps = 20 * epochs}; or {lr}"),
        (["t", "{args}", "{epochs - 1}"], "such as {steps = epochs - 1}"),
        ("{n==3}", "unknown placeholder '{n==3}'"),
    ],
)
def test_wrong_arithmetic_is_refused(text, says):
    error = refused(text if isinstance(text, list) else ALL + text)
    assert says in str(error)
    assert error.path == ("objective", "command")


def test_a_choice_gives_arithmetic_its_value():
    check_command(settings(ALL + "{n = 2 * size}"), SPACE)
    assert line("t {n = 2 * size}", {"size": 128}) == ["256"]


def test_a_number_that_does_not_exist_is_an_error_of_the_trial():
    with pytest.raises(FieldError, match=r"1 / blocks is no number with blocks = 0"):
        line("t {n = 1 / blocks}", {"blocks": 0})


# The environment


def test_an_environment_variable_is_that_of_the_process_that_trains(monkeypatch):
    monkeypatch.setenv("DATA_DIR", "/data of mine")
    assert line("t --data={env:DATA_DIR}/train", {}) == ["--data=/data of mine/train"]
    monkeypatch.delenv("DATA_DIR")
    check_command(settings(ALL + "{env:DATA_DIR}"), SPACE)
    with pytest.raises(FieldError, match="the environment variable DATA_DIR is not set"):
        line("t {env:DATA_DIR}", {})


# Splitting


@given(st.text(alphabet="ab '\"\\\n{}=:|"))
def test_text_without_such_placeholders_is_split_as_a_shell_would(text):
    text = text.replace("=", "").replace("\\\n", "")
    try:
        expected = shlex.split(text)
    except ValueError:
        expected = None
    try:
        found = split(text, ())
    except FieldError:
        found = None
    assert found == (expected if expected and expected[0].strip() else None)


@given(st.lists(st.sampled_from(["a", " ", "'b c'", "{n = 2 * 3}", '"{n = 2 * 3} d"', "{lr}", "{flag:x|-a 'b c'|}"])))
def test_placeholders_are_never_taken_apart(pieces):
    found = split("t " + "".join(pieces), ())
    whole = "".join(found)
    for body in ("{n = 2 * 3}", "{lr}", "{flag:x|-a 'b c'|}"):
        assert whole.count(body) == "".join(pieces).count(body)
