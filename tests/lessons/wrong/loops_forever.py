import numpy as np


class AdaGrad:
    def __init__(self, lr=0.01):
        self.lr = lr
        self.h = {}

    def update(self, params, grads):
        while True:
            for key in params:
                self.h[key] = self.h.get(key, 0) + grads[key] ** 2
