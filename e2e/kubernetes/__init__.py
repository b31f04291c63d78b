"""Tests against a real Kubernetes; the package is found from `e2e/`, beside the package `lab`."""
