"""Numbers as people read them."""

from __future__ import annotations


_ROUNDING = 1e-15
"""Cosines carry rounding errors of about 1e-16: what is below shows as 0."""


def number(value: float) -> str:
    """Four digits; what is not known as a dash.

    Arguments:
        value: any float.

    Example:
        >>> number(0.123456), number(float("nan")), number(1e-17)
        ('0.1235', '–', '1e-17')
    """
    return "–" if value != value else f"{value:.4g}"


def cosine(value: float) -> str:
    """As `number`, with rounding errors as 0.

    Arguments:
        value: a cosine similarity.

    Example:
        >>> cosine(0.123456), cosine(1e-17)
        ('0.1235', '0')
    """
    return number(value if not abs(value) <= _ROUNDING else 0.0)
