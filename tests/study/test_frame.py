import pandas as pd
import pytest

from hpsearch.errors import InputError
from hpsearch.study.frame import finalists_frame, trials_frame, write_csv
from support.studies import config, finished, make, searched

PARAMS = ["params.lr", "params.batch_size", "params.head", "params.dropout", "params.optimizer"]


def test_one_row_for_each_search_trial_with_the_documented_columns(tmp_path):
    frame = trials_frame(searched(tmp_path))
    assert list(frame.columns[-5:]) == PARAMS
    assert list(frame["number"]) == list(range(7))
    assert frame.loc[1, "value"] == 0.9712
    assert frame.loc[2, "stop_reason"] == "diverged"
    assert frame.loc[3, "error"].startswith("ValueError")
    assert frame.loc[6, ["stop_reason", "best_epoch", "value", "worker"]].isna().all()
    assert frame.loc[1, "params.head"] == "[256, 64]"


def test_dtypes_do_not_depend_on_what_was_drawn(tmp_path):
    full, empty = trials_frame(searched(tmp_path / "a")), trials_frame(make(tmp_path / "b"))
    assert list(full.dtypes) == list(empty.dtypes)
    assert full["params.batch_size"].dtype == "Int64"
    assert full["params.lr"].dtype == "float64"
    assert full["params.optimizer"].dtype == full["state"].dtype == "string"


@pytest.mark.parametrize(
    ("distribution", "dtype"),
    [
        ({"choice": [True, False]}, "boolean"),
        ({"choice": [1, 2.5]}, "float64"),
        ({"choice": [1, "a"]}, "object"),
        ({"choice": {"a": {"x": 1}, "b": [2]}}, "string"),
        ({"qlograndint": [8, 64, 8]}, "Int64"),
        (3, "Int64"),
    ],
)
def test_the_dtype_of_a_parameter(tmp_path, distribution, dtype):
    settings = config(space={"p": distribution, "q": {"uniform": [0, 1]}}, finalists=None)
    assert trials_frame(searched(tmp_path, settings))["params.p"].dtype == dtype


def test_finalists_say_which_config_and_seed_they_are(tmp_path):
    frame = finalists_frame(finished(tmp_path))
    assert list(frame.columns[:3]) == ["number", "trial", "replicate"]
    assert list(frame["trial"]) == [5, 5, 5, 1, 1, 1]
    assert list(frame["replicate"]) == [0, 1, 2] * 2
    assert frame.loc[2, "state"] == "PRUNED"
    assert frame["trial"].dtype == "Int64"


def test_a_csv_file_reads_back(tmp_path):
    frame = trials_frame(searched(tmp_path / "cnn"))
    write_csv(frame, tmp_path / "trials.csv")
    back = pd.read_csv(tmp_path / "trials.csv")
    written = pd.read_csv(tmp_path / "trials.csv", dtype=str)["params.lr"]  # pandas 2 reads numbers without all digits
    assert list(back.columns) == list(frame.columns)
    assert [float(text) for text in written] == list(frame["params.lr"])
    assert back["value"].isna().sum() == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cnn", "trials.csv"]


def test_a_csv_file_that_cannot_be_written_is_the_users_error(tmp_path):
    frame = trials_frame(make(tmp_path))
    with pytest.raises(InputError, match=r"no_folder.*can't be written: No such file"):
        write_csv(frame, tmp_path / "no_folder" / "trials.csv")
