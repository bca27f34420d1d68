"""SageMaker's jobs: training, processing, transform and tuning."""

from collections.abc import Mapping

from local.fidelity import EXACT, Fidelity, partial

_DELETED = "gone at once; the text of a refusal is not documented"

OPERATIONS: Mapping[str, Fidelity] = {
    "CreateTrainingJob": partial(
        "at most 8 processes on this machine, whatever InstanceCount says; FastFile is as File,"
        " Pipe is refused; S3 prefixes and manifests only; algorithms by name, training plans,"
        " serverless jobs and debug rules are refused; VPCs, KMS keys, profilers and experiments"
        " are told back; a second of spot is billed as 0.3"
    ),
    "DescribeTrainingJob": EXACT,
    "ListTrainingJobs": partial("`TrainingPlanArnEquals` is refused"),
    "StopTrainingJob": EXACT,
    "UpdateTrainingJob": partial("the period of a warm pool only"),
    "DeleteTrainingJob": partial(_DELETED),
    "CreateProcessingJob": partial(
        "at most 8 processes on this machine; S3 inputs in File mode and S3 outputs only; VPCs and"
        " KMS keys are told back; what a stopped job has written is not sent"
    ),
    "DescribeProcessingJob": EXACT,
    "ListProcessingJobs": EXACT,
    "StopProcessingJob": EXACT,
    "DeleteProcessingJob": partial(_DELETED),
    "CreateTransformJob": partial(
        "one process, whatever InstanceCount says; SplitType None and Line; no Gzip, no data"
        " capture; of JSONPath members, indexes, slices and lists of them"
    ),
    "DescribeTransformJob": EXACT,
    "ListTransformJobs": EXACT,
    "StopTransformJob": EXACT,
    "CreateHyperParameterTuningJob": partial(
        "one training job definition, no warm start, no Autotune, no convergence detection;"
        " Bayesian is a distance-weighted surrogate; early stopping compares running means by"
        " reported value, Hyperband halves by reported value,"
        " and both forget what was reported before a restart; Auto scaling is logarithmic from"
        " three magnitudes on"
    ),
    "DescribeHyperParameterTuningJob": partial(
        "`ConsumedResources` and `TuningJobCompletionDetails` are not told"
    ),
    "ListHyperParameterTuningJobs": EXACT,
    "StopHyperParameterTuningJob": EXACT,
    "DeleteHyperParameterTuningJob": partial(_DELETED),
    "ListTrainingJobsForHyperParameterTuningJob": EXACT,
}
