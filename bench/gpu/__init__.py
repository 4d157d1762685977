"""Everything that only a GPU can show, measured in one go: `python -m bench.gpu`."""
