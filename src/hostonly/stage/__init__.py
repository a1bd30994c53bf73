"""The ground of demos and checks: sandboxes with an image, steps that are shown, claims judged."""
