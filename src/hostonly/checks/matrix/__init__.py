"""The matrix of who reaches whom: every network mode from every side, on two sandboxes."""
