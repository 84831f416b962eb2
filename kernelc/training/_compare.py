"""The differences between two runs in words: the name of the field and both values."""

from __future__ import annotations

from collections.abc import Iterator

from ._identity import Identity


def differences(stored: Identity, wanted: Identity, only_model: bool = False) -> list[str]:
    """How the stored run differs from the wanted one; empty for the same run.

    `only_model` compares only what the model computes.
    """
    if stored.get("format") != wanted["format"]:
        return [f"a checkpoint of format {stored.get('format')} for {wanted['format']}"]
    # The text of a traced program depends on the version of JAX and on the batch.
    traced = all(stored[name] == wanted[name] for name in ("jax", "batch"))
    told = list(_programs("model", stored, wanted, traced))
    if only_model:
        return told
    found = list(_settings(stored["settings"], wanted["settings"]))
    found += _data(stored["data"], wanted["data"])
    weights = list(_arrays("initial weights", stored, wanted))
    # Arrays of another shape change the program too, which is the less useful message.
    found += weights if any(": array" in each for each in weights) else told + weights
    optimizer = list(_arrays("initial optimizer state", stored, wanted))
    found += _programs("loss", stored, wanted, traced)
    # Other arrays in a model cause other arrays in the optimizer's state.
    if not any(": array" in each for each in weights):
        found += [*_programs("optimizer", stored, wanted, traced)] or optimizer
    return found


def array_differences(stored: dict[str, list], wanted: dict[str, list]) -> list[str]:
    """Which arrays are not there, or of another type or shape."""
    for name in [*wanted, *stored]:
        kinds = [found[name][0] if name in found else "none" for found in (stored, wanted)]
        if kinds[0] != kinds[1]:
            return [f"array {name} {kinds[0]} for {kinds[1]}"]
    return []


def _settings(stored: Identity, wanted: Identity) -> Iterator[str]:
    for name, value in wanted.items():
        if stored.get(name) != value:
            yield f"{name} {stored.get(name)!r} for {value!r}"


def _data(stored: Identity, wanted: Identity) -> Iterator[str]:
    for part in dict.fromkeys([*wanted, *stored]):
        for axis in ("examples", "targets"):
            one, other = (found.get(part, {}).get(axis) for found in (stored, wanted))
            if one is None or other is None:
                yield f"{part} part {'absent' if one is None else 'there'} for " + (
                    "absent" if other is None else "there"
                )
                break
            if one["exact"] != other["exact"]:
                yield f"{part} {axis}: {_both(one['shown'], other['shown'])}"


def _both(one: str, other: str) -> str:
    return f"{one}, with other values" if one == other else f"{one} for {other}"


def _arrays(field: str, stored: Identity, wanted: Identity) -> Iterator[str]:
    kinds = array_differences(stored[field], wanted[field])
    if kinds:
        yield f"{field}: {kinds[0]}"
        return
    unlike = [name for name, each in wanted[field].items() if stored[field][name] != each]
    if not unlike:
        return
    name = unlike[0]
    one, other = stored[field][name][2], wanted[field][name][2]
    values = f"first entry {_short(one)} for {_short(other)}" if one != other else "other entries"
    count = f"{len(unlike)} of {len(wanted[field])} arrays differ"
    yield f"{field}: {name} differs first ({values}), {count}"


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def _programs(field: str, stored: Identity, wanted: Identity, traced: bool) -> Iterator[str]:
    one, other = stored[field], wanted[field]
    if one["shown"] != other["shown"]:
        yield f"{field} {one['shown']} for {other['shown']}"
    elif isinstance(one["exact"], dict) and isinstance(other["exact"], dict):
        yield from (f"{field} {told}" for told in _settings(one["exact"], other["exact"]))
    elif traced and one["exact"] != other["exact"]:
        yield f"{field}: another computation{_unlike(one, other)}"


def _unlike(one: Identity, other: Identity) -> str:
    """The operations or numbers in which two computations differ, if they differ in these."""
    operations = _apart(one["operations"], other["operations"])
    if operations:
        return f", with the operations {operations}"
    if len(one["numbers"]) == len(other["numbers"]):
        pairs = zip(one["numbers"], other["numbers"], strict=True)
        told = dict.fromkeys(f"{a} for {b}" for a, b in pairs if a != b)
        return f", with {', '.join(list(told)[:4])}" if told else ""
    numbers = _apart(one["numbers"], other["numbers"])
    return f", with the numbers {numbers}" if numbers else ""


def _apart(one: list[str], other: list[str]) -> str:
    mine = [each for each in dict.fromkeys(one) if each not in other]
    yours = [each for each in dict.fromkeys(other) if each not in one]
    if not mine and not yours:
        return ""
    return f"{', '.join(mine[:6]) or 'none'} for {', '.join(yours[:6]) or 'none'}"
