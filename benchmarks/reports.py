"""Measures the time of diagnoses and their pages: ResNet-50 and a chain of 1,000 layers.

Run `python benchmarks/reports.py`. It prints the seconds of one run each, after a run of a small
network that loads all modules.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import kernelc as kc
import nets


NETWORKS = {
    "chain of 1,000 tanh layers": lambda: nets.mlp(1000, 64),
    "chain of 1,000 tanh layers, sigma_w = 1.5": lambda: nets.mlp(1000, 64, weight_std=1.5),
    "ResNet-50, batch norm": lambda: nets.resnet(50, form="standard", activation="relu"),
    "ResNet-50, weighted, tanh": lambda: nets.resnet(50, form="weighted"),
}


def main() -> None:
    """Prints a table."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        kc.diagnose(nets.mlp(3, 8)).to_html(page, progress=False)
        print("| network | diagnose, s | page, s | page, kB |")
        print("| --- | --- | --- | --- |")
        for name, build in NETWORKS.items():
            network = build()
            start = time.perf_counter()
            report = kc.diagnose(network)
            told = time.perf_counter()
            report.to_html(page, progress=False)
            end = time.perf_counter()
            size = page.stat().st_size / 1000
            print(f"| {name} | {told - start:.2f} | {end - told:.2f} | {size:.0f} |", flush=True)


if __name__ == "__main__":
    main()
