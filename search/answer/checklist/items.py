"""The items of the checklist, in the order of CLAIM 2024, then those that TRIPOD+AI alone has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from search.answer.answer import Answer
from search.answer.checklist import data, design, results

Known = Callable[[Answer], str]


@dataclass(frozen=True)
class Item:
    """What a report must say.

    Attributes:
        section: of a report.
        asks: what has to be told, in our own words.
        claim: the item's number in CLAIM 2024; None where it has none.
        tripod: numbers of items of TRIPOD+AI that ask for it, or for a part of it.
        known: gives what the study knows; None where a study cannot know it.
        left: what remains for the authors; empty where the study's answer is whole.
    """

    section: str
    asks: str
    claim: int | None
    tripod: tuple[int, ...] = ()
    known: Known | None = None
    left: str = ""


ITEMS = (
    Item(
        "Title and abstract",
        "Title names the study as one of AI, and the technology",
        1,
        (1,),
        known=design.technology,
        left="the title",
    ),
    Item("Title and abstract", "Structured summary", 2, (2,), left="the abstract"),
    Item("Introduction", "Background, intended use and role of the AI", 3, (3,), left="background and intended use"),
    Item("Introduction", "Aims and hypotheses", 4, (4,), known=design.question, left="hypotheses"),
    Item("Methods: design", "Prospective or retrospective", 5, (5,), left="when the images were taken, and for what"),
    Item("Methods: design", "Goal of the study", 6, (4,), known=design.goal),
    Item(
        "Methods: data",
        "Sources of the data",
        7,
        (5,),
        known=data.data_source,
        left="places and dates where the images were taken",
    ),
    Item("Methods: data", "Criteria of inclusion and exclusion", 8, (6,), left="how people and images were selected"),
    Item(
        "Methods: data",
        "Pre-processing",
        9,
        (7, 9),
        known=data.preprocessing,
        left="what was done before the images came into the folder",
    ),
    Item("Methods: data", "Selection of subsets of the data", 10, (7,), known=data.left_out),
    Item("Methods: data", "De-identification", 11, (), left="how identities were removed"),
    Item(
        "Methods: data", "Missing data", 12, (11,), known=data.left_out, left="images or labels missing at the source"
    ),
    Item("Methods: data", "How images were acquired", 13, (5,), left="stain, microscope, camera, magnification"),
    Item(
        "Methods: reference standard",
        "How the reference standard is defined",
        14,
        (8,),
        known=data.classes,
        left="how the class of a cell was decided",
    ),
    Item("Methods: reference standard", "Why this reference standard", 15, (8,), left="the reasons"),
    Item("Methods: reference standard", "Who annotated", 16, (8,), left="annotators and their training"),
    Item(
        "Methods: reference standard", "How the test set was annotated", 17, (8,), left="as above, for the test images"
    ),
    Item(
        "Methods: reference standard",
        "Agreement between and within annotators",
        18,
        (8,),
        left="measures of agreement",
    ),
    Item("Methods: partitions", "How data were assigned to partitions", 19, (12,), known=data.partitions),
    Item(
        "Methods: partitions",
        "Level at which partitions are disjoint",
        20,
        (12,),
        known=data.disjoint,
        left="whether photographs of one patient stand in two partitions",
    ),
    Item(
        "Methods: partitions", "Intended sample size", 21, (10,), known=data.sample_size, left="a reason for the size"
    ),
    Item("Methods: model", "The model in detail: inputs, outputs, layers", 22, (12, 15), known=design.model),
    Item("Methods: model", "Software, with versions", 23, (12, 18), known=design.software),
    Item("Methods: model", "How parameters are initialized", 24, (12,), known=design.initialization),
    Item("Methods: training", "Training: settings, augmentation, number of models", 25, (12,), known=design.training),
    Item("Methods: training", "How the final model is selected", 26, (12,), known=design.selection),
    Item("Methods: training", "Ensembles", 27, (12,), known=design.ensembles),
    Item("Methods: evaluation", "Measures of performance", 28, (12,), known=design.metrics),
    Item("Methods: evaluation", "Statistics of significance and uncertainty", 29, (12,), known=design.statistics),
    Item(
        "Methods: evaluation",
        "Robustness or sensitivity",
        30,
        (12,),
        known=data.robustness,
        left="other analyses of sensitivity",
    ),
    Item("Methods: evaluation", "Explainability or interpretability", 31, (), left="methods, if any, and their checks"),
    Item("Methods: evaluation", "Evaluation on internal data", 32, (12,), known=data.internal),
    Item(
        "Methods: evaluation",
        "Testing on external data",
        33,
        (12, 16),
        left="images of another laboratory; the study has none of its own",
    ),
    Item("Methods: evaluation", "Registration of a clinical trial", 34, (18,), left="if it is one"),
    Item(
        "Results: data",
        "Numbers included and excluded",
        35,
        (20, 21),
        known=data.numbers,
        left="numbers of patients or examinations",
    ),
    Item(
        "Results: data",
        "Characteristics of cases in each partition",
        36,
        (20,),
        known=data.by_class,
        left="age, sex, diagnosis",
    ),
    Item("Results: performance", "Performance with its uncertainty", 37, (23,), known=results.performance),
    Item(
        "Results: performance",
        "Estimates of diagnostic performance and their precision",
        38,
        (23,),
        known=results.by_class_performance,
    ),
    Item(
        "Results: performance",
        "Analysis of failures",
        39,
        (),
        known=results.failures,
        left="why these images are misclassified",
    ),
    Item("Discussion", "Limitations", 40, (26,), known=results.limitations, left="further limitations"),
    Item(
        "Discussion", "Implications for practice, intended use", 41, (25, 27), left="interpretation; not for diagnosis"
    ),
    Item(
        "Other", "Protocol or further technical details", 42, (18,), known=design.protocol, left="where it is published"
    ),
    Item(
        "Other",
        "Availability of software, model and data",
        43,
        (18, 22),
        known=design.specification,
        left="where others find them",
    ),
    Item("Other", "Funding and the role of funders", 44, (18,), left="funding"),
    Item(
        "TRIPOD+AI alone",
        "Class imbalance and what was done about it",
        None,
        (13,),
        known=data.imbalance,
        left="what was done, if anything",
    ),
    Item("TRIPOD+AI alone", "Fairness", None, (14,), left="performance in groups of people"),
    Item("TRIPOD+AI alone", "Output of the model", None, (15,), known=design.output),
    Item("TRIPOD+AI alone", "Ethical approval", None, (17,), left="approval and consent, or why none was needed"),
    Item("TRIPOD+AI alone", "Involvement of patients and the public", None, (19,), left="any, or none"),
    Item("TRIPOD+AI alone", "Updating of the model", None, (24,), known=lambda answer: "None."),
)
