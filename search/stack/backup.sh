#!/usr/bin/env bash
# Writes all that the stack has into a folder of its own: `make backup`. The stack stays up, and studies may run.
#
#   search/stack/backup.sh [FOLDER]        default: backups/DATE-TIME
#
# Databases come before artifacts, so that what a database names is in the backup. The stack's passwords are not in it: a
# stack makes its own. Image caches are left out, too.
set -euo pipefail
umask 077
target=${1:-}
(($# <= 1)) || { echo "One folder, found $#: put a name with spaces in quotes twice, as ARGS=\"'/my disk/b'\"" >&2; exit 2; }
[[ -z $target || $target == /* ]] || target=$PWD/$target
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source search/stack/common.sh

need_docker
target=${target:-$PWD/backups/$(date +%Y-%m-%dT%H%M%S)}
[[ ! -e $target ]] || { echo "$target: is there already. Name another folder: make backup ARGS=FOLDER" >&2; exit 2; }
need_running postgres mlflow
partial=$target.partial
rm -rf "$partial"
mkdir -p "$partial"
for database in "${databases[@]}"; do
  echo "Database $database ..."
  docker compose exec --no-TTY postgres pg_dump --format custom "$database" >"$partial/$database.dump"
done
echo "Artifacts ..."
# tar ends with 1 where a file grew or came while it was packed, as studies may run; what it has is whole lines or files.
pack='tar -C "$0" --exclude ./cache --exclude ./.folder --exclude ./.leases --exclude ./.restored --exclude ./.before -cf - . || (($? == 1))'
docker compose exec --no-TTY mlflow bash -euc "${pack//\$0//artifacts}" >"$partial/artifacts.tar"
echo "Journals of studies that ran in containers ..."
in_runs bash -euc "${pack//\$0//runs}" >"$partial/runs.tar"
docker compose exec --no-TTY mlflow python -c 'import importlib.metadata as m, sys
for name in ("mlflow", "optuna"): print(name, m.version(name))' >"$partial/versions.txt"
docker compose exec --no-TTY postgres postgres --version >>"$partial/versions.txt"
(cd "$partial" && sha256sum -- *.dump *.tar versions.txt >SHA256SUMS)
mv "$partial" "$target"
echo "The backup: $target ($(du -sh "$target" | cut -f 1)). Put back: bash search/stack/restore.sh $(printf %q "$target")"
