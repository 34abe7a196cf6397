#!/usr/bin/env bash
# Starts the stack, and ends with its addresses: `make up`. Needs Docker with Compose alone; options go to
# `docker compose up`. What would stop it half-way is said before anything is started.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source search/stack/common.sh

problems=()
check_port() { # check_port SERVICE ITS_PORT VARIABLE PORT: free, or this stack's own
  [[ $(docker compose port "$1" "$2" 2>/dev/null) == "127.0.0.1:$4" ]] && return
  if (exec 3<>"/dev/tcp/127.0.0.1/$4") 2>/dev/null; then
    problems+=("Port $4 on 127.0.0.1, meant for $1, is taken. Set another one in .env: $3=$(($4 + 1))")
  fi
}

need_docker
check_port postgres 5432 POSTGRES_PORT "$(setting POSTGRES_PORT 5450)"
check_port mlflow 5000 MLFLOW_PORT "$(setting MLFLOW_PORT 5050)"
check_port optuna-dashboard 8080 DASHBOARD_PORT "$(setting DASHBOARD_PORT 8050)"
images=$(setting BLOOD_CELLS_DIR "")
[[ -z $images || -d $images ]] || problems+=("BLOOD_CELLS_DIR=$images: no such folder. Set it in .env, or leave it out")
[[ -z $images || $images == /* ]] || problems+=("BLOOD_CELLS_DIR=$images: a path from the root is needed: $PWD/$images")
check_postgres() { # Postgres' images declare their volume at another place from 18 on (docker-library/postgres, pull 1259)
  local image volumes
  image=$(setting POSTGRES_IMAGE "")
  [[ $image && -z $(setting POSTGRES_VOLUME "") ]] || return 0
  docker image inspect "$image" >/dev/null 2>&1 || docker pull --quiet "$image" >/dev/null 2>&1 || return 0
  volumes=$(docker image inspect --format '{{range $path, $_ := .Config.Volumes}}{{$path}} {{end}}' "$image")
  [[ $volumes == "/var/lib/postgresql " ]] || return 0
  problems+=("POSTGRES_IMAGE=$image wants its volume elsewhere, as Postgres does from 18 on. Set in .env: POSTGRES_VOLUME=/var/lib/postgresql")
}
check_postgres
if ((${#problems[@]})); then
  printf '%s\n' "${problems[@]}" "Nothing was started." >&2
  exit 2
fi

choose_gpu
choose_login
if ! docker compose up --detach --wait "$@"; then
  docker compose logs --no-log-prefix same-folder >&2 2>/dev/null || true
  docker compose logs --no-log-prefix postgres 2>/dev/null | grep -m 1 POSTGRES_VOLUME >&2 || true
  echo "The stack did not start. What each service said: docker compose logs" >&2
  exit 1
fi
echo "MLflow:            http://$(docker compose port mlflow 5000)"
echo "Optuna dashboard:  http://$(docker compose port optuna-dashboard 8080)/dashboard"
docker compose exec --no-TTY mlflow python -m search.stack.access
echo "A study:           docker compose run --rm search --study pooling"
