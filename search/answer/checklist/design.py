"""What a study knows of its design, its model and its method that a report must say; empty where it does not know."""

from __future__ import annotations

from search.answer.answer import Answer
from search.answer.measure_table import CLASS_MEASURES, MEASURES
from search.answer.own_model import models_of
from search.answer.search_result import settings
from search.answer.tuned import tuned_text
from search.answer.words.facts import fact
from search.answer.words.looks import planned
from search.answer.words.method import GLOSSARY
from search.answer.words.wording import adjective, count, listed, points_text, word
from search.study.deciding import DEFAULT
from search.text import first_upper, shown
from trainer.config import TrainConfig

CHOSEN = "Nothing was chosen by its result in testing: test photographs are looked at after the last epoch."


def technology(answer: Answer) -> str:
    """What kind of AI it is."""
    reference = "a convolutional network that classifies images, trained from random weights"
    models = models_of(answer.recorded.study)
    named = [reference if model == "reference" else f"a network of one's own, built by {model}" for model in models]
    return f"Deep learning: {'; '.join(named)}."


def question(answer: Answer) -> str:
    """Repeats the study's question."""
    return answer.recorded.study.question


def goal(answer: Answer) -> str:
    """What kind of study it is."""
    study = answer.recorded.study
    if study.search is not None:
        return f"Development: a search over settings of the model, by validation {study.measure_words} and cost."
    if not study.factors:
        return "Development: one configuration, trained on several seeds."
    compared = f"Comparison of levels of {word(study.factors[0])} with the reference level"
    if study.factor is None:
        names = " and ".join(map(word, study.factors))
        compared = f"Factorial comparison of {names}: main effects and interaction, against the reference levels,"
    return f"{compared} in test {study.measure_words}: superiority, and equivalence within {points_text(study.margin)}."


def protocol(answer: Answer) -> str:
    """Where the design stands."""
    return f"The design is in the study's file study.json; the command was: {answer.recorded.command}."


def model(answer: Answer) -> str:
    """Describes the network."""
    config, done = answer.recorded.study.base_config(), answer.recorded.finished
    size = f"{done[0].finished.parameters:,} parameters" if done and done[0].finished else ""
    channels = "3 channels" if config.color else "1 channel"
    varied = (
        listed([word(name) for name in answer.recorded.study.scientific]) if answer.recorded.study.scientific else ""
    )
    layers = (
        f"{count(config.depth, 'block')} of a 3 × 3 convolution, ReLU, {adjective('pooling', config.pooling)} pooling "
        f"and normalization ({config.normalization}); dense layers of 32 and 8 units, ReLU; an output for each class"
    )
    if config.model != "reference":
        layers = f"Built by {config.model}, of which the page of the answer lists the layers; an output for each class"
    text = f"Input {config.image_height} × {config.image_width} pixels, {channels}. {layers}."
    text += f" {size}{' (reference)' if answer.recorded.study.factors else ''}." if size else ""
    return f"{text} Varied in this study: {varied}." if varied else text


def software(answer: Answer) -> str:
    """Libraries with their versions."""
    code = fact(answer, "Code of one's own")
    return "; ".join([fact(answer, "Software"), *([f"code of one's own: {code}"] if code else [])])


def initialization(answer: Answer) -> str:
    """How the weights begin."""
    random = "Random, by Keras's default initializers, fixed by each training's seed; no pretrained weights."
    models = models_of(answer.recorded.study)
    if models == ["reference"]:
        return random
    own = listed([model for model in models if model != "reference"])
    text = f"As {own} says; what is drawn at random is fixed by each training's seed."
    if read := [name for name in answer.recorded.study.files if not name.endswith(".py")]:
        text += f" Files that it may read: {listed(read)}."
    return f"{text} The reference model: {random[0].lower()}{random[1:]}" if "reference" in models else text


def training(answer: Answer) -> str:
    """How the model was trained, how often, on what."""
    config, study = answer.recorded.study.base_config(), answer.recorded.study
    patience = config.early_stopping_patience
    stop = f"early stopping after {count(patience, 'epoch')} without progress, " if patience else ""
    augmentation = f"{adjective('augmentation', config.augmentation)} augmentation"
    dropout = f"dropout {shown(config.dropout_rate)}, " if config.model == "reference" else ""  # else the code decides
    text = (
        f"{config.optimizer.capitalize()}, learning rate {shown(config.learning_rate)}, batches of "
        f"{config.batch_size}, {count(config.epochs, 'epoch')}, {stop}"
        f"{dropout}{augmentation}, {_loss(config)}. "
        f"{count(len(answer.recorded.finished), 'training')} finished"
    )
    most = "at most " if study.looks else ""
    rates = f", each at learning rates of {listed([shown(rate) for rate in study.rates])}" if study.tune else ""
    each = "level" if study.factor else "combination"
    seeds = f", {most}{study.seeds} seeds of each {each}{rates}" if study.factors else ""
    device = fact(answer, "Device")
    return f"{text}{seeds}." + (f" Hardware: {device}." if device else "")


def _loss(config: TrainConfig) -> str:
    name = config.class_weight
    return "cross-entropy" if name == "none" else f"cross-entropy with {adjective('class_weight', name)} class weights"


def selection(answer: Answer) -> str:
    """How a model is chosen."""
    words = answer.recorded.study.measure_words
    if answer.search is not None and (chosen := answer.search.recommended) is not None:
        confirmed = answer.search.confirmed
        again = ", among the best when trained again on new seeds" if confirmed and confirmed.recommended else ""
        return f"By validation {words}{again}: {settings(chosen)}. {CHOSEN}"
    if answer.tuned is not None:
        return f"{tuned_text(answer.recorded.study, answer.tuned)} {CHOSEN}"
    return f"{first_upper(f'validation {words}')} alone chooses. {CHOSEN}"


def ensembles(answer: Answer) -> str:
    """Whether models decide together."""
    return "None: every model is measured alone."


def output(answer: Answer) -> str:
    """What a model gives."""
    return "A logit for each class (softmax gives probabilities); the class of the highest is the prediction."


def specification(answer: Answer) -> str:
    """Where the models are."""
    best = f"The best model by validation {answer.recorded.study.measure_words}"
    return f"{best} is kept as a Keras file, in the study's folder and in MLflow."


def metrics(answer: Answer) -> str:
    """What is measured."""
    study = answer.recorded.study
    taken = {name for level in answer.levels for name in level.measures} or set(MEASURES)
    by_class = {name for level in answer.levels for name in level.by_class} or set(CLASS_MEASURES)
    others = [entry.words for name, entry in MEASURES.items() if name in taken - {study.measure}]
    others += [f"{entry.words} of each class" for name, entry in CLASS_MEASURES.items() if name in by_class]
    others += [f"{split} {study.measure_words}" for split in ("training", "validation")]
    meaning = "share of images" if study.measure == DEFAULT else dict(GLOSSARY).get(study.measure_words, "")
    explained = f" ({meaning})" if meaning else ""
    return f"Primary outcome: test {study.measure_words}{explained}. Beside it: {listed(others)}."


def statistics(answer: Answer) -> str:
    """Says how intervals and tests are computed."""
    text = "95 % intervals over photographs and trained models (multi-reader, multi-case variance; Gallas et al. 2009)."
    study = answer.recorded.study
    if not study.factors:
        return text
    looks = " ".join(["", *planned(study)])
    what = "Levels" if study.factor else "Main effects and interactions, contrasts of combinations of levels,"
    return (
        f"{text} {what} are compared in pairs of seed and photograph, with Holm's correction; equivalence by two "
        f"one-sided tests; no claim with fewer than five seeds.{looks}"
    )
