"""What root in the sandbox cannot do to this machine."""
