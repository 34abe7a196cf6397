"""An augmentation of one's own: the strength of the stain, which differs from one laboratory and day to another.

D. Tellez et al., "Whole-Slide Mitosis Detection in H&E Breast Histology Using PHH3 as a Reference to Train Distilled
Stain-Invariant Convolutional Networks", IEEE Transactions on Medical Imaging 37(9), 2018, vary it likewise.
"""

import keras


@keras.saving.register_keras_serializable(package="examples")
class RandomStain(keras.layers.Layer):
    """Multiplies the optical density of each image and channel, in training only. Images of 0-1 in and out."""

    def __init__(self, amount, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.amount, self.seed = amount, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images, training=False):
        if not training:
            return images
        shape = (keras.ops.shape(images)[0], 1, 1, images.shape[-1])
        factor = keras.random.uniform(shape, 1 - self.amount, 1 + self.amount, seed=self.seed_generator)
        density = -keras.ops.log(keras.ops.maximum(images, 1 / 255))  # Lambert and Beer: proportional to the dye
        return keras.ops.exp(-density * keras.ops.cast(factor, images.dtype))

    def get_config(self):
        return {**super().get_config(), "amount": self.amount, "seed": self.seed}


def build(config, input_shape):
    """A layer that changes images in training and leaves them alone in inference."""
    return RandomStain(config.augmentation.amount, seed=config.seed)
