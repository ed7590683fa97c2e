"""The results as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ingest_rates
import request_costs
from spread import Sample, of, per_round, spread

Samples = Sequence[Sample]
_IN_FLIGHT = 64
_NAMES = {
    "airview": "airview-herald\n(default)",
    "airview+aiohttp": "airview-herald\n(AiohttpTransport)",
    "aiohttp": "aiohttp\nby hand",
    "requests": "requests\n(threads)",
    "sequential": "documented sequence\n(one at a time)",
}
# Ours in colour, the others in greys; readable without colour, too.
_COLOURS = {
    "airview": "#1f5fa8",
    "airview+aiohttp": "#e07b00",
    "httpx": "#4d4d4d",
    "httpx-aiohttp": "#8c8c8c",
    "aiohttp": "#b3b3b3",
    "requests": "#6f6f6f",
    "sequential": "#8c8c8c",
}
_MARKERS = {"httpx": "s", "httpx-aiohttp": "D", "aiohttp": "^", "requests": "v"}


def draw(parts: Mapping[str, Samples], caption: str, target: Path) -> None:
    """Draw what was measured of requests and of ingest.

    Args:
        parts: The samples of each part; both are needed.
        caption: What goes below.
        target: The PNG file.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    plt.rcParams.update(
        {
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
        }
    )
    figure, (costs, levels, rates) = plt.subplots(
        1, 3, figsize=(15, 5.2), width_ratios=(1.15, 1, 1.15), layout="constrained"
    )
    _costs(costs, parts["requests"])
    _levels(levels, parts["requests"])
    _rates(rates, parts["ingest"])
    figure.supxlabel(caption, fontsize=8.5, color="#555555")
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=120)
    plt.close(figure)


def _costs(axes: Any, samples: Samples) -> None:
    """Draw the CPU of a request with many in flight, with its multiple of the stock client's."""
    stacks = list(dict.fromkeys(sample["stack"] for sample in samples))
    case = {"in_flight": _IN_FLIGHT, "latency": request_costs.FAST}
    costs = {
        stack: spread(map(request_costs.cpu, of(samples, stack=stack, **case).values()))
        for stack in stacks
    }
    stacks.sort(key=lambda stack: -costs[stack].median)
    medians = [costs[stack].median for stack in stacks]
    errors = [
        [costs[stack].median - costs[stack].low for stack in stacks],
        [costs[stack].high - costs[stack].median for stack in stacks],
    ]
    axes.barh(
        [_NAMES.get(stack, stack) for stack in stacks],
        medians,
        xerr=errors,
        color=[_COLOURS[stack] for stack in stacks],
        error_kw={"ecolor": "#222222", "capsize": 3, "linewidth": 1},
    )
    stock = of(samples, stack=request_costs.STOCK, **case)
    for row, stack in enumerate(stacks):
        ratio = per_round(request_costs.cpu, of(samples, stack=stack, **case), stock)
        text = f"{costs[stack].median:,.0f} µs"
        if stack != request_costs.STOCK and ratio is not None:
            text += f" ({ratio.median:.2f} ×)"
        axes.text(costs[stack].high + max(medians) * 0.02, row, text, va="center")
    axes.set_xlim(0, max(medians) * 1.28)
    axes.set_xlabel("µs of CPU per request (× stock httpx)")
    axes.set_title(f"CPU of a request, {_IN_FLIGHT} in flight")


def _levels(axes: Any, samples: Samples) -> None:
    """Draw how the CPU of a request grows with the requests in flight."""
    fast = [sample for sample in samples if sample["latency"] == request_costs.FAST]
    levels = sorted({sample["in_flight"] for sample in fast})
    for stack in dict.fromkeys(sample["stack"] for sample in fast):
        costs = [
            spread(map(request_costs.cpu, of(fast, stack=stack, in_flight=level).values())).median
            for level in levels
        ]
        ours = stack not in _MARKERS
        axes.plot(
            levels,
            costs,
            marker=_MARKERS.get(stack, "o"),
            color=_COLOURS[stack],
            linewidth=2.4 if ours else 1.3,
            label=_NAMES.get(stack, stack).replace("\n", " "),
        )
    axes.set_xscale("log", base=4)
    axes.set_xticks(levels, [str(level) for level in levels])
    axes.set_yscale("log")
    ticks = (50, 100, 200, 500, 1000, 2000, 5000)
    axes.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.grid(axis="y", color="#e3e3e3")
    axes.set_xlabel("requests in flight")
    axes.set_ylabel("µs of CPU per request (log)")
    axes.set_title("The same, by requests in flight")
    axes.legend(frameon=False, fontsize=8)


def _rates(axes: Any, samples: Samples) -> None:
    """Draw events per second by latency, with the multiples of the sequential client."""
    latencies = sorted({sample["latency"] for sample in samples})
    stacks = list(dict.fromkeys(sample["stack"] for sample in samples))
    width = 0.8 / len(stacks)
    for place, stack in enumerate(stacks):
        concurrency = 1 if stack == ingest_rates.SEQUENTIAL else _IN_FLIGHT
        for column, latency in enumerate(latencies):
            case = ingest_rates.Case(stack, concurrency, latency, "warm")
            found = of(samples, **case._asdict())
            height = spread(map(ingest_rates.rate, found.values()))
            at = column + (place - (len(stacks) - 1) / 2) * width
            axes.bar(
                at,
                height.median,
                width * 0.94,
                color=_COLOURS[stack],
                label=_NAMES[stack].replace("\n", " ") if column == 0 else None,
            )
            text = f"{height.median:,.0f}"
            if stack != ingest_rates.SEQUENTIAL:
                times = ingest_rates.against_sequential(samples, case)
                text += "" if times is None else f"\n{times.median:.0f} ×"
            axes.text(at, height.median * 1.06, text, ha="center", va="bottom", fontsize=8.5)
    axes.set_yscale("log")
    axes.set_ylim(top=axes.get_ylim()[1] * 6)
    axes.set_xticks(range(len(latencies)), [f"{latency * 1e3:.0f} ms" for latency in latencies])
    axes.set_xlabel("latency of the server")
    axes.set_ylabel("events per second (log)")
    axes.set_title(f"ingest, ids known, concurrency {_IN_FLIGHT}")
    axes.legend(frameon=False, fontsize=8, loc="upper right")
