#!/bin/bash
# check.sh [FILE...]: judges manifests/*.yaml, or the files, by the newest Kubernetes that Debian unstable has libraries of
# (main.go). Nothing is installed: packages are fetched and unpacked into a temporary directory, which goes at the end.
# 370 MB from Debian's mirror, and some minutes of a processor.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
files=("$@")
[ ${#files[@]} -gt 0 ] || files=("$repository"/manifests/*.yaml)

say() { echo "newer: $*" >&2; }

mkdir -p "$work"/{lists/partial,cache/archives/partial,debs,root,go/src/newer}
: > "$work/status"  # of an empty machine: everything a package needs is named
# shellcheck disable=SC2016  # these names are apt's
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
  awk '$2 == "bookworm" && $3 == "main" { print $1; exit }')
[ -n "$mirror" ] || { say "apt has no source called bookworm"; exit 1; }
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" > "$work/sources.list"
options=(-qq -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::Lists=$work/lists" -o "Dir::State::Status=$work/status" -o "Dir::Cache=$work/cache"
  -o APT::Sandbox::User=root)
apt-get "${options[@]}" update >&2
library=golang-k8s-apiextensions-apiserver-dev
say "libraries of $(apt-cache "${options[@]}" policy "$library" | sed -n 's/^ *Candidate: //p')"
# The unversioned golang-go names the compiler that the libraries are built with.
mapfile -t packages < <(apt-get "${options[@]}" --no-install-recommends --print-uris -y install "$library" golang-k8s-api-dev golang-go |
  awk '{ print $2 }' | grep '^golang-' | sed 's/_.*//')
(cd "$work/debs" && apt-get "${options[@]}" download "${packages[@]}" >&2)
for package in "$work"/debs/*.deb; do dpkg-deb -x "$package" "$work/root"; done
root=("$work"/root/usr/lib/go-[0-9]*)
cp "$here/main.go" "$work/go/src/newer/"
say "building"
(cd "$work/go/src/newer" && GOROOT=${root[0]} GOPATH=$work/go:$work/root/usr/share/gocode GO111MODULE=off CGO_ENABLED=0 \
  GOCACHE=$work/build GOTOOLCHAIN=local GOFLAGS="" "${root[0]}/bin/go" build -o "$work/judge" .)
"$work/judge" "${files[@]}"
