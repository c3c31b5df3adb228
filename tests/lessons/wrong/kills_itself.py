import os
import signal


class SGD:
    def __init__(self, lr=0.01):
        self.lr = lr

    def update(self, params, grads):
        os.kill(os.getpid(), signal.SIGKILL)
