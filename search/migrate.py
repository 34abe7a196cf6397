"""Makes the tables of Optuna and MLflow, or brings those of an older version up to date. Changes nothing otherwise.

    python -m search.migrate

Stores are named as for `search.run`: flags, else $SEARCH_STORAGE_URL and $MLFLOW_TRACKING_URI. Run it before the first
controller and the two web pages start, and after either package was upgraded; no controller may run meanwhile.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from search.addresses.urls import shown_url
from search.commands import ExitStatus, add_runs_option, ended, new_parser
from search.errors import SettingsError
from search.settings import STORAGE, TRACKING, Places
from search.stores.addresses import check_addresses, check_names
from search.stores.optuna import upgrade_storage


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    result = new_parser("migrate", __doc__)
    add_runs_option(result)
    result.add_argument("--storage-url", metavar="URL", help="Optuna's database ($SEARCH_STORAGE_URL, else embedded)")
    result.add_argument("--tracking-uri", metavar="URL", help="MLflow's database ($MLFLOW_TRACKING_URI, else embedded)")
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns the exit status: 0, or 2 where a store cannot be used."""
    args = parser().parse_args(argv)
    return ended(lambda: _main(Places.of(args.runs, args.storage_url, args.tracking_uri)))


def _main(places: Places) -> int:
    tracking_by = f"--tracking-uri (${TRACKING})"
    check_addresses(places, f"--storage-url (${STORAGE})", tracking_by)
    check_names(places, tracking_by)
    if places.artifacts is None:
        raise SettingsError(f"{places.tracking_uri} is a server: MLflow's tables are made through its database")
    from search.stores.mlflow.schema import upgrade_database  # seconds of imports

    if any(url.startswith("sqlite:") for url in (places.storage_url, places.tracking_uri)):
        places.runs.mkdir(parents=True, exist_ok=True)
    for name, url, upgrade in (
        ("Optuna", places.storage_url, upgrade_storage),
        ("MLflow", places.tracking_uri, upgrade_database),
    ):
        print(f"{name}: {shown_url(url)} {upgrade(url)}", flush=True)
    return ExitStatus.DONE


if __name__ == "__main__":
    sys.exit(main())
