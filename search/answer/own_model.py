"""What a model of one's own is, for people: its files, and what its layers are."""

from __future__ import annotations

from search.answer.tables.rows import Table
from search.folder.code import noted_models
from search.folder.load import StoredStudy
from search.study import Study
from search.study.space import Levels
from trainer.events import ModelSummary

MOST_ROWS = 40  # of a table of layers: a page's length


def own_facts(recorded: StoredStudy) -> list[tuple[str, str]]:
    """The files of one's own with their digests, and what they build; nothing for the reference model alone."""
    code = recorded.study.code
    if code is None:
        return []
    files = ", ".join(f"{name} (SHA-256 {digest[:12]})" for name, digest in sorted(code.digests.items()))
    built = [f"{model.name}: {_size(model)}" for model in _models(recorded)]
    return [("Code of one's own", files), *([("Model", "; ".join(built))] if built else [])]


def models_of(study: Study) -> list[str]:
    """The models that a study trains: "reference", or code of one's own as "my_model.py:build"."""
    spec = {**study.scientific, **study.nuisance}.get("model")
    values = spec.levels if isinstance(spec, Levels) else (study.base_config().model,)
    return [str(value) for value in values]


def layer_tables(recorded: StoredStudy) -> list[Table]:
    """The layers of each model of one's own, in their order."""
    return [_layers(model) for model in _models(recorded)]


def _layers(model: ModelSummary) -> Table:
    rows = [
        (layer.name, layer.kind, layer.shape, f"{layer.parameters:,}" if layer.parameters else "")
        for layer in model.layers[:MOST_ROWS]
    ]
    rest = len(model.layers) - len(rows)
    note = f"At the study's base settings: {_size(model)}." + (f" {rest} more layers follow." if rest > 0 else "")
    columns = ("layer", "kind", "output of an image", "parameters")
    return Table("layers", f"The layers of {model.name}", columns, tuple(rows), note=note)


def _size(model: ModelSummary) -> str:
    return f"{model.parameters:,} parameters, {model.flops_per_image:,} FLOPs an image"


def _models(recorded: StoredStudy) -> tuple[ModelSummary, ...]:
    return noted_models(recorded.folder) if recorded.folder is not None and recorded.study.code is not None else ()
