"""This machine: its packages, its host-only bridge, what must be left as it was."""
