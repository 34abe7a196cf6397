from __future__ import annotations

import numpy as np
import pytest

from trainer.data.photographs.names import adjusted_rand_index, names_agreement


def test_equal_groups_agree_and_shuffled_ones_do_not() -> None:
    groups = np.repeat(np.arange(40), 5)
    assert adjusted_rand_index(groups, groups[::-1].copy()) == 1
    shuffled = np.random.default_rng(0).permutation(groups)
    assert abs(adjusted_rand_index(groups, shuffled)) < 0.05


def test_the_index_is_that_of_the_paper() -> None:
    """Against the formula by hand: pairs together in both 2, in either 3 and 3, of 15; expected 0.6."""
    one, other = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 0, 1, 1, 2, 3])
    assert adjusted_rand_index(one, other) == pytest.approx((2 - 3 * 2 / 15) / ((3 + 2) / 2 - 3 * 2 / 15))


def test_only_pairs_of_one_stratum_count() -> None:
    """Two groupings that respect the folders, and agree in nothing else."""
    rng = np.random.default_rng(0)
    folders = np.repeat(np.arange(8), 60)
    one, other = (folders * 10 + rng.integers(0, 10, 480) for _ in range(2))
    assert adjusted_rand_index(one, other) > 0.05
    assert abs(adjusted_rand_index(one, other, folders)) < 0.02
    assert adjusted_rand_index(one, one, folders) == 1


def test_names_that_tell() -> None:
    files = [f"TRAIN/A/patient{p}_cell{c}.png" for p in range(20) for c in range(3)]
    found = names_agreement(files, [f"p{row // 3}" for row in range(60)])
    assert found is not None
    assert (found.example, found.groups, found.index) == ("[patient0]_cell0", 20, 1.0)
    assert found.sentence("the pixels") == (
        "The files' names agree with the pixels (names as [patient0]_cell0 would make 20 photographs; adjusted Rand "
        "index 1.00)."
    )


def test_the_names_of_an_image_generator_do_not() -> None:
    rng = np.random.default_rng(0)
    files, photos = [], []
    for _ in range(10):
        for position, photo in enumerate(rng.permutation(30)):
            files.append(f"TRAIN/A/_{position}_{rng.integers(10_000)}.jpeg")
            photos.append(str(photo))
    found = names_agreement(files, photos)
    assert found is not None
    assert abs(found.index) < 0.05
    assert found.sentence("the pixels").startswith(
        "The files' names do not tell the photographs, and are not used: the pixels contradict them (names as [_"
    )


@pytest.mark.parametrize("files", [["a.png", "b.png"], ["1.png", "2.png"], [f"img_{n}.png" for n in range(9)]])
def test_names_without_a_pattern_say_nothing(files: list[str]) -> None:
    assert names_agreement(files, [str(n) for n in range(len(files))]) is None
