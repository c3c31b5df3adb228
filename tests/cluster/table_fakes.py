"""Ray without processes: actors that live here, get copies as they would there, and fail exactly when told to.

What real processes do is tested in ``test_table.py``. Here a failure can be put between any two lines: before a push is
applied, or after it and before the answer.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from typing import Any

from ray import cloudpickle, exceptions

from nukarumi import Adagrad


class Slow(Adagrad):
    """An optimizer that takes its time with every push."""

    def update(self, params: Any, grads: Any) -> None:
        time.sleep(0.02)
        super().update(params, grads)


class Failed(exceptions.RayError):
    """A task that raised, as Ray hands it over."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


def travelled(what: Any) -> Any:
    """A copy with read-only arrays, as from Ray's object store."""
    buffers: list[pickle.PickleBuffer] = []
    told = cloudpickle.dumps(what, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(told, buffers=[bytes(buffer.raw()) for buffer in buffers])


class Ref:
    """An answer, or what was raised in its place."""

    def __init__(self, value: Any = None, error: BaseException | None = None) -> None:
        self.value, self.error = value, error


class Method:
    """A method of an actor; ``fault(name, number of the call, before or after)`` may say what it dies of."""

    def __init__(self, actor: Actor, name: str) -> None:
        self.actor, self.name = actor, name

    def remote(self, *args: Any) -> Ref:
        actor, ray = self.actor, self.actor.ray
        ray.calls.append((self.name, actor.number))
        for when in ("before", "after"):
            if actor.dead:
                return Ref(error=exceptions.ActorDiedError())
            fault = ray.fault(self.name, actor.number, len(ray.calls), when)
            if fault == "dies":
                actor.dead = True
            elif fault == "late":
                return Ref(error=exceptions.GetTimeoutError("no answer in time"))
            elif isinstance(fault, BaseException):
                return Ref(error=Failed(fault))
            if when == "before" and not actor.dead:
                try:
                    value = getattr(actor.inside, self.name)(*travelled(args))
                except Exception as error:
                    return Ref(error=Failed(error))
        return Ref(error=exceptions.ActorDiedError()) if actor.dead else Ref(travelled(value))


class Actor:
    """An actor of this process."""

    def __init__(self, ray: FakeRay, kind: type, args: Any) -> None:
        self.ray, self.dead = ray, False
        self.inside = kind(*travelled(args))
        self.number = args[1]

    def __getattr__(self, name: str) -> Method:
        return Method(self, name)


class FakeRay:
    """What the table needs of Ray, and of a session with it."""

    exceptions = exceptions

    def __init__(self) -> None:
        self.fault: Callable[[str, int, int, str], Any] = lambda name, shard, call, when: None
        self.calls: list[tuple[str, int]] = []
        self.made = 0
        self.ray = self

    def remote(self, kind: type) -> Any:
        ray = self

        class Remote:
            def options(self, **options: Any) -> Remote:
                assert options["max_restarts"] == 0 == options["max_task_retries"]
                return self

            def remote(self, *args: Any) -> Actor:
                ray.made += 1
                return Actor(ray, kind, args)

        return Remote()

    def get(self, refs: Any, timeout: float) -> Any:
        assert 0 < timeout <= 60
        for ref in refs if isinstance(refs, list) else [refs]:
            if ref.error is not None:
                raise ref.error
        return [ref.value for ref in refs] if isinstance(refs, list) else refs.value

    def wait(self, refs: list[Ref], num_returns: int, timeout: float) -> tuple[list[Ref], list[Ref]]:
        late = [ref for ref in refs if isinstance(ref.error, exceptions.GetTimeoutError)]
        return [ref for ref in refs if ref not in late], late

    def kill(self, actor: Actor, no_restart: bool) -> None:
        actor.dead = True

    def check_versions(self) -> None:
        """Every node is this one."""

    def close(self) -> None:
        """Nothing was opened."""
