"""A trainer that knows one pooling more, as a process of its own: `python extended_trainer.py [--noop] ...`.

What the tests register in their own process, the trainer's process has to register as well.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

from trainer.vocabulary import POOLINGS, Pooling

COMMAND = (sys.executable, __file__)
NOOP = (sys.executable, __file__, "--noop")
BUILT = "the L2 pooling was built"


@functools.cache
def _layer() -> Any:
    from trainer.backend import keras

    @keras.saving.register_keras_serializable(package="tests")
    class L2Pooling2D(keras.layers.AveragePooling2D):
        def call(self, inputs: Any) -> Any:
            return keras.ops.sqrt(super().call(keras.ops.square(inputs)) + 1e-6)

    return L2Pooling2D


def build_l2(channels: int, **settings: Any) -> Any:
    """The root of the mean square of 2x2 pixels."""
    print(BUILT, file=sys.stderr, flush=True)
    return _layer()(2, **settings)


L2 = Pooling("L2", "root mean square 2×2", build_l2, cost=3.0)


def main() -> int:
    """One of the two trainers."""
    POOLINGS.register("l2", L2)
    if "--noop" in sys.argv:
        from tests.search import noop_trainer

        return noop_trainer.main([word for word in sys.argv[1:] if word != "--noop"])
    from trainer.__main__ import main as train

    return train()


if __name__ == "__main__":
    sys.exit(main())
