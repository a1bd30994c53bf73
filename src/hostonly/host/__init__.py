"""The host: its packages, its host-only bridge, and everything that must be left as it was."""
