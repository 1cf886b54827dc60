"""Parameters that the scripts would refuse are refused before they cost anything."""

from __future__ import annotations

import pytest
from ecglib import recordings

from pipelines import PROJECT
from pipelines.places import is_recording
from sagepipe.errors import SagepipeError
from sagepipe.language.definition import Definition
from sagepipe.settings.facts import Settings


@pytest.fixture(scope="module")
def definitions() -> dict[str, Definition]:
    return {
        one.name: Definition.read(one.built(Settings.local(one.name)).document) for one in PROJECT
    }


@pytest.mark.parametrize("name", [one.name for one in PROJECT])
def test_the_defaults_are_taken(definitions: dict[str, Definition], name: str) -> None:
    assert PROJECT[name].checked(definitions[name], {}) == ()


@pytest.mark.parametrize(
    ("name", "parameter", "value", "said"),
    [
        ("ecg-pca", "NComponents", "abc", "step 'Pca': pca.py refuses its arguments: "),
        ("ecg-pca", "NComponents", "0", "a number of components from 1"),
        ("ecg-pca", "Split", "0.5,0.5", "--split must be three shares"),
        ("ecg-pca", "MaxGap", "-1", "--max-gap"),
        ("ecg-pca", "SamplingRate", "fast", "--sampling-rate"),
        ("ecg-pca", "RowsPerPart", "0", "--rows-per-part"),
        ("ecg-pca", "WindowSeconds", "-1", "--window -1.0: must be a number of seconds above"),
        ("ecg-pca", "WindowSeconds", "long", "argument --window: invalid float value: 'long'"),
        ("ecg-pca", "StepSeconds", "0", "--step 0.0"),
        ("ecg-pca", "SparkInstanceCount", "0", "InstanceCount: is 0 (parameter SparkInstanceCount"),
        ("ecg-pca", "PcaVolumeSize", "0", "make it 1 to"),
        ("ecg-recordings", "NComponents", "2.5", "not '2.5'"),
    ],
)
def test_a_wrong_value_is_refused(
    definitions: dict[str, Definition], name: str, parameter: str, value: str, said: str
) -> None:
    with pytest.raises(SagepipeError) as caught:
        PROJECT[name].checked(definitions[name], {parameter: value})
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("key", ["raw/a.csv", "raw/a.CSV.gz", "raw/notes.txt", "a.csv.bak", "csv"])
def test_keys_look_to_the_doctor_as_to_the_scripts(key: str) -> None:
    assert is_recording(key) == recordings.is_recording(key)
