"""The slow, obvious versions of every signal kernel; no code of the runtime."""

import math

import numpy as np


def band_window(frequency_hz, band_hz, edge_fraction=0.15):
    lo, hi = band_hz
    edge = edge_fraction * (hi - lo)
    out = []
    for f in frequency_hz:
        rise = min(max((f - lo) / edge, 0.0), 1.0)
        fall = min(max((hi - f) / edge, 0.0), 1.0)
        out.append(math.sin(math.pi / 2 * rise) ** 2 * math.sin(math.pi / 2 * fall) ** 2)
    return np.array(out)


def pulse(delay_samples, n, rate_hz, band_hz):
    """Band-limited analytic unit pulse at a delay, circular over n samples."""
    k = np.arange(n // 2 + 1)
    window = band_window(k * rate_hz / n, band_hz)
    spectrum = np.zeros(n, complex)
    spectrum[: n // 2 + 1] = window * np.exp(-2j * np.pi * k * delay_samples / n)
    return np.fft.ifft(spectrum) * n / window.sum()


def record(signal, delays_samples, gains):
    """What microphones hear of a periodic signal (N,): paths (M, K) -> (M, N)."""
    n = len(signal)
    spectrum = np.fft.rfft(np.asarray(signal, float))
    k = np.arange(len(spectrum))
    out = []
    for delay, gain in zip(delays_samples, gains, strict=True):
        transfer = sum(
            g * np.exp(-2j * np.pi * k * d / n) for d, g in zip(delay, gain, strict=True)
        )
        out.append(np.fft.irfft(spectrum * transfer, n))
    return np.array(out)


def deconvolve(samples, excitation, band_hz, rate_hz, window_samples, mic, lag):
    n = len(excitation)
    x = np.fft.fft(np.asarray(excitation, float))
    window = np.zeros(n)
    window[: n // 2 + 1] = band_window(np.arange(n // 2 + 1) * rate_hz / n, band_hz)
    regular = 1e-4 * (np.abs(x[window > 0]) ** 2).max()
    transfer = window * np.abs(x) ** 2 / (np.abs(x) ** 2 + regular)
    inverse = window * np.conj(x) / (np.abs(x) ** 2 + regular) * n / transfer.sum()
    out = []
    for m, start in zip(mic, lag, strict=True):
        analytic = np.fft.ifft(np.fft.fft(samples[m].astype(float)) * inverse)
        out.append([analytic[start + t] for t in range(window_samples)])
    return np.array(out)


def pool(envelope, half):
    out = np.empty(envelope.shape)
    for p, row in enumerate(envelope.astype(float)):
        for t in range(len(row)):
            part = row[max(0, t - half) : t + half + 1]
            out[p, t] = math.sqrt(np.mean(part**2))
    return out


def gather(envelope, position):
    """Linear between samples; behind the last sample it falls to 0 within one sample."""
    out = np.zeros(position.shape)
    for p in range(len(envelope)):
        row = [*envelope[p].astype(float), 0.0, 0.0]
        for k, x in enumerate(position[p]):
            if x < len(row) - 2:
                i = int(x)
                out[p, k] = row[i] + (x - i) * (row[i + 1] - row[i])
    return out


def shoebox_paths(size, reflection, source, microphone, longest_m):
    """Image sources of a shoebox: lengths (K,) [m], and gains (K,): reflection factor / length."""
    lengths, gains = [], []
    span = [range(-int(longest_m / (2 * s)) - 1, int(longest_m / (2 * s)) + 2) for s in size]
    for order in np.array(np.meshgrid(*span, indexing="ij")).reshape(3, -1).T:
        for flip in np.ndindex(2, 2, 2):
            image = [
                (1 - 2 * f) * c + 2 * o * s
                for f, c, o, s in zip(flip, source, order, size, strict=True)
            ]
            length = float(np.linalg.norm(np.subtract(image, microphone)))
            if length <= longest_m:
                bounces = sum(abs(o - f) + abs(o) for o, f in zip(order, flip, strict=True))
                lengths.append(length)
                gains.append(reflection**bounces / length)
    return np.array(lengths), np.array(gains)


def icosphere(radius, splits):
    """Vertices (V, 3) and faces (F, 3) of a sphere: an icosahedron whose faces are split in 4."""
    p = (1 + 5**0.5) / 2
    v = np.array([
        [-1, p, 0], [1, p, 0], [-1, -p, 0], [1, -p, 0], [0, -1, p], [0, 1, p], [0, -1, -p],
        [0, 1, -p], [p, 0, -1], [p, 0, 1], [-p, 0, -1], [-p, 0, 1],
    ])  # fmt: skip
    f = np.array([
        [0, 11, 5], [0, 5, 1], [0, 1, 7], [0, 7, 10], [0, 10, 11], [1, 5, 9], [5, 11, 4],
        [11, 10, 2], [10, 7, 6], [7, 1, 8], [3, 9, 4], [3, 4, 2], [3, 2, 6], [3, 6, 8], [3, 8, 9],
        [4, 9, 5], [2, 4, 11], [6, 2, 10], [8, 6, 7], [9, 8, 1],
    ])  # fmt: skip
    for _ in range(splits):
        mid = [(v[f[:, a]] + v[f[:, b]]) / 2 for a, b in ((0, 1), (1, 2), (2, 0))]
        n, k = len(v), len(f)
        v = np.concatenate([v, *mid])
        m = n + np.arange(3 * k).reshape(3, k)
        f = np.concatenate(
            [
                np.stack(t, 1)
                for t in (
                    (f[:, 0], m[0], m[2]),
                    (f[:, 1], m[1], m[0]),
                    (f[:, 2], m[2], m[1]),
                    tuple(m),
                )
            ]
        )
    return radius * v / np.linalg.norm(v, axis=1, keepdims=True), f
