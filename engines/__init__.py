"""nearset's engines: they know frames, and nothing of productions."""
