"""The managed images that the scripts are written for."""

from __future__ import annotations

from sagepipe.errors import SettingsError
from sagepipe.settings.facts import Settings


def sklearn_image(settings: Settings) -> str:
    """Python 3.12, numpy, scipy, scikit-learn, pandas and pyarrow."""
    return settings.sklearn_image or _managed(settings, "sklearn", version="1.9-0")


def spark_image(settings: Settings) -> str:
    """Spark 3.5 on YARN with Python 3.12; it has no pyarrow and no scipy."""
    return settings.spark_image or _managed(
        settings, "spark", version="3.5", py_version="py312", container_version="v1.3"
    )


def _managed(settings: Settings, framework: str, **version: str) -> str:
    from sagemaker.core import image_uris

    try:
        return str(image_uris.retrieve(framework, settings.region, **version))
    except (KeyError, ValueError) as error:
        raise SettingsError(
            f"region {settings.region!r} has no managed {framework} image; "
            f"check the region, or set {framework}_image"
        ) from error
