"""Reads models of timm at random initialization and says how well their nodes are known.

    python benchmarks/zoo.py resnet50 vit_base_patch16_224
    python benchmarks/zoo.py --families families.json --json table.json

One line for each model: how many nodes it has, the share of them whose kernel rule holds (by
location: in `kernel_fn`), how many are opaque and why, how far the replayed output is from that of
the model, the seconds and the memory that reading took. It needs timm.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import json
import multiprocessing
import re
import resource
import time
import warnings
from multiprocessing.connection import Connection
from pathlib import Path

import timm
import torch

import kernelc as kc


@dataclasses.dataclass(frozen=True)
class Row:
    """What became of one model.

    Arguments:
        family: the file of timm that it stands for.
        model: its name in timm.
        levels: how many nodes are known how well.
        opaque: reasons of opaque nodes, with numbers left out, and how often each is given.
        replay: relative difference of outputs; None where there is no output.
        seconds: that reading took, with the replay.
        gigabytes: the most memory that the process had.
        error: why the model was not read; None where it was.
    """

    family: str
    model: str
    levels: dict[str, int] = dataclasses.field(default_factory=dict)
    opaque: dict[str, int] = dataclasses.field(default_factory=dict)
    replay: float | None = None
    seconds: float = 0.0
    gigabytes: float = 0.0
    error: str | None = None

    @property
    def nodes(self) -> int:
        """How many nodes the network has."""
        return sum(self.levels.values())

    @property
    def exact(self) -> float:
        """The share of nodes with a rule that holds."""
        known = self.levels.get("exact", 0) + self.levels.get("by location", 0)
        return known / max(self.nodes, 1)

    def text(self) -> str:
        """One line."""
        start = f"{self.family:28}{self.model:34}"
        if self.error is not None:
            return f"{start}{self.error}"
        replay = "-" if self.replay is None else f"{self.replay:.0e}"
        opaque = self.levels.get("opaque", 0)
        numbers = f"{self.nodes:6}{self.exact:7.0%}{opaque:8}{replay:>8}"
        return f"{start}{numbers}{self.seconds:9.1f}{self.gigabytes:7.1f}"


HEAD = f"{'family':28}{'model':34}{'nodes':>6}{'exact':>7}{'opaque':>8}{'replay':>8}" + (
    f"{'seconds':>9}{'GB':>7}"
)


def main() -> None:
    """Read the models that the command line names, and print the table."""
    options = _options()
    models = {name: name for name in options.models}
    if options.families is not None:
        models |= json.loads(options.families.read_text())["families"]
    print(HEAD, flush=True)
    rows = []
    for family, model in models.items():
        rows.append(_in_a_process(family, model, options.seconds))
        print(rows[-1].text(), flush=True)
        if options.json is not None:
            options.json.write_text(json.dumps([dataclasses.asdict(row) for row in rows], indent=1))
    _print_sums(rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", help="names of models in timm")
    parser.add_argument("--families", type=Path, help="a JSON file: {'families': {family: model}}")
    parser.add_argument("--json", type=Path, help="where the table is written to")
    parser.add_argument("--seconds", type=float, default=600, help="the most for one model")
    return parser.parse_args()


def _in_a_process(family: str, model: str, seconds: float) -> Row:
    """The row of one model, read in a process of its own, whose memory it does not share."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, family, model))
    process.start()
    sender.close()
    row = Row(family, model, error=f"not read in {seconds:g} s")
    try:
        if receiver.poll(seconds):
            row = receiver.recv()
    except EOFError:
        row = Row(family, model, error="the process ended")
    process.kill()
    process.join()
    return row


def _send(sender: Connection, family: str, model: str) -> None:
    warnings.simplefilter("ignore")
    sender.send(_row(family, model))


def _row(family: str, model: str) -> Row:
    torch.manual_seed(0)
    network = timm.create_model(model)
    example = torch.randn(1, *network.default_cfg["input_size"])
    start = time.perf_counter()
    try:
        found = kc.read(network, example)
    except kc.KernelcError as error:
        return Row(family, model, error=f"{error.where}: {error.found}".replace("\n", " "))
    seconds = time.perf_counter() - start
    reasons = (a.reason or "" for a in found.answers.values() if a.level == "opaque")
    opaque = collections.Counter(re.sub(r"\d+", "#", reason) for reason in reasons)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    levels = {level: count for level, count in found.counts().items() if count}
    return Row(family, model, levels, dict(opaque), found.replay, seconds, memory)


def _print_sums(rows: list[Row]) -> None:
    read = [row for row in rows if row.error is None]
    replayed = [row for row in read if row.replay is not None]
    clear = [row for row in read if not row.opaque]
    nodes = sum(row.nodes for row in read)
    exact = sum(row.exact * row.nodes for row in read) / max(nodes, 1)
    print(
        f"\n{len(rows)} models: {len(read)} read, {len(replayed)} replayed, {len(clear)} without "
        f"opaque nodes; {exact:.0%} of {nodes} nodes exact"
    )
    reasons = collections.Counter[str]()
    for row in read:
        reasons.update(row.opaque)
    for reason, count in reasons.most_common():
        print(f"{count:6} in {sum(reason in row.opaque for row in read):3}  {reason}")


if __name__ == "__main__":
    main()
