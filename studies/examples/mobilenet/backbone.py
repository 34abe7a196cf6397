"""A model of one's own: MobileNetV2 of `keras.applications`, without weights or with those of a local file.

M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018.
"""

import keras


def build(config, input_shape, class_names):
    """Images in, logits out.

    Args:
        config: every setting of the training; `config.model` has the parameters that the study file declares.
        input_shape: (height, width, channels) of the uint8 images, 0-255.
        class_names: one logit each.
    """
    images = keras.Input(input_shape, dtype="uint8")
    backbone = keras.applications.MobileNetV2(
        input_shape, alpha=config.model.alpha, include_top=False, weights=None, pooling="avg"
    )
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9  # 0.999 averages over a thousand batches, which small sets take many epochs for
    if config.model.weights:
        backbone.load_weights(config.file(config.model.weights))  # listed in the study's `files`
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(images)
    x = keras.layers.Dropout(config.dropout_rate)(backbone(x))
    return keras.Model(images, keras.layers.Dense(len(class_names))(x))
