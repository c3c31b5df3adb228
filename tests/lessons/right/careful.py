# No temporary arrays: everything goes through out=.
import numpy as np


class SGD:
    def __init__(self, lr=0.01):
        self.lr = lr

    def update(self, params, grads):
        for k in params:
            np.subtract(params[k], np.multiply(grads[k], self.lr), out=params[k])


class Momentum:
    def __init__(self, lr=0.01, momentum=0.9):
        self.lr, self.momentum, self.v = lr, momentum, {}

    def update(self, params, grads):
        for k, w in params.items():
            v = self.v.setdefault(k, np.zeros_like(w))
            np.multiply(v, self.momentum, out=v)
            np.subtract(v, self.lr * grads[k], out=v)
            np.add(w, v, out=w)


class Nesterov:
    def __init__(self, lr=0.01, momentum=0.9):
        self.lr, self.momentum, self.v = lr, momentum, {}

    def update(self, params, grads):
        mu = self.momentum
        for k, w in params.items():
            v = self.v.setdefault(k, np.zeros_like(w))
            w[...] = w + mu * mu * v - (1 + mu) * self.lr * grads[k]
            v[...] = mu * v - self.lr * grads[k]


class Adagrad:
    def __init__(self, lr=0.01, eps=1e-7):
        self.lr, self.eps, self.h = lr, eps, {}

    def update(self, params, grads):
        for k, w in params.items():
            h = self.h.setdefault(k, np.zeros_like(w))
            h += np.square(grads[k])
            brake = np.sqrt(h)
            brake += self.eps
            np.subtract(w, self.lr * grads[k] / brake, out=w)


class RMSprop:
    def __init__(self, lr=0.01, decay_rate=0.99):
        self.lr, self.decay_rate, self.h = lr, decay_rate, {}

    def update(self, params, grads):
        for k, w in params.items():
            h = self.h.setdefault(k, np.zeros_like(w))
            h *= self.decay_rate
            h += (1 - self.decay_rate) * grads[k] ** 2
            w -= self.lr * grads[k] / (h**0.5 + 1e-7)


class Adam:
    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999):
        self.lr, self.beta1, self.beta2 = lr, beta1, beta2
        self.m, self.v, self.t = {}, {}, 0

    def update(self, params, grads):
        self.t += 1
        scale = (1 - self.beta2**self.t) ** 0.5 / (1 - self.beta1**self.t)
        for k, w in params.items():
            m = self.m.setdefault(k, np.zeros_like(w))
            v = self.v.setdefault(k, np.zeros_like(w))
            m *= self.beta1
            m += (1 - self.beta1) * grads[k]
            v *= self.beta2
            v += (1 - self.beta2) * grads[k] ** 2
            w -= self.lr * scale * m / (np.sqrt(v) + 1e-7)
