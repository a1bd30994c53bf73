"""What demos and checks stand on: sandboxes with an image, steps that are shown, claims judged."""
