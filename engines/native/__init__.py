"""The network in our own machine code, for processors without bfloat16."""
