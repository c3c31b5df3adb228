"""The picture at the top of the README, walked by the library itself: ``python docs/make_pictures.py``.

Needs matplotlib (``pip install matplotlib``), which nukarumi itself does not. Prints the figures that it shows.
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

from nukarumi import SGD, Adagrad, Momentum
from nukarumi.problems.terrains import terrain

mpl.use("Agg")
import matplotlib.pyplot as plt

STEPS = 40
HIKERS = {  # Okabe and Ito's colours, told apart by colour-blind readers; and a dash pattern each
    "SGD": (lambda: SGD(lr=0.95), "#D55E00", "-"),
    "Momentum": (lambda: Momentum(lr=0.1), "#0072B2", "--"),
    "Adagrad": (lambda: Adagrad(lr=1.5), "#009E73", "-"),
}


def walk(make: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions, and after each step the state h (if any) and the effective learning rate, for x and y."""
    bowl = terrain("bowl")
    optimizer = make()  # type: ignore[operator]
    params = {"w": np.array([-7.0, 2.0])}
    places, tired, rates = [params["w"].copy()], [], []
    for _ in range(STEPS):
        optimizer.update(params, {"w": np.array(bowl.gradient(*params["w"]))})
        places.append(params["w"].copy())
        tired.append(optimizer.h["w"].copy() if optimizer.state_names == ("h",) else np.full(2, np.nan))
        rates.append(optimizer.effective_lr("w"))
    return np.array(places), np.array(tired), np.array(rates)


def main() -> None:
    plt.rcParams.update(
        {"font.size": 11, "svg.hashsalt": "nukarumi", "axes.spines.top": False, "axes.spines.right": False}
    )
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(12, 3.9), width_ratios=[2.2, 1, 1], constrained_layout=True
    )
    x, y = np.meshgrid(np.linspace(-8, 4, 241), np.linspace(-3, 3, 121))
    left.contour(
        x, y, terrain("bowl").value(x, y), levels=[0.02, 0.1, 0.3, 0.7, 1.5, 3, 5, 8], colors="#c9c2b6", linewidths=0.9
    )
    for name, (make, colour, dash) in HIKERS.items():
        places, tired, rates = walk(make)
        left.plot(*places.T, dash, color=colour, marker="o", markersize=3, linewidth=1.4, label=name)
        print(f"{name:9} after {STEPS} steps at ({places[-1, 0]:+.4f}, {places[-1, 1]:+.4f})")
        if name == "Adagrad":
            steps = np.arange(1, STEPS + 1)
            for k, (letter, line) in enumerate(zip("xy", ("-", ":"), strict=True)):
                middle.plot(steps, tired[:, k], line, color=colour, label=f"$h_{letter}$")
                right.plot(steps, rates[:, k], line, color=colour, label=f"${letter}$")
                print(f"  Adagrad {letter}: h {tired[0, k]:.3g} -> {tired[-1, k]:.3g}, "
                      f"effective rate {rates[0, k]:.3g} -> {rates[-1, k]:.3g}")  # fmt: skip
    left.plot(0, 0, marker="+", color="black", markersize=10)
    left.set(title="three hikers on $x^2/20 + y^2$", xlabel="$x$", ylabel="$y$", xlim=(-8, 4), ylim=(-3, 3))
    left.legend(frameon=False, loc="upper right")
    middle.set(title="$h$: how tired the feet are", xlabel="step", yscale="log", yticks=[0.5, 1, 2, 5, 10, 20])
    right.set(
        title=r"the brake: lr $/\,(\sqrt{h}+\epsilon)$", xlabel="step", yscale="log", yticks=[0.4, 0.6, 1, 1.5, 2]
    )
    for axes in (middle, right):
        axes.legend(frameon=False)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
    target = Path(__file__).parent / "pictures" / "hikers.svg"
    figure.savefig(target, metadata={"Date": None})
    print(f"wrote {target.name}")


if __name__ == "__main__":
    main()
