"""The training loop and what it calls: loss, optimizers, checkpoints, budget, loggers."""
