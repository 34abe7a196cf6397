"""What a study knows of its design, its model and its method that a report must say; empty where it does not know."""

from __future__ import annotations

from search.answer.answer import Answer
from search.answer.measure_table import CLASS_MEASURES, MEASURES
from search.answer.search_result import settings
from search.answer.words.facts import fact
from search.answer.words.wording import adjective, count, listed, points_text, word
from search.text import shown

CHOSEN = "Nothing was chosen by its test accuracy: test photographs are looked at after the last epoch."


def technology(answer: Answer) -> str:
    """What kind of AI it is."""
    return "Deep learning: a convolutional network that classifies images, trained from random weights."


def question(answer: Answer) -> str:
    """What was asked."""
    return answer.recorded.study.question


def goal(answer: Answer) -> str:
    """What kind of study it is."""
    study = answer.recorded.study
    if study.search is not None:
        return "Development: a search over settings of the model, by validation accuracy and cost."
    if study.factor is None:
        return "Development: one configuration, trained on several seeds."
    margin = points_text(study.margin)
    return (
        f"Comparison of levels of {word(study.factor)} with the reference level in test accuracy: superiority, and "
        f"equivalence within {margin}."
    )


def protocol(answer: Answer) -> str:
    """Where the design stands."""
    return f"The design is in the study's file study.json; the command was: {answer.recorded.command}."


def model(answer: Answer) -> str:
    """The network."""
    config, done = answer.recorded.study.base_config(), answer.recorded.finished
    size = f"{done[0].finished.parameters:,} parameters" if done and done[0].finished else ""
    channels = "3 channels" if config.color else "1 channel"
    varied = (
        listed([word(name) for name in answer.recorded.study.scientific]) if answer.recorded.study.scientific else ""
    )
    text = (
        f"Input {config.image_height} × {config.image_width} pixels, {channels}. {count(config.depth, 'block')} of a "
        f"3 × 3 convolution, ReLU, {adjective('pooling', config.pooling)} pooling and normalization "
        f"({config.normalization}); dense layers of 32 and 8 units, ReLU; an output for each class."
    )
    text += f" {size}{' (reference)' if answer.recorded.study.factor else ''}." if size else ""
    return f"{text} Varied in this study: {varied}." if varied else text


def software(answer: Answer) -> str:
    """Libraries with their versions."""
    return fact(answer, "Software")


def initialization(answer: Answer) -> str:
    """How the weights begin."""
    return "Random, by Keras's default initializers, fixed by each training's seed; no pretrained weights."


def training(answer: Answer) -> str:
    """How the model was trained, how often, on what."""
    config, study = answer.recorded.study.base_config(), answer.recorded.study
    patience = config.early_stopping_patience
    stop = f"early stopping after {count(patience, 'epoch')} without progress, " if patience else ""
    augmentation = f"{adjective('augmentation', config.augmentation)} augmentation"
    text = (
        f"{config.optimizer.capitalize()}, learning rate {shown(config.learning_rate)}, batches of "
        f"{config.batch_size}, {count(config.epochs, 'epoch')}, {stop}"
        f"dropout {shown(config.dropout_rate)}, {augmentation}, cross-entropy. "
        f"{count(len(answer.recorded.finished), 'training')} finished"
    )
    seeds = f", {study.seeds} seeds of each level" if study.factor else ""
    device = fact(answer, "Device")
    return f"{text}{seeds}." + (f" Hardware: {device}." if device else "")


def selection(answer: Answer) -> str:
    """How a model is chosen."""
    if answer.search is not None and answer.search.best is not None:
        return f"By validation accuracy: {settings(answer.search.best)}. {CHOSEN}"
    return f"Validation accuracy alone chooses. {CHOSEN}"


def ensembles(answer: Answer) -> str:
    """Whether models decide together."""
    return "None: every model is measured alone."


def output(answer: Answer) -> str:
    """What a model gives."""
    return "A logit for each class (softmax gives probabilities); the class of the highest is the prediction."


def specification(answer: Answer) -> str:
    """Where the models are."""
    return "The best model by validation accuracy is kept as a Keras file, in the study's folder and in MLflow."


def metrics(answer: Answer) -> str:
    """What is measured."""
    others = [entry.words for name, entry in MEASURES.items() if name != "accuracy"]
    others += [f"{entry.words} of each class" for entry in CLASS_MEASURES.values()]
    others += ["training accuracy", "validation accuracy"]
    return f"Primary outcome: test accuracy (share of images). Beside it: {listed(others)}."


def statistics(answer: Answer) -> str:
    """Intervals and tests."""
    text = "95 % intervals over photographs and trained models (multi-reader, multi-case variance; Gallas et al. 2009)."
    if answer.recorded.study.factor is None:
        return text
    return (
        f"{text} Levels are compared in pairs of seed and photograph, with Holm's correction; equivalence by two "
        "one-sided tests; no claim with fewer than five seeds."
    )
