"""How much of a run each target gets: cheap readers more, runs of training few."""

WEIGHTS = {
    "network": 50,
    "expression": 60,
    "idx": 40,
    "cifar": 14,
    "images": 24,
    "arrays": 5,
    "commands": 5,
    "checkpoint": 2,
    "model": 20,
}
