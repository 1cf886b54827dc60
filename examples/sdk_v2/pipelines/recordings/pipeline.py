"""The pipeline `recordings`, written for SageMaker SDK v2 and the service alone."""

import os

import boto3
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionLessThanOrEqualTo
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import JsonGet
from sagemaker.workflow.parameters import ParameterFloat, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import ProcessingStep

BASE_DIR = os.path.dirname(os.path.realpath(__file__))


def get_pipeline(region, role, default_bucket, pipeline_name="recordings"):
    """Normalise the leads of each recording, and fail where too many values are missing."""
    session = PipelineSession(
        boto_session=boto3.Session(region_name=region), default_bucket=default_bucket
    )
    input_data = ParameterString("InputDataUrl", default_value="s3://ecg-recordings/")
    most_missing = ParameterFloat("MostMissing", default_value=0.05)
    processor = SKLearnProcessor(
        framework_version="1.2-1",
        role=role,
        instance_type="ml.m5.large",
        instance_count=1,
        sagemaker_session=session,
    )
    report = PropertyFile(name="Report", output_name="report", path="report.json")
    normalise = ProcessingStep(
        name="Normalise",
        step_args=processor.run(
            code=os.path.join(BASE_DIR, "normalise.py"),
            inputs=[ProcessingInput(source=input_data, destination="/opt/ml/processing/input")],
            outputs=[
                ProcessingOutput(output_name="leads", source="/opt/ml/processing/leads"),
                ProcessingOutput(output_name="report", source="/opt/ml/processing/report"),
            ],
        ),
        property_files=[report],
    )
    check = ConditionStep(
        name="EnoughValues",
        conditions=[
            ConditionLessThanOrEqualTo(
                left=JsonGet(step_name="Normalise", property_file=report, json_path="missing"),
                right=most_missing,
            )
        ],
        if_steps=[],
        else_steps=[FailStep(name="TooManyMissing", error_message="too many values are missing")],
    )
    return Pipeline(
        name=pipeline_name,
        parameters=[input_data, most_missing],
        steps=[normalise, check],
        sagemaker_session=session,
    )
