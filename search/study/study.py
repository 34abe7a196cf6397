"""`Study`: a question (one parameter, levels × seeds), a search, or the reference model alone; every rule checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from search.errors import StudyFileError
from search.study.code import Code, located
from search.study.deciding import DECIDING, DEFAULT
from search.study.diagnostics import POSITIVE, Table, explained, of_shape, once_a_value, shown_path
from search.study.diagnostics import Path as Place
from search.study.looks import ALLOWED, ALLOWED_LOOKS, MOST, agreed, with_looks
from search.study.objectives import DEFAULT_OBJECTIVES, MOST_OBJECTIVES, OBJECTIVES
from search.study.overrides import QUICK_SIZES, overridden, quickened
from search.study.pruners import PRUNERS
from search.study.rules import RESERVED, check
from search.study.samplers import N_STARTUP_TRIALS, SAMPLERS
from search.study.space import Levels, Number, ParamValue, Range, Scalar, Spec
from search.study.starts import Observed, Start
from search.study.tune import rates_around
from trainer.config import TrainConfig, default_of
from trainer.registry import OneOf

NAME = r"[a-z0-9_-]{1,64}"
MARGIN = 0.05  # a difference in accuracy that a user would not care about: a choice, not a measurement

Kind = Literal["levels", "factorial", "reference", "search"]


def _line(text: str) -> str:
    if not (text.isprintable() and text.strip()):
        raise ValueError("not a line of text")
    return text.strip()


def _once(objectives: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(objectives)) < len(objectives):
        raise ValueError("named twice")
    return objectives


class Tuning(Table):
    """The budget of the nuisance parameters, the same for each level."""

    trials_per_level: Annotated[int, Field(strict=True, ge=1, le=100, description="1 to 100")]


class Search(Table):
    """A search in place of a design: what proposes its trials, what stops them, and what it looks for.

    The names are those of `SAMPLERS`, `PRUNERS` and `OBJECTIVES`; the options are the keywords of Optuna's class of the
    sampler. Each objective has its direction; `cost` is peak VRAM where that is measured, else the parameters. On
    `confirm` new seeds the best trials are trained again (`search.study.confirm`). With `patience` the search ends
    sooner, when so many trials in a row were no better; start-up trials do not count.
    """

    n_trials: Annotated[int, Field(strict=True, ge=1, le=100_000, description="1 to 100000")]
    sampler: Annotated[str, OneOf(SAMPLERS)] = "tpe"
    n_startup_trials: Annotated[int, Field(strict=True, ge=0, le=100_000, description="0 to 100000")] = N_STARTUP_TRIALS
    options: dict[str, Scalar] = Field(default_factory=dict, description="a table of Optuna's keywords of the sampler")
    pruner: Annotated[str, OneOf(PRUNERS)] = "none"
    patience: Annotated[int | None, Field(strict=True, ge=1, le=100_000, description="1 to 100000")] = None
    confirm: Annotated[int, Field(strict=True, ge=0, le=100, description="0 to 100")] = 0
    objectives: Annotated[
        tuple[Annotated[str, OneOf(OBJECTIVES)], ...],
        Field(min_length=1, max_length=MOST_OBJECTIVES),
        AfterValidator(_once),
    ] = DEFAULT_OBJECTIVES

    @property
    def is_open(self) -> bool:
        """Whether it follows from its results how many trials it has."""
        return self.confirm > 0 or self.patience is not None

    @classmethod
    def allowed(cls, key: str) -> str:
        """What a key takes, for messages: for names, those that are registered now."""
        names = {"sampler": SAMPLERS.listed(), "pruner": PRUNERS.listed()}
        names["objectives"] = f"a list of 1 to {MOST_OBJECTIVES} of {OBJECTIVES.listed(last='and')}, each at most once"
        return names.get(key) or super().allowed(key)


class Study(Table):
    """A study: what is asked, and the design that answers it.

    Attributes:
        name: of the file, the Optuna study and the MLflow experiment.
        question: in words.
        seeds: replicates of each level, with looks at most; 1 in a search, where every trial has a seed of its own.
        looks: replicates after which levels are judged while the study runs, the last being `seeds`; in a study file
            `seeds = "5 to 20"`. Empty: once, at the end.
        margin: the difference in the measure that counts as none, a share: levels that differ by less perform alike.
        measure: what decides, on the test images, and what is chosen by, on those of validation; a name of `DECIDING`.
        scientific: what is asked about; in a search, what is searched over.
        nuisance: what is tuned for each level, so that levels are compared at their best.
        fixed: where every trial differs from the reference model.
        tune: whether each level is trained at three learning rates, and judged at its own (`search.answer.tuned`).
        tuning: the budget of the nuisance parameters.
        search: makes it a search.
        constraints: of a search, the most that its trials may cost, by names of `search.study.objectives.limited`.
        files: names of files that code of one's own needs: modules that it imports, weights that it reads.
        code: all files of one's own; a study file does not say it, whoever reads one does.
        starts: of a search, its first trials behind the reference model, from what questions found; not in a file.
        observed: of a search, trainings of questions that its sampler learns from; not in a file.
    """

    name: Annotated[str, Field(pattern=f"^{NAME}$", description="1 to 64 of a-z, 0-9, _ and -")]
    question: Annotated[
        str, Field(max_length=300, description="one line of 1 to 300 characters"), AfterValidator(_line)
    ]
    seeds: Annotated[int, Field(strict=True, ge=1, le=MOST, description=ALLOWED)] = 1
    looks: Annotated[tuple[Annotated[int, Field(strict=True)], ...], Field(description=ALLOWED_LOOKS)] = ()
    margin: Annotated[
        float, Field(strict=True, gt=0, le=0.5, allow_inf_nan=False, description="above 0, at most 0.5")
    ] = MARGIN
    measure: Annotated[str, OneOf(DECIDING)] = DEFAULT
    scientific: dict[str, Spec] = Field(default_factory=dict, description="tables [scientific.NAME]")
    nuisance: dict[str, Spec] = Field(default_factory=dict, description="tables [nuisance.NAME]")
    fixed: dict[str, Scalar] = Field(default_factory=dict, description="a table of parameters and their values")
    tune: Annotated[bool, Field(strict=True, description="true or false")] = False
    tuning: Annotated[Tuning | None, Field(description="a table with trials_per_level")] = None
    search: Annotated[Search | None, Field(description="a table with n_trials")] = None
    constraints: dict[str, Number] = Field(default_factory=dict, description=f"a table of costs, each with {POSITIVE}")
    files: Annotated[tuple[str, ...], Field(max_length=100, description="a list of files")] = ()
    code: Code | None = None
    starts: tuple[Start, ...] = ()
    observed: tuple[Observed, ...] = ()

    @classmethod
    def allowed(cls, key: str) -> str:
        """What a key takes, for messages: for the measure, the names that are registered now."""
        return DECIDING.listed() if key == "measure" else super().allowed(key)

    @model_validator(mode="wrap")
    @classmethod
    def _all_mistakes_at_once(cls, data: Any, handler: ModelWrapValidatorHandler[Study]) -> Study:
        if not isinstance(data, dict):
            return handler(data)
        data, wrong = with_looks(_plain(data))
        data, mistakes = check(data)
        mistakes = wrong + mistakes
        try:
            study = handler(data)
        except ValidationError as error:
            shape = [explained(item, cls, TABLES) for item in of_shape(error)]
            mistakes = shape + mistakes
        if not mistakes:
            return study
        errors = [(path, PydanticCustomError("mistake", text)) for path, text in once_a_value(mistakes)]
        raise ValidationError.from_exception_data(
            cls.__name__, [InitErrorDetails(type=error, loc=path, input=None) for path, error in errors]
        )

    @property
    def kind(self) -> Kind:
        """A question about the levels of one parameter, or of two crossed; the reference model alone; or a search."""
        if self.search is not None:
            return "search"
        return ("reference", "levels", "factorial")[min(len(self.scientific), 2)]

    @property
    def factors(self) -> tuple[str, ...]:
        """The scientific parameters of a question, one or two; empty for the other kinds."""
        return () if self.kind == "search" else tuple(self.scientific)

    @property
    def factor(self) -> str | None:
        """The one scientific parameter of a question that has one; None for the other kinds."""
        return next(iter(self.scientific)) if self.kind == "levels" else None

    @property
    def levels(self) -> tuple[ParamValue, ...]:
        """What the factor takes; empty for the other kinds."""
        spec = self.scientific[self.factor] if self.factor else None
        return spec.levels if isinstance(spec, Levels) else ()

    @property
    def reference(self) -> ParamValue | None:
        """The level that the others are compared with; None for the other kinds."""
        spec = self.scientific[self.factor] if self.factor else None
        return spec.reference if isinstance(spec, Levels) else None

    @property
    def measure_words(self) -> str:
        """What decides, in words: `accuracy`, `balanced accuracy`."""
        return DECIDING[self.measure].words

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates of each level, where they are tuned for it by `tune`; else empty."""
        return rates_around(self.base_config().learning_rate) if self.tune else ()

    def base_config(self) -> TrainConfig:
        """What the others are compared with: the reference model with [fixed], the factor at its reference level.

        A parameter that is tuned or searched stands at the reference model's value, or where its space comes nearest.
        """
        specs = {**self.scientific, **self.nuisance}
        anchors = {name: spec.anchor(default_of(name)) for name, spec in specs.items()}
        return TrainConfig.of({**anchors, **self.fixed})

    def quick(self) -> Study:
        """The study cut to a few minutes on two cores: smaller images and batches, fewer epochs and trials."""
        for size in QUICK_SIZES:
            try:
                return Study.model_validate(quickened(_plain(self), self.base_config().model_dump(), size))
            except ValidationError as error:
                refused = error
        raise StudyFileError(f"The study {self.name} has no quick form:", _lines(refused, {}))

    def override(
        self,
        *,
        seeds: int | str | None = None,
        epochs: int | None = None,
        n_trials: int | None = None,
        margin: float | None = None,
        measure: str | None = None,
        tune: bool = False,
        fixed: Mapping[str, ParamValue] | None = None,
    ) -> Study:
        """What --seeds, --epochs, --n-trials, --margin, --measure, --tune and --set name=value make of it. Texts in
        `fixed` are read as TOML; files of one's own in it are looked for in the working directory.

        Raises:
            StudyFileError: listing every mistake.
        """
        mistakes = []
        if n_trials is not None and self.search is None:
            mistakes.append(f"--n-trials: {self.name} is no search; its trials are every level with every seed")
            n_trials = None
        if epochs is not None and "epochs" in (fixed or {}):
            mistakes.append("--set epochs: --epochs says it too; allowed: one of the two")
        data, flags = overridden(_plain(self), seeds, epochs, n_trials, fixed or {}, margin, measure, tune=tune)
        given = {name: data["fixed"][name] for name in fixed or {} if name in data["fixed"]}  # "none" takes one off
        code, missing = located({"fixed": given}, Path.cwd())
        data["fixed"] |= given
        mistakes += [f"{flags[place]}: {text}" for place, text in missing]
        if code is not None:
            data["code"] = _plain(self.code.joined(code) if self.code else code)
        try:
            study = Study.model_validate(data)
        except ValidationError as error:
            mistakes += _lines(error, flags)
        if mistakes:
            raise StudyFileError(f"The study {self.name} cannot be changed so:", mistakes)
        return study

    def canonical(self) -> dict[str, Any]:
        """The design, as JSON data: what the meaning of finished trials rests on, with the measure that decides and
        the margin of the answer.
        `diff.meaning_diff` compares two of them.

        `fixed` holds every parameter that does not vary, so that a new default of the reference model is seen too.
        Left out are the question's wording and the reference level: they change what is said of trials, not the trials.
        With looks, what decides is agreed before the first trial, and belongs to the design.
        """
        told = {"seeds", "margin", "measure", "tuning", "search"}
        data = self.model_dump(mode="json", include=told, exclude_none=True)
        if self.tune:
            data["tune"] = True
        if self.constraints:
            data["constraints"] = {name: float(limit) for name, limit in sorted(self.constraints.items())}
        if self.looks:
            data["looks"] = agreed(self.looks, self.levels, self.reference, self.margin, self.measure)
        base = self.base_config().model_dump(mode="json")
        for role, specs in (("scientific", self.scientific), ("nuisance", self.nuisance)):
            left_out = {"reference"}
            data[role] = {
                name: spec.model_dump(mode="json", exclude=left_out if spec.when else {*left_out, "when"})
                for name, spec in specs.items()
            }
        for key in ("confirm", "patience"):  # how many trials there are changes none that was made
            data.get("search", {}).pop(key, None)
        if self.code is not None:
            data["code"] = dict(sorted(self.code.digests.items()))
        varied = {name for name, spec in {**self.scientific, **self.nuisance}.items() if not spec.when} | {*RESERVED}
        return {"kind": self.kind, **data, "fixed": {name: value for name, value in base.items() if name not in varied}}


TABLES: dict[str, type[Table]] = {"levels": Levels, "range": Range, "tuning": Tuning, "search": Search}


def _plain(value: Any) -> Any:
    """Models and tuples as tables and lists."""
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_none=True)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _lines(error: ValidationError, flags: Mapping[Place, str]) -> list[str]:
    """One line a mistake, placed by the flag that set it, or by its path in the study file."""
    return [f"{flags.get(item['loc']) or shown_path(item['loc'])}: {item['msg']}" for item in error.errors()]
