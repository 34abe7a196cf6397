"""The test images most often wrong, on one sheet."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from search.answer.wrong import Wrong
from search.figures.style import INK, SMALL, figure, png

COLUMNS = 4


def contact_sheet(images: Sequence[Wrong]) -> bytes | None:
    """PNG; None where no image can be shown."""
    drawn = [image for image in images if image.thumbnail]
    if not drawn:
        return None
    rows = -(-len(drawn) // COLUMNS)
    chart = figure(0.2 + 1.55 * rows, 6.4)
    chart.set_facecolor("white")
    for place, axes in enumerate(chart.subplots(rows, COLUMNS, squeeze=False).flat):
        axes.set_axis_off()
        if place < len(drawn):
            wrong = drawn[place]
            assert wrong.thumbnail is not None
            axes.imshow(np.asarray(Image.open(io.BytesIO(wrong.thumbnail))))
            text = f"{wrong.true.capitalize()}\nas {wrong.predicted.capitalize()}, {wrong.times} of {wrong.of}"
            axes.set_title(text, fontsize=SMALL - 1.5, color=INK, loc="left", pad=3).set_parse_math(False)
    return png(chart)
