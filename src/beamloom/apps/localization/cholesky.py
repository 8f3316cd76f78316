"""Positive definite matrices of a few rows, in place, as kernels: solutions, and the roots of the diagonal of the inverse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from beamloom.apps.localization.compiled import compiled

Array = np.ndarray[Any, np.dtype[Any]]


@compiled
def _factor(matrix: Array) -> bool:
    """Replace the lower triangle by that of Cholesky; False where the matrix is not positive."""
    for k in range(len(matrix)):
        for m in range(k + 1):
            value = matrix[k, m]
            for i in range(m):
                value -= matrix[k, i] * matrix[m, i]
            if m < k:
                matrix[k, m] = value / matrix[m, m]
            elif value > 1e-12 * matrix[k, k] and math.isfinite(value):
                matrix[k, k] = math.sqrt(value)
            else:
                return False
    return True


@compiled
def solve(matrix: Array, vector: Array) -> bool:
    """Replace ``vector`` by the solution; False where there is none."""
    if not _factor(matrix):
        return False
    for k in range(len(matrix)):
        for i in range(k):
            vector[k] -= matrix[k, i] * vector[i]
        vector[k] /= matrix[k, k]
    for k in range(len(matrix) - 1, -1, -1):
        for i in range(k + 1, len(matrix)):
            vector[k] -= matrix[i, k] * vector[i]
        vector[k] /= matrix[k, k]
    return True


@compiled
def bounds_of(matrix: Array, excess: float, bounds: Array) -> bool:
    """Roots of the diagonal of the inverse, into ``bounds``; infinite, and False, where there is none."""
    bounds[:] = np.inf
    if not _factor(matrix):
        return False
    column = np.empty(len(matrix))
    for k in range(len(matrix)):
        total = 0.0
        for m in range(k, len(matrix)):
            value = 1.0 if m == k else 0.0
            for i in range(k, m):
                value -= matrix[m, i] * column[i]
            column[m] = value / matrix[m, m]
            total += column[m] * column[m]
        bounds[k] = math.sqrt(excess * total)
    return True
