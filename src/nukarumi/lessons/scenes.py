"""The walks that lessons, claims and quiz speak of: each once, as a complete state of the lab, by name."""

from __future__ import annotations

from nukarumi.lessons.walks import State, read_state

__all__ = ["SCENES", "scene"]

SCENES: dict[str, str] = {
    # 1: the valley, and a stride that follows the slope
    "zigzag": "terrain=bowl&start=-7,2&steps=40&t=12&hikers=SGD,lr:0.95",
    "brave": "terrain=bowl&start=-7,2&steps=40&t=0&hikers=SGD,lr:1.02",
    "timid": "terrain=bowl&start=-7,2&steps=40&t=40&hikers=SGD,lr:0.1",
    # 2: two pairs of shoes
    "shoes": "terrain=bowl&start=-7,2&steps=40&t=0&hikers=SGD,lr:0.95;Adagrad,lr:1.5&chosen=1",
    "first": "terrain=bowl&start=-7,2&steps=40&t=1&hikers=SGD,lr:0.95;Adagrad,lr:1.5&chosen=1",
    # 3 and 4: the memory
    "tired": "terrain=bowl&start=-7,2&steps=40&t=0&hikers=Adagrad,lr:1.5",
    "small": "terrain=bowl&start=-3,1.5&steps=6&t=1&hikers=Adagrad,lr:1",
    # 5: why a root
    "rootless": "terrain=bowl&start=-7,2&steps=200&t=20&hikers=Adagrad,lr:1.5;Adagrad,lr:1.5,!no_root&chosen=1",
    "overwritten": "terrain=bowl&start=-7,2&steps=40&t=0&hikers=Adagrad,lr:1.5;Adagrad,lr:1.5,!h_overwritten&chosen=1",
    "turned": "terrain=bowl&turn=45&start=-6.364,-3.536&steps=60&t=0&hikers=SGD,lr:0.95;Adagrad,lr:1.5&chosen=1",
    "straight": "terrain=bowl&start=-7,2&steps=60&t=60&hikers=SGD,lr:0.95;Adagrad,lr:1.5&chosen=1",
    # 6: the airbag
    "airbag": "terrain=bowl&start=-7,0&steps=40&t=0&hikers=Adagrad,lr:1.5;Adagrad,lr:1.5,!no_eps&chosen=1",
    # 7: the code
    "code": "terrain=bowl&start=-7,2&steps=10&t=0&hikers=Adagrad,lr:1.5",
    # 8: the rare word
    "rare": "terrain=sparse_ravine&start=-4,4&steps=120&t=0&hikers=SGD,lr:0.1;Adagrad,lr:1&chosen=1",
    # 9: the weakness
    "smooth": "terrain=bowl&start=-7,2&steps=1000&t=0&hikers=Adagrad,lr:0.5&curve=memory",
    "noise": "terrain=bowl&start=-9,2&noise=2&seed=1&steps=2000&t=2000"
    "&hikers=Adagrad,lr:0.3;RMSprop,lr:0.02&chosen=0&curve=rate&logx=1&logy=1&speed=60",
    "cliff": "terrain=cliff&start=-2,2&steps=800&t=0&hikers=Adagrad,lr:0.5&speed=60",
    "gentle": "terrain=cliff&start=1,2&steps=800&t=800&hikers=Adagrad,lr:0.5&speed=60",
    # 10: forgetting
    "forget": "terrain=cliff&start=-2,2&steps=800&t=0"
    "&hikers=Adagrad,lr:0.5;RMSprop,lr:0.05,decay_rate:0.9&chosen=1&speed=60",
    "restless": "terrain=bowl&start=-7,2&steps=200&t=0"
    "&hikers=Adagrad,lr:1.5;RMSprop,lr:0.3,decay_rate:0.9&chosen=1&curve=loss&logy=1",
    # 11: rolling on
    "roll": "terrain=bowl&start=-7,2&steps=120&t=0&hikers=SGD,lr:0.1;Momentum,lr:0.1&chosen=1",
    "banana": "terrain=rosenbrock&start=-1.2,1&steps=400&t=400"
    "&hikers=SGD,lr:0.001;Momentum,lr:0.001;Nesterov,lr:0.001&chosen=1&speed=30",
    "frictionless": "terrain=bowl&start=-7,2&steps=120&t=0"
    "&hikers=Momentum,lr:0.1;Momentum,lr:0.1,!no_friction&chosen=1",
    # 12: both
    "both": "terrain=bowl&start=-7,2&steps=120&t=0&hikers=Momentum,lr:0.1;RMSprop,lr:0.3;Adam,lr:0.3&chosen=2",
    "correction": "terrain=bowl&start=-7,2&steps=200&t=5&hikers=Adam,lr:0.3;Adam,lr:0.3,!no_correction&chosen=1",
    # 13: which shoe
    "rosenbrock": "terrain=rosenbrock&start=-1.2,1&steps=400&t=0&hikers=SGD,lr:0.001;Momentum,lr:0.001;"
    "Adagrad,lr:0.5;RMSprop,lr:0.05;Adam,lr:0.05&chosen=1&speed=60",
    "pass": "terrain=saddle&start=-1.5,0.001&steps=40&t=20&hikers=SGD,lr:0.1;Momentum,lr:0.02;Adagrad,lr:0.2&chosen=2",
    # 14: dialects
    "dialects": "terrain=saddle&start=-1.5,0.001&steps=40&t=0"
    "&hikers=Adagrad,lr:0.2;Adagrad@torch,lr:0.2;Adagrad@keras,lr:0.2&chosen=2",
}
"""What is walked, by name."""


def scene(name: str) -> State:
    """A scene as a state.

    Examples
    --------
    >>> scene("small").start
    (-3.0, 1.5)
    """
    return read_state(SCENES[name])
