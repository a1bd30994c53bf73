"""The check of what root in the sandbox cannot do to this machine."""
