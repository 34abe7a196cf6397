#!/usr/bin/env bash
# Puts a backup into the stack of this folder, in place of what it has: `make restore ARGS=FOLDER`. Asks first.
#
#   search/stack/restore.sh FOLDER [--yes]
#
# Everything is read into databases beside those that are there before one of these is replaced. Tables of an older
# Optuna or MLflow are brought up to date by the start that follows.
set -euo pipefail
backup=${1:-} yes=${2:-}
[[ -z $backup || $backup == /* ]] || backup=$PWD/$backup
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source search/stack/common.sh

[[ $backup && ($yes == --yes || -z $yes) ]] || { echo "Name the folder of a backup: make restore ARGS=FOLDER" >&2; exit 2; }
[[ -f $backup/SHA256SUMS ]] || { echo "$backup: is no folder of a backup: found no SHA256SUMS" >&2; exit 2; }
(cd "$backup" && sha256sum --quiet --check SHA256SUMS) >&2 ||
  { echo "$backup: was changed or damaged since it was written. Nothing was restored." >&2; exit 2; }
need_docker
need_running postgres mlflow
if [[ $yes != --yes ]]; then
  read -r -p "Replace all that the stack $(project) has by $backup? [y/N] " answer || answer=
  [[ $answer == [yY] || $answer == [yY][eE][sS] ]] || { echo "Nothing was restored."; exit 2; }
fi

sql() { docker compose exec --no-TTY --env PGOPTIONS=--client-min-messages=warning postgres psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --command "$1"; }
for database in "${databases[@]}"; do
  echo "Database $database ..."
  sql "DROP DATABASE IF EXISTS ${database}_restored"
  sql "CREATE DATABASE ${database}_restored OWNER $database"
  docker compose exec --no-TTY postgres pg_restore --exit-on-error --no-owner --role "$database" \
    --dbname "${database}_restored" <"$backup/$database.dump"
done
echo "Artifacts and journals ..."
docker compose stop mlflow optuna-dashboard
for database in "${databases[@]}"; do
  sql "DROP DATABASE $database WITH (FORCE)"
  sql "ALTER DATABASE ${database}_restored RENAME TO $database"
done
docker compose run --rm --no-deps --no-TTY --entrypoint bash mlflow -euc \
  'find /artifacts -mindepth 1 -delete; tar -C /artifacts -xf -' <"$backup/artifacts.tar"
in_runs bash -euc 'find /runs -mindepth 1 ! -name .folder -delete; tar -C /runs -xf -' <"$backup/runs.tar"
echo "The stack starts ..."
docker compose up --detach --wait mlflow optuna-dashboard
echo "Restored: $backup"
