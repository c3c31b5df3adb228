class SGD:
    def __init__(self, lr=None):
        self.lr = float(input("lr? "))

    def update(self, params, grads):
        for key in params:
            params[key] -= self.lr * grads[key]
