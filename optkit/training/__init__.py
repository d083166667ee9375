"""Training: fit, batches, teaching, checkpoints, and the context that a technique gets."""
