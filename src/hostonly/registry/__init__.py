"""The sandbox's registry: its service, certificate, API and lists, and what trusts it."""
