import numpy as np


class Adam:
    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        self.lr, self.b1, self.b2, self.eps = lr, beta1, beta2, eps
        self.m, self.v = {}, {}
        self.t = 0

    def update(self, params, grads):
        for k in params:
            self.t += 1
            m = self.b1 * self.m.get(k, 0) + (1 - self.b1) * grads[k]
            v = self.b2 * self.v.get(k, 0) + (1 - self.b2) * grads[k] ** 2
            self.m[k], self.v[k] = m, v
            m_hat = m / (1 - self.b1**self.t)
            v_hat = v / (1 - self.b2**self.t)
            params[k] -= self.lr * m_hat / (np.sqrt(v_hat) + self.eps)
