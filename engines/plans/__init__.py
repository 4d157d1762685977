"""Engine plans: built by TensorRT from the network's graph, kept signed on this machine, renewed with each model.

A plan is what TensorRT calls a compiled network. Building needs no GPU with TensorRT-RTX; running one is the back-end's
(`engines/backends/tensorrt.py`).
"""
