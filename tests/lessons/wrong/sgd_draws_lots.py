import numpy as np


class StochasticGD_SGD:
    # 「確率的」なのだから乱数を使う……？
    def __init__(self, lr=0.01):
        self.lr = lr

    def update(self, params, grads):
        for key in params:
            params[key] -= self.lr * grads[key] * np.random.rand()
