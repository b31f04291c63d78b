#!/usr/bin/env bash
# A kind cluster with slash32 as its network, a router that is FRR, and the checks. Needs docker, kind and kubectl, and a
# registry for the images of kind, FRR and busybox; without the programs it says so and ends with 77.
#   e2e/kind/run.sh            build the image, bring it up, check, take it down
#   e2e/kind/run.sh --keep     leave it up
#   e2e/kind/run.sh --down     take down what --keep left
set -euo pipefail
cd "$(dirname "$0")/../.."

name=${SLASH32_KIND_NAME:-slash32}
tor="$name-tor"
tor_image=${SLASH32_TOR_IMAGE:-frrouting/frr:v8.4.1}
bin=${SLASH32_BIN:-build/release/bin}
missing_status=77
# A file of its own: the user's kubeconfig is not ours to change.
export KUBECONFIG="$PWD/build/kind-$name.kubeconfig"

say() { printf '\n=== %s\n' "$*"; }
fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}
kube() { kubectl --context "kind-$name" "$@"; }

needs() {
  local program lacking=()
  for program in docker kind kubectl; do
    command -v "$program" > /dev/null || lacking+=("$program")
  done
  if [ ${#lacking[@]} -eq 0 ] && ! docker info > /dev/null 2>&1; then lacking+=("a docker daemon that answers"); fi
  [ ${#lacking[@]} -eq 0 ] && return
  local IFS=,
  echo "e2e/kind: not here: ${lacking[*]}. Nothing was done." >&2
  exit $missing_status
}

down() {
  docker rm -f "$tor" > /dev/null 2>&1 || true
  kind delete cluster --name "$name" > /dev/null 2>&1 || true
  rm -f "$KUBECONFIG"
}

# ADDRESS_OF CONTAINER FIELD: of its leg in kind's network.
leg() { docker inspect -f "{{ (index .NetworkSettings.Networks \"kind\").$2 }}" "$1"; }
subnet4() { docker network inspect kind -f '{{ range .IPAM.Config }}{{ println .Subnet }}{{ end }}' | grep -v : | head -1; }

up() {
  say "image"
  manifests/image/build.sh --bin "$bin" --output "$work/slash32.tar"
  say "cluster $name"
  kind create cluster --name "$name" --config e2e/kind/cluster.yaml
  kind load image-archive "$work/slash32.tar" --name "$name"
  say "router"
  docker run -d --name "$tor" --network kind --cap-add NET_ADMIN --cap-add NET_RAW --cap-add SYS_ADMIN "$tor_image" > /dev/null
  local address
  address=$(leg "$tor" IPAddress)
  sed "s|@TOR4@|$address|; s|@SUBNET4@|$(subnet4)|" e2e/kind/frr.conf.in > "$work/frr.conf"
  docker exec -i "$tor" sh -c 'sed -i "s/^bgpd=.*/bgpd=yes/" /etc/frr/daemons; cat > /etc/frr/frr.conf' < "$work/frr.conf"
  docker restart -t 2 "$tor" > /dev/null
  say "slash32"
  kube apply -f manifests/slash32.yaml
  kube wait --for=condition=Established --timeout=60s crd/bgpconfigurations.slash32.io crd/bgppeers.slash32.io
  sed "s|@TOR4@|$address|" e2e/kind/bgp.yaml.in | kube apply -f -
  kube -n slash32-system rollout status daemonset/slash32 --timeout=300s
  kube wait --for=condition=Ready --timeout=120s nodes --all
}

# EVERY SECONDS COMMAND...: until the command succeeds.
eventually() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 1
  done
}

# grep reads to the end: one that leaves early can end its writer with SIGPIPE, which pipefail takes for a failure.
tor_has() { docker exec "$tor" vtysh -c "show bgp $1 unicast" 2> /dev/null | grep -F "$2" > /dev/null; }

check_routes() {
  local range
  for range in $(kube get nodes -o jsonpath='{range .items[*]}{.spec.podCIDRs[*]}{" "}{end}'); do
    local family=ipv4
    [[ $range != *:* ]] || family=ipv6
    eventually 60 tor_has "$family" "$range" || fail "the router has no route to $range"
    echo "the router has $range"
  done
}

# POD ADDRESS PORT
reaches() {
  local host=$2
  [[ $2 != *:* ]] || host="[$2]"
  kube exec "$1" -- wget -q -T 10 -O /dev/null "http://$host:$3/hostname" || fail "$1 does not reach $2"
}

check_pods() {
  kube apply -f e2e/kind/probe.yaml
  kube rollout status daemonset/probe --timeout=180s
  local pods from to
  mapfile -t pods < <(kube get pods -l app=probe -o name)
  [ "${#pods[@]}" -eq 3 ] || fail "${#pods[@]} probes, 3 expected"
  local addresses services
  addresses=$(kube get pods -l app=probe -o jsonpath='{range .items[*]}{range .status.podIPs[*]}{.ip}{" "}{end}{end}')
  services=$(kube get service probe -o jsonpath='{.spec.clusterIPs[*]}')
  [ "$(wc -w <<< "$addresses $services")" -eq 8 ] || fail "not two families: $addresses $services"
  for from in "${pods[@]}"; do
    for to in $addresses; do reaches "$from" "$to" 8080; done
    for to in $services; do reaches "$from" "$to" 80; done
    echo "$from reaches everybody"
  done
  for to in $addresses; do
    docker exec "$tor" ping -c 1 -W 5 "$to" > /dev/null || fail "the router does not reach $to"
  done
  echo "the router reaches everybody"
}

# Between pods of two nodes; counts may differ by the one that is on its way when it ends.
check_restart() {
  local pods address addresses said
  mapfile -t pods < <(kube get pods -l app=probe -o name)
  addresses=$(kube get "${pods[2]}" -o jsonpath='{.status.podIPs[*].ip}')
  for address in $addresses; do
    kube exec "${pods[0]}" -- sh -c "ping -q -i 0.1 $address > /tmp/ping.$address 2>&1 < /dev/null & echo \$! > /tmp/pid.$address"
  done
  kube -n slash32-system rollout restart daemonset/slash32
  kube -n slash32-system rollout status daemonset/slash32 --timeout=300s
  check_routes
  for address in $addresses; do
    said=$(kube exec "${pods[0]}" -- sh -c "kill -INT \$(cat /tmp/pid.$address); sleep 1; cat /tmp/ping.$address")
    [[ $said =~ ([0-9]+)\ packets\ transmitted,\ ([0-9]+)\ packets\ received ]] || fail "a ping of $address says: $said"
    echo "${BASH_REMATCH[0]} by $address"
    [ "${BASH_REMATCH[2]}" -gt 0 ] || fail "$address did not answer"
    [ $((BASH_REMATCH[1] - BASH_REMATCH[2])) -le 1 ] || fail "the restart has cost $address packets"
  done
}

case ${1:-} in
  "" | --keep | --down) ;;
  *)
    sed -n '2,6p' "$0" >&2
    exit 2
    ;;
esac
needs
if [ "${1:-}" = --down ]; then
  down
  exit 0
fi
if kind get clusters 2> /dev/null | grep -xF "$name" > /dev/null; then
  fail "a cluster $name is there already: --down takes it down, SLASH32_KIND_NAME names another"
fi
work=$(mktemp -d)
finish() {
  rm -rf "$work"
  [ "${keep:-}" ] || down
}
trap finish EXIT
[ "${1:-}" != --keep ] || keep=1
up
say "routes"
check_routes
say "pods"
check_pods
say "a rolling restart"
check_restart
say "all checks passed"
