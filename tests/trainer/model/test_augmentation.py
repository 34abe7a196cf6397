"""What the random changes do to images, and that they do nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

NAMES = ["RandomFlip", "RandomGeometric", "RandomPhotometric", "Mixup"]
FLIPS = [(slice(None, None, y), slice(None, None, x)) for y in (1, -1) for x in (1, -1)]


@pytest.fixture
def images() -> Any:
    """64 images between 0 and 1, smooth enough for a small turn to be a small change."""
    coarse = np.random.default_rng(0).uniform(size=(64, 4, 4, 1))
    fine = np.repeat(np.repeat(coarse, 5, axis=1), 5, axis=2)
    return (0.5 * fine + 0.25 * np.roll(fine, 1, 1) + 0.25 * np.roll(fine, 1, 2)).astype("float32")


def layer(name: str, *args: Any, **settings: Any) -> Any:
    from trainer.model import augmentation

    return getattr(augmentation, name)(*args, **settings)


def changed(keras: Any, layer: Any, images: Any) -> Any:
    return keras.ops.convert_to_numpy(layer(images, training=True))


def distance_to_a_flip(found: Any, images: Any) -> Any:
    """Mean absolute difference of each image from the nearest of its four flips."""
    return np.min([np.abs(found - images[(slice(None), *flip)]).mean((1, 2, 3)) for flip in FLIPS], axis=0)


@pytest.mark.parametrize("name", NAMES)
def test_inference_sees_the_image_itself(keras: Any, images: Any, name: str) -> None:
    for call in ({"training": False}, {}):
        found = keras.ops.convert_to_numpy(layer(name)(images, **call))
        np.testing.assert_array_equal(found, images)
    assert not np.array_equal(changed(keras, layer(name, seed=1), images), images)


def test_flip_gives_one_of_four_flips(keras: Any, images: Any) -> None:
    found = changed(keras, layer("RandomFlip"), images)
    same = np.array(
        [[np.array_equal(new, old[flip]) for flip in FLIPS] for new, old in zip(found, images, strict=True)]
    )
    assert (same.sum(axis=1) == 1).all()
    assert (same.sum(axis=0) >= 6).all()  # of 64; 16 are expected of each


@pytest.mark.parametrize("strength", [0.1, 1.0, 4.0])
def test_geometric_invents_no_values(keras: Any, images: Any, strength: float) -> None:
    found = changed(keras, layer("RandomGeometric", strength), images)
    assert found.shape == images.shape
    assert (found.min((1, 2, 3)) >= images.min((1, 2, 3)) - 1e-6).all()
    assert (found.max((1, 2, 3)) <= images.max((1, 2, 3)) + 1e-6).all()


def test_geometric_keeps_a_centred_disc_in_place_but_for_the_shift(keras: Any) -> None:
    """Turned and zoomed about the centre of the image: at a strength near 0 all four flips land on the pixel grid."""
    y, x = np.mgrid[:21, :31]
    disc = ((y - 10) ** 2 + (x - 15) ** 2 < 36).astype("float32")[None, :, :, None].repeat(16, 0)
    found = changed(keras, layer("RandomGeometric", 1e-6), disc)
    np.testing.assert_allclose(found, disc, atol=1e-3)


def test_photometric_stays_between_0_and_1(keras: Any, images: Any) -> None:
    found = changed(keras, layer("RandomPhotometric", 4.0), images)
    assert found.min() == 0
    assert found.max() == 1
    assert not np.array_equal(found, images)


def test_amplitude_grows_with_strength(keras: Any, images: Any) -> None:
    for name in ("RandomGeometric", "RandomPhotometric"):
        size = [distance_to_a_flip(changed(keras, layer(name, s), images), images).mean() for s in (0.02, 0.3, 1, 3)]
        assert size == sorted(size), name
        assert size[0] < 0.1 * size[2], name


@pytest.mark.parametrize("name", ["RandomFlip", "RandomGeometric", "RandomPhotometric"])
def test_each_image_gets_a_change_of_its_own(keras: Any, images: Any, name: str) -> None:
    one = np.repeat(images[:1], 32, axis=0)
    found = changed(keras, layer(name), one)
    assert len(np.unique(found.reshape(32, -1), axis=0)) == (4 if name == "RandomFlip" else 32)


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_the_same_numbers_and_every_call_new_ones(keras: Any, images: Any, name: str) -> None:
    first, second, other = layer(name, seed=5), layer(name, seed=5), layer(name, seed=6)
    found = [[changed(keras, one, images) for _ in range(2)] for one in (first, second, other)]
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0][0], found[0][1])
    assert not np.array_equal(found[0][0], found[2][0])


def test_mixup_mixes_each_image_with_its_neighbour(keras: Any, images: Any) -> None:
    mixup = layer("Mixup")
    shares = []
    for _ in range(20):
        found = changed(keras, mixup, images)
        share = float(mixup.share.numpy())
        np.testing.assert_allclose(found, share * images + (1 - share) * np.roll(images, 1, axis=0), atol=1e-6)
        shares.append(share)
    assert 0 <= min(shares) < 0.4 < 0.6 < max(shares) <= 1


def test_mixup_of_little_strength_stays_a_number(keras: Any, images: Any) -> None:
    mixup = layer("Mixup", 0.01)  # Beta(0.002, 0.002): 32-bit gamma variates of it are often 0
    shares = []
    for _ in range(200):
        mixup(images[:2], training=True)
        shares.append(float(mixup.share.numpy()))
    assert np.isfinite(shares).all()


def test_mixup_mixes_the_labels_with_the_share_of_the_images(keras: Any) -> None:
    from trainer.config import TrainConfig
    from trainer.model import build, compile_model, parameters, reset

    config = TrainConfig(
        depth=1, image_height=8, image_width=8, augmentation="mixup", optimizer="sgd", learning_rate=1e-12
    )
    model = build(config, ["a", "b", "c"])
    compile_model(model, config, 1)
    reset(model, config)
    mixup = model.get_layer("mixup")
    after = keras.Model(mixup.output, model.outputs)
    rng = np.random.default_rng(3)
    x = rng.integers(0, 256, (6, 8, 8, 1), "uint8")
    y = np.array([0, 1, 2, 2, 0, 1], "int32")

    def cross_entropy(logits: Any, labels: Any) -> float:
        log = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        return float(-log[np.arange(6), labels].mean())

    for _ in range(3):
        loss = float(model.train_on_batch(x, y, return_dict=True)["loss"])
        share = float(mixup.share.numpy())
        scaled = x.astype("float32") / 255
        mixed = share * scaled + (1 - share) * np.roll(scaled, 1, axis=0)
        logits = keras.ops.convert_to_numpy(after(mixed)).astype("float64")
        expected = share * cross_entropy(logits, y) + (1 - share) * cross_entropy(logits, np.roll(y, 1))
        assert loss == pytest.approx(expected, rel=1e-5)
        model.reset_metrics()
    plain = keras.ops.convert_to_numpy(model(x, training=False)).astype("float64")
    tested = float(model.test_on_batch(x, y, return_dict=True)["loss"])
    assert tested == pytest.approx(cross_entropy(plain, y), rel=1e-5)
    without = build(config.model_copy(update={"augmentation": "none"}), ["a", "b", "c"])
    assert parameters(model) == parameters(without) == without.count_params()
