# What the commands in this folder share. Sourced by them, in the folder of docker-compose.yml.

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

remember() { # remember NAME VALUE WHY: from now on, for every command of Compose, by a line in .env
  export "$1=$2"
  [[ ! -s .env || -z $(tail -c 1 .env) ]] || echo >>.env
  if printf '# %s\n%s=%s\n' "$3" "$1" "$2" >>.env; then echo "$3: $1=$2 (written into .env)"; fi
}

choose_gpu() { # without NVIDIA's runtime, images for the CPU; unless somebody chose
  local chosen gpu=
  chosen=$(setting COMPOSE_FILE "")
  if docker info --format '{{json .Runtimes}} {{json .CDISpecDirs}}' 2>/dev/null | grep -q nvidia ||
    docker info --format '{{json .DiscoveredDevices}}' 2>/dev/null | grep -q nvidia; then
    gpu=yes
  fi
  if [[ ! $chosen && ! $gpu ]]; then
    remember COMPOSE_FILE docker-compose.yml:docker-compose.cpu.yml \
      "Docker knows no NVIDIA GPU here (no Container Toolkit), so images are for the CPU"
  elif [[ $gpu && $chosen == *docker-compose.cpu.yml* ]]; then
    echo "Docker knows an NVIDIA GPU, and COMPOSE_FILE leaves it alone: $chosen"
  elif [[ $gpu ]] && ! docker image inspect "$(project)-trainer" >/dev/null 2>&1; then
    echo "The first start builds the trainers' image with CUDA: about 7 GB, some minutes."
  fi
}

choose_login() { # where other people have accounts, whom the pages would let in; unless somebody chose
  local others mine=${SUDO_UID:-$(id -u)}
  # Accounts of people have these numbers (UID_MIN and UID_MAX of login.defs(5)), and a shell.
  # A directory of a laboratory (LDAP, SSSD) does not list its accounts; those who have been here have a folder.
  others=$( (
    getent passwd 2>/dev/null
    find "${HOMES:-/home}" -mindepth 1 -maxdepth 1 -type d -printf 'home:%U:%f\n' 2>/dev/null
  ) | awk -F: -v mine="$mine" '
      $1 == "home" { if ($2 != 0 && $2 != mine && !($2 in known)) print $3; next }
      { known[$3] }
      $3 >= 1000 && $3 <= 60000 && $3 != mine && $7 !~ /(nologin|false)$/ { print $1 }' |
    head -n 3 | paste -sd ,) || true
  [[ $others ]] || return 0
  case $(setting LOGIN "") in
    "") remember LOGIN on "This machine has accounts of other people ($others), so both pages ask for a login" ;;
    off) echo "The pages ask for no login (LOGIN=off), and this machine has accounts of other people: $others" ;;
  esac
}

project() { # as Compose names it
  docker compose config --format json | sed -n '1,/"name"/s/^ *"name": "\(.*\)",\?$/\1/p' | head -n 1
}

databases=(optuna mlflow)

need_running() { # need_running SERVICE...
  local service
  for service; do
    [[ $(docker compose ps --status running --services) == *"$service"* ]] ||
      { echo "The stack $(project) is not up: make up" >&2; exit 2; }
  done
}

in_runs() { # a command in a container that has the volume of journals, by its user
  docker compose run --rm --no-deps --no-TTY --entrypoint "$1" same-folder "${@:2}"
}
