"""The method of the intervals and comparisons, for a page's reader."""

from __future__ import annotations

METHOD = (
    "Training, validation and test accuracy are measured after the last epoch, in inference mode, without "
    "augmentation. Validation alone chooses; the test images take no part in any choice.",
    "What counts are photographs, not images: the images made from one photograph resemble each other and are no "
    "independent evidence. Photographs and seeds are taken as the two samples that a study draws; an interval of 95 %"
    " would contain the accuracy over all photographs and seeds of their kind in 95 of 100 such studies.",
    "The variance is that of studies with several readers and cases, a trained model being the reader: over "
    "photographs and over models, less their interaction, which both contain (Gallas, Bandos, Samuelson and Wagner "
    "2009, Communications in Statistics 38, 2586–2603). Photographs are stratified by class and weighted by their "
    "images, as a ratio (Cochran 1977, Sampling Techniques, chapters 5 and 6). In validation, where folds rotate, a "
    "photograph counts for the models that saw it.",
    "Degrees of freedom are Satterthwaite's (1946, Biometrics Bulletin 2, 110–114; compared by Hillis 2007, "
    "Statistics in Medicine 26, 596–619), and no more than seeds less one where seeds make up nearly half of the "
    "variance. Differences have t intervals, accuracies Wilson's with the effective number of images (Korn and "
    "Graubard 1998, Survey Methodology 24, 193–201). Where every photograph and seed agrees, the exact binomial bound"
    " over photographs stands in (Hanley and Lippman-Hand 1983, JAMA 249, 1743–1745).",
    "Levels are compared at equal seeds and equal photographs (paired). A difference is claimed from five seeds on, "
    "where its p-value, corrected for the number of levels by Holm's method (1979, Scand. J. Statistics 6, 65–70), is"
    " below 0.05. The intervals beside it are simultaneous over the levels (Bonferroni), and end at what is claimed: "
    "one excludes 0 exactly where a difference is claimed. Two levels count as equivalent where two one-sided tests "
    "show that they differ by less than 5 points (Schuirmann 1987, J. Pharmacokinetics and Biopharmaceutics 15, "
    "657–680).",
    "On studies simulated with 5 seeds, on a dozen kinds of data, intervals contained the truth in 95 to 97 of 100 "
    "cases (more, 98 to 99, for accuracies near 1), and some difference between equal levels was claimed in at most "
    "5.2 of 100 (benchmarks/coverage.py). Where a third of the models learn nothing, the mean over those that learnt "
    "and those that did not is covered in 93 of 100 only: five models may all have learnt.",
    "With one seed an interval covers photographs alone, and nothing is claimed. No interval covers photographs of "
    "another laboratory, stain or microscope.",
)
