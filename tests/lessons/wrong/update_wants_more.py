class SGD:
    def __init__(self, lr=0.01):
        self.lr = lr

    def update(self, params, grads, epoch):
        for key in params:
            params[key] -= self.lr / (1 + epoch) * grads[key]
