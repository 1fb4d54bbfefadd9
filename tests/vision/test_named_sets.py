import pickle
import struct
from typing import get_args

import numpy as np
import pytest
import scipy.io
from torchvision import datasets

from hpsearch.errors import InputError
from hpsearch.vision import ImageClassifierObjective, check_data
from hpsearch.vision.data import facts, load
from hpsearch.vision.named_sets import DATA_SETS
from hpsearch.vision.parameters import Hyperparameters
from hpsearch.vision.section import ImageClassifier, Split

OF_EMNIST = {name: part.classes for name, part in DATA_SETS.items() if name.startswith("emnist")}
TRAIN, TEST = 3, 1  # images of each class


def settings(data, folder):
    split = Split(train=0.6, val=0.3, test=0.1)
    return ImageClassifier(use="image_classifier", data=data, data_dir=str(folder), epochs=1, split=split)


def drawn(count, *shape):
    return np.random.default_rng(count).integers(0, 256, (count, *shape), dtype=np.uint8)


def labels_of(classes, each):
    return np.tile(np.arange(classes), each)


def write_idx(folder, names, labels):
    """Write images and labels in the format of http://yann.lecun.com/exdb/mnist; return the images."""
    folder.mkdir(parents=True, exist_ok=True)
    images = drawn(len(labels), 28, 28)
    (folder / names[0]).write_bytes(struct.pack(">4i", 2051, *images.shape) + images.tobytes())
    (folder / names[1]).write_bytes(struct.pack(">2i", 2049, len(labels)) + labels.astype(np.uint8).tobytes())
    return images


def write_kmnist(folder, classes=10):
    raw = folder / "KMNIST" / "raw"
    for part, each in (("train", TRAIN), ("t10k", TEST)):
        images = write_idx(raw, (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"), labels_of(classes, each))
    return images[:, None]


def write_emnist(folder, part, classes):
    raw = folder / "EMNIST" / "raw"
    first = 1 if part == "letters" else 0
    for which, each in (("train", TRAIN), ("test", TEST)):
        names = tuple(f"emnist-{part}-{which}-{kind}" for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))
        images = write_idx(raw, names, labels_of(classes, each) + first)
    return images.transpose(0, 2, 1)[:, None]


def write_cifar(folder, monkeypatch, reader, key, classes):
    """Write pickles as those of https://www.cs.toronto.edu/~kriz/cifar.html, whose sums are not compared."""
    base = folder / reader.base_folder
    base.mkdir(parents=True)
    for kind, each in (("train_list", TRAIN), ("test_list", TEST)):
        names = [name for name, _sum in getattr(reader, kind)]
        labels = labels_of(classes, each)
        images = drawn(len(labels), 3072)
        pieces = zip(np.array_split(images, len(names)), np.array_split(labels, len(names)), strict=True)
        for name, (some, theirs) in zip(names, pieces, strict=True):
            (base / name).write_bytes(pickle.dumps({"data": some, key: theirs.tolist()}))
        monkeypatch.setattr(reader, kind, [[name, None] for name in names])
    meta = dict(reader.meta, md5=None)
    (base / meta["filename"]).write_bytes(pickle.dumps({meta["key"]: [str(label) for label in range(classes)]}))
    monkeypatch.setattr(reader, "meta", meta)
    return images.reshape(-1, 3, 32, 32)


def write_svhn(folder, monkeypatch):
    folder.mkdir(parents=True, exist_ok=True)
    parts = {}
    for part, each in (("train", TRAIN), ("test", TEST)):
        labels = labels_of(10, each)
        images = drawn(len(labels), 3, 32, 32)
        content = {"X": images.transpose(2, 3, 1, 0), "y": np.where(labels == 0, 10, labels)[:, None]}
        scipy.io.savemat(folder / f"{part}_32x32.mat", content)
        parts[part] = ["", f"{part}_32x32.mat", None]
    monkeypatch.setattr(datasets.SVHN, "split_list", parts)
    return images


def written(data, folder, monkeypatch):
    """Write tiny files of a data set in its own format; return the images of the official test set, upright."""
    if data == "kmnist":
        return write_kmnist(folder)
    if data.startswith("emnist"):
        return write_emnist(folder, data.removeprefix("emnist_"), OF_EMNIST[data])
    if data == "cifar10":
        return write_cifar(folder, monkeypatch, datasets.CIFAR10, "labels", 10)
    if data == "cifar100":
        return write_cifar(folder, monkeypatch, datasets.CIFAR100, "fine_labels", 100)
    return write_svhn(folder, monkeypatch)


@pytest.mark.parametrize("data", ["kmnist", *OF_EMNIST, "cifar10", "cifar100", "svhn"])
def test_a_data_set_is_read_from_its_files(tmp_path, monkeypatch, data):
    with pytest.raises(InputError, match=f"{data} is not there .* --set objective.download=true"):
        check_data(settings(data, tmp_path))
    expected = written(data, tmp_path, monkeypatch)
    own = settings(data, tmp_path)
    check_data(own)
    known = facts(own)
    train, val, test = load(own, "train", "val", "test")
    assert np.array_equal(test.images, expected)
    assert test.labels.tolist() == list(range(known.classes)) * TEST
    assert np.bincount(train.labels).tolist() == [2] * known.classes
    assert np.bincount(val.labels).tolist() == [1] * known.classes
    for part in (train, val, test):
        assert part.images.shape[1:] == (known.channels, known.side, known.side)
        assert (part.images.dtype, part.labels.dtype) == (np.uint8, np.int64)


def test_classes_of_emnist_are_those_of_torchvision():
    counts = {f"emnist_{part}": len(names) for part, names in datasets.EMNIST.classes_split_dict.items()}
    assert counts.pop("emnist_letters") - 1 == OF_EMNIST["emnist_letters"]  # torchvision has a name for label 0 too
    assert counts == {name: count for name, count in OF_EMNIST.items() if name != "emnist_letters"}


def test_each_name_that_a_space_file_may_have_is_known():
    names = set(get_args(ImageClassifier.model_fields["data"].annotation))
    assert names - {"image_folder"} == set(DATA_SETS)


@pytest.mark.parametrize("model", ["small_cnn", "mlp", "squeezenet1_1"])
def test_a_network_has_an_output_for_each_class(tmp_path, monkeypatch, model):
    written("cifar100", tmp_path, monkeypatch)
    made = ImageClassifierObjective(settings("cifar100", tmp_path).model_copy(update={"model": model}))
    made.setup("cpu")
    spec = made._spec(Hyperparameters())
    assert (spec.classes, spec.channels, spec.side, len(spec.mean)) == (100, 3, 32, 3)
    assert spec.build().eval()(made._splits["val"].images[:2]).shape == (2, 100)


def test_a_damaged_file_is_bad_input(tmp_path):
    for name in DATA_SETS["cifar100"].files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"nonsense")
    with pytest.raises(InputError, match="cifar100 can't be read: Dataset not found or corrupted"):
        load(settings("cifar100", tmp_path), "train")
