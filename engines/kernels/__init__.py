"""CUDA kernels between a camera's planes and what networks and looks work on, and their twin in numpy.

`pictures.cu` is the source, `twin.py` says the same in numpy and is what tests hold it to.
"""
