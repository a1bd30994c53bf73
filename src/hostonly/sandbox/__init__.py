"""The sandboxes: preparing the host for them, their life through Vagrant, and logging in."""
