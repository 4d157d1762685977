"""CUDA kernels between a camera's planes and what networks and looks work on, and their twin in numpy.

`pictures.cu` is the source, `twin.py` says the same in numpy and is what tests hold it to.
"""

LANES = 8
"""Samples of a row that a thread of `pictures.cu` has: columns of chroma, of packed pictures, or pixels."""
