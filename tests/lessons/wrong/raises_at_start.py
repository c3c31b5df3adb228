class SGD:
    def __init__(self, lr=0.01):
        raise NotImplementedError("宿題：ここを書く")

    def update(self, params, grads):
        pass
