import numpy as np


class GradientDescent:
    def __init__(self, lr):
        self.lr = lr

    def update(self, params, grads):
        for k in params:
            np.subtract(params[k], grads[k], out=params[k])
