"""The GPU of this machine: whether it is there, and what its libraries say when they fail."""
