#!/usr/bin/env bash
# Everything at once: installs, builds, runs unit, property, vector, namespace, interop and end-to-end tests, and ends with
# one line "N passed, N failed, N skipped". Run as root. Exit status 0 only when nothing failed and no test was skipped
# beyond the expected.
#   tests/run.sh            all of it
#   tests/run.sh unit e2e   only these stages: format, unit, root, netns, interop, e2e, kubernetes
# e2e and kubernetes run beside the others, if there are any; what they print comes at the end.
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
clusters=
clean_up() {
  [ -z "$kubernetes_build" ] || kill -- "-$kubernetes_build" 2> /dev/null
  [ -z "$clusters" ] || end_clusters
  rm -rf "$results"
}
trap clean_up EXIT
trap 'exit 130' INT

say() { printf '\n=== %s (%s s)\n' "$*" "$SECONDS"; }
wants() { [[ " ${stages[*]} " == *" $1 "* ]]; }
# stage NAME COMMAND...: runs it; a failure is remembered, and the next stages run all the same.
stage() {
  local name=$1
  shift
  say "$name"
  "$@" || broke "$name"
}
# In a file, for stages that run beside others; a disk that is full must not make a failure a success.
broke() { echo "$1" >> "$results/broken" || { echo "tests/run.sh: $1 failed, and $results cannot be written" >&2; exit 1; }; }
# Beside the clusters' tests a build has what they leave of the processors, which is most of it: they mostly wait.
build() {  # PRESET [TARGETS]
  cmake --preset "$1" > "$results/configure-$1.log" 2>&1 || { cat "$results/configure-$1.log"; return 1; }
  ${clusters:+chrt --idle 0} cmake --build --preset "$@" > "$results/build-$1.log" 2>&1 || { grep -B2 -A20 -E 'FAILED|error' "$results/build-$1.log" | head -80; return 1; }
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
  local pid
  for pid in $(pgrep -g "$kubernetes_build"); do  # from now on with an equal share
    chrt --all-tasks --other --pid 0 "$pid" 2> /dev/null || true  # it may have ended meanwhile
  done
  tail --pid="$kubernetes_build" -f /dev/null
  tail -n 40 "$results/build-kubernetes.log"
  kubernetes_build=
  [ -s "$results/kubernetes-directory" ]  # printed when all is there
}
# What brings whole clusters up needs the release build alone, takes a third of the time, and mostly waits: it runs beside
# everything that comes after that build. Its machines are in namespaces of their own and share nothing with other tests'.
run_clusters() {
  trap 'exit 130' INT
  wants e2e && stage "end-to-end tests" pytest e2e e2e --ignore=e2e/kubernetes
  if wants kubernetes; then
    stage "build Kubernetes" finish_kubernetes
    stage "tests against a real Kubernetes" pytest kubernetes e2e/kubernetes
  fi
}
start_clusters() {
  set -m  # a process group of its own, which is interrupted as a whole
  run_clusters < /dev/null > "$results/clusters.log" 2>&1 &
  clusters=$!
  set +m
}
# Asked to clean up first. An interrupt is ignored by whoever was started without job control, as all of us may be.
end_clusters() {
  local signal
  for signal in INT TERM KILL; do
    kill -"$signal" -- "-$clusters" 2> /dev/null
    timeout 30 tail --pid="$clusters" -f /dev/null && break
  done
  finish_clusters
}
finish_clusters() {
  wait "$clusters" || broke "what ran beside the other tests"
  cat "$results/clusters.log"
  clusters=
  kubernetes_build=
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
export SLASH32_SHIPPED=1  # the release build is the one that is shipped: what only that one must be is not skipped
stage "build release" build release
stage "static binaries" static
wants unit && stage "build what is counted" build release --target hot_paths
if wants e2e || wants kubernetes; then
  if [[ ${stages[*]} =~ format|unit|root|netns|interop ]]; then start_clusters; else run_clusters; fi
fi
wants format && stage "format" formatted
if wants unit || wants root; then stage "build dev" build dev; fi
if wants interop && ! wants unit && ! wants root; then stage "build bfd_speaker" build dev --target bfd_speaker; fi
wants unit && stage "manifests" pytest manifests tests/manifests
wants unit && stage "unit tests" ctest --test-dir build/dev -LE root -j2 --output-on-failure -Q --output-junit "$results/unit.xml"
wants unit && stage "instruction counts" pytest counts tests/bench/test_hot_paths.py
wants root && stage "root tests" ctest --test-dir build/dev -L root --output-on-failure -Q --output-junit "$results/root.xml"
wants netns && stage "build what namespace tests run" build dev --target call_tracer kube_watch kube_lease kube_ask bgp_bench_peers
wants netns && stage "namespace tests" pytest netns tests/netns tests/survival tests/agent
wants netns && stage "CNI conformance" pytest conformance tests/cni-conformance
if [ -n "$clusters" ]; then  # before what counts milliseconds
  say "end-to-end and Kubernetes tests, which ran beside the others"
  finish_clusters
fi
wants interop && stage "interoperation tests" pytest interop tests/interop

say "summary"
touch "$results/broken" || exit 1
mapfile -t broken < "$results/broken"
/usr/bin/python3 tests/support/summary.py --expected-skips "$expected_skips" "$results" "${broken[@]}"
