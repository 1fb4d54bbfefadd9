import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hpsearch.errors import FieldError
from hpsearch.objectives.space_files import parse_config
from hpsearch.vision.data import load
from hpsearch.vision.section import ImageClassifier
from hpsearch.vision.splits import cut, stratified, subset_of
from support.image_files import write_folder

LABELS = np.repeat([0, 1, 2], [500, 90, 10])


def settings(data="digits", **changes):
    return ImageClassifier(use="image_classifier", data=data, epochs=1, **changes)


def test_stratified_parts_are_disjoint_and_complete():
    parts = stratified(LABELS, [0.7, 0.2, 0.1], seed=3)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(600))
    assert [np.bincount(labels, minlength=3).tolist() for labels in (LABELS[part] for part in parts)] == [
        [350, 63, 7],
        [100, 18, 2],
        [50, 9, 1],
    ]


def test_a_split_never_changes():
    first, second, _ = stratified(np.arange(40) % 4, [0.5, 0.3, 0.2], seed=0)
    assert first.tolist() == [1, 3, 4, 8, 9, 10, 12, 13, 21, 22, 23, 26, 27, 28, 30, 33, 35, 36, 38, 39]
    assert second.tolist() == [0, 7, 14, 15, 18, 19, 20, 24, 25, 29, 34, 37]


def test_split_seed_alone_decides_who_is_where():
    labels = np.arange(400) % 10
    one, same, other = (stratified(labels, [0.8, 0.2], seed)[1].tolist() for seed in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize(("share", "counts"), [(0.1, [50, 9, 1]), (0.5, [250, 45, 5]), (0.004, [2, 1, 1])])
def test_a_subset_has_its_share_of_each_class_and_at_least_one(share, counts):
    assert np.bincount(LABELS[subset_of(LABELS, share, seed=1)]).tolist() == counts


def test_the_seed_decides_who_is_in_a_subset():
    one, same, other = (subset_of(LABELS, 0.3, seed).tolist() for seed in (1, 1, 2))
    assert one == same
    assert one != other


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=200),
    shares=st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)),
    seed=st.integers(0, 9),
)
def test_a_larger_subset_has_all_of_a_smaller_one(labels, shares, seed):
    small, large = (subset_of(np.array(labels), share, seed).tolist() for share in sorted(shares))
    assert set(small) <= set(large)
    assert {labels[index] for index in small} == set(labels)
    assert small == sorted(set(small))


def test_only_train_is_smaller_with_a_subset_and_its_images_stay_the_same():
    whole, part = (load(settings(subset=share), "train", "val", "test") for share in (1.0, 0.1))
    again = load(settings(subset=0.1), "train")[0]
    assert [len(split.labels) for split in part] == [126, 359, 180]
    for one, other in zip(whole[1:], part[1:], strict=True):
        assert np.array_equal(one.images, other.images)
    assert np.array_equal(part[0].images, again.images)
    all_of_train = {image.tobytes() for image in whole[0].images}
    assert all(image.tobytes() in all_of_train for image in part[0].images)
    assert np.abs(np.bincount(part[0].labels) - 0.1 * np.bincount(whole[0].labels)).max() <= 1


def test_the_seed_of_the_split_is_that_of_the_subset():
    labels = np.arange(4000) % 2
    train = cut(labels, settings(split_seed=3), official_test=True)["train"]
    expected = train[subset_of(labels[train], 0.1, 3)]
    assert np.array_equal(cut(labels, settings(split_seed=3, subset=0.1), official_test=True)["train"], expected)


def test_a_subset_of_a_folder_reads_its_images_only(tmp_path):
    write_folder(tmp_path, {"a": 40, "b": 40})
    own = settings("image_folder", data_dir=str(tmp_path), image_size=12, channels=3, subset=0.1)
    before = load(own, "train")[0].images
    kept = {image.tobytes() for image in before}
    for path in tmp_path.glob("*/*.png"):
        if np.asarray(Image.open(path)).transpose(2, 0, 1).tobytes() not in kept:
            path.write_text("damaged")
    assert np.array_equal(load(own, "train")[0].images, before)
    assert len(before) == 6


@pytest.mark.parametrize("share", [0, 1.5, "10%"])
def test_a_share_that_is_none_is_refused(share):
    raw = {"study": "s", "metric": "val_loss", "direction": "minimize", "space": {"lr": {"uniform": [0.1, 1]}}}
    objective = {"use": "image_classifier", "data": "digits", "epochs": 1, "subset": share}
    with pytest.raises(FieldError) as caught:
        parse_config(raw | {"objective": objective})
    assert caught.value.path == ("objective", "subset")


def test_a_subset_is_part_of_where_a_config_comes_from():
    assert settings(subset=0.1).measured_on()["split"]["subset"] == 0.1
    assert "subset" not in settings().measured_on()["split"]
