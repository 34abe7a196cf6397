"""The names that a `TrainConfig` may take, a table each. They import without Keras, which the builders import.

pooling.py         how a block halves its height and width
normalization.py   what follows each block's pooling
head.py            what lies between the last block and the first dense layer
augmentation.py    random changes to the training images
optimizer.py       what follows the gradient
model.py           what is trained
class_weight.py    how much the images of each class count in the training loss
"""

from trainer.vocabulary.augmentation import AUGMENTATIONS, Augmentation
from trainer.vocabulary.class_weight import CLASS_WEIGHTS, ClassWeight
from trainer.vocabulary.head import HEADS, Head
from trainer.vocabulary.model import MODELS, Model
from trainer.vocabulary.normalization import NORMALIZATIONS, Normalization
from trainer.vocabulary.optimizer import OPTIMIZERS, Optimizer
from trainer.vocabulary.pooling import POOLINGS, Pooling

__all__ = [
    "AUGMENTATIONS",
    "CLASS_WEIGHTS",
    "HEADS",
    "MODELS",
    "NORMALIZATIONS",
    "OPTIMIZERS",
    "POOLINGS",
    "Augmentation",
    "ClassWeight",
    "Head",
    "Model",
    "Normalization",
    "Optimizer",
    "Pooling",
]
