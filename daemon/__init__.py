"""nearset's control side: productions, cards, clips and what becomes of them."""

from importlib.metadata import version

__version__ = version("nearset")
