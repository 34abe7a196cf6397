"""What `--dry-run` says a search starts from is what its run would find."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.controller.foresight import foreseen
from search.controller.images import prepare_images
from search.controller.options import Options
from search.controller.prior import answered_on, with_prior
from search.settings import Places
from search.study import Study
from tests.search.controller.test_prior import STARTS, depths, note
from tests.search.fabricate import data_info, note_study
from tests.search.workshop import hunt
from trainer.data import DataOptions, ImageSize
from trainer.data.cache.known import known_images


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places.of(str(tmp_path / "runs"))


def files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_what_a_search_would_start_from(places: Places, tiny_images: Path) -> None:
    study, options = hunt(epochs=10), Options(data=tiny_images)
    folder = places.study("hunt")

    def told(study: Study = study, options: Options = options) -> str:
        there = files(places.runs)
        text = foreseen(study, options, places, folder)[1]
        assert files(places.runs) == there, "nothing is written"
        return text

    assert told() == f"the reference model; nothing else is known: no question was asked in {places.runs}"
    question, trials = depths({4: 0.6, 3: 0.8})
    note(places, question, trials, data=data_info(fingerprint="0" * 64))
    assert told() == (
        "the reference model; what questions on the same images found is looked up when the images are read: the cache "
        "has them not yet"
    )
    info, _ = prepare_images(study, tiny_images, places.cache, options.images)
    assert told() == (
        f"the reference model; nothing else is known: no question on the same images is answered in {places.runs}"
    )
    note(places, question, trials, data=info)
    known, text = foreseen(study, options, places, folder)
    said: list[str] = []
    assert known == with_prior(study, answered_on(places, info, quick=False), said.append)
    assert known.starts == (STARTS[1],)
    assert text == "the reference model; depth: 3 blocks; 4 trainings of depth with equal settings count as observed"
    assert said == [f"It starts from: {text}. (What questions on the same images found; --no-prior begins without.)"]
    assert told(options=Options(data=tiny_images, prior=False)) == "the reference model (--no-prior)"
    assert "is answered in" in told(options=Options(data=tiny_images, quick=True)), "a quick search has quick questions"
    note_study(folder, study)
    assert told() == "the reference model, as noted when it began"


def test_a_question_that_gives_nothing_is_named(places: Places, tiny_images: Path) -> None:
    study, options = hunt(epochs=3), Options(data=tiny_images)
    info, _ = prepare_images(study, tiny_images, places.cache, options.images)
    note(places, *depths({4: 0.8, 3: 0.6}), data=info)
    found, text = foreseen(study, options, places, places.study("hunt"))
    assert found == study
    assert text == "the reference model; nothing else is known: what depth found is that, or not in its space"


def test_a_space_without_the_reference_model_does_not_start_from_it(places: Places, tiny_images: Path) -> None:
    data = hunt(epochs=10).model_dump(exclude_none=True)
    data["scientific"]["depth"] = {"low": 1, "high": 3}
    study = Study.model_validate(data)
    text = foreseen(study, Options(data=tiny_images), places, places.study("hunt"))[1]
    assert text.startswith("what its sampler proposes; nothing else is known")


def test_the_cache_knows_images_at_any_size(places: Places, tiny_images: Path) -> None:
    study, options = hunt(epochs=10), DataOptions()
    other = ImageSize(8, 8, color=False)
    assert known_images(tiny_images, places.cache, [other], options) is None
    info, report = prepare_images(study, tiny_images, places.cache, options)
    mine = ImageSize(120, 160, color=False)
    assert known_images(tiny_images, places.cache, [other], options) is None
    assert known_images(tiny_images, places.cache, [other, mine], options) == (info.fingerprint, info.grouping)
    assert known_images(tiny_images, places.cache, [mine], DataOptions(photographs="none")) is None, "another rule"
    assert report.fingerprint == info.fingerprint
