"""What chance alone makes of a false-alarm budget."""

import math
from statistics import NormalDist


def poisson_quantile(mean: float, level: float = 0.95) -> int:
    """The smallest count that a Poisson variable of this mean stays within with probability `level`."""
    if mean > 500:  # where the normal distribution is as good and e**-mean soon is no number
        return math.ceil(mean + NormalDist().inv_cdf(level) * math.sqrt(mean))
    count, term = 0, math.exp(-mean)
    total = term
    while total < level:
        count += 1
        term *= mean / count
        total += term
    return count
