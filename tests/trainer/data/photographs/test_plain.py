from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.trainer.data.photographs.scenes import find, scene, write
from trainer.data.photographs.plain import alike, symmetries


def icon(seed: int, side: int = 16) -> Image.Image:
    levels = np.random.default_rng([12, seed]).integers(0, 256, (4, 4), np.uint8)
    return Image.fromarray(levels).resize((side, side), Image.Resampling.BICUBIC)


def test_icons_are_compared_over_the_symmetries(tmp_path: Path) -> None:
    images = {}
    for seed in range(20):
        for number, square in enumerate(symmetries(np.asarray(icon(seed)))):
            images[f"{seed:02}-{number}.jpeg"] = Image.fromarray(np.ascontiguousarray(square))
    found = find(write(tmp_path, images, quality=92))
    assert found.groups == tuple(seed for seed in range(20) for _ in range(8))
    assert len(found.plain) == 160


def test_blank_images_are_each_their_own(tmp_path: Path) -> None:
    blank = {f"{level}.png": Image.new("L", (160, 120), level) for level in (0, 1, 128, 254, 255)}
    noise = {
        f"noise {n}.png": Image.fromarray((200 + np.random.default_rng(n).normal(0, 1, (120, 160))).astype(np.uint8))
        for n in range(4)
    }
    found = find(write(tmp_path, {**blank, **noise, "scene.png": scene(1)}))
    assert found.photographs == 10
    assert set(found.plain) >= set(range(5))


def test_one_pixel(tmp_path: Path) -> None:
    images = {"a.png": Image.new("L", (1, 1), 9), "b.png": Image.new("L", (1, 300), 9), "c.png": Image.new("L", (7, 2))}
    assert find(write(tmp_path, images)).groups == (0, 1, 2)


def test_lying_and_upright_pictures_are_told_apart() -> None:
    """Stretched to a square, a picture of another shape may look the same."""
    thumbnail = np.asarray(icon(1, 32))
    pair = np.stack([thumbnail, np.ascontiguousarray(np.rot90(thumbnail))])
    assert alike(pair, np.array([[20, 30], [30, 20]])) == [(0, 1)]
    assert alike(pair, np.array([[20, 30], [20, 30]])) == []


def test_a_few_levels_apart_is_another_picture() -> None:
    thumbnail = np.asarray(icon(1, 32)) // 2
    shapes = np.full((2, 2), 32)
    assert alike(np.stack([thumbnail, thumbnail + 1]), shapes) == [(0, 1)]
    assert alike(np.stack([thumbnail, thumbnail + 5]), shapes) == []


def test_small_scenes_have_features_enough(tmp_path: Path) -> None:
    small = {f"{n}{side}.png": image.resize((64, 48), Image.Resampling.BOX) for n in range(10)
             for side, image in (("a", scene(n, spots=40)), ("b", scene(n, spots=40).rotate(15)))}  # fmt: skip
    found = find(write(tmp_path, small))
    assert found.groups == tuple(n for n in range(10) for _ in range(2)), found
