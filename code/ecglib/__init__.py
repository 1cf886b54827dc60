"""What the step scripts share.

Importing the package loads nothing heavy, because Spark's driver loads `ecglib.errors` only.
"""

import os

# BLAS reads this when numpy is first imported, and every module here that uses numpy is
# imported after this line. Products of a dozen leads gain nothing from threads and, on
# contended cores, lose a factor of 5 to 20 to them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Arrow, too, when first imported. Its other pools give freed pages back and fetch them again for
# every block: a fifth of the parsing.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
