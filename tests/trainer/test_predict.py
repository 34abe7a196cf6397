"""Classifying images by the command, through MLflow's loader and over HTTP: one tiny model, the same answers."""

from __future__ import annotations

import base64
import io
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from search.answer.tables.card import REQUEST
from tests.search.fabricate import data_info, study_record, trial_record
from tests.trainer.data.sets import tiff
from trainer.config import TrainConfig
from trainer.data import ImageSize
from trainer.errors import DataError, TrainerError
from trainer.predict import UNLIKE, Classifier, _load_pyfunc, main

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE")

pytestmark = [  # Keras 3.15 and MLflow 3.17 use what NumPy 2.4 and SQLAlchemy 2.1 will drop
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
]


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from trainer.model import build, save_model

    path = tmp_path_factory.mktemp("model") / "Ada's model.keras"
    save_model(build(TrainConfig(image_height=24, image_width=32, color=True), CLASSES), path)
    return path


@pytest.fixture(scope="module")
def classifier(model_file: Path) -> Classifier:
    return Classifier(model_file)


@pytest.fixture
def images(tiny_images: Path) -> list[Path]:
    return sorted(tiny_images.glob("TEST/*/*.jpeg"))[:5]


def expected(classifier: Classifier, images: list[Path]) -> pd.DataFrame:
    """What the model says of the images, read as in training."""
    from trainer.data.images.reader import read_image

    with_size = [read_image(io.BytesIO(image.read_bytes()), [classifier.size]).pixels[0] for image in images]
    shares = classifier.probabilities(np.stack(with_size))
    return pd.DataFrame(
        {"class": [CLASSES[row.argmax()] for row in shares], **dict(zip(CLASSES, shares.T, strict=True))}
    )


def test_probabilities_are_those_of_the_logits(classifier: Classifier) -> None:
    import keras

    pixels = np.random.default_rng(0).integers(0, 256, (3, 24, 32, 3)).astype(np.uint8)
    shares = classifier.probabilities(pixels)
    logits = keras.ops.convert_to_numpy(classifier._model([pixels])).astype(np.float64)
    assert classifier.class_names == CLASSES
    assert shares.sum(axis=1) == pytest.approx([1, 1, 1])
    assert np.log(shares) - np.log(shares[:, :1]) == pytest.approx(logits - logits[:, :1], abs=1e-4)


def test_the_command_prints_a_table(
    model_file: Path, classifier: Classifier, images: list[Path], capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.chdir(images[0].parent)
    assert main(["--model", str(model_file), images[0].name, images[0].name]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["image", "class", "probability"]
    wanted = expected(classifier, images[:1]).iloc[0]
    share = max(wanted[name] for name in CLASSES)
    assert [row.split() for row in rows] == [[images[0].name, wanted["class"], f"{share:.1%}"]] * 2


def test_the_command_prints_json(
    model_file: Path, classifier: Classifier, images: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--json", "--model", str(model_file.parent), *map(str, images)]) == 0  # a folder with a model in it
    found = json.loads(capsys.readouterr().out)
    wanted = expected(classifier, images)
    assert [item["image"] for item in found] == list(map(str, images))
    assert [item["class"] for item in found] == list(wanted["class"])
    for item, (_, row) in zip(found, wanted.iterrows(), strict=True):
        assert item["probabilities"] == pytest.approx({name: row[name] for name in CLASSES}, abs=1e-5)


def test_bad_images_are_listed_and_the_others_classified(
    model_file: Path, images: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, cut = tmp_path / "text.jpeg", tmp_path / "cut.jpeg"
    text.write_text("hello")
    cut.write_bytes(images[0].read_bytes()[:300])
    given = [str(path) for path in (images[0], text, tmp_path / "missing.png", cut, images[1])]
    assert main(["--json", "--model", str(model_file), *given]) == 1
    out, err = capsys.readouterr()
    assert [item["image"] for item in json.loads(out)] == [given[0], given[-1]]
    assert err.splitlines()[0] == "3 of 5 images cannot be read:"
    assert f"{tmp_path}/missing.png: No such file or directory" in err
    assert f'{text}: text (it begins "hello"); allowed: JPEG, PNG, TIFF, BMP or WebP' in err
    assert f"{cut}: " in err
    assert main(["--model", str(model_file), str(text)]) == 1
    assert capsys.readouterr().out == ""


def test_a_folder_is_searched_for_images(
    model_file: Path, images: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["a/deep er/one.JPG", "two.png", ".hidden/three.png", "notes.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(images[0].read_bytes())
    assert main(["--json", "--model", str(model_file), str(tmp_path), str(images[0])]) == 0
    found = [item["image"] for item in json.loads(capsys.readouterr().out)]
    assert found == [str(tmp_path / names[0]), str(tmp_path / names[1]), str(images[0])]
    (tmp_path / "none").mkdir()
    assert main(["--model", str(model_file), str(tmp_path / "none")]) == 2
    wanted = f"{tmp_path}/none: no image in this folder; allowed: JPEG, PNG, TIFF, BMP or WebP, by their names\n"
    assert capsys.readouterr().err == wanted


def test_an_image_like_none_of_the_training_images_is_called_so(
    tiny_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    """Trained by hand and classified by the command; a model of before says nothing."""
    from trainer.fit import Session
    from trainer.source import Source

    config = TrainConfig(trial="cells", depth=1, image_height=24, image_width=32, batch_size=8, epochs=1)
    events: list[Any] = []
    Session(Source(tiny_images, tmp_path / "cache", tmp_path)).train(config, events.append)
    model = tmp_path / "cells.keras"
    assert events[-1].model_file == model.name, events[-1]
    known = Classifier(model).familiar
    assert known is not None
    assert (known.test_images, known.false_alarms) == (18, 0)

    logo = tmp_path / "logo.png"
    pixels = np.full((48, 64, 3), 255, np.uint8)
    pixels[8:40:4, 8:56] = (200, 0, 60)
    Image.fromarray(pixels).save(logo)
    cell = str(next(tiny_images.glob("TEST/*/*.jpeg")))
    monkeypatch.setenv("COLUMNS", "400")
    assert main(["--model", str(model), cell, str(logo)]) == 0
    _, first, second, end = capsys.readouterr().out.splitlines()
    assert not first.rstrip().endswith(UNLIKE)
    assert second.rstrip().endswith(UNLIKE)
    assert end == "By the same limit 0 of the model's own 18 test images look like none of the training images."
    assert main(["--json", "--model", str(model), cell, str(logo)]) == 0
    assert [item["unlike_training"] for item in json.loads(capsys.readouterr().out)] == [False, True]


def test_a_model_that_does_not_know_its_training_images_says_nothing(
    model_file: Path, images: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--json", "--model", str(model_file), str(images[0])]) == 0
    assert json.loads(capsys.readouterr().out)[0]["unlike_training"] is None


def test_mlflow_gets_an_error_of_its_own_kind(model_file: Path) -> None:
    """Which its server answers with; else it sends a stack trace."""
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match=r"^1 of 1 images cannot be read:\n  image 0: ") as caught:
        _load_pyfunc(str(model_file)).predict([b"no image"])
    assert caught.value.get_http_status_code() == 400


def test_no_line_of_tensorflow_stands_in_the_output(model_file: Path, images: list[Path]) -> None:
    command = [sys.executable, "-m", "trainer.predict", "--model", str(model_file), str(images[0])]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_")} | {"COLUMNS": "400"}
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=environment)
    assert run.stderr == ""
    assert len(run.stdout.splitlines()) == 2


def test_files_are_read_as_in_the_training(tmp_path: Path) -> None:
    """Another aspect ratio, and 12 bits in 16."""
    from trainer.model import build, save_model

    config = TrainConfig(image_height=24, image_width=32, resize="pad")
    reading = {"fit": "pad", "ranges": [[0, 4095], [0, 1]]}
    save_model(build(config, CLASSES), tmp_path / "deep.keras", reading)
    classifier = Classifier(tmp_path / "deep.keras")
    assert classifier.size == ImageSize(24, 32, False, "pad")
    data = tiff(np.full((48, 48), 4095, np.uint16))
    (pixels,) = classifier.read([("image", lambda: io.BytesIO(data))])
    assert pixels[:, :4].max() == 0
    assert pixels[:, 4:28].min() == 255
    ascii_data = tiff(np.full((64, 32), 100, np.uint8))  # no base64, though it is ASCII
    assert ascii_data.isascii()
    assert _load_pyfunc(str(tmp_path)).predict([ascii_data])["class"][0] in CLASSES


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda folder: folder / "none",
            "no such file or folder; a model is a .keras file, or a folder with one in it",
        ),
        (lambda folder: folder, "a folder with exactly one .keras file is needed; found none"),
        (lambda folder: [(folder / f"{n}.keras").touch() for n in "ab"] and folder, "found a.keras, b.keras"),
        (lambda folder: (folder / "x.keras").write_text("x") and folder / "x.keras", "no model of this trainer"),
    ],
)
def test_no_model(tmp_path: Path, make: Any, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TrainerError, match=message):
        Classifier(make(tmp_path))
    assert main(["--model", str(make(tmp_path)), "image.png"]) == 2
    assert message in capsys.readouterr().err


def test_mlflow_may_hand_over_images_in_any_of_its_forms(
    model_file: Path, classifier: Classifier, images: list[Path], monkeypatch: Any
) -> None:
    served = _load_pyfunc(str(model_file))
    wanted = expected(classifier, images)
    whole = [image.read_bytes() for image in images]
    text = [base64.encodebytes(content).decode() for content in whole]  # with line breaks
    pixels = np.stack([classifier.read([("", lambda image=image: image.open("rb"))])[0] for image in images])  # type: ignore[misc]
    for given in (pd.DataFrame({"image": whole}), pd.DataFrame({"image": text}), whole, np.array(text, "S"), pixels):
        pd.testing.assert_frame_equal(served.predict(given), wanted, check_exact=False)
    assert list(served.predict(pd.DataFrame({"image": []})).columns) == ["class", *CLASSES]
    monkeypatch.delitem(sys.modules, "mlflow.exceptions", raising=False)
    with pytest.raises(DataError, match=r"2 of 3 images cannot be read:\n  image 1: .*\n  image 2: "):
        served.predict([whole[0], b"\xff\xd8 no", "no base64"])


@contextmanager
def serving(model: Path, log: Path) -> Iterator[str]:
    """`mlflow models serve` on the model; the address that classifies."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        "mlflow",
        "models",
        "serve",
        "--env-manager",
        "local",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-m",
        str(model),
    ]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # MLflow calls `uvicorn` by name
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=log.parent,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "PATH": path},
        )
    try:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            assert process.poll() is None, log.read_text()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=30).close()
                break
            except OSError:
                time.sleep(0.1)  # between two questions
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ask(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.load(response)["predictions"]


@pytest.mark.slow
def test_the_model_in_mlflow_answers_with_class_names(
    model_file: Path, classifier: Classifier, images: list[Path], tmp_path: Path
) -> None:
    from search.stores.mlflow import Tracker

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    study = study_record(data=data_info(class_names=CLASSES))
    tracker = Tracker(uri, tmp_path / "artifacts", with_pictures=False)
    model_id = tracker.log_model(study, trial_record(classes=CLASSES), model_file, CLASSES, images[0])
    tracker.close()
    (model,) = tmp_path.glob(f"artifacts/*/models/{model_id}/artifacts")
    wanted = expected(classifier, images).to_dict("records")

    assert Classifier(model).class_names == CLASSES  # `--model` takes MLflow's folder too
    with serving(model, tmp_path / "log") as url:  # from another folder: the model brings its own code
        whole = [base64.b64encode(image.read_bytes()).decode() for image in images]
        for body in ({"dataframe_records": [{"image": image} for image in whole]}, {"inputs": whole}):
            answer = ask(url, body)
            assert [row["class"] for row in answer] == [row["class"] for row in wanted]
            for row, right in zip(answer, wanted, strict=True):
                assert {name: row[name] for name in CLASSES} == pytest.approx(
                    {name: right[name] for name in CLASSES}, abs=1e-5
                )
        assert (
            ask(url, json.loads((model / "serving_input_example.json").read_text()))[0]["class"] == wanted[0]["class"]
        )
        assert REQUEST in (ROOT / "README.md").read_text()
        if shutil.which("curl"):
            shown = REQUEST.replace("http://127.0.0.1:5001/invocations", url).replace(
                "IMAGE", shlex.quote(str(images[0]))
            )
            said = subprocess.run(["bash", "-c", shown], capture_output=True, text=True, check=True).stdout
            assert json.loads(said)["predictions"][0]["class"] == wanted[0]["class"]
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(url, {"inputs": [base64.b64encode(b"\xff\xd8 no").decode()]})
        assert caught.value.code == 400
        answer = json.load(caught.value)
        assert answer["message"].startswith("1 of 1 images cannot be read:\n  image 0: ")
        assert "stack_trace" not in answer


def test_the_command_knows_no_service() -> None:
    program = """
import sys
import trainer.predict
print([name for name in sys.modules if name.split(".")[0] in ("mlflow", "optuna", "keras", "tensorflow", "pandas")])
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
