"""Check, run, deploy, schedule, start and watch Amazon SageMaker pipelines."""
