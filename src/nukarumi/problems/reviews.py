"""Real sentences about films, good or bad: most words are rare, which is what Adagrad was made for."""

from __future__ import annotations

import itertools
import zipfile
from collections import Counter
from collections.abc import Iterable
from importlib.resources import files
from io import BytesIO

import numpy as np
import numpy.typing as npt

from nukarumi._errors import BadInput
from nukarumi.problems.base import Split
from nukarumi.problems.sparse import Loss, SparseLinear, SparseRows

__all__ = ["reviews", "sentences", "words_and_pairs"]

TRAIN, VALIDATION = 0.8, 0.1


def sentences() -> tuple[list[str], list[int]]:
    """The sentences and their classes (1 good, 0 bad), good and bad in turn, in the order of the files.

    Examples
    --------
    >>> texts, labels = sentences()
    >>> len(texts), labels[:4]
    (10662, [1, 0, 1, 0])
    """
    packed = files("nukarumi.problems").joinpath("data", "sentence_polarity.zip").read_bytes()
    with zipfile.ZipFile(BytesIO(packed)) as archive:
        good, bad = (
            archive.read(f"sentence_polarity/rt-polarity.{ending}").decode("latin-1").splitlines()
            for ending in ("pos", "neg")
        )
    texts = [text for pair in zip(good, bad, strict=True) for text in pair]
    return texts, [1, 0] * len(good)


def words_and_pairs(text: str) -> list[str]:
    """Every word and every pair of neighbours, each once; words are what spaces separate.

    Examples
    --------
    >>> words_and_pairs("not so good , not so")
    ['not', 'so', 'good', ',', 'not so', 'so good', 'good ,', ', not']
    """
    words = text.split()
    return list(dict.fromkeys([*words, *(f"{first} {second}" for first, second in itertools.pairwise(words))]))


def reviews(
    *, loss: Loss = "hinge", batch_size: int = 1, min_df: int = 2, dtype: npt.DTypeLike = np.float32
) -> SparseLinear:
    """10662 sentences of film reviews, each a set of words and word pairs, and a linear model that reads them once.

    The first 80 % of the sentences train, the next 10 % choose the learning rate, the last 10 % judge. A feature is
    1 where the word or pair is in the sentence; only what stands in at least ``min_df`` training sentences counts.

    Parameters
    ----------
    loss
        "hinge", "logistic" or "softmax".
    batch_size
        Sentences a step.
    min_df
        Training sentences that a word or pair must stand in.
    dtype
        float32 or float64.

    Raises
    ------
    BadInput
        For a bad loss, batch size, dtype, or a ``min_df`` below 1 or so large that no feature is left.

    Examples
    --------
    >>> problem = reviews()
    >>> problem.describe()["rows"]
    {'train': 8529, 'validation': 1066, 'test': 1067}

    References
    ----------
    Pang and Lee, "Seeing stars: Exploiting class relationships for sentiment categorization with respect to rating
    scales", ACL 2005.
    """
    texts, labels = sentences()
    bags = [words_and_pairs(text) for text in texts]
    first, second = int(TRAIN * len(bags)), int((TRAIN + VALIDATION) * len(bags))
    vocabulary = _vocabulary(bags[:first], min_df)
    rows = [[vocabulary[feature] for feature in bag if feature in vocabulary] for bag in bags]
    spans: dict[Split, slice] = {
        "train": slice(0, first),
        "validation": slice(first, second),
        "test": slice(second, None),
    }
    return SparseLinear(
        "reviews",
        {split: (SparseRows.of(rows[span]), np.array(labels[span])) for split, span in spans.items()},
        len(vocabulary),
        ["bad", "good"],
        loss=loss,
        batch_size=batch_size,
        dtype=dtype,
        target_loss=0.5 if loss == "hinge" else 0.4,
        about={
            "source": "sentence polarity dataset v1.0 (Pang and Lee, ACL 2005), by way of nltk_data",
            "licence": "CC BY 4.0",
        },
    )


def _vocabulary(bags: Iterable[list[str]], min_df: int) -> dict[str, int]:
    """A number for every feature of at least ``min_df`` bags, in the order of first sight."""
    if min_df < 1:
        raise BadInput("min_df must be at least 1", min_df, "pass min_df=2")
    counts: Counter[str] = Counter()
    for bag in bags:
        counts.update(bag)
    kept = [feature for feature, count in counts.items() if count >= min_df]
    if not kept:
        raise BadInput("min_df must leave some features", min_df, "pass min_df=2")
    return {feature: number for number, feature in enumerate(kept)}
