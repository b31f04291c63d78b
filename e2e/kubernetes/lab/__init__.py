"""What the tests against a real Kubernetes stand on: its programs, a control plane, and nodes that join it."""
