class SGD:
    def __init__(self, learning_rate=0.01):
        self.learning_rate = learning_rate

    def update(self, params, grads):
        new_params = {}
        for name in params:
            new_params[name] = params[name] - self.learning_rate * grads[name]
        return new_params
