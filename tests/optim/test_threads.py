"""Many threads, a fork, no Numba, a cache that is broken: the same bits, or the same with NumPy alone.

What concerns the whole process runs in processes of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from optim_family import CLASSES, ENGINES, assert_same, bytes_of, copied, problem

import nukarumi
from nukarumi.optim.base import Optimizer
from nukarumi.optim.engine import group, loops, machine, pool

SOURCE = str(Path(nukarumi.__file__).parents[1])
LARGE = {"W": (2 * group.SHARED + 3,), "b": (5,)}


def python(program: str, **environment: str) -> str:
    """What a program in a process of its own prints; it must end well and say nothing on the error stream."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": SOURCE, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# Threads --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_many_threads_each_with_its_own_optimizer(engine: str) -> None:
    """All classes at once, twice each, on arrays large enough to call for helpers: each walks as if alone."""
    runs = [(cls, seed) for cls in CLASSES for seed in (1, 2)]
    alone, together = {}, {}

    def walk(cls: type[Optimizer], seed: int) -> object:
        params, steps = problem("float32", seed, steps=3, shapes=LARGE)
        optimizer = cls(engine=engine, threads=3)
        for grads in steps * 2:
            optimizer.update(params, grads)
        return bytes_of(optimizer, params)

    for run in runs:
        alone[run] = walk(*run)
    start = threading.Barrier(len(runs))

    def racer(run: tuple[type[Optimizer], int]) -> None:
        start.wait()
        together[run] = walk(*run)

    threads = [threading.Thread(target=racer, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_helpers_that_cannot_be_had_are_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more threads in this process, or the interpreter is closing: the caller does the work."""
    params, steps = problem("float32", shapes=LARGE)
    expected = copied(params)

    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(pool, "_helpers", 0)
    monkeypatch.setattr(threading.Thread, "start", refused)
    few, many = nukarumi.Adam(engine="numba", threads=8), nukarumi.Adam(engine="numpy")
    for grads in steps:
        few.update(params, grads)
        many.update(expected, grads)
    assert pool._helpers == 0
    assert_same(params, expected)


def test_the_number_of_threads_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """``NUKARUMI_NUM_THREADS`` where no argument is given; the argument wins."""
    wanted: list[int] = []
    run = pool.run

    def watched(start: object, chunks: int, count: int, constants: int, threads: int, keep: object) -> int:
        wanted.append(threads)
        return run(start, chunks, count, constants, threads, keep)  # type: ignore[arg-type]

    monkeypatch.setattr(pool, "run", watched)
    params, steps = problem("float32", shapes=LARGE)
    for named, argument in [("3", None), ("3", 2), (" 4 ", None), ("1", None), ("1", 5)]:
        monkeypatch.setenv("NUKARUMI_NUM_THREADS", named)
        nukarumi.SGD(engine="numba", threads=argument).update(params, steps[0])
    assert wanted == [3, 2, 4, 5]  # one thread needs no pool
    monkeypatch.setenv("NUKARUMI_NUM_THREADS", "")
    assert 1 <= pool.default_threads() <= 8


# Processes ------------------------------------------------------------------------------------------------------------


def test_after_a_fork_the_child_goes_on() -> None:
    """Its parent's helpers are not in it; it walks with helpers of its own, and so does the parent, to the same place.

    Some forks happen while another thread is in the middle of an update.
    """
    printed = python(
        f"""
        import os, threading, warnings
        import numpy as np
        from nukarumi import Adagrad
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of any fork beside threads
        size = {LARGE["W"][0]}
        params, grads = {{"W": np.ones(size, np.float32)}}, {{"W": np.full(size, .5, np.float32)}}
        optimizer = Adagrad(engine="numba", threads=3)
        optimizer.update(params, grads)
        stop = threading.Event()

        def busy():
            mine, other = {{"W": np.ones(size, np.float32)}}, Adagrad(engine="numba", threads=3)
            while not stop.is_set():
                other.update(mine, grads)

        thread = threading.Thread(target=busy)
        for k in range(6):
            if k == 3:
                thread.start()
            child = os.fork()
            if child == 0:
                for _ in range(3):
                    optimizer.update(params, grads)
                print(float(params["W"][-1]), params["W"].min() == params["W"].max(), flush=True)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        thread.join()
        for _ in range(3):
            optimizer.update(params, grads)
        print(float(params["W"][-1]), params["W"].min() == params["W"].max(), flush=True)
        """
    ).splitlines()
    assert len(printed) == 7
    assert len(set(printed)) == 1
    assert printed[0].endswith("True")


def test_a_fork_while_a_loop_is_being_built_does_not_wait_for_ever() -> None:
    """The lock of the building thread does not follow into the child."""
    printed = python(
        """
        import os, threading, warnings
        import numpy as np
        from nukarumi import Adagrad
        from nukarumi.optim.engine import loops
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of any fork beside threads
        Adagrad(engine="numba").update({"W": np.ones(3)}, {"W": np.ones(3)})  # so that the child need not compile
        held, done = threading.Event(), threading.Event()

        def build():
            with loops._building:
                held.set()
                done.wait()

        thread = threading.Thread(target=build)
        thread.start()
        held.wait()
        child = os.fork()
        if child == 0:
            loops._loops.clear()
            Adagrad(engine="numba").update({"W": np.ones(3)}, {"W": np.ones(3)})
            print("well", flush=True)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        done.set()
        thread.join()
        """
    )
    assert printed == "well\n"


def test_the_last_update_at_exit() -> None:
    """When Python is closing no thread can be started; the update is done all the same."""
    printed = python(
        f"""
        import atexit
        import numpy as np
        from nukarumi import Adagrad
        params, optimizer = {{"W": np.ones({LARGE["W"][0]})}}, Adagrad(lr=1.0, engine="numba", threads=2)
        atexit.register(lambda: (optimizer.update(params, {{"W": np.ones_like(params["W"])}}),
                                 print(optimizer.t, round(float(params["W"].max()), 3))))
        """
    )
    assert printed == "1 0.0\n"


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = sys.modules["llvmlite"] = None
"""


def test_without_numba_everything_works() -> None:
    """Toy sizes and large ones, with ``engine="auto"``; ``engine="numba"`` says what is missing and changes nothing."""
    printed = python(
        WITHOUT_NUMBA
        + textwrap.dedent(
            """
            import numpy as np
            import nukarumi
            from nukarumi import *
            for cls in (SGD, Momentum, Nesterov, Adagrad, RMSprop, Adadelta, Adam, AdamW):
                for size in (3, 1 << 20):
                    params, optimizer = {"W": np.ones(size, np.float32)}, cls()
                    for _ in range(2):
                        optimizer.update(params, {"W": np.ones(size, np.float32)})
                    assert (params["W"] < 1).all() and optimizer.t == 2
            params, optimizer = {"W": np.ones(3)}, Adagrad(engine="numba")
            try:
                optimizer.update(params, {"W": np.ones(3)})
            except ValueError as refusal:
                print(refusal)
            print(params, optimizer.t, optimizer.h)
            """
        )
    )
    assert "engine='numba' needs Numba" in printed
    assert "pip install numba, or use engine='numpy'" in printed
    assert printed.endswith("{'W': array([1., 1., 1.])} 0 None\n")


def test_without_numba_the_numbers_are_the_same() -> None:
    """To the bit, for a size that the compiled engine would have taken."""
    program = """
        import hashlib
        import numpy as np
        from nukarumi import Adam
        rng = np.random.default_rng(0)
        params, optimizer = {"W": rng.standard_normal(1 << 20).astype(np.float32)}, Adam(lr=0.1, clip_norm=1.0)
        for _ in range(2):
            optimizer.update(params, {"W": rng.standard_normal(1 << 20).astype(np.float32)})
        print(hashlib.sha256(params["W"]).hexdigest(), "numba" in __import__("sys").modules)
        """
    with_it, without = python(program), python(WITHOUT_NUMBA + textwrap.dedent(program))
    assert with_it.split()[0] == without.split()[0]


def test_toy_sizes_never_leave_numpy() -> None:
    """However long they are trained: no Numba, no llvmlite, no thread."""
    printed = python(
        """
        import sys, threading
        import numpy as np
        from nukarumi import Adam
        import nukarumi.optim.base as base
        base._entries = 1 << 40  # as after a very long training
        params, optimizer = {"W": np.ones((60, 60)), "b": np.ones(60)}, Adam(clip_norm=1.0, weight_decay=0.1)
        for _ in range(100):
            optimizer.update(params, {"W": np.ones((60, 60)), "b": np.ones(60)})
        print([name for name in ("numba", "llvmlite", "scipy", "safetensors") if name in sys.modules])
        print(threading.active_count())
        """
    )
    assert printed == "[]\n1\n"


# The cache ------------------------------------------------------------------------------------------------------------

ONE_LARGE_UPDATE = """
import sys
import numpy as np
from nukarumi import Adagrad
params, optimizer = {"W": np.ones(1 << 20, np.float32)}, Adagrad(lr=0.5)
optimizer.update(params, {"W": np.ones(1 << 20, np.float32)})
print(float(params["W"].min()), float(params["W"].max()), "numba" in sys.modules)
"""


def test_a_compiled_loop_is_loaded_without_numba_next_time(tmp_path: Path) -> None:
    """The second process finds machine code; a spoilt file is made anew, and never run."""
    first = python(ONE_LARGE_UPDATE, NUKARUMI_CACHE_DIR=str(tmp_path))
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    assert first.split() == [*first.split()[:2], "True"]
    assert python(ONE_LARGE_UPDATE, NUKARUMI_CACHE_DIR=str(tmp_path)).split() == [*first.split()[:2], "False"]
    for spoilt in (b"", whole[:20], whole[:32], whole[:100], whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        kept.write_bytes(spoilt)
        assert machine.kept(kept) is None
    assert python(ONE_LARGE_UPDATE, NUKARUMI_CACHE_DIR=str(tmp_path)) == first
    assert machine.kept(kept) == whole[32:]


def test_a_cache_that_others_may_write_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machine code is read from nobody else's folder; without a folder everything still runs."""
    monkeypatch.setenv("NUKARUMI_CACHE_DIR", str(tmp_path))
    tmp_path.chmod(0o700)
    assert machine.cache_folder() == tmp_path
    tmp_path.chmod(0o777)
    assert machine.cache_folder() is None
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("NUKARUMI_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert machine.cache_folder() is None
    monkeypatch.setattr(loops, "_loops", {})
    params = {"W": np.ones(3)}
    nukarumi.SGD(lr=0.5, engine="numba").update(params, {"W": np.ones(3)})
    assert params["W"].tolist() == [0.5, 0.5, 0.5]


def test_a_missing_loop_is_not_looked_for_at_every_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is asked again only when the work done has doubled: an update must not cost a millisecond more."""
    from nukarumi.optim import base  # noqa: PLC0415

    asked: list[int] = []

    def cached(made: object, dtype: str, over: str) -> bool:
        asked.append(base._entries)
        return False

    monkeypatch.setattr(loops, "cached", cached)
    monkeypatch.setattr(base, "_entries", base.COMPILED_IF_CACHED)
    monkeypatch.setattr(base, "_looked", {})
    monkeypatch.setattr(base, "_compiler", True)
    size = base.COMPILED_IF_CACHED // 64
    params, grads = {"W": np.ones(size, np.float32)}, {"W": np.ones(size, np.float32)}
    optimizer = nukarumi.SGD()
    for _ in range(200):
        optimizer.update(params, grads)
    assert len(asked) == 3
    assert all(later >= 2 * earlier for earlier, later in pairwise(asked))
