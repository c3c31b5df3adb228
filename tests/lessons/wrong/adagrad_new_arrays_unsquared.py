import numpy as np


class Adagrad:
    def __init__(self, lr=0.01):
        self.lr = lr
        self.h = None

    def update(self, params, grads):
        if self.h is None:
            self.h = {k: np.zeros_like(v) for k, v in params.items()}
        for k in params:
            self.h[k] += grads[k]
            params[k] = params[k] - self.lr * grads[k] / (np.sqrt(self.h[k]) + 1e-7)
