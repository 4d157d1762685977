"""Measurements: one command, one table, ratios taken in one run. Never part of the service."""
