"""HelloSocket: its server in Python, a verifying client, and the suite that servers must pass."""
