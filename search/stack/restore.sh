#!/usr/bin/env bash
# Puts a backup into the stack of this folder, in place of what it has: `make restore ARGS=FOLDER`. Asks first.
#
#   search/stack/restore.sh FOLDER [--yes]
#
# Databases, artifacts and journals are all read in beside those that are there before one of these is replaced, and
# those go when the stack is up again: what breaks off half-way has lost nothing, and the same command begins anew. Tables
# of an older Optuna or MLflow are brought up to date by the start that follows.
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
need_running postgres
running=$(docker ps --quiet --filter "label=com.docker.compose.project=$(project)" --filter label=com.docker.compose.service=search)
[[ -z $running ]] ||
  { echo "A study runs in a container of this stack: end it first (docker stop ${running//$'\n'/ }). Nothing was restored." >&2; exit 2; }
if [[ $yes != --yes ]]; then
  read -r -p "Replace all that the stack $(project) has by $backup? [y/N] " answer || answer=
  [[ $answer == [yY] || $answer == [yY][eE][sS] ]] || { echo "Nothing was restored."; exit 2; }
fi

sql() { docker compose exec --no-TTY --env PGOPTIONS=--client-min-messages=warning postgres psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --command "$1"; }
in_artifacts() { docker compose run --rm --no-deps --no-TTY --entrypoint bash mlflow -euc "$1"; }
there() { # whether a database is there
  [[ $(docker compose exec --no-TTY postgres psql --quiet --no-psqlrc --tuples-only --no-align \
    --command "SELECT 1 FROM pg_database WHERE datname = '$1'") == 1 ]]
}

for database in "${databases[@]}"; do
  echo "Database $database ..."
  sql "DROP DATABASE IF EXISTS ${database}_restored"
  sql "CREATE DATABASE ${database}_restored OWNER $database"
  docker compose exec --no-TTY postgres pg_restore --exit-on-error --no-owner --role "$database" \
    --dbname "${database}_restored" <"$backup/$database.dump"
done
echo "Artifacts and journals ..."
unpack='rm -rf "$0/.restored"; mkdir "$0/.restored"; tar -C "$0/.restored" -xf -'
in_artifacts "${unpack//\$0//artifacts}" <"$backup/artifacts.tar"
in_runs bash -euc "${unpack//\$0//runs}" <"$backup/runs.tar"

docker compose stop mlflow optuna-dashboard
for database in "${databases[@]}"; do # one of a restore that broke off between two renamings stays the one before
  if there "${database}_before" && there "$database"; then sql "DROP DATABASE ${database}_before WITH (FORCE)"; fi
  if there "$database"; then sql "ALTER DATABASE $database RENAME TO ${database}_before"; fi
  sql "ALTER DATABASE ${database}_restored RENAME TO $database"
done
swap='here=(find "$0" -mindepth 1 -maxdepth 1 ! -name .restored ! -name .before ! -name .folder)
if [[ -d $0/.before ]]; then "${here[@]}" -exec rm -rf {} +; else mkdir "$0/.before"; "${here[@]}" -exec mv -t "$0/.before" {} +; fi
find "$0/.restored" -mindepth 1 -maxdepth 1 ! -name .folder -exec mv -t "$0" {} +'
in_artifacts "${swap//\$0//artifacts}"
in_runs bash -euc "${swap//\$0//runs}"
echo "The stack starts ..."
docker compose up --detach --wait mlflow optuna-dashboard
for database in "${databases[@]}"; do sql "DROP DATABASE IF EXISTS ${database}_before WITH (FORCE)"; done
in_artifacts "rm -rf /artifacts/.before /artifacts/.restored"
in_runs bash -euc "rm -rf /runs/.before /runs/.restored"
echo "Restored: $backup"
