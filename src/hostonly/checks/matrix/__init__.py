"""Who reaches whom: every network mode from every side, measured on two sandboxes."""
