#!/usr/bin/env bash
# Builds a real Kubernetes for the tests in this folder, once, and prints the directory that holds it.
#
# Debian 12's source package `kubernetes` is upstream's whole tree at 1.20.2 (Debian builds only kubectl of it). What is
# built with Debian's Go goes into a cache outside the checkout, named after the package's version and this script's own
# contents; kubectl is taken from Debian's binary package. A directory of the cache is whole or not there: the build
# happens beside it and is renamed at the end. Who comes while another builds waits for that one.
#
#   e2e/kubernetes/build.sh    prints the directory, after building if it must
# Environment: SLASH32_KUBERNETES_CACHE, the cache; default $XDG_CACHE_HOME/slash32/kubernetes, or
#   /var/cache/slash32/kubernetes where XDG_CACHE_HOME is not set.
set -euo pipefail

programs=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy)
cache=${SLASH32_KUBERNETES_CACHE:-${XDG_CACHE_HOME:-/var/cache}/slash32/kubernetes}
go_root=/usr/lib/go-1.19
reflect2=/usr/share/gocode/src/github.com/modern-go/reflect2
to_build=(golang-1.19-go golang-github-modern-go-reflect2-dev dpkg-dev)
to_run=(etcd-server etcd-client openssl busybox-static)

say() { echo "kubernetes: ${SECONDS} s: $*" >&2; }
# Go writes its cache without write permission.
remove() {
  local directory
  for directory; do
    [ ! -d "$directory" ] || { chmod -R u+w "$directory" && rm -rf "$directory"; }
  done
}
die() {
  echo "e2e/kubernetes/build.sh: $*" >&2
  exit 1
}

# The version that apt would install; empty where apt's lists do not have the package.
candidate() { LC_ALL=C apt-cache policy "$1" | sed -n 's/^ *Candidate: //p' | grep -vx '(none)' || true; }

install_packages() {
  local package missing=() policy=/usr/sbin/policy-rc.d log
  for package; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || die "not root to install ${missing[*]}"
  say "installing ${missing[*]}"
  # etcd must not start serving on this machine because we installed it.
  [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' > "$policy"; chmod 755 "$policy"; made_policy=$policy; }
  apt-get update -qq >&2
  log=$(DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends \
    "${missing[@]}" 2>&1) || { echo "$log" >&2; die "apt could not install ${missing[*]}"; }
  if [ -n "${made_policy:-}" ]; then rm -f "$made_policy"; made_policy=; fi
  if [ -d /run/systemd/system ] && [[ " ${missing[*]} " == *" etcd-server "* ]]; then
    systemctl disable --now etcd > /dev/null 2>&1 || say "note: could not disable the service etcd"
  fi
}

# The sources, through an apt configuration of our own: the machine's says nothing of source packages, and stays so.
fetch_sources() {
  local view=$work/apt
  mkdir -p "$view/lists/partial" "$view/cache/archives/partial"
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk '$2 ~ /^bookworm/ && $3 == "main" { print "deb-src " $0 }' | sort -u > "$view/sources.list"
  [ -s "$view/sources.list" ] || die "apt has no source called bookworm, and only Debian 12's package has the whole tree"
  local options=(-qq -o "Dir::Etc::SourceList=$view/sources.list" -o "Dir::Etc::SourceParts=/dev/null"
    -o "Dir::State::Lists=$view/lists" -o "Dir::Cache=$view/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update >&2
  (cd "$view" && apt-get "${options[@]}" source --download-only "kubernetes=$version" >&2)
  mkdir -p "$work/go/src/k8s.io"
  dpkg-source --no-check -x "$view"/kubernetes_*.dsc "$tree" > "$work/unpack.log"
  (cd "$view" && apt-get -qq -o APT::Sandbox::User=root download "kubernetes-client=$version" >&2)
  dpkg-deb -x "$view"/kubernetes-client_*.deb "$view/client"
  install -m 755 "$view/client/usr/bin/kubectl" "$work/out/kubectl"
}

# What Go needs to be told to build this tree, which is older than its compiler.
prepare_go() {
  # No modules: vendor/modules.txt does not agree with what Debian left in vendor/. No cgo: the binaries are static.
  # The compiler would spend a sixth of its time on collecting garbage.
  export PATH=$go_root/bin:$PATH GOPATH=$work/go GOCACHE=$work/cache HOME=$work/home
  export GO111MODULE=off GOFLAGS='' CGO_ENABLED=0 GOGC=400 GOTMPDIR=$work/tmp
  mkdir -p "$HOME" "$GOTMPDIR"
  # The reflect2 in vendor/ reads the runtime's map layout of before Go 1.18, and panics at the first object created.
  rm -r "$tree/vendor/github.com/modern-go/reflect2"
  cp -r "$reflect2" "$tree/vendor/github.com/modern-go/reflect2"
  rm -f "$tree"/vendor/github.com/modern-go/reflect2/*_test.go
}

# The API's OpenAPI description: the one file that upstream generates and the package does not have.
generate_openapi() {
  cd "$tree"
  go build -o "$work/openapi-gen" k8s.io/kubernetes/vendor/k8s.io/kube-openapi/cmd/openapi-gen
  local inputs
  inputs=$(grep -rl --include='*.go' --exclude='*_test.go' --exclude='zz_generated*' '+k8s:openapi-gen=' \
    cmd pkg plugin staging/src/k8s.io |
    sed -e '/\/\(code-generator\|sample-apiserver\)\//d' -e 's#/[^/]*$##' \
      -e 's#^#k8s.io/kubernetes/#' -e 's#/staging/src/#/vendor/#' | sort -u | paste -sd,)
  "$work/openapi-gen" --go-header-file hack/boilerplate/boilerplate.generatego.txt --input-dirs "$inputs" \
    --output-package k8s.io/kubernetes/pkg/generated/openapi --output-file-base zz_generated.openapi \
    --report-filename "$work/openapi-violations"
}

compile() {
  cd "$tree"
  local flags="-s -w" package
  for package in component-base/version client-go/pkg/version; do
    flags+=" -X k8s.io/kubernetes/vendor/k8s.io/$package.gitVersion=v1.20.2"
    flags+=" -X k8s.io/kubernetes/vendor/k8s.io/$package.gitMajor=1"
    flags+=" -X k8s.io/kubernetes/vendor/k8s.io/$package.gitMinor=20"
  done
  # No cloud's provider and no Docker: half of the size. What a debugger would need is neither made nor linked.
  go build -tags providerless,dockerless -gcflags 'k8s.io/...=-dwarf=false' -ldflags "$flags" -o "$work/out/" \
    "${programs[@]/#/k8s.io/kubernetes/cmd/}"
}

# Builds into the directory $1, which is not there yet.
build() {
  remove "$cache"/building.*  # of builds that were killed: only who holds the lock builds
  work=$(mktemp -d "$cache/building.XXXXXX")
  tree=$work/go/src/k8s.io/kubernetes
  mkdir "$work/out"
  install_packages "${to_build[@]}"
  fetch_sources
  say "building $version"
  prepare_go
  generate_openapi
  say "OpenAPI description generated"
  compile
  mv "$work/out" "$1"
  times > "$work/times"
  say "built; CPU time (user, system): $(tail -n 1 "$work/times")"
}

main() {
  version=$(candidate kubernetes-client)
  if [ -z "$version" ]; then
    apt-get update -qq >&2
    version=$(candidate kubernetes-client)
  fi
  [ -n "$version" ] || die "apt does not know the package kubernetes-client"
  local target
  target=$cache/$version-$(sha256sum "$0" | cut -c1-12)
  mkdir -p "$cache"
  exec 9> "$cache/lock"
  flock 9
  trap 'rm -f "${made_policy:-}"; remove "${work:-}"' EXIT
  install_packages "${to_run[@]}"
  [ -d "$target" ] || build "$target"
  echo "$target"
}

[ $# -eq 0 ] || die "unknown argument \"$1\"; there are none, only SLASH32_KUBERNETES_CACHE in the environment"
main
