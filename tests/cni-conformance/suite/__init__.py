"""A black-box conformance suite for CNI plugins; see ../README.md."""
