import numpy as np


class SGD:
    def __init__(self, lr=0.01):
        self.lr = lr
        self.v = np.ones(10**11)

    def update(self, params, grads):
        for key in params:
            params[key] -= self.lr * grads[key]
