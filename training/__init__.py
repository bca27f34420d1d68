"""Trains and evaluates one model inside a SageMaker container."""
