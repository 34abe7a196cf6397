"""What is known before a search begins: questions that were answered on the same images, in the same folder of runs.

Their journals and manifests are read as those of any study; nothing is asked of Optuna or MLflow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from search.errors import SearchError
from search.folder.figure import stayed_at_chance
from search.folder.load import StoredStudy, recorded
from search.folder.manifest import read_manifest, study_folders
from search.folder.record import DataInfo
from search.settings import Places
from search.study import Study
from search.study.conditions import active
from search.study.design import config_of, reference_params
from search.study.objectives import OBJECTIVES
from search.study.space import Levels, Range
from search.study.starts import Found, Observed, Start, known_text, starts_from
from trainer.config import default_of
from trainer.data.cache.known import KnownImages
from trainer.errors import ConfigError

COSTS = ("vram_peak_mib", "parameters")  # what the objective `cost` may be
# In which trials of a search differ among themselves, and `photographs`, the id of a record that slots read.
DIFFERING = ("trial", "seed", "fold", "photographs")


def has_questions(places: Places) -> bool:
    """Whether any question lies in the folder of runs, on whatever images; told from the manifests alone."""
    for folder in study_folders(places).values():
        try:
            manifest = read_manifest(folder)
        except SearchError:  # `python -m search.list` names it
            continue
        if manifest is not None and manifest.study.kind == "levels":
            return True
    return False


def answered_on(places: Places, data: DataInfo | KnownImages, *, quick: bool) -> list[StoredStudy]:
    """The questions all of whose trainings are over, on these images with these photographs, by name. After --fresh the
    last one counts.

    Args:
        places: the folder of runs.
        data: the images.
        quick: whether those are meant that were cut short.
    """
    found: dict[str, StoredStudy] = {}
    for folder in study_folders(places).values():
        try:
            manifest = read_manifest(folder)
            if manifest is None or manifest.study.kind != "levels" or manifest.record.quick != quick:
                continue
            other = manifest.record.data
            if (other.fingerprint, other.grouping) != (data.fingerprint, data.grouping):
                continue
            question = recorded(folder)
        except SearchError:
            continue
        base = question.study.name
        if question.finished and question.is_over and (base not in found or _began(question) > _began(found[base])):
            found[base] = question
    return [found[name] for name in sorted(found)]


def with_prior(study: Study, questions: list[StoredStudy], say: Callable[[str], None]) -> Study:
    """A search with its first trials, from what questions found, and what its sampler learns from; says so.

    Args:
        study: the search.
        questions: that were answered on the same images.
        say: tells the user.
    """
    anchors = {name: spec.anchor(default_of(name)) for name, spec in study.scientific.items()}
    base = anchors | (reference_params(study) or {})
    found = [one for one in (_found(study, base, question) for question in questions) if one is not None]
    wanted = starts_from(base, found, study.scientific) if found else ()
    starts = tuple(start for start in wanted if _can_be_trained(study, start))
    observed = tuple(one for question in questions for one in _observed(study, question))
    if not starts and not observed:
        return study
    text = known_text(starts, observed, has_reference=reference_params(study) is not None)
    say(f"It starts from: {text}. (What questions on the same images found; --no-prior begins without.)")
    return study.model_copy(update={"starts": starts, "observed": observed})


def _observed(study: Study, question: StoredStudy) -> Iterator[Observed]:
    """The trainings of a question that differ from a trial of the search in nothing but seed and fold."""
    assert study.search is not None
    names = {name for name in (*study.search.objectives, *study.constraints) if name != "cost"}
    names |= set(COSTS) if "cost" in study.search.objectives else set()
    for record in question.finished:
        end, theirs = record.finished, record.config.model_dump()
        asked: dict[str, Any] = {name: theirs.get(name) for name in study.scientific}
        params = active(study.scientific, asked)
        inside = all(_contains(study.scientific[name], value) for name, value in params.items())
        if end is None or not inside or record.config.uses_own_code:
            continue
        try:
            ours = config_of(study, params, study.name, 0).model_dump()
        except ConfigError:
            continue
        if all(ours[name] == value for name, value in theirs.items() if name not in DIFFERING):
            told = () if stayed_at_chance(end) else sorted(names)
            values = {name: OBJECTIVES[name].value(end, name) for name in told}
            known = {name: value for name, value in values.items() if value is not None}
            yield Observed(study=question.name, number=record.number, params=params, values=known)


def _began(question: StoredStudy) -> float:
    return max(record.started_at for record in question.records)


def _found(study: Study, base: Mapping[str, Any], question: StoredStudy) -> Found | None:
    """The best level of a question, where the search has its parameter and the level is in its space."""
    from search.answer import answer_of  # NumPy and SciPy: a second, which searches without questions need not wait
    from search.answer.words.wording import named

    factor = question.study.factor
    if factor is None or factor not in study.scientific:
        return None
    best = answer_of(question).best
    if best is None or not best.trials:
        return None
    trained = best.trials[0].config.model_dump()
    params = {name: trained.get(name, base[name]) for name in study.scientific}
    inside = {name: value for name, value in params.items() if _contains(study.scientific[name], value)}
    if factor not in inside:
        return None
    return Found(question=question.name, factor=factor, level=named(factor, best.level), params=inside)


def _contains(spec: Levels | Range, value: Any) -> bool:
    whole = isinstance(spec, Range) and isinstance(spec.low, int) and isinstance(spec.high, int)
    return spec.contains(value) and not (whole and isinstance(value, float))


def _can_be_trained(study: Study, start: Start) -> bool:
    try:
        config_of(study, start.params, study.name, 0)
    except ConfigError:
        return False
    return True
