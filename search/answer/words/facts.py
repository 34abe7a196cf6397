"""The design of a study, its data and its machine, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from search.answer.answer import Answer
from search.answer.own_model import own_facts
from search.answer.rungs import pruned_text
from search.answer.starts import measured_when
from search.answer.tuned import tuned_text
from search.answer.words.devices import device_facts
from search.answer.words.verdicts import condition
from search.answer.words.wording import count, listed, named, points_text, word
from search.folder.record import DataInfo
from search.study import Study
from search.study.conditions import condition_text
from search.study.confirm import CANDIDATES
from search.study.constraints import limits_text
from search.study.objectives import OBJECTIVES
from search.study.pruners import PRUNERS
from search.study.samplers import SAMPLERS
from search.study.space import Levels, Range
from search.study.starts import observed_text, starts_text
from search.text import duration, shown
from trainer.events import SplitName

PUBLIC_IMAGES = (9957, 2487)
PUBLIC_CLASSES = ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")


def facts(answer: Answer) -> list[tuple[str, str]]:
    """The facts on design, data and machine: what each is of, and its text."""
    return [*_design(answer), *_data(answer), *_machine(answer)]


def fact(answer: Answer, name: str) -> str:
    """The text of one of them; empty where a study knows nothing of it, or of its images."""
    return dict(facts(answer)).get(name, "") if answer.recorded.data is not None else ""


def is_public_set(data: DataInfo | None) -> bool:
    """Whether these are the images that the studied work was measured on: the public set, whole. Its folders TRAIN and
    TEST hold 9,957 and 2,487 images of these classes.
    """
    if data is None or data.is_demo:
        return False
    images = data.images["train"] + data.images["val"], data.images["test"]
    return images == PUBLIC_IMAGES and tuple(data.class_names) == PUBLIC_CLASSES


def _design(answer: Answer) -> list[tuple[str, str]]:
    recorded = answer.recorded
    study = recorded.study
    found = []
    for name in study.factors:
        spec = study.scientific[name]
        if isinstance(spec, Levels):
            levels = [shown(level) + (" (reference)" if level == spec.reference else "") for level in spec.levels]
            found.append((f"Levels of {word(name)}", ", ".join(levels)))
    if study.search is not None:
        space = "; ".join(
            f"{word(name)} {_space(spec)}{_where(study, name)}" for name, spec in study.scientific.items()
        )
        found.append(("Searched over", space))
        budget = f"{count(study.search.n_trials, 'trial')}, proposed by {SAMPLERS[study.search.sampler].words}"
        if PRUNERS[study.search.pruner].stops is not None:
            budget += f", pruned by {PRUNERS[study.search.pruner].words}"
        if study.search.patience is not None:
            budget += f"; over when {count(study.search.patience, 'trial')} in a row are no better"
        if study.search.confirm:
            budget += f"; the best {CANDIDATES} are trained again on {count(study.search.confirm, 'new seed')}"
        objectives = [OBJECTIVES[name].words for name in study.search.objectives]
        found.append(("Search", f"{budget}; objectives: {listed(objectives)}"))
        if study.starts or study.observed:
            parts = ["the reference model", starts_text(study.starts), observed_text(study.observed)]
            found.append(("Starts from", "; ".join(filter(None, parts))))
        if study.constraints:
            found.append(("Constraints", limits_text(study.constraints)))
        if (text := pruned_text(recorded)) is not None:
            found.append(("Pruned", text))
    else:
        each = "each level" if study.factor else f"each of {len(answer.levels)} combinations"
        seeds = f"{study.seeds} of {each}, the same for all" if study.factors else f"{study.seeds}"
        if study.looks:
            looks = listed([str(look) for look in study.looks])
            seeds = f"at most {seeds}; levels that are decided leave at looks after {looks}"
        found.append(("Seeds", seeds))
    if study.factors:
        found.append(("Margin", f"{points_text(study.margin)} of test {study.measure_words} count as no difference"))
        if condition(study).startswith("at "):
            rate = shown(study.base_config().learning_rate)
            found.append(("Learning rate", f"{rate} at every level, not tuned: a level may do better at another rate"))
    if answer.tuned is not None:
        found.append(("Tuned for each level", tuned_text(study, answer.tuned)))
    if study.nuisance and study.tuning:
        tuned = "; ".join(f"{word(name)} {_space(spec)}" for name, spec in study.nuisance.items())
        trials = count(study.tuning.trials_per_level, "trial")
        best = f"the best by validation {study.measure_words}"
        found.append(("Tuned for each level", f"{tuned}: {trials} per level, {best}"))
        if got := _got(answer):
            found.append(("What each level got", got))
    fixed = ", ".join(f"{word(name)} {shown(value)}" for name, value in study.fixed.items())
    found.append(("Fixed", f"{fixed or 'nothing changed'}; all else as in the reference model"))
    found.append(("Measured", measured_when(study.base_config())))
    found += own_facts(recorded)
    spent = sum(r.finished_at - r.started_at for r in recorded.records if r.finished_at is not None)
    states = Counter(record.state for record in recorded.records if record.terminal)
    failed = states["FAIL"] + states["PRUNED"]
    trials = f"{recorded.progress} have ended" + (f", {failed} without a result" if failed else "")
    found.append(("Budget", f"{trials}; {duration(spent)} of training"))
    return found


def _got(answer: Answer) -> str:
    """The nuisance parameters of each level's replicates."""
    study, parts = answer.recorded.study, []
    for level in answer.levels:
        if level.trials:
            params = level.trials[0].params
            values = ", ".join(f"{word(name)} {shown(params[name])}" for name in study.nuisance)
            parts.append(f"{named(study.factor, level.level)}: {values}")
    return "; ".join(parts)


def _where(study: Study, name: str) -> str:
    """The condition of a parameter, and its value where that does not hold."""
    text = condition_text(study.scientific[name])
    return f" ({text}; else {shown(study.base_config().model_dump()[name])})" if text else ""


def _space(spec: Levels | Range) -> str:
    if isinstance(spec, Levels):
        return ", ".join(shown(level) for level in spec.levels)
    return f"{shown(spec.low)} to {shown(spec.high)}" + (" (logarithmic)" if spec.log else "")


def _data(answer: Answer) -> list[tuple[str, str]]:
    data = answer.recorded.data
    if data is None:
        return [("Images", "not read yet")]
    what = "the built-in demo set: drawn cells, not blood" if data.is_demo else data.name
    found = [("Images", f"{what}: {listed(_splits(data))}"), ("Fingerprint", data.fingerprint[:16])]
    if data.photographs_by:
        found.append(("Photographs", data.photographs_by))
    if data.notes:
        found.append(("About the images", " ".join(data.notes)))
    if data.bad_files:
        found.append(("Left out", count(data.bad_files, "file") + " that could not be read"))
    end = next((record.finished for record in answer.recorded.finished), None)
    if end is not None:
        by_class = Counter(photo.label for photo in end.splits["test"].photos)  # one of two classes counts in both
        texts = [f"{by_class[label]} {name.lower()}" for label, name in enumerate(data.class_names)]
        found.append(("Test photographs", listed(texts)))
    return found


def _splits(data: DataInfo) -> list[str]:
    """The sentence on what trains, validates and tests."""

    def part(splits: Sequence[SplitName], what: str) -> str:
        images, photographs = (sum(counts[split] for split in splits) for counts in (data.images, data.photographs))
        return f"{images:,} images of {photographs:,} photographs for {what}"

    if data.folds == 1:
        return [part(["train"], "training"), part(["val"], "validation"), part(["test"], "testing")]
    return [part(["train", "val"], f"training and validation ({data.folds} folds)"), part(["test"], "testing")]


def _machine(answer: Answer) -> list[tuple[str, str]]:
    ready = [record.ready for record in answer.recorded.records]
    if not ready:
        return []
    devices = listed(sorted({f"{r.device_name} ({r.device.upper()})" for r in ready}))
    versions = {name: version for name, version in ready[-1].versions.items() if name != "numpy"}
    software = ", ".join(f"{name.capitalize()} {version}" for name, version in versions.items())
    unequal = device_facts(answer.recorded.study, answer.recorded.records)
    return [("Device", devices), *unequal, ("Software", software), ("Command", answer.recorded.command)]
