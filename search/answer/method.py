"""The method of the intervals and comparisons, for a page's reader."""

from __future__ import annotations

METHOD = (
    "Training, validation and test accuracy are measured after the last epoch, in inference mode, without "
    "augmentation. Validation alone chooses; the test images take no part in any choice.",
    "What counts are photographs, not images: the images made from one photograph resemble each other and are no "
    "independent evidence. Photographs and seeds are taken as the two samples that a study draws; an interval of 95 % "
    "would contain the accuracy over all photographs and seeds of their kind in 95 of 100 such studies.",
    "The variance is two-way clustered, over photographs and over seeds, less their interaction, which both contain "
    "(Cameron, Gelbach and Miller 2011, J. Business & Economic Statistics 29, 238–249); photographs are stratified by "
    "class and weighted by their images, as a ratio (Cochran 1977, Sampling Techniques, chapters 5 and 6).",
    "Intervals are t intervals with Satterthwaite's degrees of freedom (1946, Biometrics Bulletin 2, 110–114), for "
    "accuracies on the logit scale. Where every photograph and seed agrees, the exact binomial bound over photographs "
    "stands in (Hanley and Lippman-Hand 1983, JAMA 249, 1743–1745).",
    "Levels are compared at equal seeds and equal photographs (paired). The p-values are corrected for the number of "
    "levels by Holm's method (1979, Scand. J. Statistics 6, 65–70); a difference is claimed where the corrected value "
    "is below 0.05. The intervals beside them are of single comparisons, not corrected.",
    "On studies simulated with the class sizes of the public test set (13, 6, 4 and 48 photographs) and 5 seeds, these "
    "intervals contained the truth in 94 to 96 of 100 cases; two levels without a difference were told apart in "
    "less than 5 of 100 (benchmarks/coverage.py).",
    "With one seed an interval covers photographs alone, and nothing is claimed. No interval covers photographs of "
    "another laboratory, stain or microscope.",
)
