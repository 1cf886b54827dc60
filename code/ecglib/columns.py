"""Arrow columns as numpy arrays and back, through their buffers.

pyarrow's own `pa.array` and `.to_numpy` import pandas, which costs a third of a second.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]

_KINDS = {
    pa.float64(): (np.float64, 8),
    pa.int64(): (np.int64, 8),
    pa.int32(): (np.int32, 4),
    pa.uint8(): (np.uint8, 1),
}


def to_numpy(column: Any) -> npt.NDArray[Any]:
    """Return a numeric Arrow array or chunked array as an [n] array; null becomes NaN.

    The array may be Arrow's own memory, and then is read-only.
    """
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    dtype, _ = _KINDS[column.type]
    if not chunks:
        return np.empty(0, dtype)
    arrays = [_chunk(chunk) for chunk in chunks]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _chunk(array: Any) -> npt.NDArray[Any]:
    dtype, width = _KINDS[array.type]
    validity, data = array.buffers()
    if not len(array):
        return np.empty(0, dtype)
    values: npt.NDArray[Any] = np.frombuffer(data, dtype, len(array), array.offset * width)
    if array.null_count:
        bits = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")
        present = bits[array.offset : array.offset + len(array)].astype(np.bool_)
        values = np.where(present, values, np.nan)
    return values


def numbers(values: npt.NDArray[Any]) -> Any:
    """Return an Arrow array over the memory of a contiguous [n] array, without a copy."""
    kind = pa.float64() if values.dtype == np.float64 else pa.int64()
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def repeated(texts: Sequence[str], counts: Sequence[int]) -> Any:
    """Return a dictionary array in which each text comes `counts` times in a row."""
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    dictionary = pa.StringArray.from_buffers(
        len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))
    )
    codes = np.repeat(np.arange(len(texts), dtype=np.int32), counts)
    indices = pa.Array.from_buffers(pa.int32(), len(codes), [None, pa.py_buffer(codes)])
    return pa.DictionaryArray.from_arrays(indices, dictionary)
