"""Command-line arguments: options of every command with values out of range and of other kinds."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from ..case import Target
from ..mutate import TEXTS
from .command_line import called


_SPECS = (
    *(["nets:net"] * 12),
    *("nets:number", "nets:breaks", "nets:", ":", "", "os:system", "nets:net:net", "x.json", "."),
    *("nets", "nets.py:net", "json:loads", "kernelc:Network", "nets:net.nodes", "é:ñ", "a" * 5000),
)
_OPTIONS = {
    "inspect": ("--q", "--out", "--c", "--help", "--svg"),
    "diagnose": ("--data", "--data-dir", "--html", "--out", "--json", "--seed", "--examples"),
    "shape": ("--target", "--zeta", "--eta", "--tau", "--rewrite", "--out", "--q", "--pln"),
    "kernel": ("--data", "--data-dir", "--examples", "--get", "--double", "--explain", "--out"),
    "train": ("--steps", "--lr", "--batch-size", "--seed", "--data", "--optimizer", "--out"),
}
_VALUES = (
    *("0", "1", "-1", "2", "3", "nan", "inf", "-inf", "1e999", "1e-320", "0.5", "1.5", "10**18"),
    *("9" * 400, "9" * 5000, "x", "", " ", "nngp", "ntk,gap", "nngp,,", "digits", "digit", "dks"),
    *("tat", "eoc", "adam", "kfac", "missing/net.json", "/", "/dev/null/x", ".", "out.npz"),
    *("x.npy", "x.npz", "--", "--help", "\u202e", "é"),
)


def draw(generator: Random) -> bytes:
    command = generator.choice((*_OPTIONS, *("kernel", "shape", "inspect") * 2, "trian", "--x", ""))
    arguments = [command]
    if generator.random() < 0.9:
        arguments.append(generator.choice(_SPECS))
    known = [option for options in _OPTIONS.values() for option in options]
    for _ in range(generator.choice((0, 1, 1, 2, 2, 3, 6))):
        option = generator.choice(_OPTIONS.get(command, known))
        arguments.append(generator.choice(known) if generator.random() < 0.05 else option)
        if generator.random() < 0.85:
            texts = [text for text in TEXTS if "\0" not in text and "\ud800" not in text]
            arguments.append(generator.choice(_VALUES if generator.random() < 0.9 else texts))
    if command == "train" and not set(arguments) & {"--steps"}:
        arguments += ["--steps", "1"]
    return json.dumps(arguments).encode()


def run(case: bytes, folder: Path) -> None:
    called([str(argument) for argument in json.loads(case)], folder)


TARGET = Target("commands", draw, run)
