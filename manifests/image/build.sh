#!/bin/sh
# Writes slash32's image as an OCI archive, from programs that are built already (cmake --workflow --preset release).
#   manifests/image/build.sh                                        # build/release/bin -> slash32.tar
#   manifests/image/build.sh --bin amd64=DIR --bin arm64=DIR ...    # one image for both; see --help
# Then: ctr -n k8s.io images import slash32.tar, podman load -i slash32.tar, or kind load image-archive slash32.tar
set -eu
exec /usr/bin/python3 -B "$(dirname "$0")/build.py" "$@"
