import numpy as np


class RMSProp:
    def __init__(self, lr=0.001, rho=0.9, epsilon=1e-8):
        self.lr, self.rho, self.epsilon = lr, rho, epsilon
        self.cache = {}

    def update(self, params, grads):
        for name, grad in grads.items():
            cache = self.cache.get(name, np.zeros_like(grad))
            cache = self.rho * cache + grad**2
            self.cache[name] = cache
            params[name] -= self.lr * grad / (np.sqrt(cache) + self.epsilon)
