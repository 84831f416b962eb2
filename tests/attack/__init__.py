"""Random networks through kernelc and through an independent evaluator."""
