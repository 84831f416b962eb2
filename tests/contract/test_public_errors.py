"""No call of the public API answers bad input with an error that is not kernelc's own."""

from __future__ import annotations

import copy
import warnings

import pytest
from public_calls import BAD, CALLS

import kernelc as kc


SPOILED = [
    (name, argument)
    for name, (_, given, good) in CALLS.items()
    for argument in given
    if good.get(argument) != "*"
]


@pytest.mark.parametrize("name", CALLS)
def test_the_calls_work_as_they_are(name):
    function, given, _ = CALLS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function(**given)


@pytest.mark.parametrize(("name", "argument"), SPOILED)
def test_bad_values_are_refused_with_a_reason(name, argument):
    function, given, good = CALLS[name]
    fine = {label.strip() for label in good.get(argument, "").split(",")}
    broken = {}
    for label, value in BAD.items():
        if label in fine:
            continue
        try:
            function(**{**given, argument: copy.copy(value)})
            broken[label] = "answered"
        except kc.KernelcError as error:
            if len(str(error)) >= 3000:
                broken[label] = "an error of many words"
        except Exception as error:
            broken[label] = f"{type(error).__name__}: {error}"
    assert broken == {}


def test_errors_about_values_without_a_text_have_one():
    with pytest.raises(kc.ShapeError, match="Odd"):
        kc.Dense(BAD["object"])
    with pytest.raises(kc.ShapeError, match="an integer of 16610 bits"):
        kc.Dense(BAD["huge"])
