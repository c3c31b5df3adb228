"""The optimizers: one file each; `base` has what they share, `engine` how a rule is run over arrays."""

from nukarumi.optim.adadelta import Adadelta
from nukarumi.optim.adagrad import Adagrad
from nukarumi.optim.adam import Adam
from nukarumi.optim.adamw import AdamW
from nukarumi.optim.base import Optimizer
from nukarumi.optim.momentum import Momentum
from nukarumi.optim.nesterov import Nesterov
from nukarumi.optim.rmsprop import RMSprop
from nukarumi.optim.rows import Rows
from nukarumi.optim.rowwise import RowwiseAdagrad
from nukarumi.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Momentum",
    "Nesterov",
    "Optimizer",
    "RMSprop",
    "Rows",
    "RowwiseAdagrad",
]
