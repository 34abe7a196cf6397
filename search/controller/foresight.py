"""What a search would start from, for `--dry-run`: as the run would find it, without reading an image."""

from __future__ import annotations

from pathlib import Path

from search.controller.images import image_sizes
from search.controller.options import Options
from search.controller.prior import answered_on, has_questions, with_prior
from search.errors import SearchError
from search.folder.manifest import read_manifest, study_folders
from search.settings import Places
from search.study import Study
from search.study.design import reference_params
from search.study.starts import known_text
from trainer.data import ImageSize
from trainer.data.cache.known import known_images

NOTHING = "nothing else is known"


def foreseen(study: Study, options: Options, places: Places, folder: Path) -> tuple[Study, str]:
    """A search as its run would begin it, and what it starts from, in words.

    Args:
        study: the search, as its file has it.
        options: of the run.
        places: the folder of runs.
        folder: the search's own, which may not be there.

    Raises:
        SearchError, DataError: as of the run.
    """
    noted = read_manifest(folder)
    if noted is not None:
        study = study.model_copy(update={"starts": noted.study.starts, "observed": noted.study.observed})
        return study, f"{_told(study)}, as noted when it began"
    if not options.prior:
        return study, f"{_told(study)} (--no-prior)"
    if not has_questions(places):
        return study, f"{_told(study)}; {NOTHING}: no question was asked in {places.runs}"
    images = known_images(options.data, places.cache, _sizes(study, places), options.images)
    if images is None:
        text = (
            "what questions on the same images found is looked up when the images are read: the cache has them not yet"
        )
        return study, f"{_told(study)}; {text}"
    questions = answered_on(places, images, quick=options.quick)
    if not questions:
        return study, f"{_told(study)}; {NOTHING}: no question on the same images is answered in {places.runs}"
    known = with_prior(study, questions, lambda sentence: None)
    if known.starts or known.observed:
        return known, _told(known)
    names = ", ".join(question.name for question in questions)
    return study, f"{_told(study)}; {NOTHING}: what {names} found is that, or not in its space"


def _told(study: Study) -> str:
    has_reference = reference_params(study) is not None
    return known_text(study.starts, study.observed, has_reference=has_reference) or "what its sampler proposes"


def _sizes(study: Study, places: Places) -> list[ImageSize]:
    """Those of the search, then those of the questions: of the same images the cache has one of these."""
    sizes = image_sizes(study)
    for folder in study_folders(places).values():
        try:
            manifest = read_manifest(folder)
        except SearchError:
            continue
        if manifest is not None and manifest.study.kind == "levels":
            sizes += image_sizes(manifest.study)
    return sizes
