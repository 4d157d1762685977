"""What TensorRT for RTX has beyond TensorRT, on paper: it compiles as it runs, by a cache that can be kept."""

from __future__ import annotations

from paper import Engine


class CompilingEngine(Engine):
    """TensorRT for RTX: it compiles as it first runs, by a cache, and a context leans on its configuration."""

    def create_runtime_config(self):
        return Configuration(self.library)


class Configuration:
    def __init__(self, library):
        self.library, self.cache = library, None

    def create_runtime_cache(self):
        return Cache()

    def set_runtime_cache(self, cache):
        self.cache = cache
        return True


class Cache:
    """What was compiled; `serialize` has nothing to give before anything was."""

    def __init__(self):
        self.compiled = b""

    def deserialize(self, blob):
        self.compiled = bytes(blob)
        return True

    def serialize(self):
        return self.compiled or None
