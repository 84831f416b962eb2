"""How much of a run each target gets: cheap readers more, runs of training few."""

WEIGHTS = {
    "network": 40,
    "expression": 60,
    "idx": 44,
    "cifar": 20,
    "images": 24,
    "arrays": 3,
    "commands": 3,
    "checkpoint": 1,
    "model": 8,
}
