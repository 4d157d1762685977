"""Sidecars: text and XML beside media, to dataclasses and back. Nothing here opens a file."""
