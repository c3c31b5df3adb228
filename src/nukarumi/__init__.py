"""nukarumi: Adagrad and its family, to run, to see, to teach and to scale.

>>> import numpy as np
>>> from nukarumi import Adagrad
>>> params = {"W": np.array([3.0, 3.0])}
>>> opt = Adagrad(lr=0.5)
>>> for _ in range(100):
...     opt.update(params, {"W": params["W"] * [1.0, 0.01]})  # a steep slope and one a hundred times flatter
>>> print(params["W"].round(3))  # the brake makes them alike
[0.001 0.001]
"""

import numpy as np

from nukarumi.optim import SGD, Adadelta, Adagrad, Adam, AdamW, Momentum, Nesterov, RMSprop, Rows, RowwiseAdagrad

AdaGrad = Adagrad
RMSProp = RMSprop

__version__ = "0.1.0"

# np stands among the names because the module that `from nukarumi import *` replaces in the book's programs lent it
# to them.
__all__ = [
    "SGD",
    "AdaGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Momentum",
    "Nesterov",
    "RMSProp",
    "RMSprop",
    "Rows",
    "RowwiseAdagrad",
    "np",
]
