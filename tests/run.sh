#!/usr/bin/env bash
# Everything at once: installs, builds, runs unit, property, vector, namespace, interop and end-to-end tests, and ends with
# one line "N passed, N failed, N skipped". Run as root. Exit status 0 only when nothing failed and no test was skipped
# beyond the expected.
#   tests/run.sh            all of it
#   tests/run.sh unit e2e   only these stages: format, unit, root, netns, interop, e2e, kubernetes
set -uo pipefail
cd "$(dirname "$0")/.."

expected_skips=0
stages=(format unit root netns interop e2e kubernetes)
[ $# -eq 0 ] || stages=("$@")

if [ "$(id -u)" != 0 ]; then
  echo "tests/run.sh: must be root: most tests make network namespaces" >&2
  exit 1
fi

results=$(mktemp -d)
kubernetes_build=
trap '[ -z "$kubernetes_build" ] || kill -- "-$kubernetes_build" 2> /dev/null; rm -rf "$results"' EXIT
broken=()

say() { printf '\n=== %s (%s s)\n' "$*" "$SECONDS"; }
wants() { [[ " ${stages[*]} " == *" $1 "* ]]; }
# stage NAME COMMAND...: runs it; a failure is remembered, and the next stages run all the same.
stage() {
  local name=$1
  shift
  say "$name"
  "$@" || broken+=("$name")
}
build() {  # PRESET [TARGETS]
  cmake --preset "$1" > "$results/configure-$1.log" 2>&1 || { cat "$results/configure-$1.log"; return 1; }
  cmake --build --preset "$@" > "$results/build-$1.log" 2>&1 || { grep -B2 -A20 -E 'FAILED|error' "$results/build-$1.log" | head -80; return 1; }
}
pytest() {
  local name=$1
  shift
  SLASH32_BIN="$PWD/build/release/bin" /usr/bin/python3 -m pytest -q -p no:cacheprovider --junitxml="$results/$name.xml" "$@"
}
formatted() { find . -path ./build -prune -o \( -name '*.h' -o -name '*.cc' \) -print0 | xargs -0 clang-format-19 --dry-run -Werror; }
# Building Kubernetes takes five CPU minutes, once on a machine. It has what the other stages leave idle of the processors,
# which is more than enough, and is waited for only when its own stage has come.
start_kubernetes() {
  setsid chrt --idle 0 e2e/kubernetes/build.sh > "$results/kubernetes-directory" 2> "$results/build-kubernetes.log" &
  kubernetes_build=$!
}
finish_kubernetes() {
  local status=0 pid
  for pid in $(pgrep -g "$kubernetes_build"); do  # from now on with an equal share
    chrt --all-tasks --other --pid 0 "$pid" 2> /dev/null || true  # it may have ended meanwhile
  done
  wait "$kubernetes_build" || status=$?
  kubernetes_build=
  tail -n 40 "$results/build-kubernetes.log"
  return "$status"
}
static() {  # the plugin and the IPAM are dropped onto nodes of any distribution
  local program
  for program in slash32 slash32-ipam; do
    file "build/release/bin/$program" | grep -q 'statically linked' || { echo "$program is not statically linked"; return 1; }
  done
}

say "packages"
tests/packages.sh || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }

wants kubernetes && start_kubernetes
stage "build release" build release
stage "static binaries" static
wants format && stage "format" formatted
if wants unit || wants root; then stage "build dev" build dev; fi
if wants interop && ! wants unit && ! wants root; then stage "build bfd_speaker" build dev --target bfd_speaker; fi
wants unit && stage "manifests" pytest manifests tests/manifests
wants unit && stage "unit tests" ctest --test-dir build/dev -LE root -j2 --output-on-failure -Q --output-junit "$results/unit.xml"
wants unit && stage "build what is counted" build release --target hot_paths
wants unit && stage "instruction counts" pytest counts tests/bench/test_hot_paths.py
wants root && stage "root tests" ctest --test-dir build/dev -L root --output-on-failure -Q --output-junit "$results/root.xml"
export SLASH32_SHIPPED=1  # this build is the one that is shipped: what only that one must be is not skipped
wants netns && stage "build what namespace tests run" build dev --target call_tracer kube_watch kube_lease bgp_bench_peers
wants netns && stage "namespace tests" pytest netns tests/netns tests/survival tests/agent
wants netns && stage "CNI conformance" pytest conformance tests/cni-conformance
wants interop && stage "interoperation tests" pytest interop tests/interop
wants e2e && stage "end-to-end tests" pytest e2e e2e --ignore=e2e/kubernetes
if wants kubernetes; then
  stage "build Kubernetes" finish_kubernetes
  stage "tests against a real Kubernetes" pytest kubernetes e2e/kubernetes
fi

say "summary"
/usr/bin/python3 tests/support/summary.py --expected-skips "$expected_skips" "$results" "${broken[@]}"
