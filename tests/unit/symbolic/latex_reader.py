"""A reader of LaTeX: what the rows of an `align*` say, in the signs of a terminal."""

from __future__ import annotations

import re

from paper_reader import Printed


_GREEK = dict(
    zip(
        ("rho", "pi", "kappa", "Theta", "theta", "mu", "Delta", "varphi", "psi", "Phi"),
        "ρπκΘθμΔφψΦ",
        strict=True,
    )
)
_BELOW = str.maketrans("0123456789-l", "₀₁₂₃₄₅₆₇₈₉₋ₗ")
_ABOVE = str.maketrans("0123456789()[]", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾⁽⁾")
_INDEX = r"_\{((?:l|\d)[^{}]*)\}"
_MARKS = r"\^\{((?:\(\d+\)|\[\d+\]|\\prime|,)+)\}"


def lines_of_latex(text: str) -> list[Printed]:
    """The rows of the environment, sums over several lines joined."""
    body = text.removeprefix("\\begin{align*}\n").removesuffix("\n\\end{align*}")
    rows: list[str] = []
    for row in body.split(" \\\\\n"):
        row = row.partition(" && ")[0]
        if row.startswith(r"&\quad"):
            rows[-1] += " " + row.removeprefix(r"&\quad")
        else:
            rows.append(row)
    found = []
    for row in rows:
        loop = re.fullmatch(r"\\text\{for \} l = (.*), \\dots, (.*)\\colon &", row)
        if loop:
            found.append(Printed("for", f"{loop[1]}…{loop[2]}"))
            continue
        left, _, right = row.partition(" &= ")
        inside = "  " if "_{l}" in left else ""
        if row.startswith(r"&\qquad "):
            left, _, right = row.removeprefix(r"&\qquad ").partition(" = ")
            inside = "  "
        found.append(Printed(inside + in_text(left).strip(), in_text(right).strip()))
    return found


def in_text(latex: str) -> str:
    """A formula in the signs of a terminal."""
    text = latex.replace(r"\Theta_f", "Θ_f")
    text = _cases(text)
    for sign, word in ((r"\,", " "), (r"\quad ", ""), (r"\cdot", "×"), (r"\ ", "_"), (r"\:", " ")):
        text = text.replace(sign, word)
    text = re.sub(r"\\left\|(.*?)\\right\|", r"Abs(\1)", text)
    text = text.replace(r"\text{where}", "where").replace(r"\left[", "")
    text = re.sub(r"\\right\]_\{((?:[^{}]|\{[^{}]*\})*)\}", r".\1", text)
    text = re.sub(r"\\(?:left|right)(?=[()])", "", text)
    text = re.sub(r"\\operatorname\{(\w+)\}", r"\1", text)
    text = re.sub(r"\\mathrm\{(\w+)\}", r"\1", text)
    text = re.sub(r"\\([A-Za-z]+)", lambda m: _GREEK.get(m[1], m[0]), text)
    text = re.sub(rf"\\hat\{{(\w)\}}({_INDEX})?(?:{_MARKS})?", _hatted, text)
    text = re.sub(rf"([A-Za-zκΘθμ]){_INDEX}(?:{_MARKS})?", _indexed, text)
    # φ_{2}, and names of local maps: K'_{φ_{2}}
    text = re.sub(r"φ_\{(\d+)\}", lambda m: "φ" + m[1].translate(_BELOW), text)
    text = re.sub(r"φ_\{(\w+)\}", r"φ_\1", text)
    text = re.sub(r"([A-Z])('*)_\{([\wφ]+)\}", lambda m: m[1] + "′" * len(m[2]) + f"_{m[3]}", text)
    text = text.replace("c_{b}", "c_b")
    text = text.replace("'", "′").replace(r"^{\circ ", "^∘{")
    text = re.sub(r"\^2$", "²", text)
    text = re.sub(r"\\([A-Za-z]+)", _command, text)
    while "?" in text:
        text = _fraction(text)
    return text.replace("{", "(").replace("}", ")")


def _command(found: re.Match[str]) -> str:
    known = {"frac": "?", "sqrt": "√", "prime": "′", "arsinh": "asinh"}
    return known.get(found[1], found[1])


def _hatted(found: re.Match[str]) -> str:
    below, marks = found[3] or "", found[4] or ""
    number = "".join(re.findall(r"\[(\d+)\]", marks)).translate(_ABOVE)
    return f"{found[1]}\u0302{number}{_marks(marks)}{below.translate(_BELOW)}"


def _indexed(found: re.Match[str]) -> str:
    return f"{found[1]}{_marks(found[3] or '')}{found[2].translate(_BELOW)}"


def _marks(marks: str) -> str:
    parts = "".join(re.findall(r"\(\d+\)", marks)).translate(_ABOVE)
    return parts + {0: "", 1: "′", 2: "″", 3: "‴"}[marks.count(r"\prime")]


def _fraction(text: str) -> str:
    """The last fraction, which holds no other, as a quotient."""
    at = text.rindex("?")
    above = _group(text, at + 1)
    below = _group(text, above)
    return f"{text[:at]}({text[at + 1 : above]}/{text[above:below]}){text[below:]}"


def _group(text: str, at: int) -> int:
    """Where the group that begins here ends."""
    assert text[at] == "{", text[at:]
    depth = 0
    for i, sign in enumerate(text[at:], at):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        if not depth:
            return i + 1
    raise AssertionError(text[at:])


def _cases(text: str) -> str:
    """Cases as Piecewise((value, condition), ...)."""

    def piecewise(found: re.Match[str]) -> str:
        pieces = []
        for case in found[1].split(r"\\"):
            value, _, condition = case.partition("&")
            condition = condition.replace(r"\text{for}\:", "")
            condition = "True" if "otherwise" in condition else condition
            pieces.append(f"({value}, {condition})")
        text = ", ".join(pieces)
        return "Piecewise(" + text.replace(r"\geq", ">=").replace(r"\leq", "<=") + ")"

    return re.sub(r"\\begin\{cases\}(.*?)\\end\{cases\}", piecewise, text)
