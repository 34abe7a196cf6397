"""The table of the effects in a factorial question: main effects, then interactions."""

from __future__ import annotations

from search.answer.factorial import Factorial
from search.answer.tables.cells import MISSING, difference, verdict
from search.answer.tables.table import Table
from search.answer.words.factorial import effect_name
from search.answer.words.wording import named, named_all, p_text, points_text
from search.study import Study


def effects_table(study: Study, found: Factorial) -> Table:
    """A row an effect; those that could not be estimated have no figures."""
    rows = []
    for effect in found.effects:
        if not effect.differences:
            rows.append((effect_name(effect), *[MISSING] * 7))
            continue
        test = effect.differences["test"]
        others = [difference(effect.differences[what].estimate) for what in ("train", "val", "gap")]
        p = p_text(test.p) if test.may_claim else MISSING
        seeds = str(test.estimate.n_seeds)
        rows.append((effect_name(effect), difference(test.estimate), p, verdict(test), *others, seeds))
    marked = frozenset(
        place
        for place, effect in enumerate(found.effects)
        if effect.differences and effect.differences["test"].is_clear
    )
    one, other = study.factors
    note = (
        f"In points. A main effect is against {named(one, found.reference[one])}, averaged over "
        f"{named_all(other, found.levels[other])}, or against {named(other, found.reference[other])}, averaged over "
        f"{named_all(one, found.levels[one])}. An interaction (a row with an x) is by how much the effect of the first "
        "is higher with the second than with its reference level. All are paired by seed and photograph, over the "
        "seeds at which every combination in them learnt; 95 % intervals in brackets, simultaneous over the effects. "
        f"Only test {study.measure_words} is decided on: p is corrected for the number of effects (Holm), and "
        f'"as well" means within {points_text(study.margin)} (two one-sided tests). The other columns are descriptive. '
        "Highlighted: effects that are shown."
    )
    columns = ("effect", "test", "p", "verdict", "train", "validation", "gap", "seeds")
    return Table("effects", "Main effects and interaction", columns, tuple(rows), marked, note)
