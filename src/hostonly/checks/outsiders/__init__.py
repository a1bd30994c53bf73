"""The check of who else cannot reach the sandbox through this machine."""
