"""How many trainings it takes to find a difference with 80 % power, decided once, and what looks make of them.

    python -m benchmarks.needed [--studies 600]

Made-up studies of four levels, of which one differs, whose components of variance are those of the reference model on
2,000 real images, test accuracy of max against strided pooling (LOG.md, "When a training starts"): the standard
deviation of their difference is 5.9 points over seeds, and 2.7 over photographs however many seeds there are. A line is
a set of photographs and a difference. Columns: the seeds of each level at which a study that decides once finds the
difference in four cases of five, its trainings, and how often it finds it; the trainings that a study makes on average
which looks after 5, 8, 12, 20 ... seeds up to the same number, and how often it finds the difference.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

from benchmarks.looks import LEVELS, Course, Design, courses
from benchmarks.planned import with_difference
from benchmarks.worlds import PUBLIC, TRAIN, World
from search.answer.statistics.planning import POWER

SUBSET = World(photographs=(15, 5, 3, 32), images_a_class=100, logit=-0.35, level=0.4, seed=0.17, both=0.5, differ=1)
WORLDS = {
    "2,000 real images: 55 photographs in TEST": SUBSET,
    "the public set: 71 photographs in TEST": replace(SUBSET, photographs=PUBLIC, images_a_class=620),
    "the public set, validation: 277": replace(SUBSET, photographs=TRAIN, images_a_class=2490, split="val"),
    "4 classes of 160 photographs": replace(SUBSET, photographs=(160,) * 4, images_a_class=640),
}
LOOKS = (5, 8, 12, 20, 30, 40, 60)


@dataclass(frozen=True)
class Found:
    """What a design finds: in which share of studies, and with how many trainings of all levels, on average."""

    share: float
    trainings: float

    @classmethod
    def of(cls, course: Course) -> Found:
        """That of the first level; the reference level stays as long as any other."""
        trainings = course.replicates.sum(axis=0) + course.replicates.max(axis=0)
        return cls(float(course.clear[0].mean()), float(trainings.mean()))

    def __str__(self) -> str:
        return f"{self.trainings:.0f} ({self.share:.0%})"


def needed(world: World, studies: int) -> tuple[int, Found, Found]:
    """The least seeds that find the difference with 80 % power, or the most tried; what that finds, and with looks."""
    for seeds in LOOKS:
        designs = Design((seeds,)), Design(tuple(look for look in LOOKS if look <= seeds))
        once, looks = (Found.of(course) for course in courses(replace(world, seeds=seeds), studies, designs, LEVELS))
        if once.share >= POWER:
            break
    return seeds, once, looks


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.needed", description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=600, metavar="N", help="made up for each (%(default)s)")
    studies = parser.parse_args().studies
    print(f"{'trainings, and how often it is found':46}{'points':>8}{'seeds':>8}{'decided once':>16}{'with looks':>16}")
    for name, world in WORLDS.items():
        for points in (10, 5):
            seeds, once, looks = needed(with_difference(world, points / 100), studies)
            print(f"{name:46}{points:8}{seeds:8}{once!s:>16}{looks!s:>16}", flush=True)


if __name__ == "__main__":
    main()
