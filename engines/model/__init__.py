"""The restoration network: its description, weights, noise and training."""
