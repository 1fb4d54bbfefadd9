import io
import json
import shlex
import subprocess
import sys

import pytest
from rich.console import Console

from hpsearch.errors import InputError
from hpsearch.report.curve import sparkline
from hpsearch.report.tables import (
    StudyRow,
    ensemble_table,
    finalists_table,
    leaderboard,
    plan_line,
    studies_table,
    study_row,
    study_summary,
    trial_detail,
)
from hpsearch.trial.trial import Stage, StopReason
from support.studies import add, config, finished, make, searched, vote


@pytest.fixture
def study(tmp_path):
    return tmp_path / "cnn"


def lines(renderable, width=120):
    file = io.StringIO()
    Console(file=file, width=width).print(renderable, crop=False)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def joined(renderable, width=120):
    return " ".join(" ".join(lines(renderable, width)).split())


def test_the_leaderboard_has_only_what_can_win_best_first(study):
    header, *rows = lines(leaderboard(searched(study), 10))
    assert header.split() == [
        "rank",
        "trial",
        "val_accuracy",
        "epoch",
        "stopped",
        "lr",
        "batch_size",
        "head",
        "dropout",
    ]
    assert [row.split()[:5] for row in rows] == [
        ["1", "5", "0.97121", "2/3", "stalled"],
        ["2", "1", "0.97120", "2/9", "stalled"],
        ["3", "0", "0.92427", "20/20", "finished"],
    ]
    assert rows[0].split()[5:] == ["2.9e-02", "128", "large", "0.41"]


def test_a_leaderboard_cut_short_still_tells_its_last_row_from_the_next(study):
    _, row = lines(leaderboard(searched(study), 1))
    assert row.split()[2] == "0.97121"


@pytest.mark.parametrize("width", [50, 60, 80])
def test_a_narrow_leaderboard_loses_no_digit(study, width):
    text = "".join(joined(leaderboard(searched(study), 3), width).split())
    assert all(number in text for number in ("2.9e-02", "0.41", "1.3e-03", "0.185"))
    assert all(len(line) <= width for line in lines(leaderboard(searched(study.with_name("b")), 3), width))


def test_nothing_that_can_win(study):
    assert joined(leaderboard(make(study), 5)) == "No trial has ended with a value that can win."


def test_finalists_show_their_spread_and_their_failures(study):
    text = lines(finalists_table(finished(study)), 140)
    assert " ".join(text[1].split()).startswith("1 0.9654 ± 0.0012 0.9625 to 0.9683 3 0.9712 0.0058 lr=")
    assert " ".join(text[2].split()).startswith("5 0.9645 ± 0.0049 0.9200 to 1.0090 2 of 3 0.9712 0.0067 lr=")


def test_optimism_is_said_in_words(study):
    text = joined(finalists_table(finished(study)), 80)
    assert "The search's best value (trial 5) lay 0.0067 above the mean of its own retraining: expect the mean." in text
    assert "1 of the seeds of trial 5 failed or diverged, so it ranks after those whose seeds all ended well." in text


def test_optimism_points_the_other_way_when_less_is_better(study):
    one = searched(study, config(metric="error_rate", direction="minimize"))
    for replicate, value in enumerate((0.25, 0.31)):
        reason, origin = StopReason.FINISHED, {"stage": Stage.FINALISTS, "source": 1, "replicate": replicate}
        add(one, replicate, [value], reason, **origin)
    text = joined(finalists_table(one))
    assert "below mean by" in text
    assert "(trial 1) lay 0.0800 below the mean of its own retraining: expect the mean." in text


def test_a_search_value_that_did_not_flatter_is_no_warning(study):
    one = searched(study)
    add(one, 0, [0.99], StopReason.FINISHED, stage=Stage.FINALISTS, source=5, replicate=0)
    text = joined(finalists_table(one))
    assert "(trial 5) was no better than the mean of its own retraining." in text
    assert "5 0.9900 - 1 0.9712 -0.0188" in text


def test_finalists_that_are_not_there(study):
    assert joined(finalists_table(searched(study))) == "No finalist has been retrained yet."
    off = make(study.with_name("off"), config(finalists=None))
    assert joined(finalists_table(off)) == "No finalists."


def test_the_ensemble_beside_its_members(study):
    one = finished(study)
    assert joined(ensemble_table(one)) == "No ensemble."
    vote(one.store)
    text = lines(ensemble_table(one))
    assert text[1].split() == ["5", "100", "0.500", "finalists/00000/attempt-1/epoch-00002.pt"]
    assert "ensemble 0.9800 0.1234 0.9750 0.1234" in joined(ensemble_table(one))
    assert "best single member 0.9760 0.1234 0.9710 0.1234" in joined(ensemble_table(one))
    assert text[-1] == "The test split was read once."


def test_a_second_reading_of_test_is_a_warning(study):
    one = finished(study)
    vote(one.store, readings=2)
    assert "The test split was read twice. Warning: an earlier reading" in joined(ensemble_table(one))


def test_an_ensemble_whose_test_was_not_scored_says_so(study):
    one = finished(study)
    vote(one.store, readings=0)
    text = joined(ensemble_table(one))
    assert "has not been scored for this ensemble" in text
    assert "ensemble 0.9800 0.1234 - -" in text


def test_a_trial_in_full(study):
    one = finished(study)
    text = joined(trial_detail(one, 1))
    assert "val_accuracy 0.9712 at epoch 2" in text
    assert "state COMPLETE, stalled" in text
    assert "epochs 9 of 20" in text
    assert "retrained 0.9654 ± 0.0012, 3 seeds" in text
    assert "head [256, 64]" in text
    assert "trials/00001/attempt-1/log.txt" in text.replace(" ", "")
    assert "epoch 1 [red]epoch 2" in text
    assert '"optimizer": "adamw"} seed 101' in text


def test_a_failed_trial_shows_its_traceback_and_no_escape_codes(study):
    text = lines(trial_detail(searched(study), 3))
    assert '  File "train.py", line 3, in fit' in text
    assert "ValueError: [lr] is too large" in text
    assert "\x1b" not in "".join(text)


def test_a_running_trial_and_a_diverged_one(study):
    one = searched(study)
    assert "epochs 2 of 20 time -" in joined(trial_detail(one, 6))
    diverged = joined(trial_detail(one, 4))
    assert "val_accuracy · no finite value" in diverged
    assert "1 nan 2.0000 3.0000 1.5 s" in diverged


def test_only_the_end_of_a_log_is_shown(study):
    one = make(study)
    log = "".join(f"line {i}\n" for i in range(100_000))
    add(one, 0, [0.5], StopReason.FINISHED, log=log)
    shown = [line for line in lines(trial_detail(one, 0)) if line.startswith("line ")]
    assert shown == [f"line {i}" for i in range(99_980, 100_000)]


def test_a_trial_whose_folder_is_gone_or_damaged_shows_what_the_store_has(study):
    one = searched(study)
    folder = study / "trials" / "00001" / "attempt-1"
    (folder / "manifest.json").write_text("{}")
    (folder / "log.txt").unlink()
    text = joined(trial_detail(one, 1))
    assert "not a manifest" in text
    assert "can't be read: No such file or directory" in text
    assert "2 0.9712 0.0 s" in text


def test_an_unknown_trial_is_the_users_error(study):
    one = searched(study)
    with pytest.raises(InputError, match="has no trial 7; allowed: 0 to 6"):
        trial_detail(one, 7)


def test_a_command_is_shown_as_a_shell_reads_it(study):
    command = ["python", "my train.py", "--epochs", "{epochs}", "--out", "{trial_dir}", "{args}"]
    one = searched(study, config(objective={"command": command, "epochs": 20}, ensemble=None))
    words = again(one, 1)
    assert words[:4] == ["mkdir", "-p", "trial-00001-again", "&&"]
    assert words[4:6] == ["HPSEARCH_SEED=101", "HPSEARCH_TRIAL_DIR=trial-00001-again"]
    assert words[6].endswith("python")
    assert words[7:12] == ["my train.py", "--epochs", "20", "--out", "trial-00001-again"]
    assert words[words.index("--head") + 1] == "[256, 64]"


def again(one, number):
    """Return the words of the command that trains a trial again."""
    text = lines(trial_detail(one, number), 80)
    start = next(i for i, line in enumerate(text) if line.startswith(("mkdir", "cd")))
    return shlex.split("\n".join(text[start:]).replace("\\\n", ""))


def test_the_shown_command_trains_the_trial_again(study, tmp_path):
    place = tmp_path / "it's here"
    place.mkdir()
    program = "import os, sys; print(os.getcwd(), *sys.argv[1:], sorted(os.listdir(os.environ['HPSEARCH_TRIAL_DIR'])))"
    command = [sys.executable, "-c", f"{program}; print(os.environ['HPSEARCH_SEED'])", "--b={batch_size}", "a\033[1mb"]
    command += ["--lr", "{lr}", "{head}", "{dropout}", "{optimizer}"]
    one = searched(study, config(objective={"command": command, "epochs": 20, "cwd": str(place)}, ensemble=None))
    text = lines(trial_detail(one, 1), 80)
    start = next(i for i, line in enumerate(text) if line.startswith("cd"))
    run = subprocess.run(["bash", "-c", "\n".join(text[start:])], capture_output=True, text=True, check=True)
    trained = one.config.space.config_of(one.store.record(Stage.SEARCH, 1).params)
    first, second = run.stdout.splitlines()
    assert first.startswith(f"{place} --b={trained['batch_size']} a\033[1mb --lr {trained['lr']} ")
    assert first.endswith(" adamw []")
    assert second == "101"


def test_a_command_is_trained_again_where_the_study_was_made(study, tmp_path, monkeypatch):
    one = searched(study, config(objective={"command": "./train {args}", "epochs": 20}, ensemble=None))
    one.store.put("cwd", str(tmp_path))
    assert again(one, 1)[:4] == ["cd", str(tmp_path), "&&", "mkdir"]
    monkeypatch.chdir(tmp_path)
    assert again(one, 1)[0] == "mkdir"
    one.store.put("cwd", str(tmp_path / "gone"))
    assert again(one, 1)[0] == "mkdir"


def test_a_trial_with_a_config_file_is_trained_again_beside_its_files(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.json").write_text('{"lr": 1, "out": ""}')
    made = {"template": "base.json", "map": {"trial_dir": "out"}, "add": True}
    command = [sys.executable, "-c", "import sys; print(open(sys.argv[1]).read())", "{config_file}"]
    one = searched(study, config(objective={"command": command, "epochs": 20, "config_file": made}, ensemble=None))
    attempt = study / "trials" / "00001" / "attempt-1"
    (attempt / "config_file.json").write_text(json.dumps({"lr": 0.5, "out": str(attempt)}))
    text = lines(trial_detail(one, 1))
    start = next(i for i, line in enumerate(text) if line.startswith("mkdir"))
    run = subprocess.run(["bash", "-c", "\n".join(text[start:])], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == {"lr": 0.5, "out": "trial-00001-again"}


def test_a_command_in_its_own_folder_is_trained_again_in_one(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("import os, sys, lib; print(os.getcwd(), sys.argv[1:])\n")
    (tmp_path / "lib.py").touch()
    command = [sys.executable, "-m", "train", "--out", "{trial_dir}", "{args}"]
    objective = {"command": command, "epochs": 20, "workdir": "trial"}
    one = searched(study, config(objective=objective, ensemble=None))
    words = again(one, 1)
    assert words[:6] == ["mkdir", "-p", "trial-00001-again", "&&", "cd", "trial-00001-again"]
    text = lines(trial_detail(one, 1))
    start = next(i for i, line in enumerate(text) if line.startswith("mkdir"))
    run = subprocess.run(["bash", "-c", "\n".join(text[start:])], capture_output=True, text=True, check=True)
    folder = tmp_path / "trial-00001-again"
    assert run.stdout.startswith(f"{folder} ['--out', '{folder}', '--lr'")


def test_the_table_of_a_long_curve_keeps_both_ends_and_the_best(study):
    one = make(study)
    add(one, 0, [0.1] * 100 + [0.9] + [0.2] * 100, StopReason.FINISHED)
    text = lines(trial_detail(one, 0))
    start = next(i for i, line in enumerate(text) if line.startswith("epoch  "))
    shown = [line.split()[0] for line in text[start + 1 : start + 16]]
    assert shown == [*"12345", "…", "100", "101", "102", "…", "197", "198", "199", "200", "201"]


def test_metrics_that_do_not_fit_are_counted(study):
    text = joined(trial_detail(searched(study), 1), 40)
    assert "more metrics are in its manifest.json" in text
    assert "2 0.9712" in text


def test_a_sparkline_goes_from_the_lowest_to_the_highest_bar():
    assert sparkline([0, 0.5, 1, float("nan"), 1e308]) == "▁▁▁·█"
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([3, 3]) == "▁▁"
    assert sparkline([]) == ""
    assert len(sparkline(list(range(1000)), 60)) == 60


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_summary_of_a_finished_study_names_what_to_type_next(study, width, monkeypatch):
    monkeypatch.chdir(study.parent)
    monkeypatch.setenv("HPSEARCH_STUDIES", ".")
    one = finished(study)
    vote(one.store)
    text = joined(study_summary(one), width)
    assert "Study cnn: done" in text
    assert "8 of 8: 2 finished, 3 stalled, 2 diverged, 1 error" in text
    assert "trial 1, val_accuracy 0.9654 ± 0.0012, mean over 3 seeds" in text
    assert "study cnn store cnn/study.db" in text
    commands = [line.strip() for line in lines(study_summary(one), width) if "hpsearch" in line]
    for command in ("show cnn --trial 1", "export cnn --to best.yaml", "resume cnn --trials 16"):
        assert any(line.startswith(f"hpsearch {command}") for line in commands)


def test_the_summary_of_an_unfinished_study_says_how_to_go_on(study):
    text = joined(study_summary(searched(study)), 200)
    assert "Study cnn: unfinished" in text
    assert "6 of 8: 1 finished, 2 stalled, 2 diverged, 1 error, 1 running" in text
    assert f"hpsearch resume {study} go on" in text
    assert "in the search, with one seed" in text


def test_the_summary_of_an_empty_study(study):
    text = joined(study_summary(make(study)), 200)
    assert "trials 0 of 8 best none yet" in text
    assert "export" not in text


def test_a_pipe_gets_neither_colours_nor_boxes(study):
    one = finished(study)
    vote(one.store, readings=2)
    text = "".join(lines(study_summary(one)))
    assert not set(text) & set("\x1b─│┃━┏╭|")


def test_studies_in_a_table(study):
    one = finished(study)
    row = study_row(one)
    assert (row.state, row.done, row.total, row.retrained, row.to_retrain) == ("done", 8, 8, 6, 6)
    broken = StudyRow(name="old", state="unreadable", changed=row.changed - 40 * 86400)
    text = lines(studies_table([row, broken], now=row.changed + 130))
    assert text[0].split() == ["study", "state", "trials", "finalists", "best", "metric", "changed"]
    assert " ".join(text[1].split()) == "cnn done 8/8 6/6 0.9654 ± 0.0012 val_accuracy 2 min ago"
    assert text[2].split()[:5] == ["old", "unreadable", "0/?", "-", "-"]
    assert joined(studies_table([])) == "No studies."


@pytest.mark.parametrize("width", [40, 50, 60, 70, 80, 100])
def test_no_word_is_cut_whatever_the_width(study, width):
    one = finished(study)
    row = study_row(one)
    for table in (leaderboard(one, 3), finalists_table(one), studies_table([row], now=row.changed)):
        words = set(joined(table, 400).split())
        cut = [word for word in joined(table, width).split() if word not in words and "=" not in word]
        assert set(cut) <= {"trial", "params", *(f"{number}:" for number in range(8))}
        assert max(map(len, lines(table, width))) <= width


def test_params_stand_below_a_leaderboard_that_has_no_room_for_them(study):
    one = searched(study)
    values = lines(leaderboard(one, 1), 400)[1].split()[5:]
    pairs = [f"{name}={value}" for name, value in zip(("lr", "batch_size", "head", "dropout"), values, strict=True)]
    for width in (40, 50, 60):
        assert joined(leaderboard(one, 1), width).split()[-len(pairs) :] == pairs


def test_the_row_of_an_empty_study(study):
    one = make(study)
    row = study_row(one)
    assert (row.state, row.done, row.mean, row.retrained, row.to_retrain) == ("unfinished", 0, None, 0, 6)
    assert "0/8" in joined(studies_table([row]))


def test_the_plan():
    settings = config(finalists={"configs": 3, "seeds": 5})
    plan = "48 trials x 2 to 20 epochs + 15 finalists x 20 epochs on 4 GPUs, then an ensemble of up to 5 members"
    assert plan_line(settings, 48, "4 GPUs") == plan
    assert plan_line(settings, 1, "1 GPU").startswith("1 trial x 20 epochs + 5 finalists")
    assert plan_line(config(finalists=None, ensemble=None), 8, "2 CPUs") == "8 trials x 20 epochs on 2 CPUs"
    auto = config(search={"sampler": "auto", "trials": 48}, finalists=None, ensemble=None)
    assert plan_line(auto, 48, "2 CPUs") == "up to 48 trials, 240 epochs in all on 2 CPUs"
    python = config(objective={"python": "train:train", "epochs": 1}, finalists=None)
    assert plan_line(python, 2, "2 CPUs").endswith(
        "2 CPUs, then an ensemble of up to 5 members, if the objective can predict"
    )
    assert plan_line(python, 2, "2 CPUs", can_predict=False) == "2 trials x 1 epoch on 2 CPUs"


def test_showing_imports_nothing_heavy():
    modules = "hpsearch.report.tables, hpsearch.study.document, hpsearch.study.frame, hpsearch.cli.progress"
    heavy = {"torch", "ray", "pandas", "scipy", "optuna", "sqlalchemy"}
    code = f"import sys, {modules}; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
