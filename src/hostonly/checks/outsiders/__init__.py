"""Who else cannot reach the sandbox through this machine."""
