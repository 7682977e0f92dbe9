"""Fixtures for tests on a real Slurm."""
import os

import pytest

import slurm as slurms


@pytest.fixture(scope="module")
def cluster():
    with slurms.cluster(os.environ["FJD_SLURM"]):
        yield


@pytest.fixture
def slurm(cluster, home):
    ours = slurms.Slurm(home)
    yield ours
    ours.clean()
