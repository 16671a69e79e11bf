"""Artillery as an engine: found or installed here, driven by the modules of `inside/` in its own process."""
