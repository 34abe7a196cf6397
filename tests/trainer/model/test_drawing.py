"""`python -m trainer.model`: the table's figures, the picture's boxes, and how it says no."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from trainer.config import TrainConfig


def draw(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The command, in this process."""
    monkeypatch.setattr(sys, "argv", ["trainer.model", *arguments])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("trainer.model", run_name="__main__")
    return ended.value.code


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_the_reference_model_as_a_table_and_a_picture(
    keras: Any, wide: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pictures" / "a model.png"
    assert draw(monkeypatch, "--out", str(file)) == 0
    out = capsys.readouterr().out
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if line.startswith("│")]
    assert len(lines) == 22 + 1
    assert lines[0] == ["image", "pixels, 0-255", "120 × 160 × 1", "", ""]
    assert lines[2] == ["conv_1", "convolution 3×3", "120 × 160 × 16", "160", "5,529,600"]
    assert lines[-2] == ["logits", "dense", "4", "36", "64"]
    assert lines[-1] == ["total", "", "", "22,476", "30,794,816"]
    assert "Reference model" in out
    assert f"Picture: {file}\n" in out
    with Image.open(file) as image:
        assert image.format == "PNG"
        assert image.width > image.height > 400
        assert len(image.convert("RGB").getcolors(1_000_000)) > 100  # something is drawn


@pytest.mark.parametrize("values", [
    {},
    {"depth": 6, "augmentation": "all", "pooling": "strided", "normalization": "batch", "dropout_rate": 0.25},
    {"depth": 2, "augmentation": "mixup", "pooling": "blur", "head": "global_average", "normalization": "none"},
    {"depth": 1, "augmentation": "flip", "pooling": "average", "color": True},
])  # fmt: skip
def test_every_layer_has_its_box_and_no_text_leaves_it(keras: Any, values: dict[str, Any]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.patches import FancyBboxPatch

    from trainer.model import build, flops_per_image, parameters
    from trainer.model.drawing import picture, rows

    config = TrainConfig.of(values)
    model = build(config, ["a", "b"])
    layers = rows(model, config)
    assert [row.name for row in layers] == [layer.name for layer in model.layers[:-1]]
    assert sum(row.parameters for row in layers) == parameters(model)
    assert sum(row.flops for row in layers) == flops_per_image(model)
    figure = picture(layers, "a title")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    axes = figure.axes[0]
    boxes = [patch.get_window_extent() for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    assert len(boxes) == len(layers)
    columns = ["input", *(f"block {n + 1}" for n in range(config.depth)), "head"]
    texts = {text.get_text(): text.get_window_extent() for text in axes.texts}
    assert {"a title", *columns, *(row.name for row in layers)} <= texts.keys()
    for first in boxes:
        assert sum(first.overlaps(other) for other in boxes) == 1
        assert figure.bbox.x0 < first.x0 < first.x1 < figure.bbox.x1
        assert figure.bbox.y0 < first.y0 < first.y1 < figure.bbox.y1
    for text in axes.texts:
        extent = text.get_window_extent()
        around = [box for box in boxes if box.overlaps(extent)]
        assert len(around) == (0 if text.get_text() in {"a title", *columns} else 1), text.get_text()
        for box in around:
            assert box.x0 < extent.x0 < extent.x1 < box.x1, text.get_text()
            assert box.y0 < extent.y0 < extent.y1 < box.y1, text.get_text()


def test_a_file_and_changes_to_it(
    keras: Any, wide: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"trial": "x", "depth": 2, "pooling": "average"}))
    arguments = (
        "--config",
        str(file),
        "--set",
        "pooling=blur",
        "--set",
        "color=true",
        "--out",
        str(tmp_path / "m.png"),
    )
    assert draw(monkeypatch, *arguments) == 0
    out = capsys.readouterr().out
    assert "depth 2, pooling blur, color True" in out
    assert "120 × 160 × 3" in out
    assert out.count("max and blur, stride 2") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--set", "depth=7", "--set", "colour=red"],
            "depth: Input should be less than or equal to 6 (found 7)\n"
            "colour: Extra inputs are not permitted (found 'red')\n",
        ),
        (["--set", "depth"], "--set depth: name=value is needed, such as --set pooling=blur\n"),
        (["--out", "model.jpg"], "--out model.jpg: the picture is a PNG file; its name must end with .png\n"),
        (["--config", "none.json"], "none.json: cannot be read: [Errno 2] No such file or directory: 'none.json'\n"),
        (
            ["--config", "bad.json"],
            "bad.json: this is no TrainConfig\nepochs: Input should be greater than or equal to 1 (found 0)\n",
        ),
        (["--out", "folder.png"], "--out folder.png: cannot be written: Is a directory\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_ends_with_2(
    keras: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], message: str,
) -> None:  # fmt: skip
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "bad.json").write_text('{"epochs": 0}')
    monkeypatch.chdir(tmp_path)
    assert draw(monkeypatch, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.err == message
    assert "Picture" not in captured.out
