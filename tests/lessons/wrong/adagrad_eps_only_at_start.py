import numpy as np


class AdaGrad:
    # はじめの一歩だけ 0 で割らないように eps を入れる
    def __init__(self, lr=0.01, eps=1e-7):
        self.lr = lr
        self.eps = eps
        self.h = None

    def update(self, params, grads):
        eps = 0.0
        if self.h is None:
            eps = self.eps
            self.h = {k: np.zeros_like(v) for k, v in params.items()}
        for k in params:
            self.h[k] += grads[k] * grads[k]
            params[k] -= self.lr * grads[k] / (np.sqrt(self.h[k]) + eps)
