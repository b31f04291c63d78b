"""The parts of agent-bench."""
