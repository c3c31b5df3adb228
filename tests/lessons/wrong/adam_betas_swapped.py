import numpy as np


class Adam:
    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999):
        self.lr, self.beta1, self.beta2, self.t = lr, beta1, beta2, 0
        self.m, self.v = {}, {}

    def update(self, params, grads):
        self.t += 1
        for k, g in grads.items():
            self.v[k] = self.beta1 * self.v.get(k, 0) + (1 - self.beta1) * g * g
            self.m[k] = self.beta2 * self.m.get(k, 0) + (1 - self.beta2) * g
            lr_t = self.lr * np.sqrt(1 - self.beta1**self.t) / (1 - self.beta2**self.t)
            params[k] -= lr_t * self.m[k] / (np.sqrt(self.v[k]) + 1e-7)
