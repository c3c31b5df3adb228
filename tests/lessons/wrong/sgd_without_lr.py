class SGD:
    def __init__(self):
        pass

    def update(self, params, grads):
        for key in params:
            params[key] -= 0.01 * grads[key]
