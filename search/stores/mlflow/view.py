"""The shared view of a study's experiment: which columns MLflow's table of runs shows, how it is sorted, which charts
come first.

MLflow 3.17 keeps such a view in a tag of the experiment, `mlflow.sharedViewState.NAME`: JSON with the view's name, when
it was made, and its state, `deflate;` and the base64 of zlib-compressed JSON. It is listed among the experiment's saved
views, and opened by `viewStateShareKey=NAME` in the address. (mlflow/server/js, `useSharedExperimentViewState` and
`savedViews`; the keys of the state are those of `ExperimentPageUIState` and `ExperimentPageSearchFacetsState`.)
"""

from __future__ import annotations

import base64
import json
import uuid
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from search.addresses.urls import VIEW

TAG = f"mlflow.sharedViewState.{VIEW}"
MAIN_METRIC = "mlflow.experiment.primaryMetric.name"  # the tag that names the metric whose chart comes first

TITLE = "Accuracy and memory"
ACCURACIES = ("test_accuracy", "final_val_accuracy", "final_train_accuracy")
COSTS = ("vram_peak_mib", "train_s", "parameters")
COLUMNS = (*ACCURACIES, *COSTS)  # metrics, in the order of the table
# By epoch, then final ones as bars. What else there is MLflow adds behind them, by name.
CHARTS = ("val_accuracy", "train_accuracy", *ACCURACIES, *COSTS, "val_loss", "train_loss")
BY_EPOCH = frozenset({"val_accuracy", "train_accuracy", "val_loss", "train_loss", "vram_peak_mib"})
SECTIONS = (TITLE, "Model metrics", "System metrics")  # the last two are MLflow's own names
VIEWED = "search.view"  # a tag that says that the view was made: who deletes it is not given it again
_NAMESPACE = uuid.UUID("6e3f6c1e-0d6c-5f0c-9d0a-6c1d7f0f3f5a")  # any; charts and sections have UUIDs


def view_tags(params: Sequence[str], made_at_s: float) -> dict[str, str]:
    """The experiment's tags for its view and for the chart that comes first. Arguments as of `view_tag`."""
    return {TAG: view_tag(params, made_at_s), MAIN_METRIC: COLUMNS[0], VIEWED: "1"}


def view_tag(params: Sequence[str], made_at_s: float) -> str:
    """The value of the tag.

    Args:
        params: the columns beside the metrics, as the question's factor.
        made_at_s: seconds since 1970.
    """
    packed = base64.b64encode(zlib.compress(json.dumps(_state(params)).encode())).decode()
    made_at_ms = round(made_at_s * 1000)
    return json.dumps({"name": TITLE, "createdAt": made_at_ms, "updatedAt": made_at_ms, "state": f"deflate;{packed}"})


def state_of(tag: str) -> dict[str, Any]:
    """What a tag says, unpacked.

    Raises:
        ValueError: it is no view, or one of another form.
    """
    try:
        packed = json.loads(tag)["state"].removeprefix("deflate;")
        state: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(packed)))
    except (KeyError, TypeError, AttributeError, zlib.error) as error:
        raise ValueError(f"no view of MLflow's: {tag[:80]}") from error
    return state


def _state(params: Sequence[str]) -> dict[str, Any]:
    metrics = _keys("metrics", COLUMNS)
    columns = [*metrics, *_keys("params", [*params, "seed"])]
    sections = {name: _uuid(f"section {name}") for name in SECTIONS}
    return {
        "orderByKey": "metrics.`test_accuracy`",  # sorted by a metric, trials do not hide below the study's run
        "orderByAsc": False,
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": dict.fromkeys(metrics, 145),  # pixels: their names are read whole
        "runsHiddenMode": "FIRST_20_RUNS",
        "hideEmptyCharts": True,
        "isAccordionReordered": True,
        "compareRunSections": [
            {"uuid": found, "name": name, "display": True, "isReordered": True, "deleted": False, "isGenerated": True}
            for name, found in sections.items()
        ],
        "compareRunCharts": [_chart(metric, sections[TITLE]) for metric in CHARTS],
    }


def _chart(metric: str, section: str) -> dict[str, Any]:
    """A chart as MLflow makes one for a metric (`RunsChartsCardConfig.getEmptyChartCardByType`)."""
    common = {
        "uuid": _uuid(f"chart {metric}"),
        "metricSectionId": section,
        "deleted": False,
        "isGenerated": True,
        "metricKey": metric,
        "displayName": metric,
        "runsCountToCompare": 20,
    }
    if metric not in BY_EPOCH:
        return {**common, "type": "BAR"}
    return {
        **common,
        "type": "LINE",
        "selectedMetricKeys": [metric],
        "xAxisKey": "step",
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "lineSmoothness": 0,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
        "ignoreOutliers": False,
        "range": {},
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "selectedXAxisMetricKey": "",
    }


def _keys(kind: str, names: Iterable[str]) -> list[str]:
    return [f"{kind}.`{name}`" for name in names]


def _uuid(text: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, text))
