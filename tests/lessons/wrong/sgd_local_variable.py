class SGD:
    def __init__(self, lr=0.1):
        self.lr = lr

    def update(self, params, grads):
        for (name, p), g in zip(params.items(), grads.values()):
            p = p - self.lr * g
