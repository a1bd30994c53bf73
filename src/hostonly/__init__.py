"""A disposable Docker host on a host-only network, and its networking checked from both sides."""

__version__ = "0.1.0"
