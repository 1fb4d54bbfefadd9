import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.errors import FieldError, InputError
from hpsearch.vision import check_data
from hpsearch.vision.data import load
from hpsearch.vision.groups import grouped, groups_of
from hpsearch.vision.section import ImageClassifier
from support.image_files import write_folder

SHARES = [0.7, 0.2, 0.1]
SPLITS = ("train", "val", "test")


def settings(folder, **changes):
    changes = {"group": "patient", "image_size": 12, "channels": 3} | changes
    return ImageClassifier(use="image_classifier", data="image_folder", data_dir=str(folder), epochs=1, **changes)


def write_table(folder, rows, name="images.csv", columns=("file", "patient")):
    with (folder / name).open("w", newline="") as opened:
        csv.writer(opened).writerows([columns, *rows])


def refusal(folder, files=("a/1.png", "b/1.png"), column="patient"):
    with pytest.raises(FieldError) as caught:
        groups_of(folder, files, column)
    assert caught.value.path == ("objective", "group")
    return str(caught.value)


@given(
    pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=120),
    seed=st.integers(0, 5),
)
def test_no_group_is_in_two_parts_and_no_sample_is_lost(pairs, seed):
    labels, groups = np.array([label for label, _ in pairs]), [f"g{group}" for _, group in pairs]
    parts = grouped(labels, groups, SHARES, seed)
    assert np.sort(np.concatenate(parts)).tolist() == list(range(len(pairs)))
    of_parts = [{groups[index] for index in part} for part in parts]
    assert sum(map(len, of_parts)) == len(set(groups))
    again = grouped(labels, groups, SHARES, seed)
    assert all(map(np.array_equal, parts, again))


@pytest.mark.parametrize("seed", range(5))
def test_parts_have_about_their_share_of_every_class(seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    groups = [f"p{number}" for number in rng.integers(0, 120, 1000)]
    parts = grouped(labels, groups, SHARES, seed)
    counts = np.array([np.bincount(labels[part], minlength=3) for part in parts])
    assert counts / counts.sum(0) == pytest.approx(np.array([SHARES] * 3).T, abs=0.02)


def test_groups_of_one_sample_each_are_split_in_proportion():
    labels = np.repeat([0, 1], [50, 30])
    parts = grouped(labels, [str(n) for n in range(80)], SHARES, 0)
    assert [np.bincount(labels[part]).tolist() for part in parts] == [[35, 21], [10, 6], [5, 3]]
    other = grouped(labels, [str(n) for n in range(80)], SHARES, 1)
    assert not np.array_equal(parts[1], other[1])


def test_no_patient_is_in_two_splits(tmp_path):
    pixels = write_folder(tmp_path, {"cat": 60, "dog": 40})
    patients = {name: f"p{int(name[4:7]) // 4}" for name in pixels}
    write_table(tmp_path, [*patients.items(), ("other/9.png", "p0")])
    check_data(settings(tmp_path))
    by_pixels = {value.transpose(2, 0, 1).tobytes(): name for name, value in pixels.items()}

    def found(**changes):
        parts = load(settings(tmp_path, **changes), *SPLITS)
        return [[by_pixels[image.tobytes()] for image in part.images] for part in parts]

    names = found()
    assert sorted(name for part in names for name in part) == sorted(pixels)
    seen = [{patients[name] for name in part} for part in names]
    assert sum(map(len, seen)) == len(set(patients.values()))
    loose = [{patients[name] for name in part} for part in found(group=None)]
    assert sum(map(len, loose)) > len(set(patients.values()))  # without groups there are leaks
    small = found(subset=0.3)
    assert set(small[0]) < set(names[0])
    assert small[1:] == names[1:]


def test_the_groups_are_part_of_where_a_config_comes_from(tmp_path):
    assert settings(tmp_path).measured_on()["split"]["group"] == "patient"
    assert "group" not in settings(tmp_path, group=None).measured_on()["split"]


def test_paths_may_be_written_in_other_ways(tmp_path):
    write_table(tmp_path, [("./a/1.png", " x "), ("b\\1.png", "y"), ("a/1.png", "x")])
    assert groups_of(tmp_path, ["a/1.png", "b/1.png"], "patient") == ["x", "y"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a/1.png", "x")], "images.csv has no row for 1 image, such as b/1.png; allowed: a row for each image"),
        ([("a/1.png", "x"), ("b/1.png", " ")], "images.csv, line 3: b/1.png has no patient"),
        ([("a/1.png", "x"), ("a/1.png", "y")], "images.csv, line 3: a/1.png is in 'x' and in 'y'"),
        ([("a/1.png",)], "images.csv, line 2: a/1.png has no patient"),
    ],
)
def test_a_table_that_leaves_a_group_open_is_refused(tmp_path, rows, message):
    write_table(tmp_path, rows)
    assert message in refusal(tmp_path)


def test_a_column_that_is_not_there_is_refused_with_the_nearest(tmp_path):
    write_table(tmp_path, [("a/1.png", "x")])
    message = refusal(tmp_path, column="pateint")
    assert "has no column 'pateint'; allowed: file, patient; did you mean 'patient'?" in message
    write_table(tmp_path, [("a/1.png", "x")], columns=("path", "patient"))
    assert "has no column 'file'; allowed: path, patient" in refusal(tmp_path)


def test_there_is_one_table(tmp_path):
    assert f"0 CSV files in {tmp_path}; allowed: one, with the columns file and patient" in refusal(tmp_path)
    write_table(tmp_path, [], "one.csv")
    write_table(tmp_path, [], "two.csv")
    assert "2 CSV files in" in refusal(tmp_path)


def test_a_table_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "images.csv").write_bytes(b"\xff\xfe\x00")
    assert "can't be read: " in refusal(tmp_path)


def test_too_few_groups_say_so(tmp_path):
    pixels = write_folder(tmp_path, {"cat": 20, "dog": 20})
    write_table(tmp_path, [(name, f"p{int(name[4:7]) // 10}") for name in pixels])
    with pytest.raises(InputError, match=r"none of them in \w+ when no patient may be in two splits"):
        check_data(settings(tmp_path))
