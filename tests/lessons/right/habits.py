import copy

import numpy as np


class AdagradInSingle:
    def __init__(self, lr=0.01):
        self.lr, self.h = lr, {}

    def update(self, params, grads):
        for k in params:
            if k not in self.h:
                self.h[k] = np.zeros(params[k].shape, dtype=np.float32)
            self.h[k] += grads[k] ** 2
            params[k] -= self.lr * grads[k] / (np.sqrt(self.h[k]) + 1e-7)


class AdagradEntryByEntry:
    def __init__(self, lr=0.01):
        self.lr, self.h = lr, {}

    def update(self, params, grads):
        for k in params:
            if k not in self.h:
                self.h[k] = np.zeros_like(params[k])
            for i in np.ndindex(params[k].shape):
                self.h[k][i] += grads[k][i] ** 2
                params[k][i] -= self.lr * grads[k][i] / (np.sqrt(self.h[k][i]) + 1e-7)


class SGDThatCopies:
    def __init__(self, lr=0.01):
        self.lr = lr

    def update(self, params, grads):
        old = copy.deepcopy(params)
        for k in params:
            params[k][...] = old[k] - self.lr * grads[k]


class MomentumWithFixedRate:
    def __init__(self, lr=0.01, momentum=0.9):
        self.lr = lr
        self.stride = -lr
        self.momentum, self.v = momentum, {}

    def update(self, params, grads):
        for k in params:
            self.v[k] = self.momentum * self.v.get(k, 0.0) + self.stride * grads[k]
            params[k] += self.v[k]


class SGDWithHugeRate:
    def __init__(self, lr=10.0):
        self.lr = lr

    def update(self, params, grads):
        for k in params:
            params[k] -= self.lr * grads[k]


class AdagradWithOwnEps:
    def __init__(self, lr=0.01):
        self.lr, self.h = lr, {}

    def update(self, params, grads):
        for k in params:
            self.h[k] = self.h.get(k, 0.0) + grads[k] ** 2
            params[k] -= self.lr * grads[k] / (np.sqrt(self.h[k]) + 3e-5)


class ChattySGD:
    def __init__(self, lr=0.01):
        self.lr = lr

    def update(self, params, grads):
        for k in params:
            params[k] -= self.lr * grads[k]
            print("param", k, "=", params[k], "!" * 100_000)


class SGDWithThread:
    def __init__(self, lr=0.01):
        import threading
        import time

        self.lr = lr
        threading.Thread(target=time.sleep, args=(3600,)).start()

    def update(self, params, grads):
        for k in params:
            params[k] -= self.lr * grads[k]


class SGDWithChild:
    def __init__(self, lr=0.01):
        import subprocess

        self.lr = lr
        subprocess.Popen(["sleep", "3600"])

    def update(self, params, grads):
        for k in params:
            params[k] -= self.lr * grads[k]


class SGDThatTidies:
    def __init__(self, lr=0.01):
        self.lr = lr

    def update(self, params, grads):
        import os

        for name in os.listdir("."):
            os.remove(name)
        with open("log.txt", "a", encoding="utf-8") as file:
            file.write("step\n")
        for k in params:
            params[k] -= self.lr * grads[k]
