"""Networks of one input covariance by recursions of this folder alone, in NumPy and in mpmath."""

import math

import mpmath
import numpy as np


def sine_less_cosine(x):
    """sin x - x cos x, by its series where the difference cancels."""
    small = np.minimum(x, 0.6)
    square, series = small * small, 0.0
    for k in range(11, 0, -1):
        series = series * square + (-1) ** (k + 1) * 2 * k / math.factorial(2 * k + 1)
    return np.where(x < 0.6, series * square * small, np.sin(x) - x * np.cos(x))


def angle(g):
    return 2 * np.arctan2(np.sqrt(g), np.sqrt(np.maximum(2 - g, 0)))


def relu(depth):
    """He-initialized ReLU layers (Cho and Saul 2009), NTK and response along."""

    def sample(g):
        ntk, response = np.ones_like(g), np.ones_like(g)
        for _ in range(depth):
            theta = angle(g)
            g = np.maximum(g - sine_less_cosine(theta) / np.pi, 0)
            ntk = 1 - g + ntk * (1 - theta / np.pi)
            response = response * (1 - theta / np.pi)
        return {"drop": g, "ntk": ntk, "response": response}

    return sample


def relu_reference(depth, gap, digits=50):
    with mpmath.workdps(digits):
        c, ntk = 1 - mpmath.mpf(gap), mpmath.mpf(1)
        for _ in range(depth):
            theta = mpmath.acos(c)
            c = (mpmath.sin(theta) + (mpmath.pi - theta) * c) / mpmath.pi
            ntk = c + ntk * (1 - theta / mpmath.pi)
        return float(1 - c), float(ntk)


def erf(depth, weight_std, bias_std=0.0):
    """erf layers at the fixed point of q (Williams 1997), drops from differences of arcsines."""
    gain = 2 * weight_std**2 / np.pi
    q = 1.0
    for _ in range(3000):
        q = gain * np.arcsin(2 * q / (1 + 2 * q)) + bias_std**2
    s = 2 * q / (1 + 2 * q)

    def sample(g):
        ntk, response = np.full_like(g, q), np.ones_like(g)
        for _ in range(depth):
            sine = s * (1 - g)
            cosine, top = np.sqrt((1 - sine) * (1 + sine)), np.sqrt(1 - s * s)
            rise = s * g * top + s * s * g * (s + sine) / (top + cosine)
            slope = gain * s / cosine / q
            g = gain * np.arctan2(rise, top * cosine + s * sine) / q
            ntk, response = q * (1 - g) + ntk * slope, response * slope
        return {"drop": q * g, "ntk": ntk, "response": response}

    return sample


def erf_reference(depth, weight_std, gap, digits=60):
    with mpmath.workdps(digits):
        gain = 2 * mpmath.mpf(weight_std) ** 2 / mpmath.pi
        q = mpmath.mpf(1)
        for _ in range(400):
            q = gain * mpmath.asin(2 * q / (1 + 2 * q))
        k = q * (1 - mpmath.mpf(gap))
        for _ in range(depth):
            k = gain * mpmath.asin(2 * k / (1 + 2 * q))
        return float(q - k)


def cubic(depth, slope):
    """Layers mapping c to (1 - b) c + b c³, with this slope at c = 1 in all."""
    b = (slope ** (1 / depth) - 1) / 2

    def sample(g):
        ntk, response = np.ones_like(g), np.ones_like(g)
        for _ in range(depth):
            c = 1 - g
            step = 1 - b + 3 * b * c * c
            g = g * (1 - b + b * (1 + c + c * c))
            ntk, response = 1 - g + ntk * step, response * step
        return {"drop": g, "ntk": ntk, "response": response}

    return sample


def sign(depth):
    """Sign layers: a drop like the root of the gap, and no finite slope."""

    def sample(g):
        for _ in range(depth):
            g = 2 * angle(g) / np.pi
        return {"drop": g}

    return sample
