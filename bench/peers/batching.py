"""gspf's shuffles and batches (src/data/shuffle.ts, src/data/batches.ts), so that peers see the same rows together."""

from collections.abc import Sequence

MASK = 0xFFFFFFFF
GOLDEN = 0x9E3779B9

# Who draws from which stream of a seed.
LIMIT_STREAM = 0


def epoch_rows_stream(epoch: int) -> int:
    return 16 + 2 * epoch


def epoch_batches_stream(epoch: int) -> int:
    return 17 + 2 * epoch


def limit_rows(n: int, limit: int, seed: int = 0) -> list[int]:
    """The first `limit` of a shuffle of n rows, ascending."""
    return sorted(permutation(n, seed, LIMIT_STREAM)[:limit])


def length_bucketed_batches(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Row numbers of one epoch's batches: sorted by length within pools of 50 batches, then in random order."""
    shuffled = permutation(len(lengths), seed, epoch_rows_stream(epoch))
    pool = 50 * batch_size
    order: list[int] = []
    for start in range(0, len(shuffled), pool):
        order += sorted(shuffled[start : start + pool], key=lengths.__getitem__)
    batches = cut(order, batch_size)
    return [batches[index] for index in permutation(len(batches), seed, epoch_batches_stream(epoch))]


def sequential_batches(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Every row once, by ascending length."""
    return cut(sorted(range(len(lengths)), key=lengths.__getitem__), batch_size)


def cut(order: list[int], batch_size: int) -> list[list[int]]:
    """Batches of `batch_size` rows; the last has the rest, joined by a row of the one before if it would be alone."""
    full, rest = divmod(len(order), batch_size)
    sizes = [batch_size] * full + [rest] * (rest > 0)
    if rest == 1 and full > 0:
        sizes = [*sizes[1:-1], *([3] if batch_size == 2 else [batch_size - 1, 2])]
    batches, start = [], 0
    for size in sizes:
        batches.append(order[start : start + size])
        start += size
    return batches


def permutation(n: int, seed: int, stream: int) -> list[int]:
    """The numbers 0 … n − 1 by Fisher–Yates over xoroshiro128+."""
    draw = xoroshiro128plus(seed, stream)
    order = list(range(n))
    for last in range(n - 1, 0, -1):
        # Draws beyond the largest multiple of the range are thrown away: the rest is uniform.
        size = last + 1
        accepted = (1 << 32) // size * size
        value = next(draw)
        while value >= accepted:
            value = next(draw)
        other = value % size
        order[last], order[other] = order[other], order[last]
    return order


def xoroshiro128plus(seed: int, stream: int):
    """Low words of xoroshiro128+ (24, 16, 37), offset by 2³¹ as pure-rand has them, from hashes of (seed, stream)."""
    high0, low0, high1, low1 = (state_word(seed, stream, index) for index in (1, 2, 3, 4))
    state0 = high0 << 32 | low0
    state1 = high1 << 32 | low1 | 1
    while True:
        yield ((state0 + state1) + 0x80000000) & MASK
        mixed = state0 ^ state1
        state0 = rotate(state0, 24) ^ mixed ^ (mixed << 16 & (1 << 64) - 1)
        state1 = rotate(mixed, 37)


def rotate(value: int, by: int) -> int:
    return (value << by | value >> (64 - by)) & (1 << 64) - 1


def state_word(seed: int, stream: int, index: int) -> int:
    return fmix32(fmix32(seed + index * GOLDEN) + stream * GOLDEN)


def fmix32(value: int) -> int:
    """MurmurHash3's finaliser."""
    value &= MASK
    value = (value ^ value >> 16) * 0x85EBCA6B & MASK
    value = (value ^ value >> 13) * 0xC2B2AE35 & MASK
    return value ^ value >> 16
