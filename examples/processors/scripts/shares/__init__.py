"""How many rows of a recording go where: a package that lies beside the script that uses it."""


def bounds(rows, test_share):
    """{split: (first, last)} of `rows` rows in order; validation gets as much as test, or what is
    left where that is less."""
    test = round(rows * test_share)
    validation = min(test, rows - test)
    train = rows - test - validation
    return {
        "train": (0, train),
        "validation": (train, train + validation),
        "test": (train + validation, rows),
    }
