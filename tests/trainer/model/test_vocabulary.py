"""Every entry of the vocabularies of a model builds what it says, also one that is registered later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.search.extended_trainer import L2
from trainer.config import TrainConfig
from trainer.registry import UnknownNameError
from trainer.vocabulary import (
    AUGMENTATIONS,
    HEADS,
    NORMALIZATIONS,
    OPTIMIZERS,
    POOLINGS,
    Augmentation,
    Head,
    Normalization,
    Optimizer,
)

SMALL = {"image_height": 12, "image_width": 16, "depth": 2}


def built(**values: Any) -> Any:
    from trainer.model import build

    return build(TrainConfig.of({**SMALL, **values}), ["a", "b"])


def test_a_new_pooling_builds_its_own_layer(keras: Any) -> None:
    from trainer.model.drawing import rows

    with POOLINGS.registered("l2", L2):
        config = TrainConfig.of({**SMALL, "pooling": "l2"})
        model = built(pooling="l2")
        layer = model.get_layer("pool_1")
        assert type(layer).__name__ == "L2Pooling2D"
        square = np.array([[1.0, 7.0], [5.0, 5.0]], "float32").reshape(1, 2, 2, 1)
        assert np.asarray(layer(square)).ravel() == pytest.approx([5.0])
        drawn = {row.name: (row.kind, row.color, row.column) for row in rows(model, config)}
        usual = {row.name: row.color for row in rows(built(), TrainConfig.of(SMALL))}
        assert drawn["pool_2"] == ("root mean square 2×2", usual["pool_2"], "block 2")


def test_other_vocabularies_take_new_entries(keras: Any) -> None:
    from trainer.model.drawing import rows

    class RandomNoise(keras.layers.GaussianNoise):
        pass

    def layer(kind: str, **given: Any) -> Callable[..., Any]:
        return lambda **settings: getattr(keras.layers, kind)(**given, **settings)

    with (
        NORMALIZATIONS.registered("layer", Normalization("layer", "layer norm.", "ln", layer("LayerNormalization"))),
        HEADS.registered("global_max", Head("global maximum", "maximum", layer("GlobalMaxPooling2D"))),
        AUGMENTATIONS.registered("noise", Augmentation("noise", ("noise",), lambda: (RandomNoise,))),
        OPTIMIZERS.registered("lion", Optimizer("Lion", keras.optimizers.Lion)),
    ):
        values = {"normalization": "layer", "head": "global_max", "augmentation": "noise", "optimizer": "lion"}
        config = TrainConfig.of({**SMALL, **values})
        model = built(**values)
        kinds = {row.name: (row.kind, row.column) for row in rows(model, config)}
        assert kinds["ln_2"] == ("layer norm.", "block 2")
        assert kinds["global_max"] == ("maximum", "head")
        assert kinds["noise"] == ("noise", "input")
        from trainer.model import compile_model

        compile_model(model, config, 1)
        assert isinstance(model.optimizer, keras.optimizers.Lion)


@pytest.mark.parametrize("name", ["pooling", "normalization", "head", "augmentation"])
def test_a_model_of_a_name_that_nobody_knows_is_not_built(keras: Any, name: str) -> None:
    from trainer.model import build

    config = TrainConfig.of(SMALL).model_copy(update={name: "l2"})  # not validated
    with pytest.raises(UnknownNameError, match=f"'l2' is no {name}; allowed: "):
        build(config, ["a", "b"])


def test_an_optimizer_that_nobody_knows(keras: Any) -> None:
    from trainer.model import compile_model

    with pytest.raises(UnknownNameError, match="'l2' is no optimizer; allowed: adam, adamw, sgd, rmsprop"):
        compile_model(built(), TrainConfig.of(SMALL).model_copy(update={"optimizer": "l2"}), 1)
