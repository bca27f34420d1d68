"""An AWS account on one machine: moto's server plus what moto lacks. It knows AWS, nothing else."""
