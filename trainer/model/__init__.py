"""The reference model and the space around it, in Keras 3 with `keras.ops` alone."""

from trainer.model.build import (
    STEPS_PER_EXECUTION,
    all_layers,
    build,
    compile_model,
    flops_per_image,
    graph_key,
    load_model,
    parameters,
    reset,
    save_model,
)
from trainer.model.layers import BlurPooling2D, ClassNames, LocalResponseNormalization

__all__ = [
    "STEPS_PER_EXECUTION",
    "BlurPooling2D",
    "ClassNames",
    "LocalResponseNormalization",
    "all_layers",
    "build",
    "compile_model",
    "flops_per_image",
    "graph_key",
    "load_model",
    "parameters",
    "reset",
    "save_model",
]
