"""What a study knows of its images that a report must say; empty where it does not know."""

from __future__ import annotations

from search.answer.answer import Answer
from search.answer.words.facts import fact
from search.answer.words.wording import adjective, count, listed, percent
from search.study.deciding import DEFAULT


def data_source(answer: Answer) -> str:
    """Where the images are from, as far as a study knows."""
    data = answer.recorded.data
    if data is None:
        return ""
    what = "The built-in demo set: cells drawn by code, not blood." if data.is_demo else f"Folder {data.name}."
    return f"{what} {count(sum(data.images.values()), 'image')}, fingerprint {data.fingerprint[:16]}."


def left_out(answer: Answer) -> str:
    """Which images were left out."""
    data = answer.recorded.data
    if data is None:
        return ""
    found = [f"{count(data.bad_files, 'file')} that could not be read" if data.bad_files else ""]
    found += ["images in TRAIN of photographs that are in TEST too" if data.leaks == "drop" else ""]
    left = listed([text for text in found if text])
    return "Every image of the folder was used." if left == "none" else f"Left out: {left}."


def preprocessing(answer: Answer) -> str:
    """What was done to the images."""
    config = answer.recorded.study.base_config()
    fit = {"stretch": "stretched", "crop": "cut around the center", "pad": "padded with black"}[config.resize]
    color = "in colour" if config.color else "turned to grayscale"
    notes = " ".join(answer.recorded.data.notes) if answer.recorded.data else ""
    values = "values divided by 255" if config.model == "reference" else "values of 0 to 255"
    text = (
        f"Resized to {config.image_height} × {config.image_width} pixels (height × width; other aspect ratios are "
        f"{fit}), {color}, {values}. {notes}"
    )
    return text.strip()


def classes(answer: Answer) -> str:
    """What is predicted."""
    names = [name.lower() for name in answer.recorded.class_names]
    if not names:
        return ""
    return f"Classes: {listed(names)}; the class of an image is that of its folder, or of its entry in a table."


def partitions(answer: Answer) -> str:
    """What trains, validates and tests."""
    return fact(answer, "Images")


def disjoint(answer: Answer) -> str:
    """What no two partitions share."""
    data = answer.recorded.data
    if data is None:
        return ""
    text = "Partitions share no photograph."
    if data.leaks == "keep":
        text = "Photographs that stand in TRAIN and in TEST were kept in both."
    by = f" Photographs are known by: {data.photographs_by}." if data.photographs_by else ""
    return " ".join([f"{text}{by}", *data.caveats])


def sample_size(answer: Answer) -> str:
    """How many photographs there are, and what they can tell."""
    data, effort = answer.recorded.data, answer.effort
    if data is None:
        return ""
    text = f"{count(data.photographs['test'], 'test photograph')} ({fact(answer, 'Test photographs') or 'by class: –'})"
    if effort is not None and answer.recorded.study.factors:
        low, high = (f"{100 * end:.0f}" for end in effort.detectable)
        size = low if low == high else f"{low} to {high}"
        text += f"; with {count(effort.n_seeds, 'seed')}, differences of {size} points are found with 80 % power"
    return f"{text}."


def robustness(answer: Answer) -> str:
    """What was varied to see whether the result stands."""
    data = answer.recorded.data
    folds = f" and {data.folds} folds of validation photographs" if data is not None and data.folds > 1 else ""
    seeds = len({record.config.seed for record in answer.recorded.finished})
    return f"Repeated over {count(seeds, 'seed')}{folds}." if seeds else ""


def internal(answer: Answer) -> str:
    """What it was evaluated on."""
    data = answer.recorded.data
    if data is None:
        return ""
    val = f"Validation rotates over {data.folds} folds" if data.folds > 1 else "Validation on one fixed set"
    return f"{val}; test on {count(data.photographs['test'], 'photograph')} that no model was trained on."


def numbers(answer: Answer) -> str:
    """How many there are, and how many were left out."""
    return " ".join(filter(None, (fact(answer, "Images") and f"{fact(answer, 'Images')}.", left_out(answer))))


def by_class(answer: Answer) -> str:
    """How many test photographs show each class."""
    found = fact(answer, "Test photographs")
    return f"Test photographs: {found}." if found else ""


def imbalance(answer: Answer) -> str:
    """How many images each class has, and what the study did so that rare ones count: weights, or its measure."""
    trial = next(iter(answer.recorded.finished), None)
    if trial is None or trial.finished is None:
        return ""
    totals = [sum(row) for row in trial.finished.splits["train"].confusion]
    shares = [
        f"{name.lower()} {percent(n / max(sum(totals), 1), 0)}"
        for name, n in zip(answer.recorded.class_names, totals, strict=True)
    ]
    study, text = answer.recorded.study, f"Training images by class: {listed(shares)}."
    weights = sorted({record.config.class_weight for record in answer.recorded.finished})
    if weights != ["none"]:
        some = "some trainings'" if "none" in weights else "the training"
        names = [adjective("class_weight", name) for name in weights if name != "none"]
        text += f" Class weights in {some} loss: {listed(names)}."
    if study.measure != DEFAULT:
        text += f" Decided by {study.measure_words} in place of accuracy."
    return text
