#!/usr/bin/env bash
# Makes Debian packages that need nothing but Debian: one for each architecture, for Bookworm and
# Trixie. As root, on Debian or Ubuntu; needs debhelper, mmdebstrap, and qemu-user-static for
# another architecture than this machine's. 3 GB beside the cache. DEBFULLNAME and DEBEMAIL, where
# set, name whoever answers for the package.
# usage: deploy/debian/build.sh FOLDER [amd64|arm64]...       FOLDER/SHA256SUMS lists the files
# Sign: ssh-keygen -Y sign -f KEY -n posekernel FOLDER/SHA256SUMS
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,7s/^# //p' "$0"; exit 2; }
out=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/../.."
shift
[ $# -gt 0 ] || set -- amd64 arm64
cache=${POSEKERNEL_DEB_CACHE:-$HOME/.cache/posekernel-deb}
mkdir -p "$cache"
declare -A machine=([amd64]=x86_64 [arm64]=aarch64) python=([bookworm]=3.11 [trixie]=3.13)
native=$(dpkg --print-architecture)
# .invalid (RFC 2606) reaches nobody: the project has no address, and one that looks real would lie.
maintainer="${DEBFULLNAME:-posekernel maintainers} <${DEBEMAIL:-posekernel@posekernel.invalid}>"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
work=$(mktemp -d -p /var/tmp)
trap 'rm -rf "$work"' EXIT

tree() {  # SUITE ARCH: with Python, a compiler and ALSA's headers, unpacked only
  local tree=$cache/$1-$2
  [ -e "$tree/.complete" ] && return
  echo "unpacking $1 for $2 (once)"
  rm -rf --one-file-system "$tree"
  mmdebstrap --quiet --architectures="$2" --variant=extract \
    --include=python3-venv,python3-dev,gcc,libc6-dev,libasound2-dev "$1" "$tree"
  for link in bin sbin lib lib64; do  # of base-files, which is left out
    [ -e "$tree/$link" ] || ln -s "usr/$link" "$tree/$link"
  done
  mkdir -p "$tree/proc" "$tree/tmp" "$tree/mnt" "$tree/etc/ssl/certs"
  cp -L /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"  # pip does not start without
  "$work/venv/bin/python" -m zipfile -e "$tree"/usr/share/python-wheels/pip-*.whl "$tree/opt/pip"
  touch "$tree/.complete"
}
inside() {  # TREE FOLDER COMMAND...: in it, with FOLDER as /mnt; nothing stays mounted
  # shellcheck disable=SC2016
  unshare --mount bash -c 'mount -t proc proc "$0/proc" && mount --bind "$1" "$0/mnt" &&
    exec env -i HOME=/tmp PATH=/usr/sbin:/usr/bin LANG=C.UTF-8 chroot "$0" "${@:2}"' "$@"
}

"${PYTHON:-python3}" -m venv "$work/venv"
for arch in "$@"; do
  [ -n "${machine[$arch]:-}" ] || { echo "$arch: amd64 or arm64 is needed" >&2; exit 2; }
  base=$work/$arch/root/usr/lib/posekernel
  mkdir -p "$base/bin" "$work/$arch/root/usr/bin"
  for suite in bookworm trixie; do
    packages=$base/lib/python${python[$suite]}/site-packages
    wheels=$work/wheels-$arch-$suite
    tree "$suite" "$arch"
    tree "$suite" "$native"
    deploy/wheelhouse.sh "$wheels" "${machine[$arch]}" "${python[$suite]}"
    # Published as source only: built with the compiler and the libraries of the release.
    inside "$cache/$suite-$arch" "$wheels" python3 /opt/pip/pip wheel -q \
      --no-cache-dir --no-index --find-links /mnt --no-deps -w /mnt pyalsaaudio
    for wheel in "$wheels"/*.whl; do
      case ${wheel##*/} in setuptools-*|wheel-*|packaging-*) ;; *) echo "$wheel" ;; esac
    done > "$work/list"
    platforms=$(sed -n 's/.*-\([a-z0-9_.]*\)\.whl$/\1/p' "$work/list" | tr . '\n' | sort -u)
    # shellcheck disable=SC2046
    "$work/venv/bin/python" -m pip install -q --disable-pip-version-check --no-index --no-deps \
      --no-compile --only-binary=:all: --python-version "${python[$suite]}" \
      $(printf -- '--platform %s ' $platforms) --target "$packages" $(cat "$work/list")
    rm -rf "$packages/bin" "$packages"/{numba,llvmlite}/tests
    # Compilers for other chips; there are none on arm64.
    rm -rf "$packages"/ai_edge_litert/{aot,tools,vendors}
    find "$packages/scipy" -type d -name tests -prune -exec rm -rf {} +
    # Compiled here: on the device nobody may write beside the programs. What the files are made of
    # does not depend on the processor.
    inside "$cache/$suite-$native" "$base" python3 -m compileall -q -j 0 \
      --invalidation-mode unchecked-hash -s /mnt -p /usr/lib/posekernel \
      "/mnt/lib/python${python[$suite]}"
  done
  # A virtual environment is this file and a link. Python looks in the folder of its own version, so
  # that one environment serves both, also after an upgrade of Debian.
  printf '%s\n' 'home = /usr/bin' 'include-system-site-packages = true' > "$base/pyvenv.cfg"
  ln -s /usr/bin/python3 "$base/bin/python3"
  install -m 0755 deploy/debian/posekernel.py "$base/bin/posekernel"
  ln -s ../lib/posekernel/bin/posekernel "$work/$arch/root/usr/bin/posekernel"
  find "$base/lib" -type f -perm /111 -exec chmod a-x {} +
  hardlink -q -c "$base/lib"  # much is the same for both

  cp -r deploy/debian "$work/$arch/debian"
  sed -i "s/^Maintainer: .*/Maintainer: ${maintainer//&/\\&}/" "$work/$arch/debian/control"
  cat > "$work/$arch/debian/changelog" <<EOF
posekernel ($version) stable; urgency=medium

  * See CHANGELOG.md.

 -- $maintainer  $(git log -1 --format=%aD 2>/dev/null || date -R)
EOF
  cp .github/CHANGELOG.md "$work/$arch/"
  (cd "$work/$arch" && dpkg-buildpackage -a"$arch" -b -uc -us -d > "$work/log" 2>&1) ||
    { tail -n 40 "$work/log" >&2; exit 1; }
  mv "$work/posekernel_${version}_$arch.deb" "$out/"
  rm -rf "${work:?}/$arch"
done
(cd "$out" && rm -f SHA256SUMS SHA256SUMS.sig && sha256sum -- *.deb > SHA256SUMS)
du -h "$out"/*.deb
