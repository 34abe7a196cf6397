"""What MLflow refuses, in words."""

from __future__ import annotations

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import UNAUTHENTICATED

from search.stores.mlflow.errors import RefusedError
from search.stores.mlflow.refusals import refusals


def test_a_server_that_asks_for_a_login_says_which_variables_have_it() -> None:
    with pytest.raises(RefusedError) as raised, refusals("http://ada:secret@cells:5050"):
        raise MlflowException("API request failed with error code 401", error_code=UNAUTHENTICATED)
    assert str(raised.value) == (
        "MLflow at http://cells:5050: it asks for a login, and was given none that it knows: set "
        "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or start the stack of this folder, whose login is "
        "found by itself"
    )
