"""A model measured on a folder of known classes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainer.classifier import Classifier
from trainer.config import TrainConfig
from trainer.data import DataOptions
from trainer.errors import DataError
from trainer.evaluate import evaluate, main
from trainer.intervals import share_by_photograph

CLASSES = ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from trainer.model import build, save_model

    path = tmp_path_factory.mktemp("model") / "tiny.keras"
    save_model(build(TrainConfig(depth=1, image_height=24, image_width=32), CLASSES), path)
    return path


@pytest.fixture
def elsewhere(tiny_images: Path, tmp_path: Path) -> Path:
    """Another laboratory's folder: two of the classes, no splits, photographs told."""
    folder = tmp_path / "Ada's lab"
    lines = ["file,photograph"]
    for name in CLASSES[:2]:
        (folder / name).mkdir(parents=True)
        for image in sorted(tiny_images.glob(f"TEST/{name}/*.jpeg")):
            shutil.copy(image, folder / name)
            lines.append(f"{name}/{image.name},{name}{image.name.split('_')[1]}")
    (folder / "photographs.csv").write_text("\n".join(lines))
    return folder


def test_it_counts_what_the_model_says(model_file: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classifier = Classifier(model_file)
    found = evaluate(classifier, elsewhere)
    files = sorted(elsewhere.glob("*/*.jpeg"))
    pixels = classifier.read([(str(file), lambda file=file: file.open("rb")) for file in files])  # type: ignore[misc]
    said = classifier.probabilities(pixels).argmax(axis=1)
    right = np.array([CLASSES[label] == file.parent.name for label, file in zip(said, files, strict=True)])
    photos = [file.parent.name + file.name.split("_")[1] for file in files]
    assert (found.images, found.photographs, found.split, found.unlike, found.bad) == (12, 4, "all", None, ())
    assert found.accuracy == share_by_photograph(right, photos)
    assert found.recall[0] == share_by_photograph(right[:6], photos[:6])
    assert found.recall[2] is None
    assert sum(map(sum, found.confusion)) == 12
    assert main(["--json", "--model", str(model_file), str(elsewhere)]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == found.accuracy.as_json()


def test_the_command_prints_a_table(
    model_file: Path, tiny_images: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    """Of the test images alone, where the folder names some."""
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["--model", str(model_file), str(tiny_images)]) == 0
    first, second, head, *rows = capsys.readouterr().out.splitlines()
    assert first == "18 test images of 6 photographs, told by photographs.csv."
    assert second.startswith("Classified rightly: ")
    assert ", the 95 % interval over photographs. Macro F1 0." in second
    assert head.split()[:4] == ["class", "images", "photographs", "recall"]
    assert [row.split()[:3] for row in rows] == [[name, "6", "2"] for name in CLASSES]


def test_bad_images_are_left_out_and_listed(
    model_file: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / "LYMPHOCYTE" / "bad.jpeg").write_text("hello")
    assert main(["--json", "--photographs", "none", "--model", str(model_file), str(elsewhere)]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["images"] == 12
    assert err.startswith("1 of 13 files are no usable images:\n  LYMPHOCYTE/bad.jpeg: text")


def test_what_cannot_be_measured_is_refused(model_file: Path, elsewhere: Path, tmp_path: Path) -> None:
    classifier = Classifier(model_file)
    with pytest.raises(DataError, match="no val images"):
        evaluate(classifier, elsewhere, DataOptions("none"), "val")
    (elsewhere / "BASOPHIL").mkdir()
    wanted = "classes that the model does not know: BASOPHIL; allowed: EOSINOPHIL, LYMPHOCYTE, MONOCYTE"
    with pytest.raises(DataError, match=wanted):
        evaluate(classifier, elsewhere)
    assert main(["--model", str(tmp_path / "none.keras"), str(elsewhere)]) == 2
