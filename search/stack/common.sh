# What the commands in this folder share. Sourced by them, in the folder of docker-compose.yml.

compose_file="" # what a command that is shown needs before it

need_docker() {
  docker compose version >/dev/null 2>&1 ||
    { echo "Docker Compose 2.24 or newer is needed: https://docs.docker.com/compose/install/" >&2; exit 2; }
  docker info >/dev/null 2>&1 ||
    { echo "Docker's engine does not answer: sudo systemctl start docker, and see that $(id -un) may use it" >&2; exit 2; }
}

setting() { # setting NAME DEFAULT: from the environment, else from .env, else the default
  local value=${!1-}
  if [[ -z $value && -f .env ]]; then
    value=$(sed -n "s/^[[:space:]]*\(export[[:space:]]\+\)\?$1=//p" .env | tail -n 1)
    value=${value%$'\r'} value=${value#[\"\']} value=${value%[\"\']}
  fi
  printf '%s' "${value:-$2}"
}

choose_gpu() { # without NVIDIA's runtime, images for the CPU; unless somebody chose
  [[ -z $(setting COMPOSE_FILE "") ]] || return 0
  if docker info --format '{{json .Runtimes}} {{json .CDISpecDirs}}' 2>/dev/null | grep -q nvidia ||
    docker info --format '{{json .DiscoveredDevices}}' 2>/dev/null | grep -q nvidia; then
    docker image inspect "$(project)-trainer" >/dev/null 2>&1 ||
      echo "The first start builds the trainers' image with CUDA: about 7 GB, some minutes."
    return 0
  fi
  echo "Docker knows no NVIDIA GPU here (its Container Toolkit is not installed), so images are for the CPU."
  export COMPOSE_FILE=docker-compose.yml:docker-compose.cpu.yml
  compose_file="COMPOSE_FILE=$COMPOSE_FILE "
}

project() { # as Compose names it
  docker compose config --format json | sed -n '1,/"name"/s/^ *"name": "\(.*\)",\?$/\1/p' | head -n 1
}
