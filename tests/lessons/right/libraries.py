# As the frameworks have them.
import numpy as np


class MomentumLikeTorch:
    def __init__(self, lr=0.001, momentum=0.9):
        self.lr, self.momentum, self.buf = lr, momentum, {}

    def update(self, params, grads):
        for k in params:
            self.buf[k] = self.momentum * self.buf.get(k, 0.0) + grads[k]
            params[k] -= self.lr * self.buf[k]


class NesterovLikeTorch:
    def __init__(self, lr=0.001, momentum=0.9):
        self.lr, self.momentum, self.buf = lr, momentum, {}

    def update(self, params, grads):
        for k in params:
            self.buf[k] = self.momentum * self.buf.get(k, 0.0) + grads[k]
            params[k] -= self.lr * (grads[k] + self.momentum * self.buf[k])


class AdagradLikeTorch:
    def __init__(self, lr=0.01, eps=1e-10):
        self.lr, self.eps, self.sum = lr, eps, {}

    def update(self, params, grads):
        for k in params:
            self.sum[k] = self.sum.get(k, 0.0) + grads[k] ** 2
            params[k] -= self.lr * grads[k] / (np.sqrt(self.sum[k]) + self.eps)


class AdagradLikeKeras:
    def __init__(self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7):
        self.learning_rate = learning_rate
        self.initial, self.epsilon = initial_accumulator_value, epsilon
        self.accumulator = {}

    def update(self, params, grads):
        for k in params:
            if k not in self.accumulator:
                self.accumulator[k] = np.full_like(params[k], self.initial)
            self.accumulator[k] += grads[k] ** 2
            params[k] -= self.learning_rate * grads[k] / np.sqrt(self.accumulator[k] + self.epsilon)


class AdagradEpsInside:
    def __init__(self, lr=0.01):
        self.lr, self.h = lr, {}

    def update(self, params, grads):
        for k in params:
            self.h[k] = self.h.get(k, 0.0) + grads[k] ** 2
            params[k] -= self.lr * grads[k] / np.sqrt(self.h[k] + 1e-7)


class RMSpropLikeKeras:
    def __init__(self, lr=0.001, rho=0.9, epsilon=1e-7):
        self.lr, self.rho, self.epsilon, self.v = lr, rho, epsilon, {}

    def update(self, params, grads):
        for k in params:
            self.v[k] = self.rho * self.v.get(k, 0.0) + (1 - self.rho) * grads[k] ** 2
            params[k] -= self.lr * grads[k] / np.sqrt(self.v[k] + self.epsilon)


class AdamLikeTorch:
    def __init__(self, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        self.lr, self.betas, self.eps = lr, betas, eps
        self.m, self.v, self.t = {}, {}, 0

    def update(self, params, grads):
        self.t += 1
        b1, b2 = self.betas
        for k in params:
            self.m[k] = b1 * self.m.get(k, 0.0) + (1 - b1) * grads[k]
            self.v[k] = b2 * self.v.get(k, 0.0) + (1 - b2) * grads[k] ** 2
            m_hat = self.m[k] / (1 - b1**self.t)
            v_hat = self.v[k] / (1 - b2**self.t)
            params[k] -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)
