import numpy as np


class NAG:
    def __init__(self, lr=0.01, mu=0.9):
        self.lr, self.mu, self.v = lr, mu, None

    def update(self, params, grads):
        if self.v is None:
            self.v = {key: np.zeros_like(val) for key, val in params.items()}
        for key in params:
            params[key] += self.mu**2 * self.v[key] - self.lr * grads[key]
            self.v[key] = self.mu * self.v[key] - self.lr * grads[key]
