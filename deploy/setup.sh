#!/usr/bin/env bash
# Makes a virtual environment with what one make target needs; installs system packages only when
# one is missing.
# usage: deploy/setup.sh VENV PYTHON PURPOSE
# PURPOSE: demo, pi,setup, test, fuzz,test, peers, mediapipe, train, train,test, deploy, or deb for
# system packages only.
# Done once per VENV and purpose: a stamp remembers the hash of everything that decides what is
# installed.
set -euo pipefail
venv=$1 python=$2 purpose=$3
cd "$(dirname "$0")/.."

stamp=$venv/.posekernel-$purpose
hash=$("$python" -V; cat pyproject.toml deploy/constraints.txt deploy/setup.sh)
hash=$(printf '%s' "$hash" | sha256sum | cut -d' ' -f1)
[ "$(cat "$stamp" 2>/dev/null)" = "$hash" ] && exit 0

# command or file that shows the package is there : Debian package
alsa="gcc:gcc /usr/include/alsa/asoundlib.h:libasound2-dev"
case $purpose in
  demo) needs="" ;;
  pi,setup) needs=$alsa ;;
  peers|mediapipe|train|train,test) needs="" ;;
  deb) needs="dh:debhelper mmdebstrap:mmdebstrap qemu-aarch64-static:qemu-user-static" ;;
  deploy) needs="debootstrap:debootstrap systemd-nspawn:systemd-container ssh:openssh-client" ;;
  test|fuzz,test)
    needs="$alsa /usr/sbin/mosquitto:mosquitto mosquitto_sub:mosquitto-clients"
    needs="$needs openssl:openssl chromium:chromium"
    ;;
  *) echo "setup.sh: unknown purpose $purpose" >&2; exit 2 ;;
esac
# pyalsaaudio is built from source.
if [ "${purpose#*test}" != "$purpose" ] || [ "$purpose" = pi,setup ]; then
  headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
  needs="$needs $headers/Python.h:python3-dev"
fi
"$python" -c 'import ensurepip, venv' 2>/dev/null || needs="$needs never-found:python3-venv"
missing=""
for need in $needs; do
  what=${need%%:*}
  if [ "${what#/}" != "$what" ]; then [ -e "$what" ]; else command -v "$what" >/dev/null; fi ||
    missing="$missing ${need#*:}"
done
if [ -n "$missing" ]; then
  echo "installing system packages:$missing"
  sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
  command -v apt-get >/dev/null || { echo "please install:$missing" >&2; exit 2; }
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq $missing >/dev/null
fi

[ "$purpose" = deb ] && exit 0

echo "setting up $venv for '$purpose' with $("$python" -V) (once)"
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$venv"
case $purpose in
  # tflite-runtime and MediaPipe need an older numpy, and so on
  peers|mediapipe)
    without='^protobuf==\|^numpy==\|^opencv\|^rocket\|^numba\|^llvmlite\|^ml_dtypes'
    ;;
  train*) without='^typing_extensions' ;;  # the converter needs an older one
  *) without='^$' ;;
esac
"$venv/bin/python" -m pip install -q --disable-pip-version-check \
  -c <(grep -v "$without" deploy/constraints.txt) -e ".[$purpose]"
echo "$hash" > "$stamp"
