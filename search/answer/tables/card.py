"""The model card of a champion, in Markdown (after Mitchell et al. 2019, "Model Cards for Model Reporting")."""

from __future__ import annotations

from collections.abc import Sequence

from search.answer.evidence import Evidence
from search.answer.levels import LevelAnswer
from search.answer.measure_table import CLASS_MEASURES, MEASURES
from search.answer.search_result import search_answer
from search.answer.tables.cells import difference, with_interval
from search.answer.tables.rows import measure_text
from search.answer.words.wording import count, listed, p_text, word
from search.folder.load import StoredStudy
from search.folder.record import TrialRecord
from search.text import shown

REQUEST = """(printf '{"inputs": ["'; base64 < IMAGE | tr -d '\\n'; printf '"]}') |
  curl -s -H 'Content-Type: application/json' --data-binary @- http://127.0.0.1:5001/invocations"""


def model_card(
    search: StoredStudy, chosen: TrialRecord, best: StoredStudy, trial: TrialRecord, evidence: Evidence, name: str
) -> str:
    """What the model is, what it was made from, how well it does, and what it must not be used for.

    Args:
        search: that recommended it.
        chosen: its trial.
        best: the study that retrained it.
        trial: whose model is registered.
        evidence: of the retraining.
        name: in the registry.
    """
    data = best.data
    assert data is not None
    level = evidence.best
    split = {what: data.images[what] for what in ("train", "val", "test")}
    photos = data.photographs
    demo = "\n\n**Trained on the demo set: drawn cells. It knows nothing about blood.**" if data.is_demo else ""
    demo += "".join(f"\n\n**{text}**" for text in data.caveats)
    settings = {key: value for key, value in best.study.fixed.items() if key != "train_on_validation"}
    found, how = search_answer(search), ", chosen by hand"
    if found.recommended is not None and found.recommended.number == chosen.number:
        again = found.confirmed is not None and found.confirmed.recommended is not None
        how = f", the best by validation {search.study.measure_words}"
        how += " of those that it trained again on new seeds" if again else ""
    seeds, trained = count(len(level.trials), "seed"), photos["train"] + photos["val"]
    levels = [level for level in (evidence.best, evidence.reference) if level is not None]
    return f"""# Model card: {name}

A classifier of images: {listed([label.lower() for label in data.class_names])}. **Not for diagnosis.**{demo}

## The model

- Trial {chosen.number} of the search `{search.name}` ({count(len(search.searched), "trial")}){how}.
- Settings: {"; ".join(f"{word(key)} {shown(value)}" for key, value in settings.items()) or "the reference model's"}.
- {_cost(trial)}
- The model of seed {trial.config.seed}, one of {seeds}; test images played no part in the choice.

## The data

- {data.name}, fingerprint {data.fingerprint[:16]}.
- Trained on {split["train"] + split["val"]:,} images of {trained:,} photographs (validation photographs included),
  tested on {split["test"]:,} images of {photos["test"]:,} other photographs.
- Images made from one photograph resemble each other, so evidence is counted in photographs.

## How well it does

On the test images, per cent, with 95 % intervals over photographs and seeds:

| | this configuration |{" reference model |" if evidence.reference else ""}
| --- |{" ---: |" * len(levels)}
{_rows(levels, data.class_names)}

{evidence.sentence}{_difference(evidence)}

## Limits

- The intervals hold for photographs like these, of the same stain, microscope and laboratory; of no others is anything
  known.
- {photos["test"]:,} test photographs are few, {_fewest(best)}.
- Not for diagnosis, nor for any decision about a person.

## How to use it

With `MLFLOW_TRACKING_URI` at the address of MLflow:

```
mlflow models serve -m models:/{name}@champion --env-manager local -p 5001
```

A request has whole image files as base64, in JSON; a file that is no image gets status 400 and a sentence:

```
{REQUEST}
```

`python -m trainer.predict --model FILE.keras IMAGE` says besides where an image looks like none of the training images,
and `python -m trainer.evaluate --model FILE.keras DIR` how well the model does on images of another laboratory.
"""


def _rows(levels: Sequence[LevelAnswer], class_names: Sequence[str]) -> str:
    """A line a measure, those of the classes below; measures that were not taken are left out."""
    lines = [
        (entry.words, [measure_text(level, name) for level in levels])
        for name, entry in MEASURES.items()
        if name in levels[0].measures
    ]
    for name, of_class in CLASS_MEASURES.items():
        if all(name in level.by_class for level in levels):
            lines += [
                (f"{of_class.words}, {label.lower()}", [with_interval(level.by_class[name][n]) for level in levels])
                for n, label in enumerate(class_names)
            ]
    return "\n".join(f"| {words} | {' | '.join(texts)} |" for words, texts in lines)


def _cost(trial: TrialRecord) -> str:
    end = trial.finished
    assert end is not None
    vram = f"{end.vram_peak_mib:,.0f} MiB of VRAM at its peak" if end.vram_peak_mib is not None else "VRAM not measured"
    return f"{end.parameters:,} parameters; in training {vram}, {end.train_s:,.0f} s on {trial.ready.device_name}."


def _difference(evidence: Evidence) -> str:
    if "test" not in evidence.differences:
        return ""
    test = evidence.differences["test"].estimate
    return f" Difference in points: {difference(test)}, p {p_text(test.p)}."


def _fewest(best: StoredStudy) -> str:
    end = best.finished[0].finished
    assert end is not None
    labels = [photo.label for photo in end.splits["test"].photos]
    counts = {name: labels.count(label) for label, name in enumerate(best.class_names)}
    name = min(counts, key=lambda key: counts[key])
    return f"and only {counts[name]} show a {name.lower()}"
