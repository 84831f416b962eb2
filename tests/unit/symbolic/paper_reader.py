"""A reader of printed kernels, who knows the lines of a terminal or of LaTeX and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import sympy

from kernelc.activations import X, from_expression, named
from kernelc.gaussian import cross_dual
from kernelc.gaussian._moments import line_mean


_BELOW = dict(zip("₀₁₂₃₄₅₆₇₈₉₋₊ₗ", "0123456789-+l", strict=True))
_ABOVE = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᐟ⁽⁾", "0123456789-/()", strict=True))
_DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "arccos": sympy.acos, "arcsin": sympy.asin, "arctan": sympy.atan, "exp": sympy.exp,
    "log": sympy.log, "sin": sympy.sin, "cos": sympy.cos, "sinh": sympy.sinh, "tan": sympy.tan,
    "cosh": sympy.cosh, "tanh": sympy.tanh, "erf": sympy.erf, "erfc": sympy.erfc,
    "√": sympy.sqrt, "Max": sympy.Max, "Min": sympy.Min, "max": sympy.Max, "min": sympy.Min,
    "Abs": sympy.Abs, "sign": sympy.sign, "asinh": sympy.asinh,
    "arsinh": sympy.asinh, "Heaviside": sympy.Heaviside,
    "Φ": lambda x: (1 + sympy.erf(x / sympy.sqrt(2))) / 2,
}  # fmt: skip
_ENDS = ("+", "-", "−", ")", ",", "|", "<", ">", "<=", ">=")
_RELATIONS = {"<": sympy.Lt, ">": sympy.Gt, "<=": sympy.Le, ">=": sympy.Ge}
_U = sympy.Symbol("u", real=True)

_TOKENS = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-zΑ-Ωα-ωφ]+\u0302?(?:[⁰¹²³⁴⁵⁶⁷⁸⁹]+(?=[⁽₀-₉ₗ′″‴]))?(?:⁽[⁰¹²³⁴⁵⁶⁷⁸⁹]+⁾)?[′″‴]*"
    r"(?:_[A-Za-z0-9_φ₀-₉]+|[₀-₉₋₊ₗ]+)?)"
    r"|(?P<power>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᐟ⁽⁾]+)"
    r"|(?P<sign>\^∘|[<>]=?|[-−+/^(),√|×.]))"
)


class Printed(NamedTuple):
    """An equation: what stands at its left, and its right side as text."""

    left: str
    right: str


class Reader:
    """Reads expressions, with what the lines before have told."""

    def __init__(self, **given: float) -> None:
        self.known: dict[str, sympy.Expr] = {k: sympy.Float(v, 17) for k, v in given.items()}
        self.known |= {"π": sympy.pi, "e": sympy.E, "u": _U}
        self.maps = dict(_FUNCTIONS)
        self.results: dict[str, float] = {}
        self.blocks: dict[str, list[str]] = {}

    def value(self, text: str) -> sympy.Expr:
        """The value of an expression."""
        tokens = list(_tokens(text))
        found, rest = self._sum(tokens)
        assert not rest, f"left of {text!r}: {rest}"
        return found

    def _sum(self, tokens: list[str]) -> tuple[sympy.Expr, list[str]]:
        total = sympy.Integer(0)
        while True:
            sign = 1
            while tokens and tokens[0] in "+-−":
                sign *= 1 if tokens[0] == "+" else -1
                tokens = tokens[1:]
            term, tokens = self._term(tokens)
            total += sign * term
            if not tokens or tokens[0] not in "+-−":
                return total, tokens

    def _term(self, tokens: list[str]) -> tuple[sympy.Expr, list[str]]:
        product, tokens = self._power(tokens)
        while tokens and tokens[0] not in _ENDS:
            if tokens[0] == "×":
                tokens = tokens[1:]
            elif tokens[0] == "/":
                below, tokens = self._power(tokens[1:])
                product /= below
            else:
                factor, tokens = self._power(tokens)
                product *= factor
        return product, tokens

    def _power(self, tokens: list[str]) -> tuple[sympy.Expr, list[str]]:
        base, tokens = self._atom(tokens)
        if tokens and tokens[0][0] in _ABOVE:
            above = "".join(map(_ABOVE.get, tokens[0]))
            return base ** sympy.Rational(above.strip("()")), tokens[1:]
        if tokens and tokens[0] == "^":
            tokens, sign = (tokens[2:], -1) if tokens[1] in "-−" else (tokens[1:], 1)
            power, tokens = self._power(tokens)
            return base ** (sign * power), tokens
        return base, tokens

    def _atom(self, tokens: list[str]) -> tuple[sympy.Expr, list[str]]:
        head, rest = tokens[0], tokens[1:]
        if head[0].isdigit() and head[0] not in _ABOVE:
            return sympy.Rational(head), rest
        if head == "(":
            inside, rest = self._sum(rest)
            assert rest[0] == ")", rest
            return inside, rest[1:]
        if head == "√" and rest[0] != "(":
            inside, rest = self._atom(rest)
            return sympy.sqrt(inside), rest
        if head == "Piecewise":
            return self._pieces(rest)
        if head in self.maps:
            return self._applied(head, rest)
        return self.known[head], rest

    def _applied(self, head: str, rest: list[str]) -> tuple[sympy.Expr, list[str]]:
        times = power = sympy.Integer(1)
        if rest[0] == "^∘":
            times, rest = self._atom(rest[1:])
        elif rest[0] == "^":  # sin^{2}(x)
            power, rest = self._atom(rest[1:])
        assert rest[0] == "(", (head, rest)
        arguments = []
        while rest[0] != ")":
            argument, rest = self._sum(rest[1:])
            arguments.append(argument)
        if head in self.blocks:
            return self._behind(head, arguments, int(times), rest[1:])
        value = self.maps[head](*arguments)
        for _ in range(int(times) - 1):
            value = self.maps[head](value)
        return value**power, rest[1:]

    def _behind(
        self, head: str, state: list[sympy.Expr], times: int, rest: list[str]
    ) -> tuple[sympy.Expr, list[str]]:
        """The entry that is asked for of F^∘L(q, k).k, of the only one of F(q)."""
        for _ in range(times):
            state = self.maps[head](*state)
        if rest[:1] != ["."]:
            (value,) = state
            return value, rest
        return state[self.blocks[head].index(rest[1])], rest[2:]

    def define_block(self, line: Printed, where: list[Printed]) -> None:
        """F(q, k) = (q, k), or F(q) = q, with values that further lines define."""
        name, _, letters = line.left.strip().partition("(")
        variables = letters.removesuffix(")").split(", ")
        right = line.right.removesuffix(", where").strip()
        parts = _parts(right[1:-1]) if len(variables) > 1 else [right]
        self.blocks[name] = variables

        def function(*values: sympy.Expr) -> list[sympy.Expr]:
            outer = dict(self.known)
            numbers = [value.evalf(17) for value in values]
            self.known |= dict(zip(variables, numbers, strict=True))
            for each in where:
                self.known[each.left.strip()] = self.value(each.right).evalf(17)
            found: list[sympy.Expr] = []
            for part in parts:
                inner, _, arguments = part.strip().partition("(")
                if inner in self.blocks and len(parts) > 1 and arguments.endswith(")"):
                    state = [self.known[letter] for letter in arguments[:-1].split(", ")]
                    found += self.maps[inner](*state)
                else:
                    found.append(self.value(part))
            self.known = outer
            return found

        self.maps[name] = function

    def _pieces(self, rest: list[str]) -> tuple[sympy.Expr, list[str]]:
        """((value, condition), ...): what follows the word Piecewise."""
        pieces = []
        while rest[0] != ")":
            value, rest = self._sum(rest[2:])
            if rest[1] == "True":
                condition, rest = True, rest[2:]
            else:
                left, rest = self._sum(rest[1:])
                right, after = self._sum(rest[1:])
                condition, rest = _RELATIONS[rest[0]](left, right), after
            pieces.append((value, condition))
            rest = rest[1:]
        return sympy.Piecewise(*pieces), rest[1:]

    def define(self, head: str, formula: str, delta: str = "") -> None:
        """K(q, k) = formula, in which Δ may stand for something."""
        name, _, letters = head.partition("(")
        variables = re.findall(r"\w+", letters)

        def function(*values: sympy.Expr) -> sympy.Expr:
            outer = dict(self.known)
            numbers = [value.evalf(17) for value in values]
            self.known |= dict(zip(variables, numbers, strict=True))
            if delta:
                self.known["Δ"] = self.value(delta)
            found = self.value(formula)
            self.known = outer
            return found

        self.maps[name.strip()] = function

    def define_mean(self, head: str, means: list[tuple[str, int]], square: bool) -> None:
        """K(q, k) = E φ(u) ψ(v), or E φ(u)², or E φ(u)."""
        functions = [(self._activation(label), order) for label, order in means]

        def function(q: sympy.Expr, *k: sympy.Expr) -> sympy.Expr:
            (phi, m), (psi, n) = functions[0], functions[-1]
            if len(functions) == 1 and not square:
                return sympy.Float(line_mean(phi, m, float(q)), 17)
            # Q(q), K(q, k), or that of two variances: K(q, q', k).
            variances = [float(q), float(k[0] if len(k) == 2 else q)]
            at = float(k[-1] if k else q)
            return sympy.Float(cross_dual(phi, psi, *variances, at, (m, n)), 17)

        self.maps[head.partition("(")[0].strip()] = function

    def _activation(self, label: str) -> Any:
        if label not in self.told:
            return named(label)
        return from_expression(self.value(self.told[label]).xreplace({_U: X}), name="read")

    told: dict[str, str]

    def read(self, lines: list[Printed]) -> dict[str, float]:
        """The results of lines as both writers give them: definitions, loops, equations."""
        lines = [Printed(*map(self._indexed, line)) for line in lines]
        told = [line for line in lines if line.left.endswith("(u)")]
        self.told = {line.left.removesuffix("(u)"): line.right for line in told}
        lines = [line for line in lines if not line.left.endswith("(u)")]
        while lines:
            line = lines.pop(0)
            if line.left == "for":
                inside = []
                while lines and lines[0].left.startswith("  "):
                    inside.append(lines.pop(0))
                first, last = (int(self.value(end)) for end in line.right.split("…"))
                for l in range(first, last + 1):  # noqa: E741
                    for each in inside:
                        right = _numbered(each.right, l)
                        self.known[_numbered(each.left.strip(), l)] = self.value(right).evalf(17)
            elif re.match(r"F[₀-₉]+\(", line.left):
                where = []
                while line.right.endswith(", where") and lines and lines[0].left.startswith("  "):
                    where.append(lines.pop(0))
                self.define_block(line, where)
            elif "(" in line.left:
                self._defined(line)
            else:
                self._result(line)
        return self.results

    def _indexed(self, text: str) -> str:
        """Indices that are formulas of depths, as numbers: q_(1 + M)."""

        def number(found: re.Match[str]) -> str:
            return str(int(self.value(found[1] or found[2]))).translate(_DIGITS)

        return re.sub(r"(?<=[qkcmΘθμ′⁾])_(?:\(([^()]+)\)|([A-Z])\b)", number, text)

    def _defined(self, line: Printed) -> None:
        formula, _, delta = line.right.partition(", Δ = ")
        if not formula.startswith("E "):
            return self.define(line.left, formula, delta)
        means = re.findall(r"(\w+?)(′*)\((?:u|v)\)", formula)
        square = formula.endswith("²")
        self.define_mean(line.left, [(label, len(primes)) for label, primes in means], square)

    def _result(self, line: Printed) -> None:
        value = self.value(line.right).evalf(17)
        self.known[line.left] = value
        self.results[line.left] = float(value)


def _tokens(text: str) -> Iterator[str]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKENS.match(text, at)
        assert found, f"no token at {text[at : at + 20]!r} of {text!r}"
        yield found[0].strip()
        at = found.end()


def _parts(text: str) -> list[str]:
    """What commas outside of all parentheses separate."""
    found, depth = [""], 0
    for sign in text:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and not depth:
            found.append("")
        else:
            found[-1] += sign
    return found


def _numbered(text: str, l: int) -> str:  # noqa: E741
    """A text of a loop with numbers for the indices l and l-1."""

    def number(found: re.Match[str]) -> str:
        below = "".join(map(_BELOW.get, found[0]))
        value = l + int(below.removeprefix("l") or 0)
        return "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(value))

    return re.sub("ₗ(?:[₋₊][₀-₉]+)?", number, text)


def lines_of_text(text: str) -> list[Printed]:
    """The lines of `str(kernel)`."""
    found = []
    for line in text.splitlines()[1:]:
        line = re.sub(r"    \[.*\]$", "", line).removeprefix("  ")
        inside = "  " if line.startswith("  ") else ""
        loop = re.fullmatch(r"for l = (.*), …, (.*):", line)
        if loop:
            found.append(Printed("for", f"{loop[1]}…{loop[2]}"))
            continue
        # Entries of a first state stand on one line; so does a formula that a mean is about.
        parts = re.split(r", (?=[^(),]+(?:\(u\))? = )", line)
        if ", Δ = " in line:
            parts = [line]
        for part in parts:
            left, _, right = part.strip().partition(" = ")
            found.append(Printed(inside + left, right))
    return found
