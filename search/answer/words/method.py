"""The method of the intervals and comparisons, for a page's reader."""

from __future__ import annotations

import math
from collections.abc import Sequence

from search.answer.answer import Answer
from search.answer.words.wording import listed, percent, points_text
from trainer.clock import START_SHARE

METHOD = (
    "Two things are reported for each level: at how many seeds it learns and when it starts to, and how accurate it is "
    "where it learnt. A training starts in the first epoch whose training loss is below that of always answering the "
    f"shares of the classes by {percent(START_SHARE)} of it ({START_SHARE * math.log(4):.2f} of 1.39 for four classes "
    "that are equal or weighted to be); it has learnt if it started. Starts are compared by log-rank tests (Mantel "
    "1966, Cancer Chemotherapy Reports 50, 163–170), in which a training that has not started is censored at its last "
    "epoch; their p-values are corrected for the number of levels (Holm), and decide nothing. "
    "The interval of the share of seeds is exact (Clopper and Pearson 1934, Biometrika 26, 404–413). "
    "Accuracies are those of the trainings that learnt, and two levels are compared at the seeds where both did, if "
    "each learns at 80 % of its seeds or more. So a comparison holds for trainings that learn, which are a selection; "
    "what to expect of a training that is started depends on its chance to learn as well.",
    "The study's measure on the test images (accuracy, unless the study says otherwise) is the primary outcome, and "
    "the only one decided on: higher, lower, performs as well as, or cannot tell. The same measure on training and "
    "validation images, the gap and the other measures are described.",
    "Tables and intervals are of what is measured after the last epoch, in inference mode: without augmentation and "
    "dropout, with the final weights; where a page says so, they are means over the last epochs, in which an image "
    "counts once, however often it was looked at. Learning curves of training are in training mode: means over an "
    "epoch while the weights change, with augmentation and dropout, so they often lie below. Where classes are "
    "weighted, the losses of epochs are weighted likewise; those at the end count every image alike. Only validation "
    "is used to choose; the test images play no part in any choice.",
    "Evidence is counted in photographs, not images: images made from one photograph resemble each other and are not "
    "independent. Photographs and seeds are the two samples that a study draws; a 95 % interval would contain the "
    "accuracy over all photographs and seeds of their kind in 95 of 100 such studies.",
    "The variance is that of studies with several readers and cases, with a trained model as the reader: over "
    "photographs plus over models, less their interaction, which both contain (Gallas, Bandos, Samuelson and Wagner "
    "2009, Communications in Statistics 38, 2586–2603). Photographs are stratified by class and weighted by their "
    "images, as a ratio (Cochran 1977, Sampling Techniques, chapters 5 and 6). In validation, where folds rotate, a "
    "photograph counts for the models that saw it.",
    "Degrees of freedom are Satterthwaite's (1946, Biometrics Bulletin 2, 110–114; compared by Hillis 2007, "
    "Statistics in Medicine 26, 596–619), and no more than seeds less one where seeds make up nearly half of the "
    "variance. Differences have t intervals, accuracies Wilson's with the effective number of images (Korn and "
    "Graubard 1998, Survey Methodology 24, 193–201). Where every photograph and seed agrees, the exact binomial bound"
    " over photographs stands in (Hanley and Lippman-Hand 1983, JAMA 249, 1743–1745).",
    "Levels are compared at equal seeds and equal photographs (paired). A difference is claimed with five seeds or "
    "more, if its p-value, corrected for the number of levels by Holm's method (1979, Scand. J. Statistics 6, 65–70), "
    "is below 0.05. The intervals beside it are simultaneous over the levels (Bonferroni) and agree with the claims: "
    "one excludes 0 exactly where a difference is claimed. Two levels count as equivalent where two one-sided tests "
    "show that they differ by less than the margin (Schuirmann 1987, J. Pharmacokinetics and Biopharmaceutics 15, "
    "657–680).",
    "In simulated studies with 5 seeds, on a dozen kinds of data, intervals contained the truth in 95 to 97 of 100 "
    "cases (98 to 99 for accuracies near 1), and a difference between equal levels was claimed in at most 5.2 of 100 "
    "(benchmarks/coverage.py). Every training counted there; leaving out those that did not learn leaves a study of "
    "trainings that learn, with fewer seeds.",
    "With one seed an interval covers photographs alone, and nothing is claimed. No interval covers photographs from "
    "another laboratory, stain or microscope.",
)

LOOKS = (
    "Where a study looks at its results while it runs, the looks, the outcome, the margin and the levels are written "
    "down before the first training. The error of 5 % is spent over the looks by a function of the replicates (Lan and "
    "DeMets 1983, Biometrika 70, 659–663); p-values and intervals are the repeated ones (Jennison and Turnbull 1989, "
    "J. Royal Statistical Society B 51, 305–361), over which Holm's method corrects for the number of levels (Maurer "
    "and Bretz 2013, Statistics in Biopharmaceutical Research 5, 311–320). A level leaves when it is decided, or when "
    "the last look is unlikely to decide it (predictive power below 10 %; Spiegelhalter, Freedman and Blackburn 1986, "
    "Controlled Clinical Trials 7, 8–17); no claim rests on its leaving so.",
)

TUNED = (
    "Where the learning rate is tuned for each level, every replicate is trained at three rates. Half of the replicates"
    " choose a level's rate, by mean validation accuracy, and the other half measure it at that rate; then the other "
    "way round, and the measurements of both halves are pooled: no level is measured on the trainings that chose its "
    "rate (cross-fitting, Chernozhukov et al. 2018, The Econometrics Journal 21, C1–C68). Halves that choose for one "
    "another are high or low together, so the seeds' part of the variance is multiplied by 1.36, the most that luck "
    "among three rates can do; where they choose different rates, a quarter of the square of what they differ by is "
    "added.",
)

FACTORIAL = (
    "Where a study crosses two parameters, every combination of their levels is trained with every replicate. The main "
    "effect of a level is its difference to the reference level, averaged over all levels of the other parameter "
    "alike; an interaction is by how much such a difference is higher at a level of the other parameter than at its "
    "reference level. Both are contrasts of the combinations at equal seeds and photographs, with the variance "
    "described above; all main effects and interactions of a study are decided together (Holm), and their intervals "
    "are simultaneous. Where parameters interact, a main effect is an average over effects that differ. In simulated "
    "studies with 5 seeds some effect that does not exist was claimed in at most 5 of 100, and 95 % intervals of a "
    "single effect contained the truth in 95 of 100 or more (benchmarks/factorial.py).",
)

GLOSSARY = (
    ("photograph", "what the camera took; many images may be cut, turned or shifted from one"),
    (
        "seed",
        "the number that fixes a training's random choices: initial weights, order of images, dropout, augmentation",
    ),
    (
        "level",
        "one value of the parameter that the study asks about; the reference level is what others are compared with",
    ),
    (
        "fold",
        "a part of the training photographs that is held out for validation; each replicate holds out another part",
    ),
    ("replicate", "a seed with its fold: the same ones at every level, so that levels are compared in pairs"),
    ("epoch", "one pass over all training images"),
    ("start", "the epoch in which a training leaves chance; before it, all seeds answer as if they saw no image"),
    ("gap", "training accuracy minus test accuracy: how much of what was learnt holds only for the training images"),
    ("recall", "the share of a class's images that is recognised as such (sensitivity)"),
    (
        "macro F1",
        "the mean over classes of F1, the harmonic mean of recall and precision; rare classes count as much as others",
    ),
    ("balanced accuracy", "the mean over classes of recall: chance is one divided by the number of classes"),
    ("specificity", "the share of the images of all other classes that is not taken for this class"),
    (
        "AUROC",
        "area under the receiver operating characteristic: how often an image of the class gets a higher probability "
        "of it than an image of another class; the mean over classes, each against the rest. 0.5 is chance, 1 the best",
    ),
    (
        "calibration error",
        "by how much the probability of the predicted class and the share classified correctly differ, on average over "
        "15 bins of images (expected calibration error)",
    ),
    ("training mode", "how a model is while it learns: images augmented, units dropped out, weights changing"),
    ("inference mode", "how a model is used: its final weights, without augmentation and dropout"),
    ("strided", "pooling by a convolution that moves two pixels at a time"),
    ("blur", "pooling that smooths before it skips pixels, so that small shifts of the image change little"),
    ("FLOP", "a floating-point operation, one addition or multiplication; MFLOP: a million of them"),
    ("VRAM", "the memory of the graphics card"),
    (
        "95 % interval",
        "the range that is compatible with the data: in 95 of 100 such studies it contains the true value",
    ),
    ("p", "how often chance alone would give a difference as large as this one, if there were none"),
    ("equivalent", 'shown to differ by less than the margin; not the same as "no difference was found"'),
    ("Pareto front", "the choices that no other beats in accuracy and in cost at once"),
)


def method(answers: Sequence[Answer]) -> list[str]:
    """What is said of how the answers of a page were computed, with how many studies are decided on it."""
    looks = any(answer.recorded.study.looks for answer in answers)
    found_by_tuning = any(answer.tuned for answer in answers)
    crossed = any(answer.factorial for answer in answers)
    margins = sorted({answer.recorded.study.margin for answer in answers if answer.recorded.study.factors})
    found = [*METHOD, *(LOOKS if looks else ()), *(TUNED if found_by_tuning else ()), *(FACTORIAL if crossed else ())]
    if margins:
        found.append(f"The margin of equivalence is {listed([points_text(margin) for margin in margins])}.")
    decided = sum(
        any(level.differences for level in answer.levels) or bool(answer.factorial and answer.factorial.known)
        for answer in answers
    )
    if decided > 1:
        found.append(
            f"Each study decides with an error of at most 5 %, over its levels together. {decided} studies "
            "are decided on this page, without a correction for their number: the chance that some claim among all is "
            f"false is at most {percent(min(0.05 * decided, 1.0), 0)}."
        )
    return found
