import numpy as np


class AdaGrad:
    def __init__(self, lr=0.01, eps=1e-7):
        self.lr = lr
        self.eps = eps
        self.h = {}

    def update(self, params, grads):
        for k in params:
            h = self.h.setdefault(k, np.zeros_like(params[k]))
            h += np.square(grads[k])
            params[k] -= self.lr * grads[k] / (h + self.eps)
