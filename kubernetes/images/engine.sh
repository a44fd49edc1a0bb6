#!/usr/bin/env bash
# Brings a Docker engine and a base image to a Debian machine that has neither and reaches no image registry.
#
#   kubernetes/images/engine.sh            needs root; does nothing that is done already
#
# The base image `tandem-base:local` holds Debian bookworm and its Python 3.11, so that it can stand in for the
# pinned BASE_IMAGE of the Dockerfiles: make images BASE_IMAGE=tandem-base:local
set -euo pipefail

BASE=${BASE:-tandem-base:local}
LOG=${LOG:-/var/log/tandem-dockerd.log}

answers() { docker info >/dev/null 2>&1; }

start() {
  command -v dockerd >/dev/null || {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io iptables >/dev/null
  }
  # A session of its own: the engine outlives the shell that asked for it.
  setsid --fork dockerd >"$LOG" 2>&1 </dev/null
  for _ in $(seq 60); do
    answers && return
    sleep 1
  done
  echo "Expected a Docker engine within 60 seconds. Its log: $LOG" >&2
  tail -n 5 "$LOG" >&2
  return 1
}

base() {
  command -v debootstrap >/dev/null || {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
  }
  root=$(mktemp -d)
  trap 'rm -rf "$root" "$root.log"' EXIT
  # Headers and venv, as the official Python image has them. debootstrap resolves no virtual packages:
  # python3-distutils is what python3.11-venv asks for by another name.
  packages=ca-certificates,python3.11,python3.11-venv,python3-distutils,libpython3.11-dev
  debootstrap --variant=minbase --include="$packages" bookworm "$root" >"$root.log" || {
    tail -n 5 "$root/debootstrap/debootstrap.log" >&2
    return 1
  }
  ln -s ../../bin/python3.11 "$root/usr/local/bin/python"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
  tar -C "$root" -c . | docker import \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8' \
    --change 'CMD ["python"]' --message 'Debian bookworm with its Python 3.11' - "$BASE"
}

answers || start
docker image inspect "$BASE" >/dev/null 2>&1 || base
docker version --format 'engine {{.Server.Version}}'
docker image ls --format '{{.Repository}}:{{.Tag}} {{.Size}}' "$BASE"
