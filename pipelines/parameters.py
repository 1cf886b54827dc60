"""The pipeline's parameters: names, types, defaults and what they mean.

The definition, the README's table and the command line's help are made from this one list. It
imports nothing of the SDK, which takes seconds to load and needs a region.

Values that only travel on into a script's arguments are strings, so that what is given is what
the script sees: the service documents no format for a number turned into text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ParameterType = Literal["String", "Integer", "Float", "Boolean"]


@dataclass(frozen=True)
class Parameter:
    """One pipeline parameter. `choices` is empty where any value of the type will do."""

    name: str
    type: ParameterType
    default: str | int | float
    description: str
    choices: tuple[str, ...] = ()


def declare(artifact_bucket: str) -> tuple[Parameter, ...]:
    """The pipeline's parameters, in the order in which people are shown them.

    `artifact_bucket` is the default of both buckets. Names have no underscore, as an EventBridge
    rule can't pass one that does.
    """
    return (
        Parameter("InputBucket", "String", artifact_bucket, "Bucket of the recordings"),
        Parameter(
            "InputPrefix",
            "String",
            "raw",
            "Folder of the recordings in it (*.csv, *.csv.gz), without a slash at either end",
        ),
        Parameter(
            "InputMode",
            "String",
            "File",
            "File copies the recordings first; Pipe streams them, which must share one header",
            ("File", "Pipe"),
        ),
        Parameter("OutputBucket", "String", artifact_bucket, "Bucket of all outputs"),
        Parameter(
            "OutputPrefix",
            "String",
            "runs",
            "Folder of all outputs in it; each execution makes its own folder below",
        ),
        Parameter(
            "PreprocessInstanceType", "String", "ml.m5.xlarge", "Instance type of Preprocess"
        ),
        Parameter(
            "PreprocessInstanceCount",
            "Integer",
            2,
            "Instances of Preprocess; they share the recordings",
        ),
        Parameter(
            "PreprocessVolumeSize", "Integer", 30, "Volume of each Preprocess instance in GB"
        ),
        Parameter("PcaInstanceType", "String", "ml.m5.large", "Instance type of Pca"),
        Parameter("PcaInstanceCount", "Integer", 8, "Instances of Pca; they share the parts"),
        Parameter("PcaVolumeSize", "Integer", 30, "Volume of each Pca instance in GB"),
        Parameter("SparkInstanceType", "String", "ml.m5.xlarge", "Instance type of SparkTransform"),
        Parameter("SparkInstanceCount", "Integer", 2, "Instances of SparkTransform, one cluster"),
        Parameter("SparkVolumeSize", "Integer", 30, "Volume of each SparkTransform instance in GB"),
        Parameter(
            "Leads",
            "String",
            "all",
            "Leads to read: all, or names or 0-based column positions such as i,ii,v1 or 1,2,3",
        ),
        Parameter(
            "SamplingRate",
            "String",
            "none",
            "Samples per second if the first column is an index; none: it is the time in seconds",
        ),
        Parameter(
            "Fill",
            "String",
            "zero",
            "What becomes of missing values: zero, interpolate across short gaps, or drop the row",
            ("zero", "interpolate", "drop"),
        ),
        Parameter(
            "MaxGap", "String", "0.1", "Longest gap in seconds that Fill=interpolate bridges"
        ),
        Parameter(
            "Split",
            "String",
            "0.8,0.1,0.1",
            "Shares of the recordings for train, validation and test",
        ),
        Parameter("Seed", "Integer", 0, "Seed of the split; another seed is another assignment"),
        Parameter("RowsPerPart", "Integer", 50000, "Rows in each Parquet part of Preprocess"),
        Parameter(
            "NComponents",
            "String",
            "0.95",
            "Components to keep: a number, a share of the variance such as 0.95, or all",
        ),
        Parameter(
            "Standardize",
            "String",
            "false",
            "Divide each lead by its standard deviation before the PCA",
            ("true", "false"),
        ),
        Parameter(
            "Whiten",
            "String",
            "false",
            "Scale each component to unit variance over the train rows",
            ("true", "false"),
        ),
        Parameter("WindowSeconds", "String", "10", "Length of a feature window in seconds"),
        Parameter("StepSeconds", "String", "5", "Seconds from one window's start to the next"),
        Parameter(
            "MinExplainedVariance",
            "Float",
            0.9,
            "The gate stops below this share of variance in the kept components",
        ),
        Parameter(
            "MaxRejectedShare", "Float", 0.05, "The gate stops above this share of rejected rows"
        ),
    )
