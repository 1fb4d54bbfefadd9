import numpy as np
import pytest
import torch
from PIL import Image

from hpsearch.errors import FieldError, InputError
from hpsearch.objectives.loading import cautions, check_objective
from hpsearch.objectives.space_files import load_space_file
from hpsearch.space.parsing import parse_space
from hpsearch.trial.checkpoint import load_state
from hpsearch.vision import ImageClassifierObjective, check_data, check_parameters
from hpsearch.vision.data import channel_statistics, facts, load
from hpsearch.vision.image_folder import counts_line
from hpsearch.vision.section import ImageClassifier, Split
from support.attempts import begun
from support.factories import spec
from support.image_files import COUNTS, write_folder, write_image

SPLITS = ("train", "val", "test")


def settings(folder, **changes):
    return ImageClassifier(use="image_classifier", data="image_folder", data_dir=str(folder), epochs=1, **changes)


def refusal(folder, **changes):
    with pytest.raises(InputError) as caught:
        check_data(settings(folder, **changes))
    return str(caught.value)


def names_in(parts, pixels):
    """Return the files whose pixels are in each split."""
    by_pixels = {value.tobytes(): name for name, value in pixels.items()}
    return [[by_pixels[image.transpose(1, 2, 0).tobytes()] for image in part.images] for part in parts]


def test_each_file_is_in_one_split_with_the_label_of_its_folder(tmp_path):
    pixels = write_folder(tmp_path)
    check_data(settings(tmp_path))
    parts = load(settings(tmp_path), *SPLITS)
    found = names_in(parts, pixels)
    assert sorted(name for names in found for name in names) == sorted(pixels)
    for part, names in zip(parts, found, strict=True):
        assert [sorted(COUNTS)[label] for label in part.labels] == [name.split("/")[0] for name in names]
        assert (part.images.dtype, part.labels.dtype) == (np.uint8, np.int64)


@pytest.mark.parametrize("seed", range(4))
def test_the_split_has_each_class_in_proportion(tmp_path, seed):
    counts = {"ant": 41, "bee": 23, "cat": 10, "dog": 17}
    write_folder(tmp_path, counts, size=(2, 2))
    parts = load(settings(tmp_path, split_seed=seed), *SPLITS)
    for part, share in zip(parts, (0.7, 0.2, 0.1), strict=True):
        expected = np.array(list(counts.values())) * share
        assert np.abs(np.bincount(part.labels) - expected).max() <= 1


def test_the_split_depends_on_split_seed_and_not_on_the_order_of_the_files(tmp_path):
    pixels = write_folder(tmp_path / "one")
    for name in reversed(pixels):
        write_image(tmp_path / "other" / name, list(pixels).index(name))
    one, other = (names_in(load(settings(tmp_path / folder), "val"), pixels) for folder in ("one", "other"))
    assert one == other
    assert names_in(load(settings(tmp_path / "one", split_seed=1), "val"), pixels) != one


def test_images_of_any_size_are_cut_to_their_middle_square_and_resized(tmp_path):
    write_folder(tmp_path, size=(12, 12))
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = (200, 100, 50)
    Image.fromarray(wide).save(tmp_path / "fox" / "wide.png")
    assert "12x12 (cat/000.png), 60x20 (fox/wide.png); allowed: the side in pixels" in refusal(tmp_path)
    own = settings(tmp_path, image_size=10)
    check_data(own)
    parts = load(own, *SPLITS)
    assert {part.images.shape[1:] for part in parts} == {(3, 10, 10)}
    middles = [image[:, :, 1:9] for part in parts for image in part.images]
    assert [m[:, 0, 0].tolist() for m in middles if np.ptp(m, axis=(1, 2)).max() == 0] == [[200, 100, 50]]
    assert facts(own) == facts(settings(tmp_path, image_size=10, channels=3))


@pytest.mark.parametrize(("mode", "said", "channels"), [("L", None, 1), ("RGB", None, 3), ("RGB", 1, 1), ("L", 3, 3)])
def test_grey_or_colour_is_found_or_said(tmp_path, mode, said, channels):
    write_folder(tmp_path, mode=mode)
    own = settings(tmp_path, channels=said)
    assert (facts(own).channels, facts(own).side, facts(own).classes) == (channels, 12, 3)
    assert load(own, "val")[0].images.shape == (12, channels, 12, 12)


def test_one_colour_image_makes_all_colour(tmp_path):
    write_folder(tmp_path, mode="L")
    assert facts(settings(tmp_path)).channels == 1
    write_image(tmp_path / "cat" / "red.png", 0)
    assert facts(settings(tmp_path)).channels == 3


def test_sixteen_bits_are_scaled_and_turned_photos_are_upright(tmp_path):
    write_folder(tmp_path, {"a": 10, "b": 10}, size=(16, 16), mode="L")
    Image.fromarray(np.full((16, 16), 0x9000, np.uint16)).save(tmp_path / "a" / "deep.png")
    turned = np.zeros((16, 16), np.uint8)
    turned[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(turned).save(tmp_path / "a" / "turned.png", exif=exif)
    images = np.concatenate([part.images[:, 0] for part in load(settings(tmp_path), *SPLITS)])
    assert sum((image == 0x90).all() for image in images) == 1
    assert sum((image == turned[::-1]).all() for image in images) == 1


def test_files_that_cannot_be_read_are_named_before_anything_runs(tmp_path):
    write_folder(tmp_path, {"a": 20, "b": 20})
    (tmp_path / "a" / "text.png").write_text("no image")
    cut = (tmp_path / "b" / "003.png").read_bytes()
    (tmp_path / "b" / "003.png").write_bytes(cut[: len(cut) // 2])
    message = refusal(tmp_path)
    assert "2 images can't be read: a/text.png (not an image that Pillow knows), b/003.png (" in message
    (tmp_path / "a" / "text.png").unlink()
    with pytest.raises(InputError, match=r"1 image can't be read: b/003.png \("):
        load(settings(tmp_path, image_size=8, channels=1), *SPLITS)


def test_a_photo_whose_end_is_missing_is_named_before_anything_runs(tmp_path):
    write_folder(tmp_path, {"a": 10, "b": 10})
    write_image(tmp_path / "a" / "photo.jpg", 1, size=(64, 64))
    content = (tmp_path / "a" / "photo.jpg").read_bytes()
    (tmp_path / "a" / "photo.jpg").write_bytes(content[: len(content) // 2])
    assert "1 image can't be read: a/photo.jpg (" in refusal(tmp_path, image_size=12)


def test_many_unreadable_files_are_counted(tmp_path):
    write_folder(tmp_path, {"a": 20, "b": 20})
    for number in range(8):
        (tmp_path / "a" / f"{number}.jpg").write_text("")
    assert "8 images can't be read: " in refusal(tmp_path)
    assert " and 3 more; repair or remove them" in refusal(tmp_path)


def test_hidden_files_and_files_of_other_types_are_left_out(tmp_path):
    write_folder(tmp_path, {"a": 10, "b": 12})
    for name in (".DS_Store", "._000.png", "notes.txt", "deeper/.hidden/x.png"):
        (tmp_path / "a" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "a" / name).write_text("")
    write_image(tmp_path / "a" / "deeper" / "one.PNG", 5)
    (tmp_path / ".cache").mkdir()
    check_data(settings(tmp_path))
    assert sum(len(part.labels) for part in load(settings(tmp_path), *SPLITS)) == 23


@pytest.mark.parametrize(
    ("counts", "empty", "message"),
    [
        ({}, [], "found no folder in it; image_folder needs a folder for each label, at least two"),
        ({"cat": 20}, [], "found one folder, 'cat'; image_folder needs"),
        ({"cat": 20, "dog": 20}, ["fox", "owl"], "no images in fox, owl; "),
        ({"cat": 20, "dog": 3}, [], "too few images to split: 'dog' has 3 images, none of them in test; add some"),
    ],
)
def test_a_folder_that_cannot_be_split_says_why(tmp_path, counts, empty, message):
    write_folder(tmp_path, counts)
    for name in empty:
        (tmp_path / name).mkdir()
    assert message in refusal(tmp_path)
    assert refusal(tmp_path).startswith(f"objective.data_dir: {tmp_path}: ")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    assert f"{tmp_path / 'no'} is not a folder; name the images' folder with --set" in refusal(tmp_path / "no")


def test_few_images_are_enough_for_a_split_that_gives_each_part_one(tmp_path):
    write_folder(tmp_path, {"a": 3, "b": 3})
    own = settings(tmp_path, split=Split(train=0.34, val=0.33, test=0.33))
    check_data(own)
    assert [sorted(part.labels) for part in load(own, *SPLITS)] == [[0, 1]] * 3


def test_settings_of_a_folder_are_refused_for_other_data():
    own = ImageClassifier(use="image_classifier", data="digits", epochs=1, channels=3)
    with pytest.raises(FieldError, match="is for data: image_folder, not for digits") as caught:
        check_parameters(parse_space({"lr": {"loguniform": [1e-3, 1e-1]}}), own)
    assert caught.value.path == ("objective", "channels")


def test_the_counts_are_told_at_the_start_and_the_folder_is_relative_to_the_space_file(tmp_path):
    write_folder(tmp_path / "pets", {"cat": 12, "dog": 10})
    (tmp_path / "pets" / "cat" / "a.heic").write_text("")
    file = tmp_path / "pets.yaml"
    file.write_text(
        "study: pets\nmetric: val_accuracy\ndirection: maximize\n"
        "objective: {use: image_classifier, data: image_folder, data_dir: pets, model: resnet18, epochs: 1}\n"
        "space: {lr: {loguniform: [1e-3, 1e-1]}}\n"
    )
    config = load_space_file(file)
    assert cautions(config) == ["2 classes, 22 images: cat 12, dog 10; 1 file of other types left out"]
    check_objective(config)
    assert config.objective.measured_on()["folder"] == "pets"


def test_the_counts_of_many_classes_are_a_range(tmp_path):
    write_folder(tmp_path, {f"c{number:02}": 10 + number for number in range(13)}, size=(2, 2))
    assert counts_line(settings(tmp_path)) == "13 classes, 208 images: from 10 to 22 in a class"


def test_a_trial_learns_a_folder_and_its_checkpoint_carries_all_that_a_prediction_needs(tmp_path):
    write_folder(tmp_path / "data")
    rng = np.random.default_rng(0)
    for label, colour in (("cat", (220, 30, 30)), ("dog", (30, 220, 30)), ("fox", (30, 30, 220))):
        for path in (tmp_path / "data" / label).iterdir():
            noisy = np.clip(np.array(colour) + rng.integers(-30, 30, (12, 12, 3)), 0, 255)
            Image.fromarray(noisy.astype(np.uint8)).save(path)
    made = ImageClassifierObjective(settings(tmp_path / "data").model_copy(update={"epochs": 6}))
    made.setup("cpu")
    config = {"lr": 0.02, "batch_size": 8}
    trial, writer = begun(spec(tmp_path / "trial", config=config, epochs=6, metric="val_accuracy"))
    for metrics in made.train(config, trial):
        writer.commit(trial.measure(metrics, 0.0))
    state = load_state(writer.folder / writer.manifest.last.file)
    mean, std = channel_statistics(load(made.settings, "train")[0].images)
    assert (state["network"]["mean"], state["network"]["std"]) == (mean, std)
    assert len(mean) == 3
    assert state["classes"] == ["cat", "dog", "fox"]
    assert state["network"]["classes"] == 3
    probabilities, labels = made.predict(state, "test")
    assert probabilities.shape == (6, 3)
    assert (probabilities.argmax(1) == labels).mean() == 1.0
    assert torch.equal(made._splits["test"].labels, torch.from_numpy(labels))
