import numpy as np


class MomentumSGD:
    def __init__(self, lr=0.01, beta=0.9):
        self.lr, self.beta, self.velocity = lr, beta, {}

    def update(self, params, grads):
        for k, g in grads.items():
            v = self.velocity.get(k, np.zeros_like(g))
            v = self.beta * v + (1 - self.beta) * g
            self.velocity[k] = v
            params[k] -= self.lr * v
