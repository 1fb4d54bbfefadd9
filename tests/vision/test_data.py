import struct

import numpy as np
import pytest
from sklearn.datasets import load_digits

from hpsearch.errors import InputError
from hpsearch.vision import ImageClassifierObjective, check_data
from hpsearch.vision.data import channel_statistics, load
from hpsearch.vision.named_sets import digits
from hpsearch.vision.section import ImageClassifier, Split


def settings(data="digits", **changes):
    return ImageClassifier(use="image_classifier", data=data, epochs=1, **changes)


def write_fashion_mnist(folder, train=60, test=20):
    """Write files in the format of http://yann.lecun.com/exdb/mnist, with made-up images."""
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, count in (("train", train), ("t10k", test)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, count, 28, 28) + images.tobytes())
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, count) + labels.tobytes())


def test_digits_are_cut_70_20_10_with_every_class_in_proportion():
    train, val, test = load(settings(), "train", "val", "test")
    assert [len(part.labels) for part in (train, val, test)] == [1258, 359, 180]
    assert train.images.shape == (1258, 1, 8, 8)
    assert train.images.dtype == np.uint8
    assert val.labels.dtype == np.int64
    counts = np.stack([np.bincount(part.labels) for part in (train, val, test)])
    expected = counts.sum(0) * np.array([[0.7], [0.2], [0.1]])
    assert np.abs(counts - expected).max() <= 2


@pytest.mark.parametrize("there", [True, False])
def test_digits_are_those_of_scikit_learn(monkeypatch, there):
    if not there:
        monkeypatch.setattr("hpsearch.vision.named_sets.find_spec", lambda _name: None)
    expected = load_digits()
    found = digits()
    assert np.array_equal(found.images[:, 0], expected.images)
    assert np.array_equal(found.labels, expected.target)
    assert (found.images.dtype, found.labels.dtype) == (np.uint8, np.int64)


def test_channel_statistics_are_those_of_numpy():
    images = np.random.default_rng(0).integers(0, 256, (5000, 3, 4, 4), dtype=np.uint8)
    mean, std = channel_statistics(images)
    assert mean == pytest.approx(images.mean(axis=(0, 2, 3)))
    assert std == pytest.approx(images.std(axis=(0, 2, 3)))


def test_missing_data_is_named_with_its_folder_and_what_to_do(tmp_path):
    with pytest.raises(InputError) as caught:
        check_data(settings("cifar10", data_dir=str(tmp_path / "here")))
    for part in (str(tmp_path / "here"), "--set objective.data_dir=", "--set objective.download=true"):
        assert part in str(caught.value)


def test_a_download_that_fails_is_bad_input(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="could not be fetched"):
        check_data(settings("mnist", data_dir=str(tmp_path / "file"), download=True))


def test_fashion_mnist_is_read_from_its_files_and_test_is_the_official_one(tmp_path):
    write_fashion_mnist(tmp_path)
    own = settings("fashion_mnist", data_dir=str(tmp_path), split=Split(train=0.75, val=0.15, test=0.1))
    check_data(own)
    train, val, test = load(own, "train", "val", "test")
    assert [part.images.shape for part in (train, val, test)] == [(50, 1, 28, 28), (10, 1, 28, 28), (20, 1, 28, 28)]
    assert test.labels.tolist() == [n % 10 for n in range(20)]
    assert np.bincount(val.labels).tolist() == [1] * 10


def test_the_test_split_is_read_only_when_predict_asks(tmp_path):
    write_fashion_mnist(tmp_path)
    test_images = tmp_path / "FashionMNIST" / "raw" / "t10k-images-idx3-ubyte"
    content = test_images.read_bytes()
    test_images.write_bytes(b"nonsense")
    objective = ImageClassifierObjective(settings("fashion_mnist", data_dir=str(tmp_path)))
    objective.setup("cpu")
    assert set(objective._splits) == {"train", "val"}
    with pytest.raises(InputError, match="can't be read"):
        objective.predict({}, "test")
    test_images.write_bytes(content)
    with pytest.raises(KeyError, match="network"):
        objective.predict({}, "test")
    assert len(objective._splits["test"].labels) == 20
